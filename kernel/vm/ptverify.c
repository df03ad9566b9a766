/* SPDX-License-Identifier: MIT */
/*
 * The invariants of shared page tables, checked by a full walk over a set of address spaces which nobody changes meanwhile:
 *   - a table's count is the number of upper entries and spaces that refer to it, its "present" the number of its entries;
 *   - a table with several parents is reached by entries without the write bit only;
 *   - a private page that an entry makes writable has that one holder, and a page's count is the number of tables that map it;
 *   - the resident set is what a walk finds.
 * Callers give all spaces that there are.
 */
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "vm/anon.h"
#include "vm/ptshare.h"

struct walk {
	uint32_t *seen; /* by pfn - page_base_pfn: references found */
	long anon, file;
};

static pte_t *entries(struct page *t) { return arch_direct(page_phys(t)); }
static unsigned long count_of(unsigned level) { return level == ARCH_PT_LEVELS - 1 ? ARCH_USER_ROOT_ENTRIES : ARCH_PT_ENTRIES; }

static void check_leaf(struct walk *w, pte_t e)
{
	struct page *p = ptshare_page(e);

	assert(!(pte_present(e) && e.v & PTE_HIDDEN));
	if (!p)
		return;
	assert(p->kind == PAGE_ANON || p->kind == PAGE_CACHE);
	w->seen[p - page_array]++;
	if (pte_writable(e) && !pte_shared(e))
		assert(p->kind == PAGE_ANON && page_count(p) == 1 && p != anon_zero_page());
}

/* Visits a table for one of its parents; what is below only the first time. */
static void visit(struct walk *w, struct page *t, unsigned level)
{
	unsigned present = 0;
	unsigned long files = 0;

	assert(t->kind == PAGE_TABLE && t->level == level);
	if (w->seen[t - page_array]++)
		return;
	for (unsigned long i = 0; i < count_of(level); i++) {
		pte_t e = entries(t)[i];

		assert(!e.v || (pte_mapped(e) && t->table.blocks >> (i / (ARCH_PT_ENTRIES / 32)) & 1));
		if (!e.v)
			continue;
		present++;
		if (level > 0) {
			struct page *child = pfn_page(pte_pfn(e));

			assert(page_count(child) == 1 || !pte_writable(e));
			visit(w, child, level - 1);
		} else {
			check_leaf(w, e);
			files += ptshare_page(e) && ptshare_page(e)->kind == PAGE_CACHE;
		}
	}
	assert(t->table.present == present);
	assert(level > 0 || t->index == files);
}

static void count_resident(struct walk *w, struct page *t, unsigned level)
{
	if (level == 0) {
		w->file += (long)t->index;
		w->anon += (long)t->table.present - (long)t->index;
		return;
	}
	for (unsigned long i = 0; i < count_of(level); i++)
		if (pte_present(entries(t)[i]))
			count_resident(w, pfn_page(pte_pfn(entries(t)[i])), level - 1);
}

static void check_counts(const struct walk *w)
{
	for (pfn_t i = 0; i < page_end_pfn - page_base_pfn; i++) {
		struct page *p = &page_array[i];

		if (p->kind == PAGE_TABLE && w->seen[i])
			assert(page_count(p) == w->seen[i]);
		else if (p->kind == PAGE_ANON)
			assert(page_count(p) == w->seen[i] + (p == anon_zero_page()));
		else if (p->kind == PAGE_CACHE)
			assert(page_count(p) == w->seen[i] + (p->owner != NULL));
	}
}

void ptshare_verify(struct aspace *const *spaces, unsigned count)
{
	struct walk w = { .seen = kzalloc((page_end_pfn - page_base_pfn) * sizeof(*w.seen)) };

	if (!w.seen)
		return;
	for (unsigned i = 0; i < count; i++) {
		assert(page_count(spaces[i]->root) == 1);
		visit(&w, spaces[i]->root, ARCH_PT_LEVELS - 1);
		w.anon = w.file = 0;
		count_resident(&w, spaces[i]->root, ARCH_PT_LEVELS - 1);
		assert(w.anon == spaces[i]->rss_anon && w.file == spaces[i]->rss_file);
	}
	check_counts(&w);
	kfree(w.seen);
}
