/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a file descriptor stands for.
 */
#ifndef SIDEKICK_FILE_H
#define SIDEKICK_FILE_H

#include "path.bpf.h"
#include "task.bpf.h"

#define AT_FDCWD -100
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IWUSR 0200
#define S_IWGRP 0020
#define S_IWOTH 0002
#define S_IMMUTABLE 8
#define SB_RDONLY 1
#define OVERLAYFS_MAGIC 0x794c7630
#define CAP_DAC_OVERRIDE 1
#define CAP_FOWNER 3

static __always_inline struct file *file_of(struct task_struct *task, s32 fd, const bool fast)
{
	struct fdtable *table = task->files->fdt;

	if (fd < 0 || (u32)fd >= table->max_fds)
		return NULL;
	return (struct file *)number_at((u64)(table->fd + fd), fast);
}

static __always_inline u32 user_device(struct inode *inode)
{
	u32 device = BPF_CORE_READ(inode, i_sb, s_dev);

	return device_number(device >> 20, device & ((1 << 20) - 1));
}

/*
 * An overlay inode is followed by its upper dentry; ovl_inode itself may be in a module, whose BTF
 * is not at hand. So has been since 4.13 (13cf199d0088).
 */
static __always_inline u8 overlay_layer(struct inode *inode)
{
	struct dentry *upper = NULL;

	if (BPF_CORE_READ(inode, i_sb, s_magic) != OVERLAYFS_MAGIC)
		return LAYER_NONE;
	bpf_probe_read_kernel(&upper, sizeof(upper),
			      (void *)inode + bpf_core_type_size(struct inode));
	if (upper && BPF_CORE_READ(upper, d_inode, i_ino))
		return LAYER_UPPER;
	return LAYER_LOWER;
}

static __always_inline bool is_memfd(struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	u64 name = 0;

	if (BPF_CORE_READ(dentry, d_parent) != dentry)
		return false;
	bpf_probe_read_kernel(&name, 6, BPF_CORE_READ(dentry, d_name.name));
	return name == 0x3a64666d656dULL; /* "memfd:" */
}

/* May the task write it? As Falco's EXE_WRITABLE: by mode, owner and capabilities. */
static __always_inline bool is_writable(struct inode *inode, const struct header *header)
{
	u16 mode = BPF_CORE_READ(inode, i_mode);
	bool owner = BPF_CORE_READ(inode, i_uid.val) == header->uid;

	if (BPF_CORE_READ(inode, i_flags) & S_IMMUTABLE ||
	    BPF_CORE_READ(inode, i_sb, s_flags) & SB_RDONLY)
		return false;
	if (header->cap_effective & (1 << CAP_DAC_OVERRIDE) || mode & S_IWOTH)
		return true;
	if (owner)
		return mode & S_IWUSR || header->cap_effective & (1 << CAP_FOWNER);
	return mode & S_IWGRP && BPF_CORE_READ(inode, i_gid.val) == header->gid;
}

static __always_inline void append_file_path(struct scratch *scratch, struct text *text,
					     struct file *file)
{
	struct path path = {
		.mnt = BPF_CORE_READ(file, f_path.mnt),
		.dentry = BPF_CORE_READ(file, f_path.dentry),
	};

	append_path(scratch, text, walk_path((u64)path.dentry, (u64)path.mnt));
}

static __always_inline void append_cwd(struct scratch *scratch, struct text *text,
				       struct task_struct *task)
{
	struct fs_struct *fs = BPF_CORE_READ(task, fs);

	append_path(scratch, text,
		    walk_path((u64)BPF_CORE_READ(fs, pwd.dentry), (u64)BPF_CORE_READ(fs, pwd.mnt)));
}

/* Is a mount that of the root, by itself or over the one that the kernel began with? */
static __always_inline bool is_root(struct mount *mount, const bool fast)
{
	struct mount *below = GET(fast, mount, mnt_parent);

	return below == mount ||
	       (GET(fast, below, mnt_parent) == below &&
		GET(fast, mount, mnt_mountpoint) == GET(fast, below, mnt.mnt_root));
}

/*
 * Does a mount show files in another place than their own? One that shows only a part of a file
 * system does, and one of the root's file system anywhere else.
 */
static __always_inline bool is_elsewhere(struct vfsmount *mount, const bool fast)
{
	struct super_block *super = GET(fast, mount, mnt_sb);

	if (GET(fast, mount, mnt_root) != GET(fast, super, s_root))
		return true;
	return GET(fast, super, s_dev) == root_device &&
	       !is_root(AS(fast, mount, mount_of((u64)mount)), fast);
}

/* The path within the file system, if the mount hides it. */
static __always_inline void append_origin(struct scratch *scratch, struct text *text,
					  struct file *file)
{
	if (is_elsewhere(BPF_CORE_READ(file, f_path.mnt), false))
		append_path(scratch, text,
			    walk_path((u64)BPF_CORE_READ(file, f_path.dentry), 0));
}

static __always_inline void describe_file(struct scratch *scratch, struct file_part *part,
					  struct file *file, s32 fd)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	scratch->flags |= FLAG_FILE;
	part->fd = fd;
	part->flags = BPF_CORE_READ(file, f_flags);
	part->mode = BPF_CORE_READ(inode, i_mode);
	part->ino = BPF_CORE_READ(inode, i_ino);
	part->dev = user_device(inode);
	part->magic = BPF_CORE_READ(inode, i_sb, s_magic);
	part->layer = overlay_layer(inode);
	append_file_path(scratch, &part->path, file);
	append_origin(scratch, &part->origin, file);
}

#endif /* SIDEKICK_FILE_H */
