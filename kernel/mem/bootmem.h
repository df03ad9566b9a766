/* SPDX-License-Identifier: MIT */
/* Before the allocator: a bump allocator over boot_info's RAM, below arch_direct_top(). What it gave out is reserved for ever. */
#ifndef MEM_BOOTMEM_H
#define MEM_BOOTMEM_H

#include "lib/types.h"

void bootmem_init(void);
/* Zeroed memory in the direct map; panics if there is none. Only before frame_init. */
void *bootmem_alloc(size_t bytes, size_t align);
/* Is this frame RAM that nothing reserved? (frame_init asks for every frame.) */
bool bootmem_frame_free(pfn_t pfn);

#endif
