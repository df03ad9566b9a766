/* SPDX-License-Identifier: MIT */
/*
 * Debug builds: how long preemption, and interrupts, were off: the longest sections of each CPU, by the place where they began, with where that was
 * called from and the calls that led to their end. /proc/perigee/latency shows them. An idle CPU that halts is in none. Counted in cycles,
 * which are instructions under QEMU's -icount shift=0 with one CPU.
 */
#ifndef CORE_LATENCY_H
#define CORE_LATENCY_H

#include "core/percpu.h"
#include "core/stackwalk.h"

#define LATENCY_KEPT 12
#define LATENCY_FROM 2

struct latency {
	uint64_t cycles;                  /* 0: unused */
	unsigned long from[LATENCY_FROM]; /* addresses of return: where it began, and the call of that function */
	struct stack_trace until;
};

/* Begins to measure. Release builds: nothing. */
void latency_init(void);
/* The i-th section of CPU n, in no order; false when there are no more. */
bool latency_get(unsigned n, enum arch_section s, unsigned i, struct latency *out);
/* Forgets them. What other CPUs measure just now may remain. */
void latency_reset(void);

#endif
