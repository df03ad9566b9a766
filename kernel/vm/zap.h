/* SPDX-License-Identifier: MIT */
/*
 * Taking pages out of regions that stay: madvise, truncate, fork's exceptions. Whole tables go by one count, whoever shares them; at the borders the
 * path is unshared, with tables gathered before pt_lock is taken. as->lock is held, for reading at least, so that nobody forks meanwhile.
 */
#ifndef VM_ZAP_H
#define VM_ZAP_H

#include "vm/space.h"
#include "vm/vma.h"

/* Set by proc: the OOM killer; returns true if something was killed or is dying, so that trying again makes sense. */
extern bool (*vm_oom_hook)(void);

/* Drops what is mapped in the range, keeping the regions (madvise DONTNEED); -ENOMEM changes nothing that was private. */
int vm_drop_pages(struct aspace *as, uaddr_t start, uaddr_t end);
/* The same where the regions are gone or go next: tables that are left empty go, too, if no other region lies in what they span. */
int vm_drop_regions(struct aspace *as, uaddr_t start, uaddr_t end);
/*
 * That in steps: what it can lack is gathered, -ENOMEM; then it cannot fail, as long as as->lock is held in between; last, without the lock, tlb_batch_free
 * gives back what was mapped.
 */
struct pt_reserve;
struct tlb_batch;
int vm_drop_regions_prepare(struct aspace *as, uaddr_t start, uaddr_t end, struct pt_reserve *r);
void vm_drop_regions_prepared(struct tlb_batch *b, struct aspace *as, uaddr_t start, uaddr_t end, struct pt_reserve *r);
/*
 * Called by vfs/pagecache when a file shrinks, for each region that it linked, under the lock that its link/unlink take: unmaps the object's
 * pages [pgoff, pgoff + pages). The pages left the object before.
 */
void vma_zap(struct vma *v, unsigned long pgoff, unsigned long pages);

#endif
