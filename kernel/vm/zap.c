/* SPDX-License-Identifier: MIT */
/* Taking pages out of regions that stay. */
#include "vm/zap.h"
#include "arch/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "sched/sched.h"
#include "vm/ptshare.h"
#include "vm/tlb.h"

bool (*vm_oom_hook)(void);

/* Pages that one hold of pt_lock takes out: a fault of another thread waits for no more. */
#define HOLD_PAGES 64

/*
 * How far one hold of the lock goes: to the next border of a table, or over whole tables. A table at the border may have to be copied, which is
 * the longest thing here, and there are two borders.
 */
static uaddr_t part_end(uaddr_t start, uaddr_t end)
{
	uaddr_t span = pt_span(1), up = ALIGN_UP(start, span), down = ALIGN_DOWN(end, span);

	return up > start ? MIN(up, end) : down > start ? down : end;
}

/* Copies the shared tables at the borders, each under a hold of the lock of its own: that is as long as all the rest. */
static void own_borders(struct aspace *as, uaddr_t start, uaddr_t end, struct pt_reserve *r)
{
	const uaddr_t borders[] = { start, end };

	for (unsigned i = 0; i < 2; i++) {
		if (!(borders[i] % pt_span(1)))
			continue;
		spin_lock(&as->pt_lock);
		ptshare_path(as, borders[i] - i, r, false, NULL);
		spin_unlock(&as->pt_lock);
	}
}

/*
 * A batch at a time: what it holds is forgotten by all CPUs, and freed after that. Other threads need not wait for pt_lock until all CPUs have
 * answered: as->lock, which is held, keeps fork, mremap and new regions away. One that faults in between, where the region stays, has a fresh page before
 * the last of the others has lost the old one, which is still held: that is what racing with madvise means. A zap for a truncate holds no such
 * lock, so that the space may be forked meanwhile: the entries that it found are forgotten before it gives pt_lock up. With PT_RESERVE_MAX tables
 * the reserve does not run out, one for each level at either border, but when the space is forked.
 */
static int unmap_pages(struct pt_unmap *u, uaddr_t end, bool for_truncate)
{
	struct tlb_batch *b = u->batch;
	bool done, more;

	if (u->reserve->count) {
		own_borders(b->as, u->start, end, u->reserve);
		pt_reserve_fill(u->reserve, PT_RESERVE_MAX); /* should it be forked just now; without memory that is seen below */
	}
	do {
		unsigned had = u->reserve->count;

		u->left = for_truncate ? TLB_OWN_MAX : HOLD_PAGES;
		spin_lock(&b->as->pt_lock);
		done = ptshare_unmap(u, part_end(u->start, end));
		more = done ? u->start < end : tlb_batch_full(b) || !u->left || u->reserve->count < had; /* a table was copied: enough for one hold */
		if (for_truncate)
			tlb_batch_flush(b);
		spin_unlock(&b->as->pt_lock);
		if (for_truncate || !more || tlb_batch_full(b))
			tlb_batch_flush(b);
		if (for_truncate || tlb_batch_full(b))
			tlb_batch_free(b);
	} while (more);
	return done ? 0 : -ENOMEM;
}

enum drop { KEEP_REGIONS, DROP_REGIONS, DROP_TRUNCATED };

/* What lies free around a range whose regions go, or are gone. */
static void set_bounds(struct pt_unmap *u, uaddr_t end)
{
	struct aspace *as = u->batch->as;
	struct vma *v = vma_find(as, u->start), *below = v ? vma_prev(v) : vma_last(as);

	while (v && v->start < end)
		v = vma_next(v);
	u->floor = below ? below->end : 0;
	u->ceiling = v ? v->start : ARCH_USER_TOP;
}

/* What is left in the batch everybody has forgotten. */
static int drop_prepared(struct tlb_batch *b, uaddr_t start, uaddr_t end, struct pt_reserve *r, enum drop how)
{
	struct pt_unmap u = { .batch = b, .reserve = r, .start = start };
	int err;

	if (how == DROP_REGIONS)
		set_bounds(&u, end);
	err = unmap_pages(&u, end, how == DROP_TRUNCATED);
	pt_reserve_drop(r);
	return err;
}

/* None if no table on the way to either border is shared: the common case, and the one that must work when memory has run out. */
static unsigned unmap_tables_needed(struct aspace *as, uaddr_t start, uaddr_t end)
{
	bool own_start = true, own_end = true;

	spin_lock(&as->pt_lock);
	ptshare_peek(as, start, &own_start);
	ptshare_peek(as, end - 1, &own_end);
	spin_unlock(&as->pt_lock);
	return own_start && own_end ? 0 : PT_RESERVE_MAX;
}

static int drop_prepare(struct aspace *as, uaddr_t start, uaddr_t end, struct pt_reserve *r)
{
	if (pt_reserve_fill(r, unmap_tables_needed(as, start, end)))
		return 0;
	pt_reserve_drop(r);
	return -ENOMEM;
}

static int drop(struct aspace *as, uaddr_t start, uaddr_t end, enum drop how)
{
	struct pt_reserve r = { .urgent = how == DROP_TRUNCATED };
	int err = drop_prepare(as, start, end, &r);
	struct tlb_batch b;

	if (err)
		return err;
	tlb_batch_begin(&b, as, ptshare_put);
	tlb_kernel_begin();
	err = drop_prepared(&b, start, end, &r, how);
	tlb_batch_free(&b);
	tlb_kernel_end();
	return err;
}

int vm_drop_pages(struct aspace *as, uaddr_t start, uaddr_t end) { return drop(as, start, end, KEEP_REGIONS); }
int vm_drop_regions(struct aspace *as, uaddr_t start, uaddr_t end) { return drop(as, start, end, DROP_REGIONS); }
int vm_drop_regions_prepare(struct aspace *as, uaddr_t start, uaddr_t end, struct pt_reserve *r) { return drop_prepare(as, start, end, r); }

void vm_drop_regions_prepared(struct tlb_batch *b, struct aspace *as, uaddr_t start, uaddr_t end, struct pt_reserve *r)
{
	int err;

	tlb_batch_begin(b, as, ptshare_put);
	err = drop_prepared(b, start, end, r, DROP_REGIONS);
	assert(!err);
}

void vma_zap(struct vma *v, unsigned long pgoff, unsigned long pages)
{
	unsigned long first = MAX(pgoff, v->pgoff), last = MIN(pgoff + pages < pgoff ? ~0ul : pgoff + pages, v->pgoff + vma_pages(v));

	if (first >= last)
		return;
	/* Pages of a file that has shrunk may not stay: this ends when memory is found, with the help of what others free. */
	while (drop(v->aspace, v->start + ((first - v->pgoff) << PAGE_SHIFT), v->start + ((last - v->pgoff) << PAGE_SHIFT), DROP_TRUNCATED))
		if (!vm_oom_hook || !vm_oom_hook())
			sched_yield();
}
