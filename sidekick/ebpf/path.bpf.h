/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A path as the mount namespace has it: from the dentry up to the root, over mounts.
 *
 * bpf_d_path() may not be called at the end of a system call. And unlike it we do not stop at the
 * task's own root: a chroot to /etc does not make /etc/shadow another file.
 */
#ifndef SIDEKICK_PATH_H
#define SIDEKICK_PATH_H

#include "core_fixes.bpf.h"
#include "record.bpf.h"

#define COMPONENTS 96 /* more are cut at the front, and the record says so */
#define NAME_MASK 255

static __always_inline u64 mount_of(u64 vfsmount)
{
	return vfsmount - bpf_core_field_offset(struct mount, mnt);
}

/* Puts a name before what is there already; false if there is no room. */
static __always_inline bool prepend(struct scratch *scratch, struct dentry *dentry, bool slash)
{
	u32 length, start = scratch->path_start;
	const unsigned char *name;

	length = BPF_CORE_READ(dentry, d_name.len) & NAME_MASK;
	name = BPF_CORE_READ(dentry, d_name.name);
	if (length + slash > start)
		return false;
	start = (start - length) & (TEXT_MAX - 1);
	if (bpf_probe_read_kernel(&scratch->path[start], length, name))
		return false;
	if (slash) {
		start = (start - 1) & (TEXT_MAX - 1);
		scratch->path[start] = '/';
	}
	scratch->path_start = start;
	return true;
}

/*
 * Walks up from the dentry and leaves the path in the scratch: its length, 0 if there is none.
 * Without a mount it ends at the file system's root. What was never in a directory has its bare
 * name: "memfd:x", "[eventfd]". A global function: verified once, not at each call.
 */
__noinline int walk_path(u64 dentry_address, u64 vfsmount)
{
	struct scratch *scratch = this_scratch();
	struct dentry *dentry = (void *)dentry_address;
	struct mount *mount = (void *)mount_of(vfsmount);
	int i;

	if (!scratch)
		return 0;
	scratch->path_start = TEXT_MAX - 1;
	for (i = 0; i < COMPONENTS; i++) {
		struct dentry *parent = BPF_CORE_READ(dentry, d_parent);

		if (vfsmount && dentry == BPF_CORE_READ(mount, mnt.mnt_root)) {
			struct mount *below = BPF_CORE_READ(mount, mnt_parent);

			if (below == mount)
				break;
			dentry = BPF_CORE_READ(mount, mnt_mountpoint);
			mount = below;
			continue;
		}
		if (dentry == parent) {
			if (i == 0)
				prepend(scratch, dentry, false);
			break;
		}
		if (!prepend(scratch, dentry, true)) {
			i = COMPONENTS;
			break;
		}
		dentry = parent;
	}
	if (i == COMPONENTS)
		scratch->flags |= FLAG_TRUNCATED;
	if (scratch->path_start == TEXT_MAX - 1 && vfsmount)
		scratch->path[--scratch->path_start & (TEXT_MAX - 1)] = '/';
	return TEXT_MAX - 1 - scratch->path_start;
}

#endif /* SIDEKICK_PATH_H */
