/* SPDX-License-Identifier: MIT */
/*
 * Kernel page tables and what the processor is told about them.
 *
 *   0xFFC00000 - 0xFFFFFFFF   the root, seen through its own last entry: leaf entry of va at SELF + va/4096*4
 *   0xFF800000 - 0xFFBFFFFF   device registers (local APIC, I/O APIC) and the windows of kmap_local
 *   0xF0000000 - vmap_end     kernel stacks, device memory; tables are made at boot, so every root has the same kernel part
 *   0xC0000000 - 0xEFFFFFFF   direct map of the first 768 MiB of RAM; in sanitized builds up to 0xE7FFFFFF, and then the shadow (mem/kasan)
 *   0x00000000 - 0xBFFFFFFF   user
 */
#include "arch/mmu.h"
#include "arch/boot.h"
#include "arch/x86/cpuid.h"
#include "arch/x86/gdt.h"
#include "arch/x86/mmu.h"
#include "arch/x86/regs.h"
#include "core/percpu.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/bootmem.h"
#include "mem/kasan.h"

#define DIRECT_MAX (ARCH_DIRECT_END - ARCH_KERNEL_BASE)
#define ROOT_SELF 1023u
#define DEVICE_BASE 0xFF800000ul
#define DEVICE_END (X86_KMAP_END - MAX_CPUS * ARCH_KMAP_SLOTS * PAGE_SIZE)
#define SMALL_RAM (64ul << 20)

extern char _text_start[], _text_end[], _rodata_end[];
extern pte_t boot_directory[];

_Static_assert(DEVICE_BASE >> 22 == X86_KMAP_END >> 22 && DEVICE_END > DEVICE_BASE, "one table has all windows");

paddr_t x86_direct_top;
pte_t *x86_window_table;
static pte_t *kernel_root; /* the boot directory, completed */
static vaddr_t vmap_end;
static vaddr_t device_next = DEVICE_BASE; /* boot CPU, while it sets the machine up */

static pte_t *table_of(pte_t e) { return arch_direct(e.v & PAGE_MASK); }

static pte_t *kernel_leaf(vaddr_t va)
{
	pte_t top = kernel_root[va >> 22];

	return pte_present(top) && !(top.v & PTE_LARGE) ? &table_of(top)[va >> 12 & 1023] : NULL;
}

static void make_table(vaddr_t va)
{
	pte_t *t = bootmem_alloc(PAGE_SIZE, PAGE_SIZE);

	kernel_root[va >> 22] = pte_make(arch_direct_phys(t) >> PAGE_SHIFT, PTE_PRESENT | PTE_WRITE);
}

/* Text and constants are read-only, so the kernel's own first 4 MiB are mapped by small pages. */
static void map_direct(paddr_t top, bool large, unsigned long global)
{
	for (paddr_t p = 0; p < top; p += 4ul << 20) {
		vaddr_t va = p + ARCH_KERNEL_BASE;

		if (p >= (paddr_t)_rodata_end - ARCH_KERNEL_BASE && large) {
			kernel_root[va >> 22] = pte_make(p >> PAGE_SHIFT, PTE_PRESENT | PTE_WRITE | PTE_LARGE | global);
			continue;
		}
		pte_t *t = bootmem_alloc(PAGE_SIZE, PAGE_SIZE);
		for (unsigned i = 0; i < 1024; i++) {
			vaddr_t a = va + i * PAGE_SIZE;
			bool ro = a >= (vaddr_t)_text_start && a < (vaddr_t)_rodata_end;

			t[i] = pte_make((p >> PAGE_SHIFT) + i, PTE_PRESENT | (ro ? 0 : PTE_WRITE) | global);
		}
		kernel_root[va >> 22] = pte_make(arch_direct_phys(t) >> PAGE_SHIFT, PTE_PRESENT | PTE_WRITE);
	}
}

static unsigned long vmap_bytes(paddr_t ram_top)
{
	return ram_top <= SMALL_RAM ? 16ul << 20 : 160ul << 20;
}

#if CONFIG_SANITIZE
extern char x86_early_shadow[], x86_early_shadow_end[]; /* start.S: in use since before the first C, and kept */

static void map_shadow_page(vaddr_t va, const void *page, unsigned long flags)
{
	if (!pte_present(kernel_root[va >> 22]))
		make_table(va);
	*kernel_leaf(va) = pte_make(arch_direct_phys(page) >> PAGE_SHIFT, PTE_PRESENT | flags);
}

/* The root must not be loaded before the stack that this runs on has a shadow in it, and what is far away cannot be cleared before. */
static void map_early_shadow(void)
{
	vaddr_t va = ARCH_SHADOW_START;

	for (char *page = x86_early_shadow; page < x86_early_shadow_end; page += PAGE_SIZE, va += PAGE_SIZE)
		map_shadow_page(va, page, PTE_WRITE);
}

/* One page serves for all addresses between the direct map and the rest, where no memory is. */
static void map_whole_shadow(unsigned long global)
{
	vaddr_t direct = PAGE_UP(ARCH_SHADOW_OF(ARCH_KERNEL_BASE + x86_direct_top)), more = ARCH_SHADOW_OF(ARCH_VMAP_START);
	vaddr_t va = ARCH_SHADOW_START + (vaddr_t)(x86_early_shadow_end - x86_early_shadow);
	void *none = memset(bootmem_alloc(PAGE_SIZE, PAGE_SIZE), KASAN_NO_MEMORY, PAGE_SIZE);

	for (; va < direct; va += PAGE_SIZE)
		map_shadow_page(va, bootmem_alloc(PAGE_SIZE, PAGE_SIZE), PTE_WRITE | global);
	for (; va < more; va += PAGE_SIZE)
		map_shadow_page(va, none, global);
	for (; va < PAGE_UP(ARCH_SHADOW_OF(vmap_end)); va += PAGE_SIZE)
		map_shadow_page(va, bootmem_alloc(PAGE_SIZE, PAGE_SIZE), PTE_WRITE | global);
	kasan_start();
}
#else
static void map_early_shadow(void) {}
static void map_whole_shadow(unsigned long global) { (void)global; }
#endif

void arch_mmu_init(void)
{
	const struct boot_info *b = arch_boot_info();
	paddr_t ram_top = b->ram[b->ram_count - 1].end;
	bool large = x86_cpu_has(X86_PSE);
	unsigned long global = x86_cpu_has(X86_PGE) ? PTE_GLOBAL : 0;
	paddr_t top = MIN(ram_top, (paddr_t)DIRECT_MAX);

	x86_direct_top = top; /* bootmem gives the lowest first, which the boot directory maps already */
	kernel_root = bootmem_alloc(PAGE_SIZE, PAGE_SIZE);
	map_direct(ALIGN_UP(top, 4ul << 20), large, global);
	vmap_end = ARCH_VMAP_START + vmap_bytes(ram_top);
	for (vaddr_t va = ARCH_VMAP_START; va < vmap_end; va += 4ul << 20)
		make_table(va);
	make_table(DEVICE_BASE);
	x86_window_table = table_of(kernel_root[DEVICE_BASE >> 22]);
	kernel_root[ROOT_SELF] = pte_make(arch_direct_phys(kernel_root) >> PAGE_SHIFT, PTE_PRESENT | PTE_WRITE);
	map_early_shadow();
	arch_root_load(arch_direct_phys(kernel_root) >> PAGE_SHIFT);
	map_whole_shadow(global);
	x86_fault_task_use_root(this_cpu(), arch_direct_phys(kernel_root));
	if (global)
		x86_set_cr4(x86_cr4() | CR4_PGE);
}

void arch_root_init(pte_t *root, pfn_t pfn)
{
	memcpy(root + ARCH_USER_ROOT_ENTRIES, kernel_root + ARCH_USER_ROOT_ENTRIES, (ROOT_SELF - ARCH_USER_ROOT_ENTRIES) * sizeof(*root));
	root[ROOT_SELF] = pte_make(pfn, PTE_PRESENT | PTE_WRITE);
}

void arch_root_clear(pte_t *root) { memset(root + ARCH_USER_ROOT_ENTRIES, 0, (1024 - ARCH_USER_ROOT_ENTRIES) * sizeof(*root)); }

int arch_kernel_map(vaddr_t va, pfn_t pfn, unsigned long flags)
{
	pte_t *e = kernel_leaf(va);

	if (!e)
		return -1;
	*e = pte_make(pfn, flags | PTE_PRESENT);
	return 0;
}

void arch_kernel_unmap(vaddr_t va)
{
	pte_t *e = kernel_leaf(va);

	if (e) {
		*e = PTE_NONE;
		arch_tlb_flush_page(va);
	}
}

bool arch_kernel_mapped(vaddr_t va)
{
	pte_t *e;

	if (va < ARCH_KERNEL_BASE)
		return false;
	if (va - ARCH_KERNEL_BASE < x86_direct_top)
		return true;
	e = kernel_root ? kernel_leaf(va) : NULL;
	return e && pte_present(*e);
}

vaddr_t arch_vmap_end(void) { return vmap_end; }
pfn_t arch_kernel_root(void) { return arch_direct_phys(kernel_root) >> PAGE_SHIFT; }

void *x86_device_map(paddr_t phys, size_t bytes)
{
	vaddr_t va = device_next;
	paddr_t first = PAGE_DOWN(phys);
	uint64_t span = ALIGN_UP((uint64_t)phys + bytes, (uint64_t)PAGE_SIZE) - first;

	if (!bytes || (uint64_t)phys + bytes > 1ull << 32 || span > DEVICE_END - va)
		return NULL;
	for (size_t off = 0; off < (size_t)span; off += PAGE_SIZE)
		arch_kernel_map(va + off, (first + off) >> PAGE_SHIFT, PTE_WRITE | PTE_NOCACHE);
	device_next = va + (size_t)span;
	return (void *)(va + (phys - first));
}

vaddr_t x86_device_mark(void) { return device_next; }

void x86_device_release(vaddr_t mark)
{
	for (vaddr_t va = mark; va < device_next; va += PAGE_SIZE)
		arch_kernel_unmap(va);
	device_next = mark;
}
