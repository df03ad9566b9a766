/* SPDX-License-Identifier: MIT */
/* Starts the other CPUs, one after the other: each makes itself a queue and an idle thread, says that it is there, and looks for work. */
#include "init/smp.h"
#include "arch/cpu.h"
#include "arch/irqflag.h"
#include "core/cmdline.h"
#include "core/hangwatch.h"
#include "core/klog.h"
#include "core/percpu.h"
#include "core/spinlock.h"
#include "core/timer.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "mem/slab.h"
#include "mem/vmap.h"
#include "sched/kthread.h"
#include "sched/sched.h"

static struct thread *idle_threads[MAX_CPUS]; /* each set before its CPU starts */

static void cpu_main(void)
{
	unsigned n = this_cpu()->id;

	timer_init();
	hangwatch_start();
	sched_init_cpu(idle_threads[n]);
	__atomic_fetch_or(&cpus_online, CPU_BIT(n), __ATOMIC_SEQ_CST);
	arch_irq_enable();
	sched_idle_loop();
}

static bool start(unsigned n)
{
	char *stack = vmap_stack_alloc(THREAD_STACK_PAGES);

	idle_threads[n] = kmalloc(sizeof(struct thread), ALLOC_ZERO);
	if (!stack || !idle_threads[n])
		return false;
	idle_threads[n]->stack = stack;
	if (!arch_cpu_start(percpu_init_cpu(n), stack + THREAD_STACK_PAGES * PAGE_SIZE, cpu_main))
		return false;
	while (!(READ_ONCE(cpus_online) & CPU_BIT(n)))
		arch_pause();
	WRITE_ONCE(cpu_count, n + 1);
	kthread_init_cpu(n);
	return true;
}

void smp_init(void)
{
	unsigned long most = MAX(cmdline_u64("maxcpus", MAX_CPUS), 1ul);
	unsigned long count = MIN(MIN((unsigned long)arch_cpus_present(), most), (unsigned long)MAX_CPUS);
	unsigned n;

	if (cmdline_has("nosmp"))
		count = 1;
	spin_unfair = arch_cpus_virtual();
	if (count > 1)
		hangwatch_start();
	for (n = 1; n < count; n++) {
		if (!start(n)) {
			klog_warn("cpu %u does not answer", n);
			break;
		}
	}
	if (arch_cpus_present() > 1)
		klog_info("%u of %u CPUs run", n, arch_cpus_present());
}
