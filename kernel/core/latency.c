/* SPDX-License-Identifier: MIT */
/*
 * A table of the worst sections for each CPU and kind, written by its CPU only: sections of interrupts by hooks that run with interrupts off, those
 * of preemption with preemption off, so that neither is disturbed by itself. Readers on other CPUs may see an entry that is half written: figures
 * for people.
 */
#include "core/latency.h"
#include "arch/clock.h"
#include "lib/check.h"

#define KINDS 2
#define WORTH_KEEPING 4000 /* cycles: not looked at, below */

static struct tracer {
	uint64_t since;
	unsigned long from[LATENCY_FROM];
	struct latency kept[LATENCY_KEPT];
} tracers[MAX_CPUS][KINDS];

/* The entry of the same beginning, else the shortest, which may be an unused one. */
static struct latency *entry_for(struct tracer *t)
{
	struct latency *least = &t->kept[0];

	for (unsigned i = 0; i < LATENCY_KEPT; i++) {
		struct latency *l = &t->kept[i];

		if (l->cycles && l->from[0] == t->from[0] && l->from[1] == t->from[1])
			return l;
		if (l->cycles < least->cycles)
			least = l;
	}
	return least;
}

static void end(struct tracer *t, unsigned long fp)
{
	uint64_t cycles = arch_cycles() - t->since;
	struct latency *l;

	if (cycles < WORTH_KEEPING)
		return;
	l = entry_for(t);
	if (cycles <= l->cycles)
		return;
	l->cycles = cycles;
	l->from[0] = t->from[0];
	l->from[1] = t->from[1];
	stack_walk(&l->until, fp, 0);
}

/* Whoever calls has a frame of its own, and it was called from C or from the entry code: two returns are always there. */
static void section(enum arch_section kind, bool begins)
{
	unsigned long *fp = __builtin_frame_address(0);
	struct tracer *t = &tracers[this_cpu()->id][kind];

	if (begins) {
		t->from[0] = fp[1];
		t->from[1] = ((unsigned long *)fp[0])[1];
		t->since = arch_cycles();
	} else if (t->since) {
		end(t, (unsigned long)fp);
		t->since = 0;
	}
}

void latency_init(void)
{
	if (CONFIG_DEBUG)
		WRITE_ONCE(arch_section_hook, section);
}

bool latency_get(unsigned n, enum arch_section s, unsigned i, struct latency *out)
{
	if (!CONFIG_DEBUG || i >= LATENCY_KEPT)
		return false;
	*out = tracers[n][s].kept[i];
	return true;
}

void latency_reset(void)
{
	for (unsigned n = 0; CONFIG_DEBUG && n < MAX_CPUS; n++)
		for (unsigned s = 0; s < KINDS; s++)
			for (unsigned i = 0; i < LATENCY_KEPT; i++)
				WRITE_ONCE(tracers[n][s].kept[i].cycles, 0);
}
