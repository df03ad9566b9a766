/* SPDX-License-Identifier: MIT */
/* Who must forget which translations. */
#include "vm/tlb.h"
#include "arch/irqflag.h"
#include "arch/mmu.h"

static struct aspace *loaded[MAX_CPUS]; /* own CPU, interrupts off */

static bool loaded_here(struct aspace *as) { return loaded[this_cpu()->id] == as; }

void tlb_batch_begin(struct tlb_batch *b, struct aspace *as, void (*put_table)(struct page *table))
{
	b->as = as;
	b->put_table = put_table;
	b->page_count = b->addr_count = 0;
	b->all = false;
}

void tlb_batch_addr(struct tlb_batch *b, uaddr_t va)
{
	if (b->addr_count < TLB_PAGE_MAX)
		b->addrs[b->addr_count++] = va;
	else
		b->all = true;
}

static void flush(struct tlb_batch *b)
{
	unsigned long irq = arch_irq_save();

	if (loaded_here(b->as)) {
		if (b->all)
			arch_tlb_flush_user();
		else
			for (unsigned i = 0; i < b->addr_count; i++)
				arch_tlb_flush_page(b->addrs[i]);
	}
	arch_irq_restore(irq);
	b->addr_count = 0;
	b->all = false;
}

void tlb_batch_end(struct tlb_batch *b)
{
	flush(b);
	for (unsigned i = 0; i < b->page_count; i++) {
		if (b->pages[i]->kind == PAGE_TABLE)
			b->put_table(b->pages[i]);
		else
			page_put(b->pages[i]);
	}
	b->page_count = 0;
}

void tlb_batch_page(struct tlb_batch *b, struct page *p)
{
	if (!p)
		return;
	if (b->page_count == TLB_BATCH_MAX)
		tlb_batch_end(b);
	b->pages[b->page_count++] = p;
}

void tlb_flush_page(struct aspace *as, uaddr_t va)
{
	unsigned long irq = arch_irq_save();

	if (loaded_here(as))
		arch_tlb_flush_page(va);
	arch_irq_restore(irq);
}

void tlb_flush_aspace(struct aspace *as)
{
	unsigned long irq = arch_irq_save();

	if (loaded_here(as))
		arch_tlb_flush_user();
	arch_irq_restore(irq);
}

void tlb_switch(struct aspace *as)
{
	unsigned cpu = this_cpu()->id;

	if (loaded[cpu] == as)
		return;
	loaded[cpu] = as;
	arch_root_load(as ? page_pfn(as->root) : arch_kernel_root());
}

void tlb_forget(struct aspace *as)
{
	unsigned long irq = arch_irq_save();

	if (loaded_here(as))
		tlb_switch(NULL);
	arch_irq_restore(irq);
}
