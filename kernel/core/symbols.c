/* SPDX-License-Identifier: MIT */
/* Search in the generated table: by halving for the address, then along at most KSYM_GROUP names. */
#include "core/symbols.h"
#include "lib/compiler.h"
#include "lib/string.h"

#define KSYM_GROUP 16u

/*
 * The table; a first link has none, and all of these are at 0. Offsets are from ksym_base, ascending, with the end of the text behind the
 * last; ksym_group has for every KSYM_GROUP-th function the place of its name in ksym_names.
 */
extern __weak const unsigned long ksym_base;
extern __weak const uint32_t ksym_count;
extern __weak const uint32_t ksym_offset[];
extern __weak const uint32_t ksym_group[];
extern __weak const char ksym_names[];

static const char *name_of(uint32_t n)
{
	const char *s = ksym_names + ksym_group[n / KSYM_GROUP];

	for (uint32_t i = n % KSYM_GROUP; i; i--)
		s += strlen(s) + 1;
	return s;
}

const char *symbol_find(unsigned long addr, unsigned long *offset, unsigned long *size)
{
	uint32_t lo = 0, hi;
	unsigned long at;

	if (!&ksym_count || addr < ksym_base)
		return NULL;
	hi = ksym_count;
	at = addr - ksym_base;
	if (at >= ksym_offset[hi])
		return NULL;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (ksym_offset[mid] <= at)
			lo = mid;
		else
			hi = mid;
	}
	*offset = at - ksym_offset[lo];
	*size = ksym_offset[lo + 1] - ksym_offset[lo];
	return name_of(lo);
}
