/* SPDX-License-Identifier: MIT */
/* What random histories have in common: numbers that follow from the seed, and how a wrong step is said so that it can be run again. For one file a program. */
#ifndef LIB_TEST_HISTORY_H
#define LIB_TEST_HISTORY_H

#include "lib/types.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t rnd_state;
static unsigned long seed;
static unsigned step;
static bool trace; /* TRACE=1: the steps are printed */

static unsigned rnd(unsigned n)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (unsigned)(rnd_state >> 11) % n;
}

/* Before the first step of history n. */
static void history_begin(unsigned long n)
{
	seed = n;
	trace = getenv("TRACE") != NULL;
	rnd_state = n * 0x9E3779B97F4A7C15ull + 1;
	for (unsigned i = 0; i < 8; i++)
		rnd(2);
}

#define EXPECT(c) ((c) ? (void)0 : wrong(#c, __LINE__))
static void wrong(const char *what, int line)
{
	fprintf(stderr, "%s:%d: %s: history %lu, step %u. Again: SEED=%lu TRACE=1\n", __BASE_FILE__, line, what, seed, step, seed);
	abort();
}

#define SAY(...) (trace ? (void)fprintf(stderr, __VA_ARGS__) : (void)0)

#endif
