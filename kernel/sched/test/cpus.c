/* SPDX-License-Identifier: MIT */
#include "sched/test/cpus.h"
#include "arch/irqflag.h"
#include "arch_target/interleave.h"
#include "core/percpu.h"
#include "core/timer.h"
#include "sched/sched.h"

static struct thread idle_threads[MAX_CPUS];

static void cpu_main(void)
{
	unsigned n = this_cpu()->id;

	timer_init();
	sched_init_cpu(&idle_threads[n]);
	__atomic_fetch_or(&cpus_online, CPU_BIT(n), __ATOMIC_SEQ_CST);
	arch_irq_enable();
	sched_idle_loop();
}

void test_cpus_start(unsigned cpus, unsigned period)
{
	for (unsigned n = 1; n < cpus; n++) {
		percpu_init_cpu(n);
		host_cpu_add(n, cpu_main);
		host_interleave(n, period);
		while (!(READ_ONCE(cpus_online) & CPU_BIT(n)))
			host_pause();
		cpu_count = n + 1;
	}
}
