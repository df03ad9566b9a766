/* SPDX-License-Identifier: MIT */
/*
 * Search in the generated table: by halving for the group of functions, then along at most KSYM_GROUP of them.
 *
 * The table is packed. Of each function it has the size, in bytes, and the name. A size is written seven bits a byte, the lowest first, and all of its bytes
 * but the last have the top bit. A name is a row of bytes that ends with 0; each of the others is the number of a part of names, which
 * may be a single letter: "page_put" may be the parts "page" and "_put".
 */
#include "core/symbols.h"
#include "lib/compiler.h"

#define KSYM_GROUP 16u

/* Of KSYM_GROUP functions: offset of the first from ksym_base, and where the first is in ksym_packed. */
struct ksym_group { uint32_t offset, place; };

/* A first link has no table, and all of these are at 0. Behind the last group is one without functions: the end of the text. */
extern __weak const unsigned long ksym_base;
extern __weak const uint32_t ksym_groups;
extern __weak const struct ksym_group ksym_group[];
extern __weak const uint8_t ksym_packed[];
extern __weak const uint16_t ksym_part[]; /* where each part is in ksym_parts; number 0 is none */
extern __weak const char ksym_parts[];

static const uint8_t *read_size(const uint8_t *p, unsigned long *size)
{
	*size = 0;
	for (unsigned shift = 0;; shift += 7) {
		*size |= (unsigned long)(*p & 0x7f) << shift;
		if (!(*p++ & 0x80))
			return p;
	}
}

static void read_name(const uint8_t *p, char *name)
{
	unsigned n = 0;

	for (; *p; p++)
		for (const char *part = ksym_parts + ksym_part[*p]; *part && n < SYMBOL_NAME_SIZE - 1; part++)
			name[n++] = *part;
	name[n] = '\0';
}

static const uint8_t *skip_name(const uint8_t *p)
{
	while (*p++)
		;
	return p;
}

bool symbol_find(unsigned long addr, struct symbol *s)
{
	uint32_t lo = 0, hi;
	unsigned long at;
	const uint8_t *p;

	if (!&ksym_groups || addr < ksym_base)
		return false;
	hi = ksym_groups;
	at = addr - ksym_base;
	if (at >= ksym_group[hi].offset)
		return false;
	while (hi - lo > 1) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (ksym_group[mid].offset <= at)
			lo = mid;
		else
			hi = mid;
	}
	at -= ksym_group[lo].offset;
	p = read_size(ksym_packed + ksym_group[lo].place, &s->size);
	while (at >= s->size) {
		at -= s->size;
		p = read_size(skip_name(p), &s->size);
	}
	s->offset = at;
	read_name(p, s->name);
	return true;
}
