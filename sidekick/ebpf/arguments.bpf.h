/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the arguments of a call point to. A call's shape says what to read; the code knows no call.
 */
#ifndef SIDEKICK_ARGUMENTS_H
#define SIDEKICK_ARGUMENTS_H

#include "file.bpf.h"
#include "socket.bpf.h"

#define ADDRESS_MAX 128 /* sizeof(struct sockaddr_storage) */

struct message {
	u64 name;
	u32 name_length;
	u32 pad;
	u64 parts;
	u64 count;
};

struct compat_message {
	u32 name;
	u32 name_length;
	u32 parts;
	u32 count;
};

struct message_part {
	u64 base;
	u64 length;
};

struct compat_message_part {
	u32 base;
	u32 length;
};

static __always_inline bool read_message(u64 user, bool compat, struct message *message)
{
	struct compat_message narrow;

	if (!compat)
		return !bpf_probe_read_user(message, sizeof(*message), (void *)user);
	if (bpf_probe_read_user(&narrow, sizeof(narrow), (void *)user))
		return false;
	message->name = narrow.name;
	message->name_length = narrow.name_length;
	message->parts = narrow.parts;
	message->count = narrow.count;
	return true;
}

static __always_inline bool read_message_part(u64 user, bool compat, struct message_part *part)
{
	struct compat_message_part narrow;

	if (!compat)
		return !bpf_probe_read_user(part, sizeof(*part), (void *)user);
	if (bpf_probe_read_user(&narrow, sizeof(narrow), (void *)user))
		return false;
	part->base = narrow.base;
	part->length = narrow.length;
	return true;
}

/* A message's address and the first of its parts, as far as bytes went. */
static __always_inline void append_message(struct scratch *scratch, struct call_record *record,
					   struct text *text, u64 user)
{
	bool compat = scratch->flags & FLAG_COMPAT;
	struct message_part part;
	struct message message;

	if (!read_message(user, compat, &message)) {
		scratch->flags |= FLAG_UNREADABLE;
		return;
	}
	append_bytes(scratch, &record->more, message.name, message.name_length, ADDRESS_MAX);
	if (!message.count || record->result <= 0)
		return;
	if (!read_message_part(message.parts, compat, &part)) {
		scratch->flags |= FLAG_UNREADABLE;
		return;
	}
	if (part.length > (u64)record->result)
		part.length = record->result;
	append_bytes(scratch, text, part.base, part.length, snaplen);
}

static __always_inline bool is_absolute(u64 path)
{
	char first = 0;

	bpf_probe_read_user(&first, 1, (void *)path);
	return first == '/';
}

static __always_inline void append_cwd_once(struct scratch *scratch, struct call_record *record)
{
	if (!record->cwd.length)
		append_cwd(scratch, &record->cwd, bpf_get_current_task_btf());
}

/* Where a relative path begins: the directory that an fd stands for. */
static __always_inline void append_directory(struct scratch *scratch, struct call_record *record,
					     struct text *text, s32 fd)
{
	struct file *file;

	if (fd == AT_FDCWD) {
		append_cwd_once(scratch, record);
		return;
	}
	file = file_of(bpf_get_current_task_btf(), fd, false);
	if (file)
		append_file_path(scratch, text, file);
}

#define STRINGS_MAX 32

static __always_inline u64 read_pointer(u64 array, u32 place, bool compat)
{
	u32 narrow = 0;
	u64 wide = 0;

	if (!compat) {
		bpf_probe_read_user(&wide, sizeof(wide), (void *)(array + place * sizeof(wide)));
		return wide;
	}
	bpf_probe_read_user(&narrow, sizeof(narrow), (void *)(array + place * sizeof(narrow)));
	return narrow;
}

/* Strings with a NUL after each. */
static __always_inline void append_strings(struct scratch *scratch, struct text *text, u64 array)
{
	bool compat = scratch->flags & FLAG_COMPAT;
	u32 start = scratch->end;
	u32 i;

	for (i = 0; i < STRINGS_MAX && has_room(scratch); i++) {
		u64 pointer = read_pointer(array, i, compat);
		long length;

		if (!pointer)
			break;
		length = bpf_probe_read_user_str(record_end(scratch), TEXT_MAX, (void *)pointer);
		if (length <= 0 || scratch->end + length - start > TEXT_MAX)
			break;
		scratch->end += length;
	}
	text->offset = start;
	text->length = scratch->end - start;
}

static __always_inline void append_address_out(struct scratch *scratch, struct text *text,
					       u64 address, u64 length_pointer)
{
	u32 length = 0;

	if (address && !bpf_probe_read_user(&length, sizeof(length), (void *)length_pointer))
		append_bytes(scratch, text, address, length, ADDRESS_MAX);
}

static __always_inline void append_file(struct scratch *scratch, struct call_record *record,
					struct file *file, s32 fd)
{
	if (!file)
		return;
	describe_file(scratch, &record->file, file, fd);
	if ((record->file.mode & S_IFMT) == S_IFSOCK)
		describe_socket(scratch, &record->socket, file);
}

static __always_inline void append_fd(struct scratch *scratch, struct call_record *record, s32 fd)
{
	append_file(scratch, record, file_of(bpf_get_current_task_btf(), fd, false), fd);
}

/* Appends what an argument points to. A global function: verified once for all of the six. */
__noinline int append_argument(u32 place, u32 kind, u32 before, u32 bytes)
{
	struct scratch *scratch = this_scratch();
	struct call_record *record;
	u64 value, next = 0;
	struct text *text;

	if (!scratch || place >= ARGUMENTS)
		return 0;
	record = &scratch->record.call;
	text = &record->texts[place];
	value = record->args[place];
	if (place + 1 < ARGUMENTS)
		next = record->args[place + 1];
	switch (kind) {
	case ARGUMENT_FD:
		append_fd(scratch, record, value);
		break;
	case ARGUMENT_RESULT:
		append_fd(scratch, record, record->result);
		break;
	case ARGUMENT_DIRECTORY:
		if (!is_absolute(next))
			append_directory(scratch, record, text, value);
		break;
	case ARGUMENT_PATH:
		if (before != ARGUMENT_DIRECTORY && !is_absolute(value))
			append_cwd_once(scratch, record);
		append_string(scratch, text, value);
		break;
	case ARGUMENT_STRING:
		append_string(scratch, text, value);
		break;
	case ARGUMENT_STRINGS:
		append_strings(scratch, text, value);
		break;
	case ARGUMENT_BUFFER:
		if (record->result > 0)
			append_bytes(scratch, text, value, record->result, snaplen);
		break;
	case ARGUMENT_SIZED:
		append_bytes(scratch, text, value, next, snaplen);
		break;
	case ARGUMENT_ADDRESS:
		append_bytes(scratch, text, value, (u32)next, ADDRESS_MAX);
		break;
	case ARGUMENT_ADDRESS_OUT:
		append_address_out(scratch, text, value, next);
		break;
	case ARGUMENT_MESSAGE:
		append_message(scratch, record, text, value);
		break;
	case ARGUMENT_BYTES:
		append_bytes(scratch, text, value, bytes, 255);
		break;
	}
	return 0;
}

#endif /* SIDEKICK_ARGUMENTS_H */
