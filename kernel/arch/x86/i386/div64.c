/* SPDX-License-Identifier: MIT */
/*
 * The 64-bit division helpers that compilers call on i386 (names and meaning are theirs). Everything rests on divl, which divides 64 by
 * 32 bits as long as the quotient fits 32 bits.
 */
#include "lib/types.h"

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rem);
uint64_t __udivdi3(uint64_t n, uint64_t d);
uint64_t __umoddi3(uint64_t n, uint64_t d);
int __ctzdi2(uint64_t n);
int64_t __divmoddi4(int64_t n, int64_t d, int64_t *rem);
int64_t __divdi3(int64_t n, int64_t d);
int64_t __moddi3(int64_t n, int64_t d);

/* hi:lo / d with hi < d. */
static inline uint32_t div_step(uint32_t hi, uint32_t lo, uint32_t d, uint32_t *rem)
{
	uint32_t q;

	__asm__("divl %4" : "=a"(q), "=d"(*rem) : "0"(lo), "1"(hi), "rm"(d) : "cc");
	return q;
}

static uint64_t div_by_32(uint64_t n, uint32_t d, uint64_t *rem)
{
	uint32_t hi = (uint32_t)(n >> 32), qhi = 0, qlo, r = hi;

	if (hi >= d) {
		qhi = hi / d;
		r = hi % d;
	}
	qlo = div_step(r, (uint32_t)n, d, &r);
	*rem = r;
	return (uint64_t)qhi << 32 | qlo;
}

/*
 * Divisor of more than 32 bits: the quotient has at most 32. Shift the divisor until its top bit is in bit 63 and divide n >> 1 by its upper
 * half; the result, shifted back, is right or one too large, which the remainder tells.
 */
static uint64_t div_by_64(uint64_t n, uint64_t d, uint64_t *rem)
{
	int shift = __builtin_clz((uint32_t)(d >> 32));
	uint32_t top = (uint32_t)(d << shift >> 32), r;
	uint64_t half = n >> 1;
	uint64_t q = div_step((uint32_t)(half >> 32), (uint32_t)half, top, &r) >> (31 - shift);

	if (q)
		q--;
	*rem = n - q * d;
	if (*rem >= d) {
		q++;
		*rem -= d;
	}
	return q;
}

uint64_t __udivmoddi4(uint64_t n, uint64_t d, uint64_t *rem)
{
	uint64_t r, q;

	q = d >> 32 ? div_by_64(n, d, &r) : div_by_32(n, (uint32_t)d, &r);
	if (rem)
		*rem = r;
	return q;
}

uint64_t __udivdi3(uint64_t n, uint64_t d)
{
	return __udivmoddi4(n, d, NULL);
}

uint64_t __umoddi3(uint64_t n, uint64_t d)
{
	uint64_t r;

	__udivmoddi4(n, d, &r);
	return r;
}

static inline uint64_t magnitude(int64_t v)
{
	return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

/* C's rules: the quotient rounds towards zero, the remainder has the sign of the dividend. */
int64_t __divmoddi4(int64_t n, int64_t d, int64_t *rem)
{
	uint64_t r, q = __udivmoddi4(magnitude(n), magnitude(d), &r);

	if (rem)
		*rem = (int64_t)(n < 0 ? 0 - r : r);
	return (int64_t)((n < 0) != (d < 0) ? 0 - q : q);
}

int64_t __divdi3(int64_t n, int64_t d)
{
	return __divmoddi4(n, d, NULL);
}

int64_t __moddi3(int64_t n, int64_t d)
{
	int64_t r;

	__divmoddi4(n, d, &r);
	return r;
}

/* Zero bits below the lowest one that is set (GCC calls it for __builtin_ctzll). */
int __ctzdi2(uint64_t n)
{
	uint32_t low = (uint32_t)n;

	return low ? __builtin_ctz(low) : 32 + __builtin_ctz((uint32_t)(n >> 32));
}
