/* SPDX-License-Identifier: MIT */
/*
 * Waiting out readers: every other CPU is interrupted and says whether it was in the middle of a section with preemption off; those that were
 * are asked again a little later. It costs the readers nothing.
 */
#include "sched/grace.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "lib/atomic.h"
#include "sched/waitq.h"

#define AGAIN_NS 50000u

/* A CPU that serves this while it spins for a lock is not in an interrupt, but has its preemption off. */
static void ask(void *left)
{
	if (preempt_count() == (in_irq() ? 1u : 0u))
		__atomic_fetch_and((uint32_t *)left, ~CPU_BIT(this_cpu()->id), __ATOMIC_SEQ_CST);
}

void grace_wait(void)
{
	uint32_t left;

	preempt_disable();
	left = READ_ONCE(cpus_online) & ~CPU_BIT(this_cpu()->id);
	preempt_enable();
	smp_mb();
	while (left) {
		preempt_disable();
		left &= ~CPU_BIT(this_cpu()->id); /* it may have come to another CPU while it slept: who runs there is nobody that reads */
		ipi_call(left, ask, &left);
		preempt_enable();
		if (READ_ONCE(left))
			sched_sleep_until(clock_now() + AGAIN_NS, false);
	}
	smp_mb();
}
