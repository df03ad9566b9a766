/* SPDX-License-Identifier: MIT */
/* 64-bit arithmetic that is slow or awkward on 32-bit machines. */
#ifndef LIB_DIV64_H
#define LIB_DIV64_H

#include "lib/types.h"

/*
 * Divides *n in place by a 32-bit number and returns the remainder. On 32-bit machines the compiler turns this into the architecture's
 * helper (arch/x86/i386/div64.c), which costs two machine divisions.
 */
static inline uint32_t div64_32(uint64_t *n, uint32_t d)
{
	uint64_t q = *n / d;
	uint32_t rem = (uint32_t)(*n - q * d);

	*n = q;
	return rem;
}

/*
 * a * mul >> shift (shift < 64) without losing the high bits of the product (clock scaling); the result must fit 64 bits. The product has up to
 * 96 bits: (ah * 2^32 + al) * mul. For a shift of 32 and more, the lower half of al * mul only matters through what it carries.
 */
static inline uint64_t mul_u64_u32_shr(uint64_t a, uint32_t mul, unsigned shift)
{
	uint64_t low = (uint64_t)(uint32_t)a * mul;
	uint64_t high = (a >> 32) * mul;

	if (shift >= 32)
		return (high + (low >> 32)) >> (shift - 32);
	return (low >> shift) + (high << (32 - shift));
}

#endif
