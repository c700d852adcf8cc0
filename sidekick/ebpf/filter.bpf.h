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
#define FILTER_TOP 16
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
	u32 asks_comm; /* clauses with such a test */
	u32 asks_path;
	u32 asks_name; /* of a path's last component */
	u32 asks_place; /* host or container */
	u32 asks_dots; /* of what the caller gave: is there a ".." in it? */
	u32 asks_socket; /* families, ports, networks */
	u32 asks_net;
	u32 asks_value; /* of arguments and the user */
	u32 path_of_argument; /* not of the file */
	u32 walks_always; /* a prefix ends within the first component */
	u32 path_place; /* of that argument, or of the one that stands in for a file; NO_PLACE */
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

struct filter_top_key {
	u32 group;
	char name[FILTER_TOP];
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
FILTER_TABLE(BPF_MAP_TYPE_HASH, filter_tops, struct filter_top_key); /* first ones of prefixes */
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
						   const u64 args[ARGUMENTS], long result,
						   const bool fast)
{
	if (shape->flags & SHAPE_RESULT_FD)
		return result < 0 ? NULL : file_of(task, result, fast);
	if (shape->fd_place < ARGUMENTS)
		return file_of(task, arg_at(args, shape->fd_place), fast);
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

/* What of a socket is asked about. */
struct ends {
	u16 family; /* 0: cannot be told for sure */
	u16 local_port;
	u16 remote_port;
	struct filter_net_key remote;
};

static __always_inline void fill_inet(struct ends *ends, struct sock *sock, const bool fast)
{
	ends->local_port = GET(fast, sock, __sk_common.skc_num);
	ends->remote_port = bpf_ntohs(GET(fast, sock, __sk_common.skc_dport));
	ends->remote.family = ends->family;
	ends->remote.bits = 64 + 32;
	if (ends->family == AF_INET) {
		*(u32 *)ends->remote.address = GET(fast, sock, __sk_common.skc_daddr);
		return;
	}
	bpf_probe_read_kernel(ends->remote.address, sizeof(ends->remote.address),
			      &sock->__sk_common.skc_v6_daddr);
	if (is_mapped(ends->remote.address)) { /* which is IPv4 to whoever reads the record */
		ends->family = 0;
		ends->remote.family = AF_INET;
		*(u32 *)ends->remote.address = *(u32 *)(ends->remote.address + 12);
		return;
	}
	ends->remote.bits = 64 + 128;
}

static __always_inline u32 filter_ends(const struct filter *filter, const struct ends *ends)
{
	u32 alive = filter->clauses;
	u32 i;

	for (i = 0; i < LOOKUPS; i++) {
		const struct filter_lookup *test = &filter->lookups[i];

		if (!alive || i >= filter->lookup_count)
			break;
		if (test->kind == VALUE_FAMILY && ends->family)
			alive &= filter_value(filter, test, ends->family);
		else if (test->kind == VALUE_LOCAL_PORT && ends->local_port)
			alive &= filter_value(filter, test, ends->local_port);
		else if (test->kind == VALUE_REMOTE_PORT && ends->remote_port)
			alive &= filter_value(filter, test, ends->remote_port);
	}
	return alive;
}

/* What is no socket has no family, no port and no network: none that a test lists. */
static __always_inline u32 filter_no_socket(const struct filter *filter)
{
	u32 alive = filter->net_others;
	u32 i;

	for (i = 0; i < LOOKUPS; i++)
		if (i < filter->lookup_count && filter->lookups[i].kind >= VALUE_FAMILY)
			alive &= filter->lookups[i].others;
	return alive;
}

/* Why a socket's ends may not be those of the call. */
#define DOUBT_FAILED 1 /* it did not connect */
#define DOUBT_NAMED 2 /* it names a peer of its own, as sendto(2) may; connect(2) makes it the socket's */

static __always_inline u32 doubts(const struct shape *shape, const u64 args[ARGUMENTS], long result)
{
	if (result < 0 && result != -EINPROGRESS)
		return DOUBT_FAILED;
	return shape->arguments[4] == ARGUMENT_ADDRESS && args[4] ? DOUBT_NAMED : 0;
}

/*
 * The tests of a socket. What it is not connected to is not known here: of a call that failed only
 * the family counts, unless an address may turn IPv6 into IPv4.
 */
static __always_inline u32 filter_socket_of(u32 index, u64 address, u32 doubt, const bool fast)
{
	struct file *file = AS(fast, file, address);
	struct filter *filter = filter_at(index);
	struct inode *inode = GET(fast, file, f_inode);
	struct ends ends = {};
	struct socket *socket;
	struct sock *sock;
	u32 alive;

	if (!filter)
		return -1;
	if ((GET(fast, inode, i_mode) & S_IFMT) != S_IFSOCK)
		return filter_no_socket(filter);
	socket = AS(fast, socket, GET(fast, file, private_data));
	sock = GET(fast, socket, sk);
	ends.family = GET(fast, sock, __sk_common.skc_family);
	if (doubt & DOUBT_FAILED)
		ends.family = ends.family == AF_INET6 ? 0 : ends.family;
	else if (ends.family == AF_INET || ends.family == AF_INET6)
		fill_inet(&ends, sock, fast);
	if (doubt & DOUBT_NAMED)
		ends.remote_port = 0;
	alive = filter_ends(filter, &ends);
	if (alive & filter->asks_net && ends.remote_port) {
		ends.remote.group = filter->group;
		alive &= passed(&filter_nets, &ends.remote, filter->net_others);
	}
	return alive;
}

__noinline int filter_socket(u32 index, u64 file, u32 doubt)
{
	return filter_socket_of(index, file, doubt, false);
}

__noinline int filter_socket_fast(u32 index, u64 file, u32 doubt)
{
	return filter_socket_of(index, file, doubt, true);
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
	u64 kept = at_most(length, FILTER_PATH);

	if (scratch->flags & FLAG_TRUNCATED)
		return filter->clauses;
	bpf_probe_read_kernel(scratch->key.path, kept,
			      &scratch->path[scratch->path_start & (TEXT_MAX - 1)]);
	if (kept < FILTER_PATH)
		scratch->key.path[kept] = 0;
	return filter_key(scratch, filter, length);
}

/* The clauses for a dentry's name; all if it is longer than any entry. */
static __always_inline u32 filter_name(const struct filter *filter, struct dentry *dentry,
				       const bool fast)
{
	struct filter_name_key key = { .group = filter->group };
	const unsigned char *name = GET(fast, dentry, d_name.name);
	u32 length = GET(fast, dentry, d_name.len);

	if (length >= FILTER_NAME ||
	    bpf_probe_read_kernel(key.name, at_most(length, FILTER_NAME - 1), name))
		return filter->clauses;
	return passed(&filter_names, &key, 0);
}

/* Is there anything below this first component, or could there be? */
static __always_inline bool filter_top(const struct filter *filter, struct dentry *dentry,
				       const bool fast)
{
	struct filter_top_key key = { .group = filter->group };
	const unsigned char *name = GET(fast, dentry, d_name.name);
	u32 length = GET(fast, dentry, d_name.len);

	if (length >= FILTER_TOP ||
	    bpf_probe_read_kernel(key.name, at_most(length, FILTER_TOP - 1), name))
		return true;
	return passed(&filter_tops, &key, 0);
}

/* The first component of the path; NULL if it has none or too many. */
static __always_inline struct dentry *first_component(struct dentry *dentry, u64 vfsmount,
						      const bool fast)
{
	struct mount *mount = AS(fast, mount, mount_of(vfsmount));
	struct dentry *first = NULL;
	int i;

	for (i = 0; i < COMPONENTS; i++) {
		struct dentry *parent;

		if (dentry == GET(fast, mount, mnt.mnt_root)) {
			struct mount *below = GET(fast, mount, mnt_parent);

			if (below == mount)
				return first;
			dentry = GET(fast, mount, mnt_mountpoint);
			mount = below;
			continue;
		}
		parent = GET(fast, dentry, d_parent);
		if (parent == dentry)
			return NULL;
		first = dentry;
		dentry = parent;
	}
	return NULL;
}

static __always_inline u32 filter_file_path(u32 index, u64 address, u32 asked,
					    const bool fast)
{
	struct file *file = AS(fast, file, address);
	struct filter *filter = filter_at(index);
	struct scratch *scratch = this_scratch();
	struct dentry *dentry, *first;
	struct vfsmount *mount;
	u32 alive;

	if (!filter || !scratch)
		return -1;
	alive = filter->path_others;
	scratch->flags = 0;
	dentry = GET(fast, file, f_path.dentry);
	mount = GET(fast, file, f_path.mnt);
	if (asked & filter->asks_name)
		alive |= filter_name(filter, dentry, fast);
	if (is_elsewhere(mount, fast))
		alive |= filter_walked(scratch, filter, walk_path(address_of(dentry), 0));
	first = first_component(dentry, (u64)mount, fast);
	if (first && !filter->walks_always && !filter_top(filter, first, fast))
		return alive;
	return alive | filter_walked(scratch, filter,
				     walk_path(address_of(dentry), address_of(mount)));
}

/*
 * The tests of a file's path. Most files are turned away by their first and last components: the
 * whole path, which costs a microsecond, is put together only below a directory that some rule
 * looks at.
 */
__noinline int filter_file(u32 index, u64 file, u32 asked)
{
	return filter_file_path(index, file, asked, false);
}

__noinline int filter_file_fast(u32 index, u64 file, u32 asked)
{
	return filter_file_path(index, file, asked, true);
}

/*
 * The length of an absolute path without "//", "/.", "/.." and a "/" at its end; -1 for any other.
 * Where its name begins is kept in memory: in a register the verifier would try all places.
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
			return before == '/' && i > 1 ? -1 : i;
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
	if (filter->asks_name) {
		start = scratch->name_start;
		if (start >= FILTER_PATH - FILTER_NAME || length - start >= FILTER_NAME)
			return filter->clauses;
		key.group = filter->group;
		bpf_probe_read_kernel_str(key.name, FILTER_NAME, &scratch->key.path[start]);
		alive |= passed(&filter_names, &key, 0);
	}
	return alive | filter_key(scratch, filter, length);
}

#define EVERY_BYTE(value) (0x0101010101010101ULL * (value))

/* The highest bit of each byte that is a dot. */
static __always_inline u64 dots_in(u64 word)
{
	u64 other = word ^ EVERY_BYTE('.');

	return ~(((other & EVERY_BYTE(0x7f)) + EVERY_BYTE(0x7f)) | other | EVERY_BYTE(0x7f));
}

/* Has the path that the caller gave a ".." in it? True if that cannot be told. */
__noinline int filter_dots(u64 user)
{
	struct scratch *scratch = this_scratch();
	u64 *words, before = 0;
	long got;
	int i;

	if (!scratch)
		return 1;
	got = bpf_probe_read_user_str(scratch->key.path, FILTER_PATH, (void *)user);
	if (got <= 0 || got == FILTER_PATH)
		return 1;
	words = (u64 *)scratch->key.path;
	for (i = 0; i < FILTER_PATH / 8; i++, got -= 8) {
		u64 dots;

		if (got <= 0)
			return 0;
		/* Of the last word only what was read now. */
		dots = dots_in(got < 8 ? words[i] & ((1ULL << (8 * got)) - 1) : words[i]);
		if (dots & (dots << 8 | before))
			return 1;
		before = dots >> 56;
	}
	return 1;
}

/*
 * Does any clause hold? The cheap tests come first, and the first that none passes ends it. Most
 * files are turned away by their paths, so what needs a path is asked of its comm only after that.
 */
static __always_inline bool passes_filter(u32 call, const struct shape *shape,
					  struct task_struct *task, const u64 args[ARGUMENTS],
					  long result, const bool fast)
{
	u32 index = (generation & 1) * CALL_TYPES + call;
	struct filter *filter = filter_at(index);
	struct file *file = NULL;
	u32 alive;

	if (!filter || !filter->clauses)
		return true;
	alive = filter_numbers(filter, args, result);
	if (alive & filter->asks_value)
		alive &= filter_values_of_call(filter, args, task->cred->euid.val);
	if (alive & filter->asks_place)
		alive &= filter_place(filter, task);
	if (alive & filter->asks_comm & ~filter->asks_path)
		alive &= filter_comm(filter, task);
	if (alive & filter->asks_dots && filter->path_place < ARGUMENTS &&
	    !filter_dots(arg_at(args, filter->path_place)))
		alive &= ~filter->asks_dots;
	if (alive & (filter->asks_path | filter->asks_socket))
		file = described_file(shape, task, args, result, fast);
	if (alive & filter->asks_socket && file)
		alive &= fast ? filter_socket_fast(index, (u64)file, doubts(shape, args, result)) :
				filter_socket(index, (u64)file, doubts(shape, args, result));
	if (alive && !(alive & ~filter->asks_path)) { /* else one holds whatever the path is */
		if (file && !filter->path_of_argument)
			alive &= fast ? filter_file_fast(index, (u64)file, alive) :
					filter_file(index, (u64)file, alive);
		else if (filter->path_place < ARGUMENTS)
			alive &= filter_text(index, arg_at(args, filter->path_place));
	}
	if (alive & filter->asks_comm & filter->asks_path)
		alive &= filter_comm(filter, task);
	return alive;
}

#endif /* SIDEKICK_FILTER_H */
