/* SPDX-License-Identifier: MIT */
/* i386: two levels of 1024 entries of 32 bits. Intel SDM volume 3A, 4.3. */
#ifndef ARCH_TARGET_MMU_H
#define ARCH_TARGET_MMU_H

#include "lib/check.h"
#include "lib/types.h"

#define ARCH_PT_LEVELS 2
#define ARCH_PT_BITS 10
#define ARCH_KERNEL_BASE 0xC0000000ul
#define ARCH_USER_TOP ARCH_KERNEL_BASE
#define ARCH_USER_ROOT_ENTRIES 768
#define ARCH_VMAP_START 0xF0000000ul
/* Sanitized builds: the eighth of all kernel addresses that mem/kasan keeps, between the direct map and the rest. The compiler is told the offset. */
#define ARCH_SHADOW_START 0xE8000000ul
#define ARCH_SHADOW_OF(va) (((vaddr_t)(va) >> 3) + 0xD0000000ul)
#define ARCH_DIRECT_END (CONFIG_SANITIZE ? ARCH_SHADOW_START : ARCH_VMAP_START)
#define ARCH_SELF_MAP 0xFFC00000ul
#define ARCH_KMAP_SLOTS 4
#define X86_KMAP_END 0xFFBF0000ul /* the windows go down from here */

typedef struct { unsigned long v; } pte_t;

#define PTE_PRESENT 0x001ul
#define PTE_WRITE 0x002ul
#define PTE_USER 0x004ul
#define PTE_NOCACHE 0x018ul
#define PTE_ACCESSED 0x020ul
#define PTE_DIRTY 0x040ul
#define PTE_LARGE 0x080ul
#define PTE_GLOBAL 0x100ul
#define PTE_SHARED 0x200ul
#define PTE_HIDDEN 0x400ul /* software, only while not present: a page is there but nobody may touch it (PROT_NONE) */
#define PTE_NOEXEC 0ul
#define PTE_TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER)

static inline pfn_t pte_pfn(pte_t e) { return e.v >> PAGE_SHIFT; }
static inline pte_t pte_make(pfn_t pfn, unsigned long flags) { return (pte_t){ pfn << PAGE_SHIFT | flags }; }

extern paddr_t x86_direct_top;
static inline void *arch_direct(paddr_t p) { return (void *)(p + ARCH_KERNEL_BASE); }
static inline paddr_t arch_direct_phys(const void *va) { return (paddr_t)va - ARCH_KERNEL_BASE; }
static inline paddr_t arch_direct_top(void) { return x86_direct_top; }
static inline void arch_tlb_flush_page(vaddr_t va) { __asm__ volatile("invlpg (%0)" :: "r"(va) : "memory"); }
static inline void arch_root_load(pfn_t root) { __asm__ volatile("movl %0, %%cr3" :: "r"(root << PAGE_SHIFT) : "memory"); }
static inline void arch_tlb_flush_user(void)
{
	unsigned long cr3;

	__asm__ volatile("movl %%cr3, %0; movl %0, %%cr3" : "=r"(cr3) :: "memory");
}
static inline const pte_t *arch_leaf_current(uaddr_t va)
{
	const pte_t *root = (const pte_t *)(ARCH_SELF_MAP + 0x3FF000ul), *leaf = (const pte_t *)ARCH_SELF_MAP;

	return root[va >> 22].v & PTE_PRESENT ? &leaf[va >> 12] : NULL;
}
void arch_root_init(pte_t *root, pfn_t pfn);
void arch_root_clear(pte_t *root);
void arch_mmu_init(void);
int arch_kernel_map(vaddr_t va, pfn_t pfn, unsigned long flags);
void arch_kernel_unmap(vaddr_t va);
vaddr_t arch_vmap_end(void);
static inline vaddr_t arch_kmap_slot(unsigned cpu, unsigned i) { return X86_KMAP_END - ((vaddr_t)cpu * ARCH_KMAP_SLOTS + i + 1) * PAGE_SIZE; }
extern pte_t *x86_window_table; /* of the 4 MiB that have all the windows */
static inline void arch_kmap_show(vaddr_t va, pfn_t pfn, unsigned long flags) { x86_window_table[va >> 12 & 1023] = pte_make(pfn, flags | PTE_PRESENT); }
static inline void arch_kmap_hide(vaddr_t va)
{
	x86_window_table[va >> 12 & 1023].v = 0;
	arch_tlb_flush_page(va);
}
/* Is this kernel address mapped? (backtraces) */
bool arch_kernel_mapped(vaddr_t va);
/* Root with an empty user part, for threads without an address space. */
pfn_t arch_kernel_root(void);

#endif
