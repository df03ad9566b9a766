/* SPDX-License-Identifier: MIT */
/* 64-bit division on 32-bit machines. div64.c also defines the helpers that compilers call (__udivdi3 and its kin). */
#ifndef LIB_DIV64_H
#define LIB_DIV64_H

#include "lib/types.h"

/* Divides *n in place by a 32-bit number and returns the remainder: two machine divisions. */
static inline uint32_t div64_32(uint64_t *n, uint32_t d)
{
	uint32_t hi = (uint32_t)(*n >> 32), lo = (uint32_t)*n, rem = 0, qhi = 0, qlo;

	if (hi) {
		qhi = hi / d;
		rem = hi % d;
	}
#if defined(__i386__)
	__asm__("divl %4" : "=a"(qlo), "=d"(rem) : "0"(lo), "1"(rem), "rm"(d) : "cc");
#else
	uint64_t part = (uint64_t)rem << 32 | lo;
	qlo = (uint32_t)(part / d);
	rem = (uint32_t)(part % d);
#endif
	*n = (uint64_t)qhi << 32 | qlo;
	return rem;
}

/* a * mul >> shift without losing the high bits of the product (clock scaling). */
uint64_t mul_u64_u32_shr(uint64_t a, uint32_t mul, unsigned shift);

#endif
