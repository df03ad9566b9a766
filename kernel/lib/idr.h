/* SPDX-License-Identifier: MIT */
/* Smallest free integer -> pointer, in [0, limit). Grows by doubling through the given allocator. The caller locks. */
#ifndef LIB_IDR_H
#define LIB_IDR_H

#include "lib/types.h"

struct idr {
	void **slots;
	unsigned long *used; /* bitmap */
	unsigned long cap;
	unsigned long limit;
	void *(*alloc)(size_t bytes); /* zeroed memory or NULL */
	void (*free)(void *p);
};

void idr_init(struct idr *t, unsigned long limit, void *(*alloc)(size_t), void (*free)(void *));
void idr_destroy(struct idr *t);
/* Smallest free number >= from; >= 0, or -ENOMEM, or -ENOSPC at the limit. */
long idr_add(struct idr *t, unsigned long from, void *p);
void *idr_get(const struct idr *t, unsigned long i); /* NULL when free */
void *idr_remove(struct idr *t, unsigned long i);

#endif
