/* SPDX-License-Identifier: MIT */
/*
 * Reference counts that refuse to resurrect: taking a reference on a count of zero panics, refcount_get_unless_zero is
 * for lookups that race with the last put. 32 bits; overflow panics.
 */
#ifndef LIB_REFCOUNT_H
#define LIB_REFCOUNT_H

#include "lib/check.h"
#include "lib/types.h"

typedef struct { uint32_t n; } refcount_t;

static inline void refcount_set(refcount_t *r, uint32_t n) { __atomic_store_n(&r->n, n, __ATOMIC_RELAXED); }
static inline uint32_t refcount_read(const refcount_t *r) { return __atomic_load_n(&r->n, __ATOMIC_RELAXED); }
static inline void refcount_get(refcount_t *r)
{
	uint32_t old = __atomic_fetch_add(&r->n, 1, __ATOMIC_RELAXED);
	assert(old != 0 && old != UINT32_MAX);
}
static inline bool refcount_get_unless_zero(refcount_t *r)
{
	uint32_t old = refcount_read(r);

	while (old != 0)
		if (__atomic_compare_exchange_n(&r->n, &old, old + 1, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return true;
	return false;
}
/* True for the one caller that gave the last reference back: it alone may free. */
static inline bool refcount_put(refcount_t *r)
{
	uint32_t old = __atomic_fetch_sub(&r->n, 1, __ATOMIC_ACQ_REL);
	assert(old != 0);
	return old == 1;
}

#endif
