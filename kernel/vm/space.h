/* SPDX-License-Identifier: MIT */
/* What an address space is: its fields, grouped by the lock that protects them. vm/aspace has its life. */
#ifndef VM_SPACE_H
#define VM_SPACE_H

#include "arch/space.h"
#include "core/spinlock.h"
#include "lib/atomic.h"
#include "lib/rbtree.h"
#include "lib/refcount.h"
#include "lib/seqcount.h"
#include "sched/rwlock.h"

struct page;

struct aspace {
	refcount_t refs;          /* processes that use it + lookups */
	struct seqcount changes;  /* odd while the regions may change: written with lock held for writing; faults look regions up without the lock */
	/* lock */
	struct rbtree vmas;
	unsigned long vma_count;
	unsigned long total_pages, locked_pages, data_pages, stack_pages, exec_pages;
	uint32_t new_flags;       /* VMA_LOCKED: mlockall(MCL_FUTURE); not inherited by fork */
	uaddr_t brk_start, brk;
	uaddr_t mmap_base;        /* mappings are placed below, downwards */
	uaddr_t stack_top;        /* highest address of the main stack */
	uaddr_t code_start, code_end, data_start, data_end;
	uaddr_t arg_start, arg_end, env_start, env_end; /* for /proc/PID/cmdline and environ */
	uaddr_t vdso;             /* where the vDSO is mapped, 0: not */
	unsigned long auxv[48];   /* for /proc/PID/auxv */
	unsigned auxv_words;
	void *exe;                /* struct file of the program, owned; freed through aspace_exe_put_hook */
	struct rwlock lock __aligned(64); /* LOCK_ASPACE: regions and the limits below; faults that need more than flags take it for reading */
	struct arch_space arch;   /* lock to change; CPUs that have the space loaded have it loaded (vm/tlb) */
	struct list removed;      /* lock; regions whose objects are put after unlocking */
	uint32_t cpu_mask;        /* CPUs that have the root loaded; atomic, see vm/tlb */
	/* pt_lock (LOCK_PAGETABLE) */
	struct spinlock pt_lock __aligned(64);
	struct page *root;
	/* resident pages, per address space, inherited by fork; pt_lock */
	long rss_anon, rss_file, rss_peak;
	unsigned long limit_as, limit_data, limit_stack, limit_memlock; /* bytes; copies of the process's rlimits (RLIM_INFINITY = ~0UL) */
};

#endif
