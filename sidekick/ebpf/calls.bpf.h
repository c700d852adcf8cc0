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

#define MESSAGES 128
#define MESSAGES_PLACE 1 /* of the vector among the arguments */
#define MESSAGE_SIZE 56 /* sizeof(struct msghdr); in struct mmsghdr the message's length follows */
#define COMPAT_MESSAGE_SIZE 28
#define SOCKET_SEND 9
#define SOCKET_RECV 10

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
	if (number == SOCKET_SEND || number == SOCKET_RECV)
		args[4] = args[5] = 0; /* they have no address */
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

static __always_inline void tell_call(const struct shape *shape, u32 call, const u64 args[6],
				      long result, u32 flags)
{
	struct scratch *scratch = begin_record();
	struct call_record *record;

	if (!scratch)
		return;
	scratch->flags |= flags;
	record = begin_call(scratch, call, args, result);
	append_arguments(shape);
	if (shape->flags & SHAPE_RESULT_FD && result >= 0)
		append_argument(0, ARGUMENT_RESULT, 0, 0);
	if (always_cwd)
		append_cwd_once(scratch, record);
	send_call(scratch);
}

/*
 * A record a message: its length is the result, its place in the vector the argument. Of a call
 * with more than MESSAGES the others are not told, as in Falco.
 */
static __always_inline void tell_messages(const struct shape *shape, u32 call, u64 args[6],
					  long result, u32 flags)
{
	u32 size = flags & FLAG_COMPAT ? COMPAT_MESSAGE_SIZE : MESSAGE_SIZE;
	u32 i;

	for (i = 0; i < MESSAGES && i < result; i++) {
		u32 length = 0;

		bpf_probe_read_user(&length, sizeof(length),
				    (void *)(args[MESSAGES_PLACE] + size));
		tell_call(shape, call, args, length, flags);
		args[MESSAGES_PLACE] += size + (flags & FLAG_COMPAT ? 4 : 8);
	}
}

static __always_inline int handle_call(struct pt_regs *regs, long result, const bool fast)
{
	struct task_struct *task = bpf_get_current_task_btf();
	bool compat = is_compat(task);
	u32 call = wanted_call(task, regs);
	struct shape *shape;
	u32 flags;
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
	flags = (compat ? FLAG_COMPAT : 0) | (asked ? 0 : FLAG_STATE);
	if (shape->flags & SHAPE_MESSAGES && result > 0)
		tell_messages(shape, call, args, result, flags);
	else
		tell_call(shape, call, args, result, flags);
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
