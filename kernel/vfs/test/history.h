/* SPDX-License-Identifier: MIT */
/* What random histories have in common: numbers that follow from the seed, and how a wrong step is said so that it can be run again. */
#ifndef VFS_TEST_HISTORY_H
#define VFS_TEST_HISTORY_H

#include "lib/types.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t rnd_state;
static unsigned long seed;
static unsigned step;
static bool trace;

static unsigned rnd(unsigned n)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return (unsigned)(rnd_state >> 11) % n;
}

#define EXPECT(c) ((c) ? (void)0 : wrong(#c, __LINE__))
static void wrong(const char *what, int line)
{
	fprintf(stderr, "%s:%d: %s: history %lu, step %u. Again: SEED=%lu TRACE=1\n", __BASE_FILE__, line, what, seed, step, seed);
	abort();
}

#endif
