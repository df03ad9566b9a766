/* SPDX-License-Identifier: MIT */
/* Wide multiplication for clock scaling. The division helpers that compilers call live with the architecture that needs them. */
#include "lib/div64.h"

/*
 * The product has up to 96 bits: (ah * 2^32 + al) * mul, with shift below 64. For shift >= 32 the low 32 bits of al * mul only matter
 * through its upper half, which is carried along.
 */
uint64_t mul_u64_u32_shr(uint64_t a, uint32_t mul, unsigned shift)
{
	uint64_t low = (uint64_t)(uint32_t)a * mul;
	uint64_t high = (a >> 32) * mul;

	if (shift >= 32)
		return (high + (low >> 32)) >> (shift - 32);
	return (low >> shift) + (high << (32 - shift));
}
