/* SPDX-License-Identifier: MIT */
/* Looking at page tables. A table that is shared does not change (vm/ptshare), so holding as->pt_lock is enough. */
#include "vm/ptlook.h"
#include "lib/bits.h"
#include "vm/ptshare.h"

/* Entries that are looked at in one hold of the lock. */
#define BATCH 128ul

/* The leaf table for va, or NULL and the first address of the next one that may be there. Lock held. */
static struct page *leaf_of(struct aspace *as, uaddr_t va, uint32_t *sharers, uaddr_t *next)
{
	struct page *table = as->root;

	*sharers = 1;
	for (unsigned level = ARCH_PT_LEVELS - 1; level > 0; level--) {
		pte_t e = ((const pte_t *)arch_direct(page_phys(table)))[pt_index(va, level)];

		*next = (va & ~(pt_span(level) - 1)) + pt_span(level);
		if (!pte_present(e))
			return NULL;
		table = pfn_page(pte_pfn(e));
		*sharers = MAX(*sharers, page_count(table));
	}
	return table;
}

/* The entries for va and what follows, as far as *next, which is after a BATCH or where a table or the range ends; NULL if there is no table. Lock held. */
static pte_t *entries_of(struct aspace *as, uaddr_t va, uaddr_t end, uint32_t *sharers, uaddr_t *next)
{
	struct page *table = leaf_of(as, va, sharers, next);

	if (!table)
		return NULL;
	*next = MIN(MIN(*next, end), va + BATCH * PAGE_SIZE);
	return &((pte_t *)arch_direct(page_phys(table)))[pt_index(va, 0)];
}

void ptlook_pages(struct aspace *as, uaddr_t start, uaddr_t end, void (*fn)(uaddr_t va, pte_t e, uint32_t sharers, void *ctx), void *ctx)
{
	uaddr_t next;

	for (uaddr_t va = start; va < end; va = next) {
		uint32_t sharers;
		const pte_t *at;

		spin_lock(&as->pt_lock);
		at = entries_of(as, va, end, &sharers, &next);
		for (; at && va < next; va += PAGE_SIZE, at++) {
			pte_t e = *at;

			if (pte_mapped(e))
				fn(va, e, sharers, ctx);
		}
		spin_unlock(&as->pt_lock);
	}
}

/* Processors set bits in the entry meanwhile, and who copies a shared table takes its write bits away: by one step that takes this bit alone. */
void ptlook_clear_accessed(struct aspace *as, uaddr_t start, uaddr_t end)
{
	uaddr_t next;

	for (uaddr_t va = start; va < end; va = next) {
		uint32_t sharers;
		pte_t *e;

		spin_lock(&as->pt_lock);
		e = entries_of(as, va, end, &sharers, &next);
		for (; e && va < next; va += PAGE_SIZE, e++)
			if (pte_mapped(*e) && e->v & PTE_ACCESSED)
				__atomic_fetch_and(&e->v, ~PTE_ACCESSED, __ATOMIC_RELAXED);
		spin_unlock(&as->pt_lock);
	}
}

bool ptlook_table(struct aspace *as, uaddr_t va, struct ptlook_table *out)
{
	uaddr_t next;

	for (; va < ARCH_USER_TOP; va = next) {
		struct page *table;
		uint32_t sharers;

		spin_lock(&as->pt_lock);
		table = leaf_of(as, va, &sharers, &next);
		if (table)
			*out = (struct ptlook_table){ .start = next - pt_span(1), .last = next - 1, .parents = sharers, .pages = table->table.present,
						      .file_pages = table->index };
		spin_unlock(&as->pt_lock);
		if (table)
			return true;
	}
	return false;
}

uint32_t ptlook_users(pte_t e, uint32_t sharers)
{
	struct page *p = ptshare_page(e);
	uint32_t tables = p ? page_count(p) : 0;

	if (p && p->kind == PAGE_CACHE && tables > 1)
		tables--; /* the cache's own */
	return p ? MAX(tables, 1u) - 1 + sharers : 0;
}
