/* SPDX-License-Identifier: MIT */
/*
 * User memory by software: the walk that the hardware would do, with a small translation cache in front which forgets only what it is told to
 * forget. So a missing flush shows in the tests as an access through a stale translation, or stops them when the frame is free. As the
 * processor does, it also keeps upper entries, which a flush of any page forgets.
 *
 *     access -> cached and allowed? -> the frame
 *            -> walk the loaded root: present and allowed on every level? -> set A (and D), cache, the frame
 *            -> trap_ops.page_fault: true -> again; false -> the access fails
 */
#include "arch/usermem.h"
#include "arch/mmu.h"
#include "arch/trap.h"
#include "core/percpu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/page.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TLB_ENTRIES 64
#define UPPER_ENTRIES 4
#define RETRY_MAX 1000

static struct tlb_entry {
	bool valid;
	uaddr_t page;
	pte_t leaf; /* write bit: of the whole path; DIRTY: set in the leaf when the entry was made */
} tlbs[MAX_CPUS][TLB_ENTRIES];
/* The CPU's that runs. */
#define tlb tlbs[this_cpu()->id]

static struct upper_entry {
	bool valid;
	unsigned long block; /* va over the span of a leaf table */
	unsigned long rights;
	pfn_t table;
} uppers[MAX_CPUS][UPPER_ENTRIES];
#define upper uppers[this_cpu()->id]

static struct tlb_entry *tlb_slot(uaddr_t va)
{
	return &tlb[(va >> PAGE_SHIFT) % TLB_ENTRIES];
}

static void forget_uppers(void)
{
	for (size_t i = 0; i < UPPER_ENTRIES; i++)
		upper[i].valid = false;
}

void arch_tlb_flush_page(vaddr_t va)
{
	struct tlb_entry *t = tlb_slot(va);

	host_mmu_counts.page_flushes++;
	forget_uppers();
	if (t->page == PAGE_DOWN(va))
		t->valid = false;
}

static void forget_all(void)
{
	for (size_t i = 0; i < TLB_ENTRIES; i++)
		tlb[i].valid = false;
	forget_uppers();
}

/* The processor is about to use a frame of that kind through what it remembers or walks. */
static void must_be(pfn_t pfn, bool table)
{
	const struct page *p = pfn_valid(pfn) ? pfn_page(pfn) : NULL;

	if (!p || !page_array || (table ? p->kind == PAGE_TABLE : p->kind != PAGE_FREE && p->kind != PAGE_TABLE))
		return;
	fprintf(stderr, "host: CPU %u uses frame %#lx as a %s, but its kind is %d\n", this_cpu()->id, pfn, table ? "table" : "page", p->kind);
	abort();
}

void arch_tlb_flush_user(void)
{
	host_mmu_counts.user_flushes++;
	forget_all();
}

void arch_root_load(pfn_t root)
{
	host_mmu_counts.root_loads++;
	host_root = root;
	forget_all();
}

static bool allowed(pte_t e, enum fault_access access)
{
	if (!pte_present(e) || !(e.v & PTE_USER))
		return false;
	return access == FAULT_WRITE ? pte_writable(e) : access != FAULT_EXEC || !(e.v & PTE_NOEXEC);
}

/* Walks to the leaf entry; *rights collects the write and user bits of the path, *above those above the leaf. NULL when a table is missing. */
static pte_t *walk_from_root(uaddr_t va, unsigned long *rights, unsigned long *above)
{
	pte_t *table = arch_direct(host_root << PAGE_SHIFT);

	host_mmu_counts.walks++;
	*rights = PTE_WRITE | PTE_USER;
	for (unsigned level = ARCH_PT_LEVELS - 1;; level--) {
		pte_t *e = &table[pt_index(va, level)];

		*above = *rights;
		*rights &= e->v;
		if (level == 0)
			return e;
		if (!pte_present(*e))
			return NULL;
		e->v |= PTE_ACCESSED;
		must_be(pte_pfn(*e), true);
		table = arch_direct(pte_pfn(*e) << PAGE_SHIFT);
	}
}

/* The same, through a remembered upper entry if there is one. */
static pte_t *walk(uaddr_t va, unsigned long *rights)
{
	unsigned long block = va >> pt_shift(1);
	struct upper_entry *u = &upper[block % UPPER_ENTRIES];
	unsigned long above;
	pte_t *e;

	if (u->valid && u->block == block) {
		must_be(u->table, true);
		e = (pte_t *)arch_direct(u->table << PAGE_SHIFT) + pt_index(va, 0);
		*rights = u->rights & e->v;
		return e;
	}
	if (host_root != arch_kernel_root())
		must_be(host_root, true);
	e = walk_from_root(va, rights, &above);
	if (e)
		*u = (struct upper_entry){ true, block, above, arch_direct_phys(e) >> PAGE_SHIFT };
	return e;
}

const pte_t *arch_leaf_current(uaddr_t va)
{
	unsigned long rights, above;

	return walk_from_root(va, &rights, &above);
}

/* Walks for that access; if it is allowed, the accessed bit (and dirty bit) is set and the translation kept in t. */
static bool fill(struct tlb_entry *t, uaddr_t va, enum fault_access access, bool *present)
{
	unsigned long rights;
	pte_t *leaf = walk(va, &rights), seen;

	*present = leaf && pte_present(*leaf);
	if (!leaf)
		return false;
	seen = pte_set(pte_clear(*leaf, PTE_WRITE | PTE_USER), rights);
	if (!allowed(seen, access))
		return false;
	leaf->v |= PTE_ACCESSED | (access == FAULT_WRITE ? PTE_DIRTY : 0);
	*t = (struct tlb_entry){ true, PAGE_DOWN(va), pte_set(seen, leaf->v & PTE_DIRTY) };
	return true;
}

/* One try. True: *pa is where va is. False: *present says whether an entry forbade it. */
static bool translate(uaddr_t va, enum fault_access access, paddr_t *pa, bool *present)
{
	struct tlb_entry *t = tlb_slot(va);

	if (!(t->valid && t->page == PAGE_DOWN(va) && allowed(t->leaf, access) && (access != FAULT_WRITE || t->leaf.v & PTE_DIRTY))
	    && !fill(t, va, access, present))
		return false;
	must_be(pte_pfn(t->leaf), false);
	*pa = (pte_pfn(t->leaf) << PAGE_SHIFT) + (va & ~PAGE_MASK);
	return true;
}

void host_speculate(uaddr_t va)
{
	struct tlb_entry *t = tlb_slot(va);
	bool present;

	if (host_root != arch_kernel_root() && !(t->valid && t->page == PAGE_DOWN(va)))
		fill(t, va, FAULT_READ, &present);
}

/* Faults until va can be reached. False: it cannot. */
static bool reach(uaddr_t va, enum fault_access access, paddr_t *pa)
{
	for (int tries = 0; tries < RETRY_MAX; tries++) {
		struct trapframe tf = { .user = false };
		bool present;

		if (va >= ARCH_USER_TOP)
			return false;
		if (translate(va, access, pa, &present))
			return true;
		if (!host_trap_ops || !host_trap_ops->page_fault || !host_trap_ops->page_fault(&tf, va, access, present))
			return false;
	}
	fprintf(stderr, "host: the fault at %#lx is never resolved\n", va);
	abort();
}

/* High frames are reached through the last CPU's last window, which nobody else uses; it is mapped anew each time. */
static char *frame_window(paddr_t pa)
{
	static vaddr_t window;

	if (pa < host_direct_top)
		return arch_direct(pa);
	if (!window)
		window = arch_kmap_slot(31, ARCH_KMAP_SLOTS - 1);
	arch_kernel_map(window, pa >> PAGE_SHIFT, PTE_PRESENT | PTE_WRITE);
	return (char *)window + (pa & ~PAGE_MASK);
}

/* Bytes from va to the end of its page, at most n. */
static size_t chunk(uaddr_t va, size_t n)
{
	return MIN(n, PAGE_SIZE - (va & ~PAGE_MASK));
}

size_t arch_user_read(void *dst, uaddr_t src, size_t n)
{
	char *to = dst;
	paddr_t pa;

	while (n && reach(src, FAULT_READ, &pa)) {
		size_t len = chunk(src, n);

		memcpy(to, frame_window(pa), len);
		to += len;
		src += len;
		n -= len;
	}
	return n;
}

size_t arch_user_write(uaddr_t dst, const void *src, size_t n)
{
	const char *from = src;
	paddr_t pa;

	while (n && reach(dst, FAULT_WRITE, &pa)) {
		size_t len = chunk(dst, n);

		memcpy(frame_window(pa), from, len);
		from += len;
		dst += len;
		n -= len;
	}
	return n;
}

size_t arch_user_zero(uaddr_t dst, size_t n)
{
	paddr_t pa;

	while (n && reach(dst, FAULT_WRITE, &pa)) {
		size_t len = chunk(dst, n);

		memset(frame_window(pa), 0, len);
		dst += len;
		n -= len;
	}
	return n;
}

ssize_t arch_user_strncpy(char *dst, uaddr_t src, size_t max)
{
	for (size_t i = 0; i < max; i++) {
		if (arch_user_read(&dst[i], src + i, 1))
			return -EFAULT;
		if (!dst[i])
			return (ssize_t)i;
	}
	return (ssize_t)max;
}

int arch_user_read_words(void *dst, uaddr_t src, unsigned n)
{
	return arch_user_read(dst, src, n * sizeof(uint32_t)) ? -EFAULT : 0;
}

int arch_user_write_words(uaddr_t dst, const void *src, unsigned n)
{
	return arch_user_write(dst, src, n * sizeof(uint32_t)) ? -EFAULT : 0;
}

int arch_user_write16(uaddr_t dst, uint16_t v)
{
	return arch_user_write(dst, &v, sizeof(v)) ? -EFAULT : 0;
}

int arch_user_cmpxchg32(uaddr_t p, uint32_t *old, uint32_t new)
{
	uint32_t found;
	paddr_t pa;
	char *word;

	if (!reach(p, FAULT_WRITE, &pa))
		return -EFAULT;
	word = frame_window(pa);
	memcpy(&found, word, sizeof(found));
	if (found == *old)
		memcpy(word, &new, sizeof(new));
	*old = found;
	return 0;
}

int host_user_exec(uaddr_t ip)
{
	paddr_t pa;

	return reach(ip, FAULT_EXEC, &pa) ? 0 : -EFAULT;
}
