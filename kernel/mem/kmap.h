/* SPDX-License-Identifier: MIT */
/*
 * Kernel mappings beyond the direct map.
 *
 * kmap_local: short mapping of one frame for the current thread, stack-like (unmap in reverse order, at most ARCH_KMAP_SLOTS deep). Direct-
 * mapped frames cost nothing. For high frames the thread stays on its CPU until the unmap, but may sleep and be preempted: the context switch
 * saves and restores the windows (kmap_switch). In interrupts only direct frames.
 *
 * vmap: ranges of kernel addresses with a guard page on either side: kernel stacks and device memory.
 */
#ifndef MEM_KMAP_H
#define MEM_KMAP_H

#include "arch/mmu.h"
#include "mem/page.h"

struct kmap_state { /* embedded in struct thread */
	pfn_t pfn[ARCH_KMAP_SLOTS];
	unsigned depth; /* windows in use; the thread must not migrate while > 0 */
};

void kmap_init(void);
void *kmap_local(struct page *p);
void kunmap_local(const void *va);
/* Called by sched with interrupts off when switching; prev/next are the threads' states. */
void kmap_switch(struct kmap_state *prev, struct kmap_state *next);
/* Set by sched: the current thread's state. */
extern struct kmap_state *(*kmap_current_hook)(void);

/* Kernel stack of n pages with an unmapped guard page below; returns its lowest address or NULL. Cached for reuse. */
void *vmap_stack_alloc(size_t pages);
void vmap_stack_free(void *stack, size_t pages);
/* Device memory, uncached. NULL if there is no room. */
void *vmap_device(paddr_t phys, size_t bytes);
/* Is this address in a guard page of a stack? (for the double-fault message) */
bool vmap_is_guard(vaddr_t va);
/* Gives cached free stacks back to the frames (leak checks, memory pressure). */
unsigned long vmap_reap(void);

#endif
