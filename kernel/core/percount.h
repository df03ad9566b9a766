/* SPDX-License-Identifier: MIT */
/* Counts that all CPUs change and that are seldom read: each CPU has a part of it on a cache line of its own. */
#ifndef CORE_PERCOUNT_H
#define CORE_PERCOUNT_H

#include "core/percpu.h"

struct percount {
	struct { long n; } __aligned(64) on_cpu[MAX_CPUS];
};

/* Not in interrupts. A part may be below zero: what one CPU adds another may take away. */
static inline void percount_add(struct percount *c, long n)
{
	preempt_disable();
	c->on_cpu[this_cpu()->id].n += n;
	preempt_enable();
}

/* Exact while nobody changes it. */
static inline long percount_sum(const struct percount *c)
{
	long sum = 0;

	for (unsigned i = 0; i < cpu_count; i++)
		sum += READ_ONCE(c->on_cpu[i].n);
	return sum;
}

#endif
