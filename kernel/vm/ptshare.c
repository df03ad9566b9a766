/* SPDX-License-Identifier: MIT */
/* Page tables as counted, shared objects. See ptshare.h for the rules. */
#include "vm/ptshare.h"
#include "lib/bits.h"
#include "lib/compiler.h"
#include "lib/string.h"
#include "mem/frame.h"

#define ROOT_LEVEL (ARCH_PT_LEVELS - 1)

static pte_t *entries(struct page *table) { return arch_direct(page_phys(table)); }
static struct page *child_of(pte_t e) { return pfn_page(pte_pfn(e)); }

/*
 * Tables are mostly empty, and looking for what is there would be most of the work of copying and freeing them. So a table knows which of its 32
 * parts have ever had an entry, and inside of a part, eight entries are looked at together.
 */
#define PART (ARCH_PT_ENTRIES / 32)
_Static_assert(PART % 8 == 0, "a part is whole groups");

static inline bool group_empty(const pte_t *e) { return !(e[0].v | e[1].v | e[2].v | e[3].v | e[4].v | e[5].v | e[6].v | e[7].v); }

/* The loops over the groups of eight entries that are not empty: g is the number of their first entry. */
#define for_each_group(g, e, blocks) \
	for (uint32_t left_ = (blocks); left_; left_ &= left_ - 1) \
		for (unsigned long g = (unsigned long)__builtin_ctz(left_) * PART, end_ = g + PART; g < end_; g += 8) \
			if (!group_empty(&(e)[g]))

static void note_used(struct page *table, const pte_t *e)
{
	table->table.blocks |= 1u << ((unsigned long)(e - entries(table)) / PART);
}

struct page *ptshare_page(pte_t e)
{
	struct page *p;

	if (!pfn_valid(pte_pfn(e)))
		return NULL;
	p = pfn_page(pte_pfn(e));
	return p->kind == PAGE_RESERVED ? NULL : p;
}

static bool is_file_page(pte_t e)
{
	struct page *p = ptshare_page(e);

	return p && p->kind == PAGE_CACHE;
}

static void table_init(struct page *t, unsigned level)
{
	t->table.present = 0;
	t->table.blocks = 0;
	t->level = (uint8_t)level;
	t->index = 0; /* leaf tables: how many of the entries map file pages */
}

bool pt_reserve_fill(struct pt_reserve *r, unsigned n)
{
	while (r->count < n) {
		struct page *p = frame_alloc(0, PAGE_TABLE, FRAME_DIRECT | FRAME_ZERO | (r->urgent ? FRAME_RESERVE : 0));

		if (!p)
			return false;
		r->tables[r->count++] = p;
	}
	return true;
}

void pt_reserve_drop(struct pt_reserve *r)
{
	while (r->count)
		frame_free_clean(r->tables[--r->count]);
}

struct page *ptshare_root_new(void)
{
	struct page *p = frame_alloc(0, PAGE_TABLE, FRAME_DIRECT | FRAME_ZERO);

	if (p) {
		table_init(p, ROOT_LEVEL);
		arch_root_init(entries(p), page_pfn(p));
	}
	return p;
}


/*
 * The two loops that visit all of a leaf table are where the time of an unshare and of an exit goes. An entry that is not empty maps a page that is
 * counted (ptshare_set), and "pages" is where the structure of frame 0 would be.
 */
static inline struct page *page_of(struct page *pages, pte_t e) { return &pages[pte_pfn(e)]; }
static struct page *first_page(void) { return page_array - page_base_pfn; }

/* One more holder for the page; a private one loses its write bit in both copies. */
static inline void copy_leaf(pte_t *to, pte_t *from, struct page *pages)
{
	pte_t e = *from;

	if (!e.v)
		return;
	if (!pte_shared(e)) {
		e = pte_clear(e, PTE_WRITE);
		*from = e;
	}
	*to = e;
	page_get(page_of(pages, e));
}

static inline void put_leaf(pte_t *at, struct page *pages)
{
	pte_t e = *at;

	if (!e.v)
		return;
	*at = PTE_NONE;
	page_put(page_of(pages, e));
}

static void copy_leaves(pte_t *to, pte_t *from, uint32_t blocks)
{
	struct page *pages = first_page();

	for_each_group(g, from, blocks) {
		copy_leaf(&to[g], &from[g], pages);
		copy_leaf(&to[g + 1], &from[g + 1], pages);
		copy_leaf(&to[g + 2], &from[g + 2], pages);
		copy_leaf(&to[g + 3], &from[g + 3], pages);
		copy_leaf(&to[g + 4], &from[g + 4], pages);
		copy_leaf(&to[g + 5], &from[g + 5], pages);
		copy_leaf(&to[g + 6], &from[g + 6], pages);
		copy_leaf(&to[g + 7], &from[g + 7], pages);
	}
}

/* Empties the table on the way. */
static void put_leaves(pte_t *e, uint32_t blocks)
{
	struct page *pages = first_page();

	for_each_group(g, e, blocks) {
		put_leaf(&e[g], pages);
		put_leaf(&e[g + 1], pages);
		put_leaf(&e[g + 2], pages);
		put_leaf(&e[g + 3], pages);
		put_leaf(&e[g + 4], pages);
		put_leaf(&e[g + 5], pages);
		put_leaf(&e[g + 6], pages);
		put_leaf(&e[g + 7], pages);
	}
}

/* The same for a table of tables. */
static void copy_tables(pte_t *to, pte_t *from, uint32_t blocks)
{
	struct page *pages = first_page();

	for_each_group(g, from, blocks) {
		for (unsigned long i = g; i < g + 8; i++) {
			pte_t e = pte_clear(from[i], PTE_WRITE);

			if (!e.v)
				continue;
			from[i] = to[i] = e;
			page_get(page_of(pages, e));
		}
	}
}

void ptshare_fork(struct aspace *parent, struct aspace *child)
{
	copy_tables(entries(child->root), entries(parent->root), parent->root->table.blocks);
	child->root->table.blocks = parent->root->table.blocks;
	child->root->table.present = parent->root->table.present;
	child->rss_anon = parent->rss_anon;
	child->rss_file = parent->rss_file;
	tlb_flush_aspace(parent);
}

/*
 * A private copy of a shared table in a fresh frame. Other spaces may be copying the same table: each clears the same write bits, and holds the table
 * until its copy is complete, so that none of them takes it over, or frees it, before that.
 */
static void copy_table(struct page *to, struct page *from)
{
	table_init(to, from->level);
	if (from->level == 0)
		copy_leaves(entries(to), entries(from), from->table.blocks);
	else
		copy_tables(entries(to), entries(from), from->table.blocks);
	to->table.present = from->table.present;
	to->table.blocks = from->table.blocks;
	to->index = from->index;
}

/*
 * Makes the child table behind an own entry our own. false: the reserve is empty. What this space has cached of the old table goes before the
 * table does: the processor may keep the upper entry itself, and the old table's next owner changes it.
 */
static bool unshare(struct aspace *as, uaddr_t va, pte_t *e, struct pt_reserve *r)
{
	struct page *old = child_of(*e), *new;

	if (page_count(old) > 1) {
		if (!r->count)
			return false;
		new = r->tables[--r->count];
		copy_table(new, old);
		*e = pte_make(page_pfn(new), PTE_TABLE_FLAGS);
		tlb_flush_table(as, va);
		ptshare_put(old);
	} else if (!pte_writable(*e)) {
		*e = pte_set(*e, PTE_WRITE); /* the last holder takes the table over */
	}
	return true;
}

pte_t *ptshare_path(struct aspace *as, uaddr_t va, struct pt_reserve *r, bool create, unsigned long *missing_span)
{
	struct page *table = as->root;

	for (unsigned level = ROOT_LEVEL; level > 0; level--) {
		pte_t *e = &entries(table)[pt_index(va, level)];

		if (!pte_present(*e)) {
			if (missing_span)
				*missing_span = pt_span(level);
			if (!create || !r->count)
				return NULL;
			struct page *t = r->tables[--r->count];
			table_init(t, level - 1);
			*e = pte_make(page_pfn(t), PTE_TABLE_FLAGS);
			table->table.present++;
			note_used(table, e);
		} else if (!unshare(as, va, e, r)) {
			if (missing_span)
				*missing_span = 0;
			return NULL;
		}
		table = child_of(*e);
	}
	return &entries(table)[pt_index(va, 0)];
}

pte_t ptshare_peek(struct aspace *as, uaddr_t va, bool *own_path)
{
	struct page *table = as->root;
	bool unused, *own = own_path ? own_path : &unused;

	*own = true;
	for (unsigned level = ROOT_LEVEL; level > 0; level--) {
		pte_t e = entries(table)[pt_index(va, level)];

		if (!pte_present(e))
			return PTE_NONE;
		table = child_of(e);
		*own &= page_count(table) == 1;
	}
	return entries(table)[pt_index(va, 0)];
}

/* The table that an entry lies in: tables are single frames of the direct map. */
static struct page *table_of(const pte_t *e) { return pfn_page(arch_direct_phys(e) >> PAGE_SHIFT); }

static void account(struct aspace *as, struct page *table, pte_t e, int delta)
{
	table->table.present = (uint16_t)(table->table.present + delta);
	if (is_file_page(e)) {
		table->index += (unsigned long)delta;
		as->rss_file += delta;
	} else {
		as->rss_anon += delta;
	}
}

void ptshare_set(struct aspace *as, pte_t *e, pte_t value)
{
	struct page *table = table_of(e);

	debug_assert(table->kind == PAGE_TABLE && page_count(table) == 1);
	debug_assert(pte_mapped(value) ? ptshare_page(value) != NULL : !value.v);
	if (pte_mapped(*e))
		account(as, table, *e, -1);
	if (pte_mapped(value)) {
		account(as, table, value, 1);
		note_used(table, e);
	}
	*e = value;
	if (as->rss_anon + as->rss_file > as->rss_peak)
		as->rss_peak = as->rss_anon + as->rss_file;
}

/* How many pages of each kind a table and those below it map, for the resident set of the space that drops it whole. */
static void subtract_rss(struct aspace *as, struct page *table)
{
	if (table->level == 0) {
		as->rss_file -= (long)table->index;
		as->rss_anon -= (long)table->table.present - (long)table->index;
		return;
	}
	for (unsigned long i = 0; i < ARCH_PT_ENTRIES; i++)
		if (pte_present(entries(table)[i]))
			subtract_rss(as, child_of(entries(table)[i]));
}

static void free_table(struct page *table);

static inline void put_table(struct page *table)
{
	if (__atomic_sub_fetch(&table->count, 1, __ATOMIC_ACQ_REL) == 0)
		free_table(table);
}

void ptshare_put(struct page *table) { put_table(table); }

static void put_tables(pte_t *e, uint32_t blocks)
{
	struct page *pages = first_page();

	for_each_group(g, e, blocks) {
		for (unsigned long i = g; i < g + 8; i++) {
			pte_t below = e[i];

			if (!below.v)
				continue;
			e[i] = PTE_NONE;
			put_table(page_of(pages, below));
		}
	}
}

/* Its last parent is gone: what it refers to loses one. */
static void free_table(struct page *table)
{
	pte_t *e = entries(table);

	if (table->level == 0)
		put_leaves(e, table->table.blocks);
	else
		put_tables(e, table->table.blocks);
	table->count = 1;
	if (table->level == ROOT_LEVEL)
		arch_root_clear(e);
	frame_free_clean(table);
}

/* Some entries of a leaf table. false: the batch is full. */
static bool unmap_entries(struct pt_unmap *u, struct page *table, uaddr_t start, uaddr_t end)
{
	pte_t *e = &entries(table)[pt_index(start, 0)];

	for (uaddr_t va = start; va < end && table->table.present; va += PAGE_SIZE, e++) {
		if (!pte_mapped(*e))
			continue;
		if (tlb_batch_full(u->batch) || !u->left) {
			u->start = va;
			return false;
		}
		u->left--;
		struct page *p = ptshare_page(*e);
		account(u->batch->as, table, *e, -1);
		*e = PTE_NONE;
		tlb_batch_addr(u->batch, va);
		tlb_batch_page(u->batch, p);
	}
	return true;
}

/* The same without the parts that never had an entry. */
static bool unmap_leaves(struct pt_unmap *u, struct page *table, uaddr_t start, uaddr_t end)
{
	const unsigned long part = PART << PAGE_SHIFT;
	uaddr_t next;

	for (uaddr_t va = start; va < end; va = next) {
		next = MIN(ALIGN_DOWN(va, part) + part, end);
		if (table->table.blocks >> pt_index(va, 0) / PART & 1 && !unmap_entries(u, table, va, next))
			return false;
	}
	return true;
}

/* Takes a whole table out of an own one, whoever else refers to it. false: the batch is full. */
static bool drop_table(struct pt_unmap *u, struct page *table, pte_t *e)
{
	struct page *t = child_of(*e);

	if (tlb_batch_full(u->batch))
		return false;
	subtract_rss(u->batch->as, t);
	*e = PTE_NONE;
	table->table.present--;
	tlb_batch_page(u->batch, t);
	return true;
}

static bool unmap_level(struct pt_unmap *u, struct page *table, uaddr_t start, uaddr_t end);

/* A part of what the table behind an own entry spans. A table that is left empty goes, unless regions remain that it would be needed for again. */
static bool unmap_part(struct pt_unmap *u, struct page *table, pte_t *e, uaddr_t start, uaddr_t end)
{
	unsigned long span = pt_span(table->level);
	uaddr_t first = ALIGN_DOWN(start, span);

	if (child_of(*e)->table.present) {
		if (!unshare(u->batch->as, start, e, u->reserve) || !unmap_level(u, child_of(*e), start, end))
			return false;
		if (child_of(*e)->table.present)
			return true;
		child_of(*e)->table.blocks = 0;
	}
	if (first < u->floor || first + (span - 1) >= u->ceiling)
		return true;
	u->start = start;
	return drop_table(u, table, e);
}

/* Ends early, too, after a table was copied: that alone is long enough for one section without preemption. */
static bool unmap_level(struct pt_unmap *u, struct page *table, uaddr_t start, uaddr_t end)
{
	unsigned long span = pt_span(table->level);
	unsigned had = u->reserve->count;

	if (table->level == 0)
		return unmap_leaves(u, table, start, end);
	while (start < end) {
		uaddr_t stop = MIN(ALIGN_DOWN(start, span) + span - 1, end - 1) + 1;
		pte_t *e = &entries(table)[pt_index(start, table->level)];

		u->start = start;
		if (u->reserve->count < had)
			return false;
		if (pte_present(*e) && !(stop - start == span ? drop_table(u, table, e) : unmap_part(u, table, e, start, stop)))
			return false;
		start = stop;
	}
	return true;
}

bool ptshare_unmap(struct pt_unmap *u, uaddr_t end)
{
	uaddr_t start = u->start;

	if (!unmap_level(u, u->batch->as->root, start, end))
		return false;
	u->start = end;
	return true;
}
