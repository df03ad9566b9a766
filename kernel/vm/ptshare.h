/* SPDX-License-Identifier: MIT */
/*
 * A page table as a counted object, and THE accessor through which every change of an entry goes.
 *
 * page.count of a table is the number of upper entries (or, for a root, address spaces) that refer to it. A table with a count above one is
 * shared and never changes, but for accessed bits and for write bits being cleared while it is copied. ptshare_path() makes the whole path
 * to an entry this address space's own, so that nobody can change an entry without having unshared it: the pointers that it returns are
 * the only writable ones.
 *
 * The count of a mapped page is the number of tables that map it. So a page is this address space's alone exactly when its count is one and
 * the path to it was made own: that is what ptshare_path() leaves.
 *
 * Locks: as->pt_lock is held by every caller. A shared table has no lock: its holders change it in no other way than by clearing write bits, and its
 * count may fall at any time as other spaces let go, but it cannot rise while it is one, since only its single owner could share it.
 */
#ifndef VM_PTSHARE_H
#define VM_PTSHARE_H

#include "arch/mmu.h"
#include "mem/page.h"
#include "vm/space.h"
#include "vm/tlb.h"

#define PT_RESERVE_MAX (2 * (ARCH_PT_LEVELS - 1))

/* Tables gathered before locks are taken, so that unsharing cannot fail half-way. */
struct pt_reserve {
	unsigned count;
	bool urgent; /* for giving memory back: may take from what is kept for that */
	struct page *tables[PT_RESERVE_MAX];
};

/* Fills up to n tables; false without memory (what was there stays). May be called with no spinlock held only. */
bool pt_reserve_fill(struct pt_reserve *r, unsigned n);
void pt_reserve_drop(struct pt_reserve *r);

/* A new root with the kernel's part; NULL without memory. */
struct page *ptshare_root_new(void);
/* Makes child's empty root refer to all tables of parent's, which become shared. Both pt_locks are held. */
void ptshare_fork(struct aspace *parent, struct aspace *child);
/*
 * The leaf entry for va with its path made own; tables come from the reserve. NULL when the reserve ran out: unlock, fill, and try again.
 * create: also makes missing tables; without it NULL with *missing_span set to the bytes that one missing entry spans.
 */
pte_t *ptshare_path(struct aspace *as, uaddr_t va, struct pt_reserve *r, bool create, unsigned long *missing_span);
/* Reads the leaf entry without changing anything; PTE_NONE if a table is missing. *own_path (may be NULL): no table on the way is shared. */
pte_t ptshare_peek(struct aspace *as, uaddr_t va, bool *own_path);
/* Sets a leaf entry that ptshare_path returned, to nothing or a page that is counted, and keeps the table's counts. The old entry's page is the caller's affair. */
void ptshare_set(struct aspace *as, pte_t *e, pte_t value);
/* What is being unmapped. */
struct pt_unmap {
	struct tlb_batch *batch;   /* gets the pages and tables; has the space */
	struct pt_reserve *reserve;
	uaddr_t start;             /* everything below is done */
	uaddr_t floor, ceiling;    /* no region remains in [floor, ceiling) */
	unsigned left;             /* pages that may still be taken out one by one before the lock is given up for a moment */
};
/*
 * Drops everything mapped in [u->start, end). Tables wholly inside go by one count, whoever shares them; those that become empty go, too, where no
 * region remains. false: u->start says how far it came; the batch is full, or nothing is left, or the reserve empty if nothing is done, or it
 * is time to give up the lock for a moment. Go on from there.
 */
bool ptshare_unmap(struct pt_unmap *u, uaddr_t end);
/* Gives up one parent of a table; frees it and what it maps with the last. Nobody can reach it through this parent any more. */
void ptshare_put(struct page *table);
/* The page behind a leaf entry if it is counted, else NULL (device memory). */
struct page *ptshare_page(pte_t e);
static inline bool pte_mapped(pte_t e) { return e.v & (PTE_PRESENT | PTE_HIDDEN); }
/* Debug: asserts the invariants over all the given address spaces (nobody may change them meanwhile). */
void ptshare_verify(struct aspace *const *spaces, unsigned count);

#endif
