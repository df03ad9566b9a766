/* SPDX-License-Identifier: MIT */
/*
 * Life of an address space: created by exec, copied by fork (the root only: see ptshare), destroyed with its last user.
 */
#ifndef VM_ASPACE_H
#define VM_ASPACE_H

#include "core/spinlock.h"
#include "lib/atomic.h"
#include "lib/rbtree.h"
#include "lib/refcount.h"
#include "sched/rwlock.h"
#include "vm/vma.h"

struct aspace {
	refcount_t refs;          /* processes that use it + lookups */
	struct rwlock lock;       /* LOCK_ASPACE: regions and the limits below; faults take it for reading */
	/* lock */
	struct rbtree vmas;
	struct list removed;      /* regions whose objects are put after unlocking */
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
	/* pt_lock (LOCK_PAGETABLE) */
	struct spinlock pt_lock;
	struct page *root;
	/* resident pages, per address space, inherited by fork; pt_lock */
	long rss_anon, rss_file, rss_peak;
	unsigned long limit_as, limit_data, limit_stack, limit_memlock; /* bytes; copies of the process's rlimits (RLIM_INFINITY = ~0UL) */
	uint64_t faults_minor, faults_major;
	unsigned long cpu_mask;   /* CPUs that have the root loaded (atomic) */
};

/* An empty address space, refs 1; NULL when there is no memory. */
struct aspace *aspace_new(void);
/* The child's copy: root and regions. Takes parent->lock for writing. -ENOMEM as ERR_PTR. */
struct aspace *aspace_fork(struct aspace *parent);
static inline void aspace_get(struct aspace *as) { refcount_get(&as->refs); }
void aspace_put(struct aspace *as); /* the last put unmaps everything; may sleep */
/* Unlocks as->lock after changes of the regions and gives back what they referred to. */
void aspace_write_unlock(struct aspace *as);
/* Address space of the current user thread (thread_current()->aspace). */
static inline struct aspace *aspace_current(void) { return thread_current()->aspace; }
/* Loads it on this CPU for the current thread (exec); the old one must still have a reference. */
void aspace_activate(struct aspace *as);
/* Wires sched_switch_aspace; makes the kernel's own root. */
void aspace_init(void);
/* Set by vfs: gives back aspace->exe. */
extern void (*aspace_exe_put_hook)(void *exe);
/* Set by proc: the OOM killer; returns true if something was killed or is dying, so that trying again makes sense. */
extern bool (*vm_oom_hook)(void);

struct aspace_rss { unsigned long anon, file, tables; };
void aspace_rss(struct aspace *as, struct aspace_rss *r);

#endif
