/* SPDX-License-Identifier: MIT */
/* Regions: intervals of an address space, ordered, disjoint, page aligned. Protected by aspace->lock. */
#ifndef VM_VMA_H
#define VM_VMA_H

#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/types.h"
#include "vm/object.h"

#define MAP_COUNT_MAX 65530u /* regions of a space: /proc/sys/vm/max_map_count */

#define VMA_READ 1u
#define VMA_WRITE 2u
#define VMA_EXEC 4u
#define VMA_SHARED 8u       /* MAP_SHARED */
#define VMA_MAYREAD 0x10u   /* what mprotect may grant */
#define VMA_MAYWRITE 0x20u
#define VMA_MAYEXEC 0x40u
#define VMA_GROWSDOWN 0x100u /* a stack */
#define VMA_LOCKED 0x200u
#define VMA_DONTFORK 0x400u
#define VMA_WIPEONFORK 0x800u
#define VMA_ONFAULT 0x2000u  /* locked, and not filled beforehand */
#define VMA_NORESERVE 0x8000u /* no promise of memory is counted for it */
#define VMA_DONTDUMP 0x4000u /* not in core dumps */
#define VMA_SINGLE_PAGES 0x10000u /* a fault maps no more than it was asked for (MADV_NOHUGEPAGE) */
#define VMA_SPECIAL 0x1000u  /* vDSO and the like: not merged, not expanded */

/* Free addresses kept below a region that grows down. */
#define VM_STACK_GUARD (256ul << PAGE_SHIFT)

/* Nothing is placed below (mmap_min_addr). */
#define VM_MIN_ADDR 0x10000ul

struct aspace;

struct vma {
	struct rbnode node;
	struct aspace *aspace;
	uaddr_t start, end; /* [start, end) */
	uint32_t flags;
	const struct vm_ops *ops; /* NULL: anonymous */
	void *object;
	unsigned long pgoff; /* page of the object at start; for anonymous memory start >> PAGE_SHIFT at creation */
	struct list link;    /* for the object (vm_ops.link); after vma_remove in aspace->removed */
	const char *name;    /* "[heap]", "[vdso]" or NULL; static */
	unsigned long gap;   /* bytes below, down to the region before, that a mapping may be placed in */
	unsigned long largest_gap; /* of the regions in the subtree below node, this one included */
};

/* Region that contains addr, or the first one above it (check start); NULL if none. aspace->lock held. */
struct vma *vma_find(struct aspace *as, uaddr_t addr);
/* What a region was like when the space's regions had changed so many times. */
struct vma_glimpse {
	uint32_t seen; /* of as->changes */
	uint32_t flags;
	const struct vm_ops *ops;
	uaddr_t end;
};
/*
 * Looks the region that contains addr up without as->lock. False: there is none, or the regions change just now. What is found holds as long
 * as vma_glimpse_good says so, which under as->pt_lock means: until that is given up, for who takes mappings away does so under it, after the change.
 */
bool vma_glimpse(struct aspace *as, uaddr_t addr, struct vma_glimpse *g);
#define vma_glimpse_good(as, g) (!seq_read_retry(&(as)->changes, (g)->seen))
struct vma *vma_next(struct vma *v);
struct vma *vma_first(struct aspace *as);
struct vma *vma_last(struct aspace *as);
struct vma *vma_prev(struct vma *v);

/* Where what may be placed below a region ends: a stack keeps a gap to grow into. */
uaddr_t vma_floor(const struct vma *v);
/* The highest address below top with len free bytes (not 0); 0 if there is none. O(log n); aspace->lock held. */
uaddr_t vma_find_gap(struct aspace *as, unsigned long len, uaddr_t top);
/* Debug: asserts order, counts and what each region knows of the gaps below it. aspace->lock held. */
void vma_verify(struct aspace *as);

/* Changes; aspace->lock held for writing. New regions are copies of *proto, linked and counted; NULL without memory. */
struct vma *vma_insert(struct aspace *as, const struct vma *proto);
/*
 * Copies all regions of another space into an empty one, as they are but for VMA_LOCKED; *any_flags: what flags there were. The tree is copied as it
 * stands, so that nothing is compared or balanced. -ENOMEM: some are there. from->lock held for writing. For fork.
 */
int vma_copy_all(struct aspace *to, const struct aspace *from, uint32_t *any_flags);
/* Takes all of them out of a space that nobody else knows any more. */
void vma_remove_all(struct aspace *as);
/* Takes v out; its object's reference is given back by aspace_write_unlock, since that may take locks that come before aspace->lock. */
void vma_remove(struct vma *v);
/* Gives back what vma_remove put on the list. No locks held. */
void vma_free_list(struct list *removed);
/* Cuts at addr (inside v): v keeps [start, addr), the new one gets the rest; -ENOMEM. */
int vma_split(struct vma *v, uaddr_t addr);
/* Moves the borders of a region that stays in its place in the order. */
void vma_resize(struct vma *v, uaddr_t start, uaddr_t end);
/* Gives v other flags. */
void vma_set_flags(struct vma *v, uint32_t flags);
/* Splits regions so that none crosses start or end: -ENOMEM (some may be split then, which changes no meaning). */
int vma_split_range(struct aspace *as, uaddr_t start, uaddr_t end);
/* The same for what stays: -ENOMEM, with nothing split, when there would be more than MAP_COUNT_MAX. */
int vma_split_to_keep(struct aspace *as, uaddr_t start, uaddr_t end);
/* Splits a region that reaches over both ends of a range, so that vma_cut needs no memory: -ENOMEM. */
int vma_split_around(struct aspace *as, uaddr_t start, uaddr_t end);
/* Takes [start, end) out of the regions, which become shorter or go, after vma_split_around. */
void vma_cut(struct aspace *as, uaddr_t start, uaddr_t end);
/* Makes a region that proto, whose range is free, continues or that continues proto, reach over its range; NULL if there is none. */
struct vma *vma_extend(struct aspace *as, const struct vma *proto);
/* Joins v with its neighbours where they continue each other. Returns the region that now contains v's start. */
struct vma *vma_merge(struct vma *v);
/* Sets and clears flags of the regions in [start, end); -ENOMEM: of none of them. */
int vma_flag_range(struct aspace *as, uaddr_t start, uaddr_t end, uint32_t set, uint32_t clear);
static inline unsigned long vma_pages(const struct vma *v) { return (v->end - v->start) >> PAGE_SHIFT; }
static inline unsigned long vma_pgoff(const struct vma *v, uaddr_t va) { return v->pgoff + ((va - v->start) >> PAGE_SHIFT); }

#endif
