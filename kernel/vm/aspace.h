/* SPDX-License-Identifier: MIT */
/*
 * Life of an address space: created by exec, copied by fork (the root only: see ptshare), destroyed with its last user.
 */
#ifndef VM_ASPACE_H
#define VM_ASPACE_H

#include "vm/space.h"
#include "vm/vma.h"
#include "vm/zap.h"

/* An empty address space, refs 1; NULL when there is no memory. */
struct aspace *aspace_new(void);
/* The child's copy: root and regions. Takes parent->lock for writing. -ENOMEM as ERR_PTR. */
struct aspace *aspace_fork(struct aspace *parent);
static inline void aspace_get(struct aspace *as) { refcount_get(&as->refs); }
void aspace_put(struct aspace *as); /* the last put unmaps everything; may sleep */
/* Takes as->lock to change the regions. */
void aspace_write_lock(struct aspace *as);
/* Unlocks as->lock after changes of the regions and gives back what they referred to. */
void aspace_write_unlock(struct aspace *as);
/* As a reader on, after changes of the regions: what they referred to is in removed, for vma_free_list after rwlock_read_unlock. */
void aspace_downgrade(struct aspace *as, struct list *removed);
/* Address space of the current user thread (thread_current()->aspace). */
static inline struct aspace *aspace_current(void) { return thread_current()->aspace; }
/* Loads it on this CPU for the current thread (exec); the old one must still have a reference. */
void aspace_activate(struct aspace *as);
/* Wires sched_switch_aspace; makes the kernel's own root. */
void aspace_init(void);
/* Set by vfs: gives back aspace->exe. */
extern void (*aspace_exe_put_hook)(void *exe);

/* May len more bytes with these VMA_ flags be locked? as->lock held. */
bool vm_may_lock(const struct aspace *as, unsigned long len, uint32_t flags);
/* Set by init/main: may the current process lock without bounds? */
extern bool (*vm_lock_free_hook)(void);

struct aspace_rss { unsigned long anon, file, tables; };
void aspace_rss(struct aspace *as, struct aspace_rss *r);

#endif
