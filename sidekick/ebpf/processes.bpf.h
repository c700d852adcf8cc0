/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Processes begin, become another program, change their name, end.
 */
#ifndef SIDEKICK_PROCESSES_H
#define SIDEKICK_PROCESSES_H

#include "cgroup.bpf.h"
#include "file.bpf.h"

static __always_inline bool is_excluded(u32 pid)
{
	return bpf_map_lookup_elem(&excluded, &pid);
}

SEC("tp_btf/sched_process_fork")
int BPF_PROG(on_fork, struct task_struct *parent, struct task_struct *child)
{
	struct pid_namespace *namespace = pid_namespace_of(child);
	struct fork_record *record;
	struct scratch *scratch;

	if (is_excluded(parent->tgid))
		return 0;
	tell_cgroup(child);
	scratch = begin_record();
	if (!scratch)
		return 0;
	record = &scratch->record.fork;
	scratch->end = sizeof(*record);
	fill_header(KIND_FORK);
	record->child_start_ns = child->group_leader->start_boottime;
	record->pid_ns_start_ns = namespace_start(child);
	record->cgroup_id = cgroup_id_of(child);
	record->child_tid = child->pid;
	record->child_pid = child->tgid;
	record->child_ppid = child->real_parent->tgid;
	record->child_vtid = inner_number(BPF_CORE_READ(child, thread_pid));
	record->child_vpid = inner_number(BPF_CORE_READ(child, signal, pids[PIDTYPE_TGID]));
	record->child_vpgid = inner_number(BPF_CORE_READ(child, signal, pids[PIDTYPE_PGID]));
	record->child_pid_ns = BPF_CORE_READ(namespace, ns.inum);
	record->pad = 0;
	send_process(scratch);
	return 0;
}

static __always_inline void fill_exe(struct exec_record *record, struct file *exe)
{
	struct inode *inode = BPF_CORE_READ(exe, f_inode);
	u8 layer = overlay_layer(inode);

	record->ino = BPF_CORE_READ(inode, i_ino);
	record->dev = user_device(inode);
	record->ctime_ns = inode_ctime_ns(inode);
	record->mtime_ns = inode_mtime_ns(inode);
	record->flags = (layer == LAYER_UPPER ? EXE_UPPER_LAYER : 0) |
			(layer == LAYER_LOWER ? EXE_LOWER_LAYER : 0) |
			(is_memfd(exe) ? EXE_MEMFD : 0) | (is_writable(inode, &record->header) ? EXE_WRITABLE : 0);
}

static __always_inline void append_memory(struct scratch *scratch, struct text *text, u64 start,
					  u64 end, u32 limit)
{
	if (end > start)
		append_bytes(scratch, text, start, end - start, limit);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(on_exec, struct task_struct *task, pid_t old_tid, struct linux_binprm *binprm)
{
	struct mm_struct *mm = task->mm;
	struct exec_record *record;
	struct scratch *scratch;
	struct file *exe;

	if (is_excluded(task->tgid) || !mm)
		return 0;
	tell_cgroup(task);
	scratch = begin_record();
	if (!scratch)
		return 0;
	record = &scratch->record.exec;
	__builtin_memset(record, 0, sizeof(*record));
	scratch->end = sizeof(*record);
	fill_header(KIND_EXEC);
	exe = mm->exe_file;
	fill_exe(record, exe);
	record->pid_ns_start_ns = namespace_start(task);
	record->old_tid = old_tid;
	bpf_core_read(&record->cap_inheritable, sizeof(u64), &task->cred->cap_inheritable);
	append_file_path(scratch, &record->path, exe);
	append_kernel_string(scratch, &record->filename, binprm->filename);
	append_cwd(scratch, &record->cwd, task);
	append_path(scratch, &record->cgroup, walk_cgroup(address_of(cgroup_node(task))));
	append_memory(scratch, &record->args, mm->arg_start, mm->arg_end, args_bytes);
	append_memory(scratch, &record->env, mm->env_start, mm->env_end, env_bytes);
	send_process(scratch);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(on_exit, struct task_struct *task)
{
	struct pid_namespace *namespace = pid_namespace_of(task);
	struct exit_record *record;
	struct scratch *scratch;

	if (is_excluded(task->tgid))
		return 0;
	scratch = begin_record();
	if (!scratch)
		return 0;
	record = &scratch->record.exit;
	scratch->end = sizeof(*record);
	fill_header(KIND_EXIT);
	record->status = task->exit_code;
	record->last = BPF_CORE_READ(task, signal, live.counter) == 0;
	record->reaper_pid = BPF_CORE_READ(namespace, child_reaper, tgid);
	record->pad = 0;
	send_process(scratch);
	return 0;
}

SEC("tp_btf/task_rename")
int BPF_PROG(on_rename, struct task_struct *task, const char *name)
{
	struct task_struct *current = bpf_get_current_task_btf();
	struct rename_record *record;
	struct scratch *scratch;

	if (is_excluded(task->tgid) || BPF_CORE_READ(current, flags) & PF_KTHREAD)
		return 0;
	scratch = begin_record();
	if (!scratch)
		return 0;
	record = &scratch->record.rename;
	scratch->end = sizeof(*record);
	fill_header(KIND_RENAME);
	record->target_tid = task->pid;
	record->target_pid = task->tgid;
	__builtin_memset(record->name, 0, sizeof(record->name));
	bpf_probe_read_kernel_str(record->name, sizeof(record->name), name);
	send_process(scratch);
	return 0;
}

#endif /* SIDEKICK_PROCESSES_H */
