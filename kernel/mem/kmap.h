/* SPDX-License-Identifier: MIT */
/*
 * Windows on frames: a short mapping of one frame for the current thread, stack-like (unmap in reverse order, at most ARCH_KMAP_SLOTS deep).
 *
 * Direct-mapped frames cost nothing. For high frames the thread stays on its CPU until the unmap, but may sleep and be preempted: the context
 * switch saves and restores the windows (kmap_switch). In interrupts only direct frames.
 */
#ifndef MEM_KMAP_H
#define MEM_KMAP_H

#include "arch/mmu.h"
#include "core/percpu.h"
#include "lib/bits.h"
#include "mem/page.h"

struct kmap_state { /* embedded in struct thread; its own thread only */
	pfn_t pfn[ARCH_KMAP_SLOTS];
	unsigned depth; /* windows in use; the thread must not migrate while > 0 */
};

void *kmap_window(struct page *p); /* kmap_local's, for a high frame */
void kunmap_window(const void *va);
static inline void *kmap_local(struct page *p)
{
	paddr_t pa = page_phys(p);

	return likely(pa < arch_direct_top()) ? arch_direct(pa) : kmap_window(p);
}
static inline bool kmap_is_window(const void *p)
{
	vaddr_t a = arch_kmap_slot(0, 0), b = arch_kmap_slot(MAX_CPUS - 1, ARCH_KMAP_SLOTS - 1);

	/* The architecture may number the slots upwards or downwards. */
	return (vaddr_t)p - MIN(a, b) < MAX(a, b) + PAGE_SIZE - MIN(a, b);
}
static inline void kunmap_local(const void *p)
{
	if (unlikely(kmap_is_window(p)))
		kunmap_window(p);
}
/* Called by sched with interrupts off when switching and either thread has windows. */
void kmap_switch(struct kmap_state *prev, struct kmap_state *next);
/* Set by sched: the current thread's state. Before that the boot context has one of its own. */
extern struct kmap_state *(*kmap_current_hook)(void);

#endif
