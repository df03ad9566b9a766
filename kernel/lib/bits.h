/* SPDX-License-Identifier: MIT */
/* Alignment, powers of two, minima. Arguments of the ALIGN macros: a power of two. */
#ifndef LIB_BITS_H
#define LIB_BITS_H

#include "lib/types.h"

#define ALIGN_UP(x, a) (((x) + ((__typeof__(x))(a) - 1)) & ~((__typeof__(x))(a) - 1))
#define ALIGN_DOWN(x, a) ((x) & ~((__typeof__(x))(a) - 1))
#define IS_ALIGNED(x, a) (((x) & ((__typeof__(x))(a) - 1)) == 0)
#define BIT(n) (1UL << (n))
#define PAGE_UP(x) ALIGN_UP((x), PAGE_SIZE)
#define PAGE_DOWN(x) ALIGN_DOWN((x), PAGE_SIZE)
#define MIN(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ < b_ ? a_ : b_; })
#define MAX(a, b) ({ __typeof__(a) a_ = (a); __typeof__(b) b_ = (b); a_ > b_ ? a_ : b_; })
#define CLAMP(x, low, high) MIN(MAX(x, low), high)

/* Index of the highest set bit; x != 0. */
static inline unsigned ilog2(unsigned long x)
{
	return (unsigned)(sizeof(long) * 8 - 1) - (unsigned)__builtin_clzl(x);
}

/* Smallest n with (1 << n) >= x; x != 0. */
static inline unsigned log2_up(unsigned long x)
{
	return x <= 1 ? 0 : ilog2(x - 1) + 1;
}

/* How many bits are set. (GCC's builtin is a call of its library.) */
static inline unsigned bits_count(unsigned long x)
{
	unsigned n = 0;

	for (; x; x &= x - 1)
		n++;
	return n;
}

#endif
