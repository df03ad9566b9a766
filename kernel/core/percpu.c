/* SPDX-License-Identifier: MIT */
/* The CPUs' structures. */
#include "core/percpu.h"

struct cpu cpus[MAX_CPUS];
unsigned cpu_count = 1;
uint32_t cpus_online = CPU_BIT(0);

static void nothing_to_switch_to(void) { }
void (*preempt_resched_hook)(void) = nothing_to_switch_to;

_Static_assert(offsetof(struct cpu, self) == 0, "arch_cpu_base loads it");
_Static_assert(offsetof(struct cpu, current) == sizeof(long), "entry.S loads it");

void (*arch_section_hook)(enum arch_section s, bool begins);

struct cpu *percpu_init_cpu(unsigned n)
{
	cpus[n].self = &cpus[n];
	cpus[n].id = n;
	cpus[n].preempt_count = PREEMPT_NO_RESCHED;
	return &cpus[n];
}

void percpu_init_boot(void)
{
	percpu_init_cpu(0);
}
