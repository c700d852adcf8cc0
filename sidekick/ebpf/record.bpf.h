/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A record: begun in this CPU's scratch memory, texts appended, sent.
 */
#ifndef SIDEKICK_RECORD_H
#define SIDEKICK_RECORD_H

#include "maps.bpf.h"
#include "event.h"

static __always_inline struct losses *this_losses(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&losses, &zero);
}

static __always_inline struct scratch *this_scratch(void)
{
	u32 cpu = bpf_get_smp_processor_id();

	return bpf_map_lookup_elem(&scratches, &cpu);
}

/*
 * The programs run with preemption off, so no two records meet in one scratch; should a kernel
 * change that, the second is counted and left out.
 */
static __always_inline struct scratch *begin_record(void)
{
	struct scratch *scratch = this_scratch();

	if (!scratch)
		return NULL;
	if (scratch->busy) {
		struct losses *lost = this_losses();

		if (lost)
			lost->busy++;
		return NULL;
	}
	scratch->busy = 1;
	scratch->flags = 0;
	return scratch;
}

/* Wakes the reader at most once in wake_ns: a wake-up costs as much as two open calls. */
static __always_inline u64 wake_flags(void)
{
	u64 now = bpf_ktime_get_boot_ns();

	if (now - woken_ns < wake_ns)
		return BPF_RB_NO_WAKEUP;
	woken_ns = now;
	return BPF_RB_FORCE_WAKEUP;
}

/* 0, or why the record was lost. */
static __always_inline long send_record(struct scratch *scratch, void *ring)
{
	struct header *header = &scratch->record.header;
	u32 size = scratch->end;
	long error;

	if (size > RECORD_SPACE)
		size = RECORD_SPACE;
	header->flags = scratch->flags;
	error = bpf_ringbuf_output(ring, &scratch->record, size, wake_flags());
	scratch->busy = 0;
	return error;
}

static __always_inline long send_call(struct scratch *scratch)
{
	long error = send_record(scratch, &calls);
	struct losses *lost = this_losses();

	if (error && lost)
		lost->calls_full++;
	return error;
}

static __always_inline long send_process(struct scratch *scratch)
{
	long error = send_record(scratch, &processes);
	struct losses *lost = this_losses();

	if (error && lost)
		lost->processes_full++;
	return error;
}

static __always_inline u8 *record_end(struct scratch *scratch)
{
	return &scratch->bytes[scratch->end & (RECORD_SPACE - 1)];
}

static __always_inline void end_text(struct scratch *scratch, struct text *text, u32 length)
{
	text->offset = scratch->end;
	text->length = length;
	scratch->end += length;
}

/* At most limit, in one register: old verifiers lose the bound of a copy. */
static __always_inline u64 at_most(u64 length, const u64 limit)
{
	barrier_var(length);
	return length > limit ? limit : length;
}

static __always_inline bool has_room(struct scratch *scratch)
{
	if (scratch->end <= RECORD_SPACE - TEXT_MAX)
		return true;
	scratch->flags |= FLAG_TRUNCATED;
	return false;
}

static __always_inline void append_string(struct scratch *scratch, struct text *text, u64 user)
{
	long length;

	if (!user || !has_room(scratch))
		return;
	length = bpf_probe_read_user_str(record_end(scratch), TEXT_MAX, (void *)user);
	if (length <= 0) {
		scratch->flags |= FLAG_UNREADABLE;
		return;
	}
	if (length == TEXT_MAX)
		scratch->flags |= FLAG_TRUNCATED;
	end_text(scratch, text, (length - 1) & (TEXT_MAX - 1));
}

static __always_inline void append_kernel_string(struct scratch *scratch, struct text *text,
						 const void *kernel)
{
	long length;

	if (!kernel || !has_room(scratch))
		return;
	length = bpf_probe_read_kernel_str(record_end(scratch), TEXT_MAX, kernel);
	if (length <= 0) {
		scratch->flags |= FLAG_UNREADABLE;
		return;
	}
	end_text(scratch, text, (length - 1) & (TEXT_MAX - 1));
}

/* As much of size bytes as the limit allows; the limit is at most TEXT_MAX. */
static __always_inline void append_bytes(struct scratch *scratch, struct text *text, u64 user,
					 u64 size, u32 limit)
{
	if (!user || !size || !has_room(scratch))
		return;
	if (size > limit) {
		size = limit;
		scratch->flags |= FLAG_TRUNCATED;
	}
	size = at_most(size, TEXT_MAX - 1);
	if (bpf_probe_read_user(record_end(scratch), size, (void *)user)) {
		scratch->flags |= FLAG_UNREADABLE;
		return;
	}
	end_text(scratch, text, size);
}

/* The path that walk_path() left behind, of this length. */
static __always_inline void append_path(struct scratch *scratch, struct text *text, u32 length)
{
	length &= TEXT_MAX - 1;
	if (!length || !has_room(scratch))
		return;
	bpf_probe_read_kernel(record_end(scratch), length,
			      &scratch->path[scratch->path_start & (TEXT_MAX - 1)]);
	end_text(scratch, text, length);
}

#endif /* SIDEKICK_RECORD_H */
