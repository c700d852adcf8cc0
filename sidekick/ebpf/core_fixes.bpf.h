/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where kernels and processors differ. Nothing elsewhere asks for a kernel's age.
 */
#ifndef SIDEKICK_CORE_FIXES_H
#define SIDEKICK_CORE_FIXES_H

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define NSEC_PER_SEC 1000000000ULL
#define CTIME_QUERIED (1U << 31) /* a mark within the nanoseconds, since 6.13 (4e40eff0b573) */

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct timespec64 {
	s64 tv_sec;
	long tv_nsec;
};

/* before 6.6 (13bc24457850) */
struct inode___timespec {
	struct timespec64 i_ctime;
	struct timespec64 i_mtime;
};

/* 6.6 renamed ctime (13bc24457850), 6.7 mtime (12cd44023651) */
struct inode___private {
	struct timespec64 __i_ctime;
	struct timespec64 __i_mtime;
};

/* since 6.11 (3aa63a569c64) */
struct inode___split {
	s64 i_ctime_sec;
	s64 i_mtime_sec;
	u32 i_ctime_nsec;
	u32 i_mtime_nsec;
};

/* since 6.15 (741c10b096bc) */
struct kernfs_node___rcu {
	struct kernfs_node *__parent;
};

#pragma clang attribute pop

/* A pointer as the plain number that a global function takes: the verifier must not see through. */
static __always_inline u64 address_of(const void *pointer)
{
	u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof(address), &pointer);
	return address;
}

/*
 * Since 6.2 (fd264ca02094) any address can be given a type and then be read by plain loads, which
 * fault safely: 2 ns in place of 25 for a helper's call. Programs that do so (FAST) are loaded
 * where the kernel has it.
 */
extern void *bpf_rdonly_cast(const void *pointer, u32 type) __ksym __weak;

#define AS(fast, type, address)                                                             \
	((fast) ? (struct type *)bpf_rdonly_cast((void *)(address),                         \
						 bpf_core_type_id_kernel(struct type)) :    \
		  (struct type *)(address))
#define GET(fast, pointer, member) ((fast) ? (pointer)->member : BPF_CORE_READ(pointer, member))

/* The number at an address. The structure is only one that begins with a number of 64 bits. */
static __always_inline u64 number_at(u64 address, const bool fast)
{
	u64 number = 0;

	if (fast)
		return AS(fast, timespec64, address)->tv_sec;
	bpf_probe_read_kernel(&number, sizeof(number), (void *)address);
	return number;
}

static __always_inline s64 inode_ctime_ns(struct inode *inode)
{
	struct inode___split *split = (void *)inode;
	struct inode___private *private = (void *)inode;
	struct inode___timespec *old = (void *)inode;

	if (bpf_core_field_exists(split->i_ctime_sec))
		return BPF_CORE_READ(split, i_ctime_sec) * NSEC_PER_SEC +
		       (BPF_CORE_READ(split, i_ctime_nsec) & ~CTIME_QUERIED);
	if (bpf_core_field_exists(private->__i_ctime))
		return BPF_CORE_READ(private, __i_ctime.tv_sec) * NSEC_PER_SEC +
		       BPF_CORE_READ(private, __i_ctime.tv_nsec);
	return BPF_CORE_READ(old, i_ctime.tv_sec) * NSEC_PER_SEC +
	       BPF_CORE_READ(old, i_ctime.tv_nsec);
}

static __always_inline s64 inode_mtime_ns(struct inode *inode)
{
	struct inode___split *split = (void *)inode;
	struct inode___private *private = (void *)inode;
	struct inode___timespec *old = (void *)inode;

	if (bpf_core_field_exists(split->i_mtime_sec))
		return BPF_CORE_READ(split, i_mtime_sec) * NSEC_PER_SEC +
		       BPF_CORE_READ(split, i_mtime_nsec);
	if (bpf_core_field_exists(private->__i_mtime))
		return BPF_CORE_READ(private, __i_mtime.tv_sec) * NSEC_PER_SEC +
		       BPF_CORE_READ(private, __i_mtime.tv_nsec);
	return BPF_CORE_READ(old, i_mtime.tv_sec) * NSEC_PER_SEC +
	       BPF_CORE_READ(old, i_mtime.tv_nsec);
}

/* For a node that the verifier knows as one. */
static __always_inline bool is_top(struct kernfs_node *node)
{
	struct kernfs_node___rcu *rcu = (void *)node;

	if (bpf_core_field_exists(rcu->__parent))
		return !rcu->__parent;
	return !node->parent;
}

static __always_inline struct kernfs_node *kernfs_parent(struct kernfs_node *node)
{
	struct kernfs_node___rcu *rcu = (void *)node;

	if (bpf_core_field_exists(rcu->__parent))
		return BPF_CORE_READ(rcu, __parent);
	return BPF_CORE_READ(node, parent);
}

/*
 * System calls. At their end the registers still hold the arguments, except where the result is
 * in the first one's.
 */
#if defined(__TARGET_ARCH_x86)

#define TS_COMPAT 0x0002
#define X32_BIT 0x40000000

static __always_inline bool is_compat(struct task_struct *task)
{
	return task->thread_info.status & TS_COMPAT;
}

static __always_inline u32 call_number(struct pt_regs *regs)
{
	return (u32)regs->orig_ax & ~X32_BIT;
}

static __always_inline void read_args(struct pt_regs *regs, bool compat, u64 args[6])
{
	if (compat) {
		args[0] = (u32)regs->bx;
		args[1] = (u32)regs->cx;
		args[2] = (u32)regs->dx;
		args[3] = (u32)regs->si;
		args[4] = (u32)regs->di;
		args[5] = (u32)regs->bp;
		return;
	}
	args[0] = regs->di;
	args[1] = regs->si;
	args[2] = regs->dx;
	args[3] = regs->r10;
	args[4] = regs->r8;
	args[5] = regs->r9;
}

#elif defined(__TARGET_ARCH_arm64)

#define TIF_32BIT (1UL << 22)

static __always_inline bool is_compat(struct task_struct *task)
{
	return task->thread_info.flags & TIF_32BIT;
}

static __always_inline u32 call_number(struct pt_regs *regs)
{
	return regs->syscallno;
}

static __always_inline void read_args(struct pt_regs *regs, bool compat, u64 args[6])
{
	args[0] = regs->orig_x0;
	args[1] = regs->regs[1];
	args[2] = regs->regs[2];
	args[3] = regs->regs[3];
	args[4] = regs->regs[4];
	args[5] = regs->regs[5];
}

#else
#error "x86_64 and arm64 only"
#endif

#endif /* SIDEKICK_CORE_FIXES_H */
