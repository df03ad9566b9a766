/* SPDX-License-Identifier: MIT */
/*
 * Compiler atomics with our orderings named. Relaxed unless the name says otherwise; the read-modify-write forms
 * that return a value are sequentially consistent.
 */
#ifndef LIB_ATOMIC_H
#define LIB_ATOMIC_H

#include "lib/types.h"

typedef struct { int v; } atomic_t;
typedef struct { long v; } atomic_long_t;

#define ATOMIC_INIT(n) { (n) }
#define atomic_read(a) __atomic_load_n(&(a)->v, __ATOMIC_RELAXED)
#define atomic_read_acquire(a) __atomic_load_n(&(a)->v, __ATOMIC_ACQUIRE)
#define atomic_set(a, n) __atomic_store_n(&(a)->v, (n), __ATOMIC_RELAXED)
#define atomic_set_release(a, n) __atomic_store_n(&(a)->v, (n), __ATOMIC_RELEASE)
#define atomic_add(a, n) ((void)__atomic_fetch_add(&(a)->v, (n), __ATOMIC_RELAXED))
#define atomic_sub(a, n) ((void)__atomic_fetch_sub(&(a)->v, (n), __ATOMIC_RELAXED))
#define atomic_inc(a) atomic_add(a, 1)
#define atomic_dec(a) atomic_sub(a, 1)
#define atomic_add_return(a, n) __atomic_add_fetch(&(a)->v, (n), __ATOMIC_SEQ_CST)
#define atomic_sub_return(a, n) __atomic_sub_fetch(&(a)->v, (n), __ATOMIC_SEQ_CST)
#define atomic_xchg(a, n) __atomic_exchange_n(&(a)->v, (n), __ATOMIC_SEQ_CST)

/* Pointers and words that are published to other CPUs. */
#define load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define store_release(p, x) __atomic_store_n((p), (x), __ATOMIC_RELEASE)
#define smp_mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE) /* loads before it come before those after it */
#define smp_wmb() __atomic_thread_fence(__ATOMIC_RELEASE) /* stores */

#endif
