/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A cgroup's path, told before the first record that names the cgroup.
 */
#ifndef SIDEKICK_CGROUP_H
#define SIDEKICK_CGROUP_H

#include "task.bpf.h"

#define CGROUP_DEPTH 24

static __always_inline const char *name_of(struct kernfs_node *node)
{
	return BPF_CORE_READ(node, name);
}

/* Leaves the path in the scratch, as walk_path() does. */
__noinline int walk_cgroup(u64 address)
{
	struct scratch *scratch = this_scratch();
	struct kernfs_node *node = (void *)address;
	int i;

	if (!scratch)
		return 0;
	scratch->path_start = TEXT_MAX - 1;
	for (i = 0; i < CGROUP_DEPTH; i++) {
		struct kernfs_node *parent = kernfs_parent(node);
		u8 *name = &scratch->path[TEXT_MAX];
		u32 start = scratch->path_start;
		long length;

		if (!parent)
			break;
		length = bpf_probe_read_kernel_str(name, NAME_MASK + 1, name_of(node)) - 1;
		if (length < 0 || length >= start)
			break;
		start = (start - length) & (TEXT_MAX - 1);
		bpf_probe_read_kernel(&scratch->path[start], length & NAME_MASK, name);
		start = (start - 1) & (TEXT_MAX - 1);
		scratch->path[start] = '/';
		scratch->path_start = start;
		node = parent;
	}
	if (scratch->path_start == TEXT_MAX - 1)
		scratch->path[--scratch->path_start & (TEXT_MAX - 1)] = '/';
	return TEXT_MAX - 1 - scratch->path_start;
}

/*
 * Sends the cgroup's path if it was not sent yet. Call it before a record is begun: both use the
 * scratch. Not marked as told while the ring is full.
 */
static __always_inline void tell_cgroup(struct task_struct *task)
{
	struct kernfs_node *node = cgroup_node(task);
	u64 id = node->id;
	struct cgroup_record *record;
	struct scratch *scratch;
	enum cgroup_state state = CGROUP_TOLD;

	if (bpf_map_lookup_elem(&cgroups, &id))
		return;
	scratch = begin_record();
	if (!scratch)
		return;
	record = &scratch->record.cgroup;
	fill_header(KIND_CGROUP);
	record->cgroup_id = id;
	record->path.length = 0;
	record->pad = 0;
	scratch->end = sizeof(*record);
	append_path(scratch, &record->path, walk_cgroup(address_of(node)));
	if (!send_process(scratch))
		bpf_map_update_elem(&cgroups, &id, &state, BPF_NOEXIST);
}

#endif /* SIDEKICK_CGROUP_H */
