/* SPDX-License-Identifier: MIT */
/* Bits in an array of words. Not atomic: the caller holds the lock. Indices and counts are in bits. */
#ifndef LIB_BITMAP_H
#define LIB_BITMAP_H

#include "lib/types.h"

#define BITS_PER_WORD (8 * sizeof(unsigned long))
#define BITMAP_WORDS(n) (((n) + BITS_PER_WORD - 1) / BITS_PER_WORD)
#define BITMAP_NONE (~0UL) /* "no such bit" */

static inline bool bitmap_test(const unsigned long *m, unsigned long i) { return m[i / BITS_PER_WORD] >> (i % BITS_PER_WORD) & 1; }
static inline void bitmap_set(unsigned long *m, unsigned long i) { m[i / BITS_PER_WORD] |= 1UL << (i % BITS_PER_WORD); }
static inline void bitmap_clear(unsigned long *m, unsigned long i) { m[i / BITS_PER_WORD] &= ~(1UL << (i % BITS_PER_WORD)); }
void bitmap_set_run(unsigned long *m, unsigned long start, unsigned long len);
void bitmap_clear_run(unsigned long *m, unsigned long start, unsigned long len);
/* First clear/set bit at or after start, below nbits; BITMAP_NONE if there is none. */
unsigned long bitmap_find_clear(const unsigned long *m, unsigned long nbits, unsigned long start);
unsigned long bitmap_find_set(const unsigned long *m, unsigned long nbits, unsigned long start);
/* First run of len clear bits at or after start. */
unsigned long bitmap_find_clear_run(const unsigned long *m, unsigned long nbits, unsigned long start, unsigned long len);
unsigned long bitmap_count(const unsigned long *m, unsigned long nbits);

#endif
