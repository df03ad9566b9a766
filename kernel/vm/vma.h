/* SPDX-License-Identifier: MIT */
/* Regions: intervals of an address space, ordered, disjoint, page aligned. Protected by aspace->lock. */
#ifndef VM_VMA_H
#define VM_VMA_H

#include "lib/rbtree.h"
#include "lib/types.h"
#include "vm/object.h"

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
#define VMA_SPECIAL 0x1000u  /* vDSO and the like: not merged, not expanded */

struct aspace;

struct vma {
	struct rbnode node;
	struct aspace *aspace;
	uaddr_t start, end; /* [start, end) */
	uint32_t flags;
	const struct vm_ops *ops; /* NULL: anonymous */
	void *object;
	unsigned long pgoff; /* page of the object at start; for anonymous memory start >> PAGE_SHIFT at creation */
	const char *name;    /* "[heap]", "[vdso]" or NULL; static */
};

/* Region that contains addr, or the first one above it (check start); NULL if none. aspace->lock held. */
struct vma *vma_find(struct aspace *as, uaddr_t addr);
struct vma *vma_next(struct vma *v);
struct vma *vma_first(struct aspace *as);

#endif
