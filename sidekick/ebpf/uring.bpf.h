/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What io_uring does without a system call of its own. A request's paths are read when it is
 * submitted, from the kernel's copy, which nobody can change any more; the record is made when it
 * completes.
 */
#ifndef SIDEKICK_URING_H
#define SIDEKICK_URING_H

#include "calls.bpf.h"

#define URING_OPERATIONS 64
#define URING_NAME 256

enum uring_operation {
	URING_CONNECT = 16,
	URING_OPENAT = 18,
	URING_OPENAT2 = 28,
	URING_RENAMEAT = 35,
	URING_UNLINKAT = 36,
	URING_MKDIRAT = 37,
	URING_SYMLINKAT = 38,
	URING_LINKAT = 39,
	URING_SOCKET = 45,
};

/* The calls that operations stand for, if they are wanted; 0: none. */
u8 uring_calls[URING_OPERATIONS];

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, u64); /* the request's address */
	__type(value, struct uring_request);
} uring_requests SEC(".maps");

static __always_inline void keep_name(struct uring_request *kept, u32 place,
				      struct filename *filename)
{
	bpf_probe_read_kernel_str(kept->names[place & 1], URING_NAME,
				  BPF_CORE_READ(filename, name));
}

static __always_inline void keep_open(struct uring_request *kept, struct io_open *open)
{
	kept->args[0] = BPF_CORE_READ(open, dfd);
	kept->args[2] = BPF_CORE_READ(open, how.flags);
	kept->args[3] = BPF_CORE_READ(open, how.mode);
	if (bpf_core_field_exists(open->file_slot)) /* since 5.15 (b9445598d8c6) */
		kept->fixed = BPF_CORE_READ(open, file_slot);
	keep_name(kept, 0, BPF_CORE_READ(open, filename));
}

static __always_inline void keep_rename(struct uring_request *kept, struct io_rename *rename)
{
	if (!bpf_core_type_exists(struct io_rename))
		return;
	kept->args[0] = BPF_CORE_READ(rename, old_dfd);
	kept->args[2] = BPF_CORE_READ(rename, new_dfd);
	kept->args[4] = BPF_CORE_READ(rename, flags);
	keep_name(kept, 0, BPF_CORE_READ(rename, oldpath));
	keep_name(kept, 1, BPF_CORE_READ(rename, newpath));
}

static __always_inline void keep_unlink(struct uring_request *kept, struct io_unlink *unlink)
{
	if (!bpf_core_type_exists(struct io_unlink))
		return;
	kept->args[0] = BPF_CORE_READ(unlink, dfd);
	kept->args[2] = BPF_CORE_READ(unlink, flags);
	keep_name(kept, 0, BPF_CORE_READ(unlink, filename));
}

static __always_inline void keep_mkdir(struct uring_request *kept, struct io_mkdir *mkdir)
{
	if (!bpf_core_type_exists(struct io_mkdir))
		return;
	kept->args[0] = BPF_CORE_READ(mkdir, dfd);
	kept->args[2] = BPF_CORE_READ(mkdir, mode);
	keep_name(kept, 0, BPF_CORE_READ(mkdir, filename));
}

static __always_inline void keep_link(struct uring_request *kept, struct io_link *link, bool symbolic)
{
	if (!bpf_core_type_exists(struct io_link))
		return;
	if (symbolic) {
		kept->args[1] = BPF_CORE_READ(link, new_dfd);
	} else {
		kept->args[0] = BPF_CORE_READ(link, old_dfd);
		kept->args[2] = BPF_CORE_READ(link, new_dfd);
		kept->args[4] = BPF_CORE_READ(link, flags);
	}
	keep_name(kept, 0, BPF_CORE_READ(link, oldpath));
	keep_name(kept, 1, BPF_CORE_READ(link, newpath));
}

static __always_inline void keep_socket(struct uring_request *kept, struct io_socket *socket)
{
	if (!bpf_core_type_exists(struct io_socket))
		return;
	kept->args[0] = BPF_CORE_READ(socket, domain);
	kept->args[1] = BPF_CORE_READ(socket, type);
	kept->args[2] = BPF_CORE_READ(socket, protocol);
	kept->fixed = BPF_CORE_READ(socket, file_slot);
}

static __always_inline int keep_request(u64 address)
{
	struct io_kiocb *request = (void *)address;
	u8 operation = BPF_CORE_READ(request, opcode);
	struct scratch *scratch = this_scratch();
	struct uring_request *kept;
	u32 call = uring_calls[operation & (URING_OPERATIONS - 1)];

	if (!call || operation >= URING_OPERATIONS || !scratch)
		return 0;
	kept = &scratch->request;
	__builtin_memset(kept, 0, sizeof(*kept));
	kept->call = call;
	switch (operation) { /* a command's own structure begins where the request does */
	case URING_OPENAT:
	case URING_OPENAT2:
		keep_open(kept, (void *)address);
		break;
	case URING_RENAMEAT:
		keep_rename(kept, (void *)address);
		break;
	case URING_UNLINKAT:
		keep_unlink(kept, (void *)address);
		break;
	case URING_MKDIRAT:
		keep_mkdir(kept, (void *)address);
		break;
	case URING_SYMLINKAT:
		keep_link(kept, (void *)address, true);
		break;
	case URING_LINKAT:
		keep_link(kept, (void *)address, false);
		break;
	case URING_SOCKET:
		keep_socket(kept, (void *)address);
		break;
	case URING_CONNECT:
		kept->describes_own = 1;
		break;
	}
	bpf_map_update_elem(&uring_requests, &address, kept, BPF_ANY);
	return 0;
}

/* The names that were kept, in place of the arguments' texts. */
static __always_inline void append_names(struct scratch *scratch, struct call_record *record,
					 const struct shape *shape, const struct uring_request *kept)
{
	u32 i, place = 0;

	for (i = 0; i < ARGUMENTS; i++) {
		const char *name = kept->names[place & 1];

		if (shape->arguments[i] == ARGUMENT_DIRECTORY && name[0] != '/')
			append_directory(scratch, record, &record->texts[i], record->args[i]);
		if (shape->arguments[i] != ARGUMENT_PATH && shape->arguments[i] != ARGUMENT_STRING)
			continue;
		append_kernel_string(scratch, &record->texts[i], name);
		place++;
	}
}

static __always_inline bool passes_uring_filter(const struct uring_request *kept, long result)
{
	struct filter *filter = filter_at((generation & 1) * CALL_TYPES + kept->call);

	return !filter || !filter->clauses || filter_numbers(filter, kept->args, result);
}

static __always_inline void tell_request(const struct uring_request *kept, u64 address, long result)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct io_kiocb *request = (void *)address;
	struct call_record *record;
	struct scratch *scratch;
	struct shape *shape;

	shape = bpf_map_lookup_elem(&shapes, &kept->call);
	if (!shape || is_excluded(task->tgid) || !passes_uring_filter(kept, result))
		return;
	tell_cgroup(task);
	scratch = begin_record();
	if (!scratch)
		return;
	scratch->flags |= FLAG_IO_URING;
	record = begin_call(scratch, kept->call, kept->args, result);
	append_names(scratch, record, shape, kept);
	if (kept->describes_own)
		append_file(scratch, record, BPF_CORE_READ(request, file), -1);
	else if (shape->flags & SHAPE_RESULT_FD && result >= 0 && !kept->fixed)
		append_argument(0, ARGUMENT_RESULT, 0, 0);
	send_call(scratch);
}

static __always_inline int complete_request(u64 address, long result)
{
	struct uring_request *kept = bpf_map_lookup_elem(&uring_requests, &address);

	if (kept) {
		tell_request(kept, address, result);
		bpf_map_delete_elem(&uring_requests, &address);
	}
	return 0;
}

/* Since 6.4 (a282967c848f); before, and since 5.19, submit_sqe (e40be80a3f4f). */
SEC("tp_btf/io_uring_submit_req")
int BPF_PROG(on_uring_submit, struct io_kiocb *request)
{
	return keep_request(address_of(request));
}

SEC("tp_btf/io_uring_submit_sqe")
int BPF_PROG(on_uring_submit_sqe, struct io_kiocb *request)
{
	return keep_request(address_of(request));
}

/* Since 6.15 with the completion itself (072d37b53c3b), before with its parts. */
SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete, void *ring, void *request, struct io_uring_cqe *completion)
{
	return complete_request((u64)request, completion->res);
}

SEC("tp_btf/io_uring_complete")
int BPF_PROG(on_uring_complete_parts, void *ring, void *request, u64 user_data, int result)
{
	return complete_request((u64)request, result);
}

#endif /* SIDEKICK_URING_H */
