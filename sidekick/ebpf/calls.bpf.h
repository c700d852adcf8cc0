/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls, at their end: a dispatcher that must cost nothing where nobody asks, and a handler.
 */
#ifndef SIDEKICK_CALLS_H
#define SIDEKICK_CALLS_H

#include "arguments.bpf.h"
#include "cgroup.bpf.h"
#include "filter.bpf.h"
#include "processes.bpf.h"

/* One entry: a tail call with a constant index is a plain jump, others cost a retpoline. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} handlers SEC(".maps");

static __always_inline u32 wanted_call(struct task_struct *task, struct pt_regs *regs)
{
	u32 number = call_number(regs);

	if (number >= CALL_NUMBERS)
		return 0;
	return wanted[is_compat(task)][number];
}

/* Attached to the end of every system call of the machine: about 20 instructions if unwanted. */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_call_end, struct pt_regs *regs, long result)
{
	if (wanted_call(bpf_get_current_task_btf(), regs))
		bpf_tail_call_static(ctx, &handlers, 0);
	return 0;
}

/* i386 has one call for all of the sockets' calls; its arguments are in memory. */
static __always_inline u32 socket_call(u64 args[6])
{
	u32 narrow[6] = {};
	u64 number = args[0];
	int i;

	if (number >= SOCKET_CALLS ||
	    bpf_probe_read_user(narrow, sizeof(narrow), (void *)args[1]))
		return 0;
	for (i = 0; i < 6; i++)
		args[i] = narrow[i];
	return socket_calls[number];
}

static __always_inline struct call_record *begin_call(struct scratch *scratch, u32 call,
						      const u64 args[6], long result)
{
	struct call_record *record = &scratch->record.call;

	fill_header(KIND_CALL);
	__builtin_memset(record->texts, 0,
			 sizeof(*record) - __builtin_offsetof(struct call_record, texts));
	record->header.call = call;
	record->result = result;
	__builtin_memcpy(record->args, args, sizeof(record->args));
	scratch->end = sizeof(*record);
	return record;
}

static __always_inline void append_arguments(const struct shape *shape)
{
	u32 before = ARGUMENT_VALUE;
	u32 i;

	for (i = 0; i < ARGUMENTS; i++) {
		u32 kind = shape->arguments[i];

		if (kind != ARGUMENT_VALUE)
			append_argument(i, kind, before, shape->bytes);
		before = kind;
	}
}

static __always_inline int handle_call(struct pt_regs *regs, long result, const bool fast)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool compat = is_compat(task);
	struct call_record *record;
	u32 call = wanted_call(task, regs);
	struct scratch *scratch;
	struct shape *shape;
	u64 args[6];
	bool asked;

	read_args(regs, compat, args);
	if (call == SOCKET_CALL)
		call = socket_call(args);
	shape = bpf_map_lookup_elem(&shapes, &call);
	if (!call || !shape || (shape->flags & SHAPE_FAILURES && result >= 0))
		return 0;
	asked = passes_filter(call, shape, task, args, result, fast);
	if (!asked && !(shape->flags & SHAPE_STATE))
		return 0;
	if (is_excluded(task->tgid))
		return 0;
	tell_cgroup(task);
	scratch = begin_record();
	if (!scratch)
		return 0;
	if (compat)
		scratch->flags |= FLAG_COMPAT;
	if (!asked)
		scratch->flags |= FLAG_STATE;
	record = begin_call(scratch, call, args, result);
	append_arguments(shape);
	if (shape->flags & SHAPE_RESULT_FD && result >= 0)
		append_argument(0, ARGUMENT_RESULT, 0, 0);
	if (always_cwd)
		append_cwd_once(scratch, record);
	send_call(scratch);
	return 0;
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_call, struct pt_regs *regs, long result)
{
	return handle_call(regs, result, false);
}

SEC("tp_btf/sys_exit")
int BPF_PROG(on_call_fast, struct pt_regs *regs, long result)
{
	return handle_call(regs, result, true);
}

#endif /* SIDEKICK_CALLS_H */
