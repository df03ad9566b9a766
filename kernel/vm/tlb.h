/* SPDX-License-Identifier: MIT */
/*
 * Who must forget which translations, and when. A batch collects pages and tables that were unmapped; they are freed only after every CPU that
 * could still reach them has flushed. The protocol stands in tlb.c.
 *
 * All flushes: the page tables were changed before the call. Spinlocks may be held; not in interrupt handlers.
 */
#ifndef VM_TLB_H
#define VM_TLB_H

#include "mem/page.h"
#include "vm/space.h"

#define TLB_BATCH_MAX 64  /* tables, and pages that others have too */
#define TLB_OWN_MAX 256   /* pages that nobody else has */
#define TLB_PAGE_MAX 8 /* more addresses than this: flush everything */

struct tlb_batch {
	struct aspace *as;
	unsigned page_count, addr_count;
	bool all;    /* too many addresses */
	bool tables; /* tables are among the pages: CPUs that have the space loaded without using it must leave it */
	struct page *pages[TLB_BATCH_MAX];   /* to be put: tables by put_table, others by page_put */
	struct page *own;                    /* to be freed; linked through link.next */
	unsigned own_count;
	void (*put_table)(struct page *table);
	uaddr_t addrs[TLB_PAGE_MAX];
};

/* put_table gives up a reference to a page table. */
void tlb_batch_begin(struct tlb_batch *b, struct aspace *as, void (*put_table)(struct page *table));
void tlb_batch_addr(struct tlb_batch *b, uaddr_t va);
/* A page to be put, or a table that nobody can reach through this space any more (under pt_lock). p may be NULL. The batch is not full. */
void tlb_batch_page(struct tlb_batch *b, struct page *p);
static inline bool tlb_batch_full(const struct tlb_batch *b) { return b->page_count == TLB_BATCH_MAX || b->own_count == TLB_OWN_MAX; }
/* All CPUs forget what was collected; nothing if there is nothing. Under the lock under which it was, or another that keeps forks away. */
void tlb_batch_flush(struct tlb_batch *b);
/* After the flush: gives the pages and tables back. No spinlock held, for that may be much. The batch is empty then. */
void tlb_batch_free(struct tlb_batch *b);
/* The translation of one page, on all CPUs: needed when an entry was made to permit less or to refer to another frame. */
void tlb_flush_page(struct aspace *as, uaddr_t va);
/* The same on this CPU only: for entries that permit more than before. Others that have the old one fault, and find that all is well. */
void tlb_flush_page_here(struct aspace *as, uaddr_t va);
/* An upper entry on the way to va refers to another table: no CPU uses the old one any more. */
void tlb_flush_table(struct aspace *as, uaddr_t va);
void tlb_flush_aspace(struct aspace *as);
/* as->arch was changed: on return no CPU uses what it was before. No spinlock held. */
void tlb_reload_arch(struct aspace *as);
/* This CPU: loads the root of as (NULL: the kernel's own). Interrupts off. */
void tlb_switch(struct aspace *as);
/* This CPU goes on with a thread that uses no user addresses; what is loaded stays until somebody needs it gone. Interrupts off. */
void tlb_lazy(void);
/*
 * From begin to end the current thread uses no user address, nor lets the processor use one: a flush then only marks its CPU, which makes good for it
 * at the end. For what takes long, for it costs a few instructions where other CPUs use the space, and a flush of everything if there was one.
 * It may sleep in between. begin within another such section does nothing, and its end ends both: that is always safe.
 */
void tlb_kernel_only(struct thread *me);
void tlb_user_again(struct thread *me);
static inline void tlb_kernel_begin(void)
{
	struct thread *me = thread_current();
	const struct aspace *as = me->aspace;
	uint32_t cpus = as ? READ_ONCE(as->cpu_mask) : 0;

	if (unlikely(cpus & (cpus - 1)))
		tlb_kernel_only(me);
}
static inline void tlb_kernel_end(void)
{
	struct thread *me = thread_current();

	if (unlikely(me->kernel_only))
		tlb_user_again(me);
}
/* as is about to be destroyed, no thread uses it: no CPU keeps it loaded. */
void tlb_forget(struct aspace *as);

#endif
