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

static bool is_direct(paddr_t pa)
{
	return pa < arch_direct_top();
}

/* Preemption is off from the choice of the CPU until depth pins the thread to it. */
static void *open_window(struct page *p)
{
	struct kmap_state *s;
	vaddr_t va;

	preempt_disable();
	s = kmap_current_hook();
	assert(s->depth < ARCH_KMAP_SLOTS);
	va = arch_kmap_slot(this_cpu()->id, s->depth);
	s->pfn[s->depth] = page_pfn(p);
	arch_kernel_map(va, page_pfn(p), WINDOW_FLAGS);
	s->depth++;
	preempt_enable();
	return (void *)va;
}

void *kmap_local(struct page *p)
{
	return is_direct(page_phys(p)) ? arch_direct(page_phys(p)) : open_window(p);
}

static bool in_windows(vaddr_t va)
{
	vaddr_t a = arch_kmap_slot(0, 0), b = arch_kmap_slot(MAX_CPUS - 1, ARCH_KMAP_SLOTS - 1);

	/* The architecture may number the slots upwards or downwards. */
	return a < b ? va >= a && va < b + PAGE_SIZE : va >= b && va < a + PAGE_SIZE;
}

void kunmap_local(const void *p)
{
	vaddr_t va = (vaddr_t)p & PAGE_MASK;
	struct kmap_state *s;

	if (!in_windows(va))
		return;
	preempt_disable();
	s = kmap_current_hook();
	assert(s->depth > 0 && va == arch_kmap_slot(this_cpu()->id, s->depth - 1));
	arch_kernel_unmap(va);
	s->depth--;
	preempt_enable();
}

void kmap_switch(struct kmap_state *prev, struct kmap_state *next)
{
	unsigned cpu = this_cpu()->id;

	for (unsigned i = 0; i < prev->depth; i++)
		arch_kernel_unmap(arch_kmap_slot(cpu, i));
	for (unsigned i = 0; i < next->depth; i++)
		arch_kernel_map(arch_kmap_slot(cpu, i), next->pfn[i], WINDOW_FLAGS);
}
