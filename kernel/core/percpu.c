/* SPDX-License-Identifier: MIT */
/* The CPUs' structures. */
#include "core/percpu.h"

struct cpu cpus[MAX_CPUS];
unsigned cpu_count = 1;

static void nothing_to_switch_to(void) { }
void (*preempt_resched_hook)(void) = nothing_to_switch_to;

_Static_assert(offsetof(struct cpu, self) == 0, "arch_cpu_base loads it");
_Static_assert(offsetof(struct cpu, current) == sizeof(long), "entry.S loads it");

void percpu_init_boot(void)
{
	cpus[0].self = &cpus[0];
	cpus[0].preempt_count = PREEMPT_NO_RESCHED;
}
