/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which calls are worth a record. A filter is up to 32 clauses, of which one must hold; user space
 * derives them from the rules. They are evaluated all at once: every test gives the set of clauses
 * that pass it, and what is left at the end decides. A test that cannot be made passes all: a
 * record too many costs time, one too few an alert.
 */
#ifndef SIDEKICK_FILTER_H
#define SIDEKICK_FILTER_H

#include "file.bpf.h"
#include "socket.bpf.h"

#define LOOKUPS 4
#define BIT_TESTS 2
#define FILTER_NAME 64
#define EINPROGRESS 115

enum filter_value {
	VALUE_ARGUMENT_0, /* and 1 to 5 */
	VALUE_UID = 8,
	VALUE_FAMILY,
	VALUE_LOCAL_PORT,
	VALUE_REMOTE_PORT,
};

/* Sets of clauses, a bit each. "Others" pass a test whose table has nothing for the value. */
struct filter_lookup {
	enum filter_value kind;
	u32 others;
	u64 mask; /* an int's upper half is whatever the caller left there */
};

struct bit_test {
	u32 place; /* of an argument; NO_PLACE: no test */
	u32 clauses; /* that fail if it has none of the bits */
	u64 bits;
};

struct filter {
	u32 clauses; /* all; 0: there is no filter, every call is told */
	u32 group; /* of this filter's entries in the tables */
	u32 succeeded;
	u32 failed;
	u32 host;
	u32 container;
	u32 access_place; /* of the argument with O_ACCMODE; NO_PLACE */
	u32 access[4];
	u32 comm_others;
	u32 path_others;
	u32 net_others;
	u32 uses_comm;
	u32 uses_path; /* 1: of the file, 2: of an argument */
	u32 uses_name; /* the table of last components has entries */
	u32 walks_always; /* a prefix ends within the first component */
	u32 path_place; /* of that argument, or of the one that stands in for a file; NO_PLACE */
	u32 uses_place; /* host or container */
	u32 uses_socket; /* families, ports, networks */
	u32 lookup_count;
	struct filter_lookup lookups[LOOKUPS];
	struct bit_test bit_tests[BIT_TESTS];
};

/* Twice, for the present generation and the next. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * CALL_TYPES);
	__type(key, u32);
	__type(value, struct filter);
} filters SEC(".maps");

u32 generation; /* 0 or 1: which half of the filters is in force */

struct filter_value_key {
	u32 group;
	enum filter_value kind;
	u64 value;
};

struct filter_comm_key {
	u32 group;
	char comm[COMM_LEN];
};

struct filter_name_key {
	u32 group;
	char name[FILTER_NAME];
};

struct filter_net_key {
	u32 bits;
	u32 group;
	u32 family;
	u8 address[16];
};

#define FILTER_TABLE(map_type, map_name, key_type)                 \
	struct {                                                   \
		__uint(type, map_type);                            \
		__uint(max_entries, 16384);                        \
		__uint(map_flags, BPF_F_NO_PREALLOC);              \
		__type(key, key_type);                             \
		__type(value, u32);                                \
	} map_name SEC(".maps")

FILTER_TABLE(BPF_MAP_TYPE_HASH, filter_values, struct filter_value_key);
FILTER_TABLE(BPF_MAP_TYPE_HASH, filter_comms, struct filter_comm_key);
FILTER_TABLE(BPF_MAP_TYPE_HASH, filter_names, struct filter_name_key); /* last components */
FILTER_TABLE(BPF_MAP_TYPE_HASH, filter_tops, struct filter_name_key); /* first ones of prefixes */
FILTER_TABLE(BPF_MAP_TYPE_LPM_TRIE, filter_paths, struct filter_path_key);
FILTER_TABLE(BPF_MAP_TYPE_LPM_TRIE, filter_nets, struct filter_net_key);

static __always_inline u32 passed(void *table, const void *key, u32 others)
{
	u32 *found = bpf_map_lookup_elem(table, key);

	return found ? *found : others;
}

static __always_inline u64 arg_at(const u64 args[ARGUMENTS], u32 place)
{
	switch (place) {
	case 0:
		return args[0];
	case 1:
		return args[1];
	case 2:
		return args[2];
	case 3:
		return args[3];
	case 4:
		return args[4];
	default:
		return args[5];
	}
}

/* Tests that cost a few instructions. */
static __always_inline u32 filter_numbers(const struct filter *filter, const u64 args[ARGUMENTS],
					  long result)
{
	u32 alive = result < 0 ? filter->failed : filter->succeeded;
	int i;

	if (filter->access_place < ARGUMENTS)
		alive &= filter->access[arg_at(args, filter->access_place) & 3];
	for (i = 0; i < BIT_TESTS; i++) {
		const struct bit_test *test = &filter->bit_tests[i];

		if (test->place < ARGUMENTS && !(arg_at(args, test->place) & test->bits))
			alive &= ~test->clauses;
	}
	return alive;
}

static __always_inline u32 filter_comm(const struct filter *filter, struct task_struct *task)
{
	struct filter_comm_key key = { .group = filter->group };

	if (bpf_probe_read_kernel(key.comm, sizeof(key.comm), task->comm))
		return filter->clauses;
	return passed(&filter_comms, &key, filter->comm_others);
}

static __always_inline u32 filter_place(const struct filter *filter, struct task_struct *task)
{
	u64 id = cgroup_id_of(task);
	enum cgroup_state *state = bpf_map_lookup_elem(&cgroups, &id);

	if (state && *state == CGROUP_HOST)
		return filter->host;
	if (state && *state == CGROUP_CONTAINER)
		return filter->container;
	return filter->clauses;
}

/* The file that the record will describe: of the resulting fd, or of an argument. */
static __always_inline struct file *described_file(const struct shape *shape,
						   struct task_struct *task,
						   const u64 args[ARGUMENTS], long result)
{
	if (shape->flags & SHAPE_RESULT_FD)
		return result < 0 ? NULL : file_of(task, result);
	if (shape->fd_place < ARGUMENTS)
		return file_of(task, arg_at(args, shape->fd_place));
	return NULL;
}

static __always_inline struct filter *filter_at(u32 index)
{
	return bpf_map_lookup_elem(&filters, &index);
}

static __always_inline u32 filter_value(const struct filter *filter, const struct filter_lookup *test,
					u64 value)
{
	struct filter_value_key key = { .group = filter->group, .kind = test->kind };

	key.value = value & test->mask;
	return passed(&filter_values, &key, test->others);
}

/* The tests of arguments and of the user. */
static __always_inline u32 filter_values_of_call(const struct filter *filter,
						 const u64 args[ARGUMENTS], u32 uid)
{
	u32 alive = filter->clauses;
	u32 i;

	for (i = 0; i < LOOKUPS; i++) {
		const struct filter_lookup *test = &filter->lookups[i];

		if (i >= filter->lookup_count)
			break;
		if (test->kind < ARGUMENTS)
			alive &= filter_value(filter, test, arg_at(args, test->kind));
		else if (test->kind == VALUE_UID)
			alive &= filter_value(filter, test, uid);
	}
	return alive;
}

static __always_inline bool is_mapped(const u8 address[16])
{
	const u32 *words = (const u32 *)address;

	return !words[0] && !words[1] && words[2] == bpf_htonl(0xffff);
}

/* The tests of a socket. What it is not connected to is not known here. */
__noinline int filter_socket(u32 index, u64 file_address)
{
	struct filter *filter = filter_at(index);
	struct file *file = (void *)file_address;
	struct filter_net_key key = {};
	struct socket_part part = {};
	struct socket *socket;
	bool mapped = false;
	struct sock *sock;
	u32 alive, i;

	if (!filter)
		return -1;
	alive = filter->clauses;
	if ((BPF_CORE_READ(file, f_inode, i_mode) & S_IFMT) != S_IFSOCK)
		return alive;
	socket = BPF_CORE_READ(file, private_data);
	sock = BPF_CORE_READ(socket, sk);
	part.family = BPF_CORE_READ(sock, __sk_common.skc_family);
	if (part.family == AF_INET || part.family == AF_INET6) {
		describe_inet(&part, sock);
		key.group = filter->group;
		key.family = part.family;
		mapped = part.family == AF_INET6 && is_mapped(part.remote);
		if (mapped)
			key.family = AF_INET;
		__builtin_memcpy(key.address, part.remote, sizeof(key.address));
		if (mapped)
			__builtin_memcpy(key.address, part.remote + 12, 4);
		key.bits = 64 + (key.family == AF_INET ? 32 : 128);
		if (part.remote_port)
			alive &= passed(&filter_nets, &key, filter->net_others);
	}
	for (i = 0; i < LOOKUPS; i++) {
		const struct filter_lookup *test = &filter->lookups[i];

		if (i >= filter->lookup_count)
			break;
		if (test->kind == VALUE_FAMILY && !mapped)
			alive &= filter_value(filter, test, part.family);
		else if (test->kind == VALUE_LOCAL_PORT && part.local_port)
			alive &= filter_value(filter, test, part.local_port);
		else if (test->kind == VALUE_REMOTE_PORT && part.remote_port)
			alive &= filter_value(filter, test, part.remote_port);
	}
	return alive;
}

/* The clauses that pass for a path in the scratch's key, of this length without its NUL. */
static __always_inline u32 filter_key(struct scratch *scratch, const struct filter *filter, u32 length)
{
	scratch->key.group = filter->group;
	/* The NUL is part of the key: it ends what must match as a whole. */
	scratch->key.bits = 32 + 8 * (length < FILTER_PATH ? length + 1 : FILTER_PATH);
	return passed(&filter_paths, &scratch->key, 0);
}

static __always_inline u32 filter_walked(struct scratch *scratch, const struct filter *filter,
					 u32 length)
{
	u32 kept = length < FILTER_PATH ? length : FILTER_PATH;

	if (scratch->flags & FLAG_TRUNCATED)
		return filter->clauses;
	bpf_probe_read_kernel(scratch->key.path, kept,
			      &scratch->path[scratch->path_start & (TEXT_MAX - 1)]);
	if (kept < FILTER_PATH)
		scratch->key.path[kept] = 0;
	return filter_key(scratch, filter, length);
}

/* The table's clauses for a dentry's name; all if the name is longer than any entry. */
static __always_inline u32 filter_dentry(void *table, const struct filter *filter,
					 struct dentry *dentry)
{
	struct filter_name_key key = { .group = filter->group };
	u32 length = BPF_CORE_READ(dentry, d_name.len);

	if (length >= FILTER_NAME)
		return filter->clauses;
	if (bpf_probe_read_kernel(key.name, length, BPF_CORE_READ(dentry, d_name.name)))
		return filter->clauses;
	return passed(table, &key, 0);
}

/* The first component of the path; NULL if it has none or too many. */
static __always_inline struct dentry *first_component(struct dentry *dentry, u64 vfsmount)
{
	struct mount *mount = (void *)mount_of(vfsmount);
	struct dentry *first = NULL;
	int i;

	for (i = 0; i < COMPONENTS; i++) {
		struct dentry *parent;

		if (dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *below = BPF_CORE_READ(mount, mnt_parent);

			if (below == mount)
				return first;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = below;
			continue;
		}
		parent = BPF_CORE_READ(dentry, d_parent);
		if (parent == dentry)
			return NULL;
		first = dentry;
		dentry = parent;
	}
	return NULL;
}

/*
 * The tests of a file's path. Most files are turned away by their first and last components: the
 * whole path, which costs a microsecond, is put together only below a directory that some rule
 * looks at.
 */
__noinline int filter_file(u32 index, u64 file_address)
{
	struct filter *filter = filter_at(index);
	struct file *file = (void *)file_address;
	struct scratch *scratch = this_scratch();
	struct dentry *dentry, *first;
	u64 vfsmount;
	u32 alive;

	if (!filter || !scratch)
		return -1;
	alive = filter->path_others;
	scratch->flags = 0;
	dentry = BPF_CORE_READ(file, f_path.dentry);
	vfsmount = (u64)BPF_CORE_READ(file, f_path.mnt);
	if (filter->uses_name)
		alive |= filter_dentry(&filter_names, filter, dentry);
	if (shows_part(vfsmount))
		alive |= filter_walked(scratch, filter, walk_path((u64)dentry, 0));
	first = first_component(dentry, vfsmount);
	if (first && !filter->walks_always && !filter_dentry(&filter_tops, filter, first))
		return alive;
	return alive | filter_walked(scratch, filter, walk_path((u64)dentry, vfsmount));
}

/*
 * The length of an absolute path without "//", "/." and "/.."; -1 for any other. Where its name
 * begins is kept in memory: in a register the verifier would try all places.
 */
static __always_inline int normal_length(struct scratch *scratch)
{
	u8 before = 0;
	int i;

	if (scratch->key.path[0] != '/')
		return -1;
	for (i = 0; i < FILTER_PATH; i++) {
		u8 now = scratch->key.path[i];

		if (!now)
			return i;
		if (before == '/' && (now == '/' || now == '.'))
			return -1;
		if (now == '/')
			scratch->name_start = i + 1;
		before = now;
	}
	return -1;
}

/* The tests of a path that the caller gave: there is no file, or none to be had. */
__noinline int filter_text(u32 index, u64 user)
{
	struct scratch *scratch = this_scratch();
	struct filter *filter = filter_at(index);
	struct filter_name_key key = {};
	u32 alive, start;
	int length;
	long got;

	if (!filter || !scratch)
		return -1;
	got = bpf_probe_read_user_str(scratch->key.path, FILTER_PATH, (void *)user);
	if (got <= 0 || got == FILTER_PATH)
		return filter->clauses;
	length = normal_length(scratch);
	if (length < 0)
		return filter->clauses;
	alive = filter->path_others;
	if (filter->uses_name) {
		start = scratch->name_start;
		if (start >= FILTER_PATH - FILTER_NAME || length - start >= FILTER_NAME)
			return filter->clauses;
		key.group = filter->group;
		bpf_probe_read_kernel_str(key.name, FILTER_NAME, &scratch->key.path[start]);
		alive |= passed(&filter_names, &key, 0);
	}
	return alive | filter_key(scratch, filter, length);
}

/* Does any clause hold? The cheap tests come first, and the first that none passes ends it. */
static __always_inline bool passes_filter(u32 call, const struct shape *shape,
					  struct task_struct *task, const u64 args[ARGUMENTS],
					  long result)
{
	u32 index = (generation & 1) * CALL_TYPES + call;
	struct filter *filter = filter_at(index);
	struct file *file = NULL;
	u32 alive;

	if (!filter || !filter->clauses)
		return true;
	alive = filter_numbers(filter, args, result);
	if (alive && filter->lookup_count)
		alive &= filter_values_of_call(filter, args, task->cred->euid.val);
	if (alive && filter->uses_comm)
		alive &= filter_comm(filter, task);
	if (alive && filter->uses_place)
		alive &= filter_place(filter, task);
	if (!alive)
		return false;
	if (filter->uses_path || filter->uses_socket)
		file = described_file(shape, task, args, result);
	if (file && filter->uses_socket && (result >= 0 || result == -EINPROGRESS))
		alive &= filter_socket(index, (u64)file);
	if (alive && filter->uses_path && !(alive & filter->path_others)) {
		if (file && filter->uses_path == 1)
			alive &= filter_file(index, (u64)file);
		else if (filter->path_place < ARGUMENTS)
			alive &= filter_text(index, arg_at(args, filter->path_place));
	}
	return alive;
}

#endif /* SIDEKICK_FILTER_H */
