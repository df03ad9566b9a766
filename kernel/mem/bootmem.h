/* SPDX-License-Identifier: MIT */
/* Before the allocator: a bump allocator over boot_info's RAM, below arch_direct_top(). What it gave out is reserved for ever. */
#ifndef MEM_BOOTMEM_H
#define MEM_BOOTMEM_H

#include "lib/types.h"

void bootmem_init(void);
/* Zeroed memory in the direct map; panics if there is none. Only before frame_init. align: a power of two. */
void *bootmem_alloc(size_t bytes, size_t align);
/* The same, not cleared: for what is large and filled in piece by piece. */
void *bootmem_alloc_raw(size_t bytes, size_t align);
/*
 * The next run of whole frames of RAM that nothing reserved, at or after *start: [*start, *end). False at the end of RAM. Frame 0 is never
 * in one, so that a frame number of 0 can mean "none".
 */
bool bootmem_free_run(pfn_t *start, pfn_t *end);
/* One past the highest frame of RAM. */
pfn_t bootmem_end_pfn(void);

#endif
