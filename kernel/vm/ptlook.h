/* SPDX-License-Identifier: MIT */
/* Looking at what an address space maps, and at its tables, without changing more of them than accessed bits: for /proc. */
#ifndef VM_PTLOOK_H
#define VM_PTLOOK_H

#include "arch/mmu.h"
#include "vm/space.h"

/*
 * Calls fn for each leaf entry in [start, end) that maps something, in order. sharers: the spaces that refer to its table, at least. as->lock is
 * held; as->pt_lock is taken for a table at a time, and held while fn runs.
 */
void ptlook_pages(struct aspace *as, uaddr_t start, uaddr_t end, void (*fn)(uaddr_t va, pte_t e, uint32_t sharers, void *ctx), void *ctx);

/*
 * Takes the accessed bits of the leaf entries in [start, end) away, whoever shares their tables. The caller flushes translations. as->lock is held;
 * as->pt_lock is taken for a table at a time.
 */
void ptlook_clear_accessed(struct aspace *as, uaddr_t start, uaddr_t end);

/* A leaf table: the addresses that it maps, how many refer to it, how many entries it has, and how many of those are of files. */
struct ptlook_table { uaddr_t start, last; uint32_t parents; unsigned long pages, file_pages; };
/* The first leaf table that maps addresses from va on; false: there is none. Takes as->pt_lock. */
bool ptlook_table(struct aspace *as, uaddr_t va, struct ptlook_table *out);

/* Who refers to a mapped page, this space's table being one of "sharers" spaces': at least so many spaces. 0: no page that is counted. */
uint32_t ptlook_users(pte_t e, uint32_t sharers);

#endif
