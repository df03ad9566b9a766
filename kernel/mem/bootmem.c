/* SPDX-License-Identifier: MIT */
/*
 * Memory before the allocator. The boot loader's list of reserved ranges is copied and kept sorted and merged; an allocation takes the lowest
 * place that fits between them and becomes a reserved range itself. Boot only: one CPU, no locks. The list is short (tens of entries), so
 * that simple loops do.
 */
#include "mem/bootmem.h"
#include "arch/boot.h"
#include "arch/mmu.h"
#include "core/panic.h"
#include "lib/bits.h"
#include "lib/string.h"

#define TAKEN_MAX (BOOT_MAX_RANGES + 32)

static struct boot_range taken[TAKEN_MAX]; /* sorted, disjoint, not touching */
static unsigned taken_count;

static void remove_at(unsigned i)
{
	taken_count--;
	memmove(&taken[i], &taken[i + 1], (taken_count - i) * sizeof(taken[0]));
}

/* Adds a range, merging whatever it overlaps or touches. */
static void take(paddr_t start, paddr_t end)
{
	unsigned i = 0;

	if (start >= end)
		return;
	while (i < taken_count && taken[i].end < start)
		i++;
	while (i < taken_count && taken[i].start <= end) {
		start = MIN(start, taken[i].start);
		end = MAX(end, taken[i].end);
		remove_at(i);
	}
	if (taken_count == TAKEN_MAX)
		panic("bootmem: too many reserved ranges");
	memmove(&taken[i + 1], &taken[i], (taken_count - i) * sizeof(taken[0]));
	taken[i] = (struct boot_range){ start, end };
	taken_count++;
}

void bootmem_init(void)
{
	const struct boot_info *b = arch_boot_info();

	taken_count = 0;
	take(0, PAGE_SIZE);
	for (unsigned i = 0; i < b->reserved_count; i++)
		take(PAGE_DOWN(b->reserved[i].start), PAGE_UP(b->reserved[i].end));
}

/* Lowest aligned place of that size in [start, end) that nothing took; 0 if there is none. */
static paddr_t find_place(paddr_t start, paddr_t end, size_t bytes, size_t align)
{
	paddr_t at = ALIGN_UP(start, align);

	for (unsigned i = 0; i < taken_count; i++) {
		if (taken[i].end <= at)
			continue;
		if (taken[i].start >= at && taken[i].start - at >= bytes)
			break;
		at = ALIGN_UP(taken[i].end, align);
	}
	return at >= start && at < end && end - at >= bytes ? at : 0;
}

void *bootmem_alloc_raw(size_t bytes, size_t align)
{
	const struct boot_info *b = arch_boot_info();

	for (unsigned i = 0; i < b->ram_count; i++) {
		paddr_t end = MIN(b->ram[i].end, arch_direct_top());
		paddr_t at = find_place(b->ram[i].start, end, bytes, align);

		if (!at)
			continue;
		take(at, at + bytes);
		return arch_direct(at);
	}
	panic("bootmem: no room for %lu bytes", (unsigned long)bytes);
}

void *bootmem_alloc(size_t bytes, size_t align)
{
	return memset(bootmem_alloc_raw(bytes, align), 0, bytes);
}

/* Cuts what is taken off the front of [*start, *end), or its tail from the first taken range on. False when nothing is left. */
static bool cut_taken(paddr_t *start, paddr_t *end)
{
	for (unsigned i = 0; i < taken_count && *start < *end; i++) {
		if (taken[i].end <= *start)
			continue;
		if (taken[i].start >= *end)
			break;
		if (taken[i].start > *start && PAGE_DOWN(taken[i].start) > *start) {
			*end = PAGE_DOWN(taken[i].start);
			break;
		}
		*start = PAGE_UP(taken[i].end);
	}
	return *start < *end;
}

bool bootmem_free_run(pfn_t *start, pfn_t *end)
{
	const struct boot_info *b = arch_boot_info();

	for (unsigned i = 0; i < b->ram_count; i++) {
		paddr_t s = MAX(*start << PAGE_SHIFT, PAGE_UP(b->ram[i].start)), e = PAGE_DOWN(b->ram[i].end);

		if (s < e && cut_taken(&s, &e)) {
			*start = s >> PAGE_SHIFT;
			*end = e >> PAGE_SHIFT;
			return true;
		}
	}
	return false;
}

pfn_t bootmem_end_pfn(void)
{
	const struct boot_info *b = arch_boot_info();

	return b->ram_count ? b->ram[b->ram_count - 1].end >> PAGE_SHIFT : 0;
}
