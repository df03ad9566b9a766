/* SPDX-License-Identifier: MIT */
/*
 * Sequence counts: readers of data that rarely changes write nothing, and read again if they met a writer.
 *
 *     do { n = seq_read_begin(&s); copy = data; } while (seq_read_retry(&s, n));
 *
 * Writers exclude each other, and whatever may read on the same CPU, by a lock of their own: a reader waits for the writer that it meets. What is
 * read may be half old and half new until seq_read_retry says that it is not: no pointers in it are followed before.
 */
#ifndef LIB_SEQCOUNT_H
#define LIB_SEQCOUNT_H

#include "lib/compiler.h"
#include "lib/types.h"

struct seqcount {
	uint32_t n; /* odd while somebody writes */
};

#define SEQCOUNT_INIT { 0 }

/* Acquire: the data is read after it. */
static inline uint32_t seq_read_begin(const struct seqcount *s)
{
	uint32_t n;

	do
		n = __atomic_load_n(&s->n, __ATOMIC_ACQUIRE);
	while (unlikely(n & 1));
	return n;
}
/* The same for who does something else while somebody writes: false then. */
static inline bool seq_read_try(const struct seqcount *s, uint32_t *n)
{
	*n = __atomic_load_n(&s->n, __ATOMIC_ACQUIRE);
	return likely(!(*n & 1));
}
/* The fence keeps the reads of the data before the second look. */
static inline bool seq_read_retry(const struct seqcount *s, uint32_t n)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return unlikely(__atomic_load_n(&s->n, __ATOMIC_RELAXED) != n);
}
/* The fence keeps the writes of the data behind the odd number; the release keeps them before the even one. */
static inline void seq_write_begin(struct seqcount *s)
{
	__atomic_store_n(&s->n, s->n + 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}
static inline void seq_write_end(struct seqcount *s)
{
	__atomic_store_n(&s->n, s->n + 1, __ATOMIC_RELEASE);
}

#endif
