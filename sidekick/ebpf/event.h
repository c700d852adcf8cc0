/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the programs tell user space: records in two ring buffers.
 *
 * This file is the only declaration of their layout. User space reads names, types and offsets from
 * the object's BTF, so a field may be added or moved here alone. Padding is explicit.
 */
#ifndef SIDEKICK_EVENT_H
#define SIDEKICK_EVENT_H

#define COMM_LEN 16
#define ARGUMENTS 6

enum record_kind {
	KIND_CALL = 1,
	KIND_EXEC = 2,
	KIND_FORK = 3,
	KIND_EXIT = 4,
	KIND_RENAME = 5,
	KIND_CGROUP = 6,
};

enum record_flag {
	FLAG_STATE = 1 << 0, /* sent to keep state only: no rule asked for it */
	FLAG_COMPAT = 1 << 1, /* a 32-bit call */
	FLAG_IO_URING = 1 << 2,
	FLAG_TRUNCATED = 1 << 3, /* a text did not fit */
	FLAG_UNREADABLE = 1 << 4, /* memory that a pointer led to could not be read */
	FLAG_FILE = 1 << 5, /* the file's description is filled in */
	FLAG_SOCKET = 1 << 6, /* the socket's description is filled in */
};

enum exe_flag {
	EXE_WRITABLE = 1 << 0, /* by its mode and owner, for the effective user */
	EXE_UPPER_LAYER = 1 << 1, /* on an overlay file system, and not from its image */
	EXE_LOWER_LAYER = 1 << 2,
	EXE_MEMFD = 1 << 3,
};

enum layer {
	LAYER_NONE, /* no overlay file system */
	LAYER_UPPER,
	LAYER_LOWER,
};

/* Bytes of the record, from its start on, without a NUL. */
struct text {
	__u16 offset;
	__u16 length;
};

struct header {
	__u64 time_ns; /* CLOCK_BOOTTIME */
	__u64 start_ns; /* when the process began, CLOCK_BOOTTIME: with pid its identity */
	__u64 parent_start_ns;
	__u64 cgroup_id;
	__u64 cap_effective;
	__u64 cap_permitted;
	enum record_kind kind;
	enum record_flag flags;
	__u32 call; /* its number in calls.py; 0: none */
	__u32 cpu;
	__u32 tid; /* in the first pid namespace, like pid, ppid, pgid, sid */
	__u32 pid;
	__u32 ppid;
	__u32 pgid;
	__u32 sid;
	__u32 vtid; /* in the task's own pid namespace, like vpid, vpgid */
	__u32 vpid;
	__u32 vpgid;
	__u32 tty; /* device number as user space has it; 0: none */
	__u32 uid; /* effective */
	__u32 gid; /* effective */
	__u32 real_uid;
	__u32 real_gid;
	__u32 login_uid; /* 4294967295: not set */
	__u32 pid_ns; /* namespaces: inode numbers */
	__u32 mnt_ns;
	__u32 user_ns;
	__u32 net_ns;
	char comm[COMM_LEN]; /* the thread's */
};

struct file_part {
	__u64 ino;
	__u32 dev; /* number as user space has it */
	__u32 magic; /* of the file system */
	__u32 mode; /* type and permissions, S_IF* */
	__u32 flags; /* O_* of the open file */
	__s32 fd;
	enum layer layer;
	struct text path; /* from the root of the mount namespace; empty if it has none */
	struct text origin; /* if seen through a bind mount: the path within its file system */
};

struct socket_part {
	__u16 family;
	__u16 type;
	__u16 protocol;
	__u8 state; /* TCP_*; a connected UDP socket has TCP_ESTABLISHED */
	__u8 pad;
	__u16 local_port; /* host order, like remote_port */
	__u16 remote_port;
	__u8 local[16]; /* IPv4: the first 4 */
	__u8 remote[16];
	struct text local_path; /* unix sockets */
	struct text remote_path;
};

/* A system call that ended, or what io_uring did in its place. */
struct call_record {
	struct header header;
	__s64 result;
	__u64 args[ARGUMENTS];
	struct text texts[ARGUMENTS]; /* what the argument of this place points to */
	struct text cwd; /* where a relative path begins, unless a directory was given */
	struct text more; /* a second text of the call, e.g. the address of a message */
	struct file_part file;
	struct socket_part socket;
	__u32 pad;
};

struct exec_record {
	struct header header;
	__u64 ino;
	__s64 ctime_ns;
	__s64 mtime_ns;
	__u64 cap_inheritable;
	__u64 pid_ns_start_ns; /* when the first process of the pid namespace began */
	__u32 dev;
	enum exe_flag flags;
	__u32 old_tid; /* the thread that called: its number is gone */
	__u32 pad;
	struct text path;
	struct text filename; /* as it was called */
	struct text args; /* with a NUL between two */
	struct text env;
	struct text cwd;
	struct text cgroup;
};

/* The header is the parent's. The child has all of the parent but what is here. */
struct fork_record {
	struct header header;
	__u64 child_start_ns;
	__u64 pid_ns_start_ns;
	__u64 cgroup_id;
	__u32 child_tid;
	__u32 child_pid;
	__u32 child_ppid;
	__u32 child_vtid;
	__u32 child_vpid;
	__u32 child_vpgid;
	__u32 child_pid_ns;
	__u32 pad;
};

struct exit_record {
	struct header header;
	__u32 status; /* as wait(2) gives it */
	__u32 last; /* of the threads of the process */
	__u32 reaper_pid; /* whom its children have from now on */
	__u32 pad;
};

/* A new comm of a thread, also of another one's. */
struct rename_record {
	struct header header;
	__u32 target_tid;
	__u32 target_pid;
	char name[COMM_LEN];
};

/* Comes before the first record with this cgroup. */
struct cgroup_record {
	struct header header;
	__u64 cgroup_id;
	struct text path;
	__u32 pad;
};

union record {
	struct header header;
	struct call_record call;
	struct exec_record exec;
	struct fork_record fork;
	struct exit_record exit;
	struct rename_record rename;
	struct cgroup_record cgroup;
};

/* Records that user space never saw, by cause; each CPU counts its own. */
struct losses {
	__u64 calls_full; /* no room in the ring of calls */
	__u64 processes_full; /* no room in the ring of processes */
	__u64 busy; /* another record was being put together on this CPU */
};

#endif /* SIDEKICK_EVENT_H */
