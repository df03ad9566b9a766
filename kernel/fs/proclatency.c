/* SPDX-License-Identifier: MIT */
/* Each section: "KIND cpu N cycles C", then lines " from" and " until" with the addresses as functions. */
#include "fs/proclatency.h"
#include "core/latency.h"
#include "core/symbols.h"
#include "lib/errno.h"
#include "mem/slab.h"

static void print_address(struct text *t, const char *what, unsigned long at)
{
	struct symbol s;

	if (symbol_find(at - 1, &s))
		text_printf(t, " %s %s+0x%lx\n", what, s.name, s.offset + 1);
	else
		text_printf(t, " %s 0x%lx\n", what, at);
}

static void print_section(struct text *t, unsigned cpu, enum arch_section kind, const struct latency *l)
{
	text_printf(t, "%s cpu %u cycles %llu\n", kind == SECTION_PREEMPT ? "preempt" : "irq", cpu, (unsigned long long)l->cycles);
	for (unsigned i = 0; i < LATENCY_FROM; i++)
		print_address(t, "from", l->from[i]);
	for (unsigned i = 0; i < l->until.count; i++)
		print_address(t, "until", l->until.at[i]);
}

/* The longest of this CPU and kind that is shorter than the one before; false if there is none. */
static bool next_longest(unsigned cpu, enum arch_section kind, uint64_t below, struct latency *best, struct latency *one)
{
	best->cycles = 0;
	for (unsigned i = 0; latency_get(cpu, kind, i, one); i++)
		if (one->cycles < below && one->cycles > best->cycles)
			*best = *one;
	return best->cycles != 0;
}

int proclatency_fill(struct text *t, struct process *p)
{
	struct latency *l = kmalloc(2 * sizeof(*l), 0);

	(void)p;
	if (!l)
		return -ENOMEM;
	for (unsigned cpu = 0; cpu < cpu_count; cpu++)
		for (enum arch_section kind = SECTION_PREEMPT; kind <= SECTION_IRQ; kind++)
			for (uint64_t below = UINT64_MAX; next_longest(cpu, kind, below, &l[0], &l[1]); below = l[0].cycles)
				print_section(t, cpu, kind, &l[0]);
	kfree(l);
	return 0;
}

long proclatency_store(const char *s, size_t len)
{
	(void)s, (void)len;
	latency_reset();
	return 0;
}
