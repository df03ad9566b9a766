/* SPDX-License-Identifier: MIT */
/*
 * Who must forget which translations. A batch collects pages and tables that were unmapped; they are freed only after the flush. Only this
 * CPU's translations exist until other CPUs run user threads; then the batch is where their interrupts are sent from.
 */
#ifndef VM_TLB_H
#define VM_TLB_H

#include "mem/page.h"
#include "vm/space.h"

#define TLB_BATCH_MAX 32
#define TLB_PAGE_MAX 8 /* more addresses than this: flush everything */

struct tlb_batch {
	struct aspace *as;
	unsigned page_count, addr_count;
	bool all;
	struct page *pages[TLB_BATCH_MAX];   /* to be put: tables by put_table, others by page_put */
	void (*put_table)(struct page *table);
	uaddr_t addrs[TLB_PAGE_MAX];
};

/* put_table gives up a reference to a page table. */
void tlb_batch_begin(struct tlb_batch *b, struct aspace *as, void (*put_table)(struct page *table));
void tlb_batch_addr(struct tlb_batch *b, uaddr_t va);
/* p may be NULL. Flushes first when full. */
void tlb_batch_page(struct tlb_batch *b, struct page *p);
/* Flushes, then frees. */
void tlb_batch_end(struct tlb_batch *b);
void tlb_flush_page(struct aspace *as, uaddr_t va);
void tlb_flush_aspace(struct aspace *as);
/* This CPU: loads the root of as (NULL: the kernel's own). Interrupts off. */
void tlb_switch(struct aspace *as);
/* as is about to be destroyed: no CPU keeps it loaded. */
void tlb_forget(struct aspace *as);

#endif
