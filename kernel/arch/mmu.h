/* SPDX-License-Identifier: MIT */
/*
 * Contract: page tables. Level 0 is the leaf table, level ARCH_PT_LEVELS - 1 the root. Generic code walks with pt_shift().
 *
 * arch_target/mmu.h provides:
 *   ARCH_PT_LEVELS, ARCH_PT_BITS                 levels, index bits of a level (i386: 2, 10)
 *   ARCH_USER_TOP                                first address above user space (a multiple of a root entry's span)
 *   ARCH_USER_ROOT_ENTRIES                       entries of the root that are the user's: [0, n)
 *   ARCH_KERNEL_BASE                             start of the direct map
 *   pte_t                                        struct { unsigned long v; } (an entry of any level)
 *   PTE_PRESENT PTE_WRITE PTE_USER PTE_ACCESSED PTE_DIRTY PTE_NOCACHE
 *   PTE_NOEXEC                                   0 where the hardware has no such bit
 *   PTE_SHARED                                   software bit: the page belongs to a shared mapping; a write never copies it
 *   PTE_HIDDEN                                   software bit of an entry that is not present: the page stays, nobody may touch it
 *   PTE_TABLE_FLAGS                              flags of an entry that refers to a lower table (present, write, user)
 *   pfn_t pte_pfn(pte_t)
 *   pte_t pte_make(pfn_t, unsigned long flags)
 *   void *arch_direct(paddr_t)                   direct-map address; only for frames below arch_direct_top()
 *   paddr_t arch_direct_phys(const void *)       inverse, for direct-map addresses
 *   paddr_t arch_direct_top(void)                first physical address that is not in the direct map
 *   void arch_root_init(pte_t *root, pfn_t pfn)  fills the kernel's part (and the self-reference) of a new root, which is all zero
 *   void arch_root_clear(pte_t *root)            empties that part again
 *   void arch_root_load(pfn_t root)              makes it this CPU's root, which forgets all user translations
 *   void arch_tlb_flush_page(vaddr_t va)         this CPU
 *   void arch_tlb_flush_user(void)               this CPU, all user translations
 *   const pte_t *arch_leaf_current(uaddr_t va)   through the self-reference: the leaf entry for va in the loaded root, NULL
 *                                                if its table is missing; read only; preemption off
 *   int arch_kernel_map(vaddr_t va, pfn_t pfn, unsigned long flags)   kernel range; tables exist beforehand, never fails
 *   void arch_kernel_unmap(vaddr_t va)           clears the entry and flushes it on this CPU
 *   ARCH_VMAP_START, arch_vmap_end()             kernel range for stacks and device memory
 *   ARCH_SHADOW_OF(va)                           sanitized builds: address of the byte that mem/kasan keeps for the eight around va
 *   vaddr_t arch_kmap_slot(unsigned cpu, unsigned i), ARCH_KMAP_SLOTS   temporary windows, all of them without a gap
 *   void arch_kmap_show(vaddr_t slot, pfn_t pfn, unsigned long flags)   arch_kernel_map and
 *   void arch_kmap_hide(vaddr_t slot)                                   arch_kernel_unmap for these
 */
#ifndef ARCH_MMU_H
#define ARCH_MMU_H

#include "lib/compiler.h"
#include "lib/types.h"
#include "arch_target/mmu.h"

#define ARCH_PT_ENTRIES (1UL << ARCH_PT_BITS)

static inline unsigned pt_shift(unsigned level) { return PAGE_SHIFT + level * ARCH_PT_BITS; }
/* Bytes that one entry of a table of this level spans. */
static inline unsigned long pt_span(unsigned level) { return 1UL << pt_shift(level); }
static inline unsigned long pt_index(uaddr_t va, unsigned level) { return va >> pt_shift(level) & (ARCH_PT_ENTRIES - 1); }
static inline bool pte_present(pte_t e) { return e.v & PTE_PRESENT; }
static inline bool pte_writable(pte_t e) { return e.v & PTE_WRITE; }
static inline bool pte_shared(pte_t e) { return e.v & PTE_SHARED; }
static inline pte_t pte_set(pte_t e, unsigned long flags) { return (pte_t){ e.v | flags }; }
static inline pte_t pte_clear(pte_t e, unsigned long flags) { return (pte_t){ e.v & ~flags }; }
#define PTE_NONE ((pte_t){ 0 })

#endif
