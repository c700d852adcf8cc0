/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who does something: the header of every record.
 */
#ifndef SIDEKICK_TASK_H
#define SIDEKICK_TASK_H

#include "core_fixes.bpf.h"
#include "path.bpf.h"
#include "record.bpf.h"

#define PF_KTHREAD 0x00200000

static __always_inline struct upid *upid_at(struct pid *pid, u32 level)
{
	return (void *)(address_of(pid) + bpf_core_field_offset(struct pid, numbers) +
			level * bpf_core_type_size(struct upid));
}

/* The number that a pid has in the innermost of its namespaces. */
static __always_inline u32 inner_number(struct pid *pid)
{
	struct upid *upid = upid_at(pid, BPF_CORE_READ(pid, level));

	return BPF_CORE_READ(upid, nr);
}

static __always_inline struct pid_namespace *pid_namespace_of(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	struct upid *upid = upid_at(pid, BPF_CORE_READ(pid, level));

	return BPF_CORE_READ(upid, ns);
}

/* When the first process of the task's pid namespace began. */
static __always_inline u64 namespace_start(struct task_struct *task)
{
	struct pid_namespace *namespace = pid_namespace_of(task);

	return BPF_CORE_READ(namespace, child_reaper, start_boottime);
}

/* As new_encode_dev() of the kernel. */
static __always_inline u32 device_number(u32 major, u32 minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12);
}

static __always_inline u32 terminal(struct signal_struct *signal)
{
	struct tty_struct *tty = signal->tty;

	if (!tty)
		return 0;
	return device_number(tty->driver->major, tty->driver->minor_start + tty->index);
}

/*
 * The cgroup that tells containers apart: of the unified hierarchy, and where nothing lives in
 * that (a host with cgroup v1 alone), of the first old one that is mounted.
 */
static __always_inline struct kernfs_node *cgroup_node(struct task_struct *task)
{
	struct css_set *set = task->cgroups;
	struct kernfs_node *node = set->dfl_cgrp->kn;
	struct cgroup_subsys_state *state = NULL;

	if (!is_top(node))
		return node;
	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		state = *(set->subsys + bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
	else if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		state = *(set->subsys + bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id));
	return state ? state->cgroup->kn : node;
}

static __always_inline u64 cgroup_id_of(struct task_struct *task)
{
	return cgroup_node(task)->id;
}

static __always_inline void fill_inner_ids(struct header *header, struct task_struct *task)
{
	struct pid *pid = task->thread_pid;
	struct pid_namespace *namespace = pid->numbers[0].ns;

	if (pid->level == 0) {
		header->vtid = header->tid;
		header->vpid = header->pid;
		header->vpgid = header->pgid;
	} else {
		header->vtid = inner_number(pid);
		header->vpid = inner_number(task->signal->pids[PIDTYPE_TGID]);
		header->vpgid = inner_number(task->signal->pids[PIDTYPE_PGID]);
		namespace = pid_namespace_of(task);
	}
	header->pid_ns = BPF_CORE_READ(namespace, ns.inum);
}

static __always_inline void fill_ids(struct header *header, struct task_struct *task)
{
	struct signal_struct *signal = task->signal;
	struct task_struct *parent = task->real_parent;

	header->tid = task->pid;
	header->pid = task->tgid;
	header->ppid = parent->tgid;
	header->start_ns = task->group_leader->start_boottime;
	header->parent_start_ns = parent->group_leader->start_boottime;
	header->pgid = signal->pids[PIDTYPE_PGID]->numbers[0].nr;
	header->sid = signal->pids[PIDTYPE_SID]->numbers[0].nr;
	header->tty = terminal(signal);
	fill_inner_ids(header, task);
}

static __always_inline void fill_credentials(struct header *header, struct task_struct *task)
{
	const struct cred *cred = task->cred;

	header->uid = cred->euid.val;
	header->gid = cred->egid.val;
	header->real_uid = cred->uid.val;
	header->real_gid = cred->gid.val;
	bpf_core_read(&header->cap_effective, sizeof(u64), &cred->cap_effective);
	bpf_core_read(&header->cap_permitted, sizeof(u64), &cred->cap_permitted);
	header->user_ns = cred->user_ns->ns.inum;
	header->login_uid = -1;
	if (bpf_core_field_exists(task->loginuid)) /* CONFIG_AUDIT */
		header->login_uid = task->loginuid.val;
}

/* The header of the current task's record. Global: verified once. */
__noinline int fill_header(u32 kind)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct scratch *scratch = this_scratch();
	struct nsproxy *namespaces;
	struct header *header;

	if (!scratch)
		return 0;
	header = &scratch->record.header;
	header->time_ns = bpf_ktime_get_boot_ns();
	header->kind = kind;
	header->call = 0;
	header->cpu = bpf_get_smp_processor_id();
	header->cgroup_id = cgroup_id_of(task);
	namespaces = task->nsproxy;
	header->mnt_ns = namespaces ? namespaces->mnt_ns->ns.inum : 0; /* none when it exits */
	header->net_ns = namespaces ? namespaces->net_ns->ns.inum : 0;
	fill_ids(header, task);
	fill_credentials(header, task);
	bpf_core_read(header->comm, sizeof(header->comm), &task->comm);
	return 0;
}

#endif /* SIDEKICK_TASK_H */
