/* SPDX-License-Identifier: MIT */
/*
 * Host: pretend page tables with HOST_PT_LEVELS (2 or 4) levels of 512 entries, in pretend physical memory.
 *
 * Physical memory is a file in memory (memfd). Its first part, the direct map, is mapped at host_direct; frames above host_direct_top are
 * "high" and reachable only through windows, as on i386. The windows and the vmap range are real addresses of the test process: arch_kernel_map
 * maps the frame of the file there, so that guard pages and use after unmap end in a real fault.
 */
#ifndef ARCH_TARGET_MMU_H
#define ARCH_TARGET_MMU_H

#ifndef HOST_PT_LEVELS
#define HOST_PT_LEVELS 2
#endif

#define ARCH_PT_LEVELS HOST_PT_LEVELS
#define ARCH_PT_BITS 9
#define ARCH_USER_ROOT_ENTRIES (HOST_PT_LEVELS == 2 ? 384ul : 256ul)
#define ARCH_USER_TOP (ARCH_USER_ROOT_ENTRIES << (PAGE_SHIFT + (HOST_PT_LEVELS - 1) * ARCH_PT_BITS))
#define ARCH_KERNEL_BASE ((unsigned long)host_direct)
#define ARCH_KMAP_SLOTS 8

typedef struct { unsigned long v; } pte_t;

#define PTE_PRESENT 0x001ul
#define PTE_WRITE 0x002ul
#define PTE_USER 0x004ul
#define PTE_NOCACHE 0x010ul
#define PTE_ACCESSED 0x020ul
#define PTE_DIRTY 0x040ul
#define PTE_SHARED 0x200ul
#define PTE_HIDDEN 0x400ul
#define PTE_NOEXEC (1ul << 63)
#define PTE_TABLE_FLAGS (PTE_PRESENT | PTE_WRITE | PTE_USER)

#define HOST_PTE_PFN 0x000ffffffffff000ul
static inline pfn_t pte_pfn(pte_t e) { return (e.v & HOST_PTE_PFN) >> PAGE_SHIFT; }
static inline pte_t pte_make(pfn_t pfn, unsigned long flags) { return (pte_t){ pfn << PAGE_SHIFT | flags }; }

extern char *host_direct;             /* direct map */
extern paddr_t host_direct_top, host_ram_top;
extern vaddr_t host_vmap_start, host_vmap_end, host_kmap_start;

#define ARCH_VMAP_START host_vmap_start
static inline vaddr_t arch_vmap_end(void) { return host_vmap_end; }
static inline vaddr_t arch_kmap_slot(unsigned cpu, unsigned i)
{
	return host_kmap_start + (cpu * ARCH_KMAP_SLOTS + i) * PAGE_SIZE;
}
static inline paddr_t arch_direct_top(void) { return host_direct_top; }
void *arch_direct(paddr_t pa);              /* stops the test for a high frame */
paddr_t arch_direct_phys(const void *va);

void arch_root_init(pte_t *root, pfn_t pfn);
void arch_root_clear(pte_t *root);
void arch_root_load(pfn_t root);
void arch_tlb_flush_page(vaddr_t va);
void arch_tlb_flush_user(void);
const pte_t *arch_leaf_current(uaddr_t va);
int arch_kernel_map(vaddr_t va, pfn_t pfn, unsigned long flags);
void arch_kernel_unmap(vaddr_t va);
static inline void arch_kmap_show(vaddr_t va, pfn_t pfn, unsigned long flags) { (void)arch_kernel_map(va, pfn, flags); }
static inline void arch_kmap_hide(vaddr_t va) { arch_kernel_unmap(va); }
bool arch_kernel_mapped(vaddr_t va);
static inline void arch_mmu_init(void) {}
pfn_t arch_kernel_root(void);

/* For tests. Makes the memory: once in a process, before bootmem_init. direct <= total, both in frames. */
void host_ram_init(unsigned long total_frames, unsigned long direct_frames);
/* The root that arch_root_load loaded last. */
extern pfn_t host_root;
/* Counts of flushes and of walks since the start. */
struct host_mmu_counts { unsigned long walks, page_flushes, user_flushes, root_loads; };
extern struct host_mmu_counts host_mmu_counts;

#endif
