/* SPDX-License-Identifier: MIT */
/* What the programs of this folder have in common: the clock, and the end of one that cannot go on. */
#ifndef BENCH_PROGRAM_H
#define BENCH_PROGRAM_H

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void die(const char *what)
{
	printf("FAIL\t%s\t%s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

/* Nanoseconds of CLOCK_MONOTONIC. */
static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ull + t.tv_nsec;
}

#endif
