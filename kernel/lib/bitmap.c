/* SPDX-License-Identifier: MIT */
/*
 * Bits in an array of words. The searches look at whole words: "find clear" is "find set" in the complement, so that both share
 * one loop. Not atomic; the caller holds the lock.
 */
#include "lib/bitmap.h"
#include "lib/bits.h"

/* Mask of bits [from, to) of one word; 0 <= from < to <= BITS_PER_WORD. */
static unsigned long word_mask(unsigned long from, unsigned long to)
{
	unsigned long upto = to == BITS_PER_WORD ? ~0UL : BIT(to) - 1;

	return upto & ~(BIT(from) - 1);
}

void bitmap_set_run(unsigned long *m, unsigned long start, unsigned long len)
{
	while (len) {
		unsigned long from = start % BITS_PER_WORD;
		unsigned long n = MIN(len, BITS_PER_WORD - from);

		m[start / BITS_PER_WORD] |= word_mask(from, from + n);
		start += n;
		len -= n;
	}
}

void bitmap_clear_run(unsigned long *m, unsigned long start, unsigned long len)
{
	while (len) {
		unsigned long from = start % BITS_PER_WORD;
		unsigned long n = MIN(len, BITS_PER_WORD - from);

		m[start / BITS_PER_WORD] &= ~word_mask(from, from + n);
		start += n;
		len -= n;
	}
}

/* First bit at or after start that is set in (word ^ flip). */
static unsigned long find(const unsigned long *m, unsigned long nbits, unsigned long start, unsigned long flip)
{
	while (start < nbits) {
		unsigned long from = start % BITS_PER_WORD;
		unsigned long w = (m[start / BITS_PER_WORD] ^ flip) >> from;

		if (w) {
			start += (unsigned long)__builtin_ctzl(w);
			return start < nbits ? start : BITMAP_NONE;
		}
		start += BITS_PER_WORD - from;
	}
	return BITMAP_NONE;
}

unsigned long bitmap_find_clear(const unsigned long *m, unsigned long nbits, unsigned long start)
{
	return find(m, nbits, start, ~0UL);
}

unsigned long bitmap_find_set(const unsigned long *m, unsigned long nbits, unsigned long start)
{
	return find(m, nbits, start, 0);
}

unsigned long bitmap_find_clear_run(const unsigned long *m, unsigned long nbits, unsigned long start, unsigned long len)
{
	for (;;) {
		unsigned long end;

		start = bitmap_find_clear(m, nbits, start);
		if (start == BITMAP_NONE || nbits - start < len)
			return BITMAP_NONE;
		end = bitmap_find_set(m, start + len, start);
		if (end == BITMAP_NONE)
			return start;
		start = end;
	}
}

unsigned long bitmap_count(const unsigned long *m, unsigned long nbits)
{
	unsigned long n = 0;

	for (unsigned long i = 0; i < nbits; i += BITS_PER_WORD) {
		unsigned long w = m[i / BITS_PER_WORD];

		if (nbits - i < BITS_PER_WORD)
			w &= word_mask(0, nbits - i);
		for (; w; w &= w - 1)
			n++;
	}
	return n;
}
