/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SIDEKICK_MAPS_H
#define SIDEKICK_MAPS_H

#include "vmlinux.h"
#include "event.h"
#include <bpf/bpf_helpers.h>

#define CALL_NUMBERS 1024 /* a power of two above every ABI's numbers */
#define CALL_TYPES 256
#define PROGRAMS 8

/* Where a record is put together. The longest text may begin at the last byte of RECORD_SPACE. */
#define TEXT_MAX 4096
#define RECORD_SPACE 32768

#define FILTER_PATH 248 /* an LPM trie takes keys of 256 bytes */
#define NO_PLACE 255

struct filter_path_key {
	u32 bits;
	u32 group;
	u8 path[FILTER_PATH];
};

/* What io_uring was asked for. */
struct uring_request {
	u64 args[ARGUMENTS];
	u32 call;
	u32 fixed; /* the file gets no descriptor, but a place in the ring's own table */
	u32 describes_own; /* the file that the request is about */
	u32 pad;
	char names[2][256];
};

struct scratch {
	u32 busy;
	u32 end; /* of the record so far */
	enum record_flag flags; /* of the record */
	u32 path_start; /* of the last path that was walked */
	union {
		union record record;
		u8 bytes[RECORD_SPACE + TEXT_MAX];
	};
	u8 path[2 * TEXT_MAX];
	struct filter_path_key key; /* of a path that a filter is asked about */
	struct uring_request request;
	u32 name_start; /* where that path's last component begins */
	u32 pad;
};

/* Too large for a per-CPU map, whose values are limited to 32 KiB: an entry a CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1); /* the number of CPUs, set at load */
	__type(key, u32);
	__type(value, struct scratch);
} scratches SEC(".maps");

/* Process records have a ring of their own: a flood of calls must not cost us an exec. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 8 << 20);
} calls SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4 << 20);
} processes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct losses);
} losses SEC(".maps");

/* Cgroups whose path was told, and what user space says of them. */
enum cgroup_state {
	CGROUP_TOLD = 1,
	CGROUP_HOST = 2,
	CGROUP_CONTAINER = 3,
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, u64);
	__type(value, enum cgroup_state);
} cgroups SEC(".maps");

/* Processes that are left out: the sensor itself. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, u32);
	__type(value, u8);
} excluded SEC(".maps");

/* What user space sets before the programs are loaded. */
volatile const u32 snaplen = 80;
volatile const u32 args_bytes = 4096;
volatile const u32 env_bytes = 4096;
volatile const u32 wake_ns = 5000000;
volatile const u8 always_cwd = 0;
volatile const u32 root_device = 0; /* of the machine's root directory; 0: none */

/*
 * Which calls are wanted, by ABI (1: 32 bits) and number: an index of the table below, or 0. User
 * space changes it in place; a global costs one load where a map lookup costs ten instructions.
 */
u8 wanted[2][CALL_NUMBERS];

/* The numbers of the calls behind i386's socketcall(2), by its first argument. */
#define SOCKET_CALL 255
#define SOCKET_CALLS 32

u8 socket_calls[SOCKET_CALLS];

u64 woken_ns;

enum argument_kind {
	ARGUMENT_VALUE,
	ARGUMENT_FD, /* described in the record */
	ARGUMENT_DIRECTORY, /* where the path in the next argument begins */
	ARGUMENT_PATH,
	ARGUMENT_STRING,
	ARGUMENT_STRINGS, /* pointers to strings, up to NULL: those of a failed exec */
	ARGUMENT_BUFFER, /* as long as the result says */
	ARGUMENT_SIZED, /* as long as the next argument says */
	ARGUMENT_ADDRESS, /* a socket's, as long as the next argument says */
	ARGUMENT_ADDRESS_OUT, /* a socket's, as long as the u32 that the next argument points to */
	ARGUMENT_MESSAGE, /* struct msghdr */
	ARGUMENT_BYTES, /* as many as the shape says */
	ARGUMENT_RESULT, /* no argument: the fd that the call gave */
};

enum shape_flag {
	SHAPE_RESULT_FD = 1 << 0, /* a result >= 0 is a new fd, which is described */
	SHAPE_STATE = 1 << 1, /* told even if no rule asks for it */
	SHAPE_FAILURES = 1 << 2, /* told only if it failed */
	SHAPE_MESSAGES = 1 << 3, /* a result counts messages, each of which is told */
};

/* What there is to read of a call. Derived from calls.py, its only declaration. */
struct shape {
	enum argument_kind arguments[ARGUMENTS];
	enum shape_flag flags;
	u32 bytes; /* of an ARGUMENT_BYTES */
	u32 fd_place; /* of the first ARGUMENT_FD; NO_PLACE */
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CALL_TYPES);
	__type(key, u32);
	__type(value, struct shape);
} shapes SEC(".maps");

#endif /* SIDEKICK_MAPS_H */
