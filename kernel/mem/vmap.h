/* SPDX-License-Identifier: MIT */
/*
 * Ranges of kernel addresses beyond the direct map: kernel stacks with an unmapped guard page below each, and device memory. Any context but
 * interrupts.
 */
#ifndef MEM_VMAP_H
#define MEM_VMAP_H

#include "arch/mmu.h"
#include "mem/page.h"

/* Once, after slab_init. */
void vmap_init(void);
/* Kernel stack of n pages; returns its lowest address or NULL. Not cleared. Free stacks are kept for reuse. */
void *vmap_stack_alloc(size_t pages);
void vmap_stack_free(void *stack, size_t pages);
/* Debug builds: how many bytes of a stack have never been used by any thread so far, at the least; ~0ul if none was ever used. Not in interrupts. */
unsigned long vmap_stack_least_left(void);
/* Device memory, uncached, for ever. NULL if there is no room. phys need not be aligned. */
void *vmap_device(paddr_t phys, size_t bytes);
/* Is this address in a guard page of a stack? (for the double-fault message) */
bool vmap_is_guard(vaddr_t va);
/* Gives cached free stacks back to the frames (leak checks, memory pressure); returns the frames freed. Not in interrupts. */
unsigned long vmap_reap(void);

#endif
