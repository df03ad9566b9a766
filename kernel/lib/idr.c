/* SPDX-License-Identifier: MIT */
/*
 * Smallest free integer -> pointer. One array of pointers and a bitmap of the used ones, both doubled together: everything that can
 * fail is gathered before the table is touched. A slot may hold NULL and still be used.
 */
#include "lib/idr.h"
#include "lib/bitmap.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"

#define FIRST_CAP 32UL

void idr_init(struct idr *t, unsigned long limit, void *(*alloc)(size_t), void (*free)(void *))
{
	*t = (struct idr){ .limit = limit, .alloc = alloc, .free = free };
}

void idr_destroy(struct idr *t)
{
	if (t->cap) {
		t->free(t->slots);
		t->free(t->used);
	}
	t->slots = NULL;
	t->used = NULL;
	t->cap = 0;
}

/* Makes room for number i (below the limit). 0 or -ENOMEM with the table unchanged. */
static int grow(struct idr *t, unsigned long i)
{
	unsigned long cap = t->cap ? t->cap : FIRST_CAP;
	unsigned long *used;
	void **slots;

	while (cap <= i)
		cap *= 2;
	slots = t->alloc(cap * sizeof(*slots));
	used = t->alloc(BITMAP_WORDS(cap) * sizeof(*used));
	if (!slots || !used) {
		if (slots)
			t->free(slots);
		if (used)
			t->free(used);
		return -ENOMEM;
	}
	if (t->cap) {
		memcpy(slots, t->slots, t->cap * sizeof(*slots));
		memcpy(used, t->used, BITMAP_WORDS(t->cap) * sizeof(*used));
		t->free(t->slots);
		t->free(t->used);
	}
	t->slots = slots;
	t->used = used;
	t->cap = cap;
	return 0;
}

long idr_add(struct idr *t, unsigned long from, void *p)
{
	unsigned long i = from < t->cap ? bitmap_find_clear(t->used, t->cap, from) : BITMAP_NONE;

	if (i == BITMAP_NONE)
		i = MAX(from, t->cap);
	if (i >= t->limit)
		return -ENOSPC;
	if (i >= t->cap && grow(t, i))
		return -ENOMEM;
	bitmap_set(t->used, i);
	t->slots[i] = p;
	return (long)i;
}

void *idr_get(const struct idr *t, unsigned long i)
{
	return i < t->cap ? t->slots[i] : NULL;
}

void *idr_remove(struct idr *t, unsigned long i)
{
	void *p = idr_get(t, i);

	if (i < t->cap) {
		bitmap_clear(t->used, i);
		t->slots[i] = NULL;
	}
	return p;
}
