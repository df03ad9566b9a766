/* SPDX-License-Identifier: MIT */
/* Pretend physical memory, kernel mappings as real mappings of it, and roots of pretend page tables. The picture is in arch_target/mmu.h. */
#define _GNU_SOURCE
#include "arch/mmu.h"
#include "arch/boot.h"
#include "core/percpu.h"
#include "lib/bits.h"
#include "lib/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define VMAP_BYTES (64ul << 20)

char *host_direct;
paddr_t host_direct_top, host_ram_top;
vaddr_t host_vmap_start, host_vmap_end, host_kmap_start;
pfn_t host_root;
struct host_mmu_counts host_mmu_counts;

static int ram_file = -1;
static struct boot_info boot;
static unsigned char *mapped; /* one byte for each page from host_vmap_start to the end of the windows */
static unsigned long mapped_pages;

static void die(const char *what)
{
	fprintf(stderr, "host: %s\n", what);
	abort();
}

static char *map_range(size_t bytes, int prot, int flags, int fd)
{
	void *p = mmap(NULL, bytes, prot, flags, fd, 0);

	if (p == MAP_FAILED)
		die("mmap failed");
	return p;
}

void host_ram_init(unsigned long total_frames, unsigned long direct_frames)
{
	size_t windows = MAX_CPUS * ARCH_KMAP_SLOTS * PAGE_SIZE;

	if (ram_file >= 0)
		die("memory is made once in a process");
	host_ram_top = total_frames << PAGE_SHIFT;
	host_direct_top = direct_frames << PAGE_SHIFT;
	ram_file = (int)syscall(SYS_memfd_create, "pretend-ram", 0); /* the kernel has a function of that name, too */
	if (ram_file < 0 || ftruncate(ram_file, (off_t)host_ram_top))
		die("no memory for the pretend RAM");
	host_direct = map_range(host_direct_top, PROT_READ | PROT_WRITE, MAP_SHARED, ram_file);
	host_vmap_start = (vaddr_t)map_range(VMAP_BYTES + windows, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	host_vmap_end = host_vmap_start + VMAP_BYTES;
	host_kmap_start = host_vmap_end;
	mapped_pages = (VMAP_BYTES + windows) >> PAGE_SHIFT;
	mapped = calloc(mapped_pages, 1);
	boot.ram[0] = (struct boot_range){ 0, host_ram_top };
	boot.ram_count = 1;
}

const struct boot_info *arch_boot_info(void)
{
	return &boot;
}

void *arch_direct(paddr_t pa)
{
	if (pa >= host_direct_top)
		die("a frame that is not in the direct map was used through it");
	return host_direct + pa;
}

paddr_t arch_direct_phys(const void *va)
{
	size_t off = (size_t)((const char *)va - host_direct);

	if (off >= host_direct_top)
		die("this address is not in the direct map");
	return off;
}

static unsigned char *mapped_flag(vaddr_t va)
{
	unsigned long i = (va - host_vmap_start) >> PAGE_SHIFT;

	if (va < host_vmap_start || i >= mapped_pages)
		die("not an address of the kernel's mapping ranges");
	return &mapped[i];
}

int arch_kernel_map(vaddr_t va, pfn_t pfn, unsigned long flags)
{
	int prot = PROT_READ | (flags & PTE_WRITE ? PROT_WRITE : 0);

	*mapped_flag(va) = 1;
	if (mmap((void *)va, PAGE_SIZE, prot, MAP_SHARED | MAP_FIXED, ram_file, (off_t)(pfn << PAGE_SHIFT)) == MAP_FAILED)
		die("mmap of a kernel page failed");
	return 0;
}

void arch_kernel_unmap(vaddr_t va)
{
	*mapped_flag(va) = 0;
	if (mmap((void *)va, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0) == MAP_FAILED)
		die("munmap of a kernel page failed");
}

bool arch_kernel_mapped(vaddr_t va)
{
	if (va >= (vaddr_t)host_direct && va < (vaddr_t)host_direct + host_direct_top)
		return true;
	return va >= host_vmap_start && va < host_vmap_start + (mapped_pages << PAGE_SHIFT) && *mapped_flag(va);
}

void arch_root_init(pte_t *root, pfn_t pfn)
{
	(void)root, (void)pfn;
}

void arch_root_clear(pte_t *root)
{
	(void)root;
}

pfn_t arch_kernel_root(void)
{
	return 0; /* frame 0 is never given out: its "table" is empty */
}
