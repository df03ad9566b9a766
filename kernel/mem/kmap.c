/* SPDX-License-Identifier: MIT */
/*
 * Windows on high frames. Each CPU has ARCH_KMAP_SLOTS addresses; the current thread uses the first "depth" of them. What a window shows is
 * remembered in the thread, so that the switch can set the next thread's windows and nobody needs to know in between.
 */
#include "mem/kmap.h"
#include "lib/check.h"

#define WINDOW_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NOEXEC)

static struct kmap_state boot_state;

static struct kmap_state *boot_current(void)
{
	return &boot_state;
}
struct kmap_state *(*kmap_current_hook)(void) = boot_current;

/* Preemption is off from the choice of the CPU until depth pins the thread to it. */
void *kmap_window(struct page *p)
{
	struct kmap_state *s;
	vaddr_t va;

	preempt_disable();
	s = kmap_current_hook();
	assert(s->depth < ARCH_KMAP_SLOTS);
	va = arch_kmap_slot(this_cpu()->id, s->depth);
	s->pfn[s->depth] = page_pfn(p);
	arch_kmap_show(va, s->pfn[s->depth], WINDOW_FLAGS);
	s->depth++;
	preempt_enable();
	return (void *)va;
}

void kunmap_window(const void *p)
{
	vaddr_t va = (vaddr_t)p & PAGE_MASK;
	struct kmap_state *s;

	preempt_disable();
	s = kmap_current_hook();
	assert(s->depth > 0 && va == arch_kmap_slot(this_cpu()->id, s->depth - 1));
	arch_kmap_hide(va);
	s->depth--;
	preempt_enable();
}

void kmap_switch(struct kmap_state *prev, struct kmap_state *next)
{
	unsigned cpu = this_cpu()->id;

	for (unsigned i = 0; i < prev->depth; i++)
		arch_kmap_hide(arch_kmap_slot(cpu, i));
	for (unsigned i = 0; i < next->depth; i++)
		arch_kmap_show(arch_kmap_slot(cpu, i), next->pfn[i], WINDOW_FLAGS);
}
