/* SPDX-License-Identifier: MIT */
/* The letters of /proc/sysrq-trigger. */
#include "fs/sysrq.h"
#include "arch/boot.h"
#include "arch/cpu.h"
#include "arch/irqflag.h"
#include "core/klog.h"
#include "core/nmi.h"
#include "core/panic.h"
#include "core/spinlock.h"
#include "mem/frame.h"
#include "mem/page.h"
#include "mem/slab.h"
#include "task/pid.h"

static void log_memory(void)
{
	struct frame_stats s;

	frame_stats(&s);
	klog_info("memory: %lu of %lu KiB free, of the direct map %lu of %lu KiB", s.free * (PAGE_SIZE / 1024), s.total * (PAGE_SIZE / 1024),
		  s.direct_free * (PAGE_SIZE / 1024), s.direct_total * (PAGE_SIZE / 1024));
	klog_info("memory: %lu objects in slabs, %lu processes, %lu threads", slab_live(), process_count(), task_count());
}

static bool log_process(struct process *p, void *unused)
{
	pid_t parent;
	unsigned threads;
	const char *state;

	(void)unused;
	spin_lock(&proc_tree_lock);
	parent = p->parent ? p->parent->pid : 0;
	threads = p->task_count;
	state = p->state == PROCESS_RUNNING ? p->stopped ? "stopped" : "live" : "zombie";
	spin_unlock(&proc_tree_lock);
	klog_info("task: %d parent %d %s, %u threads: %s", p->pid, parent, state, threads, p->comm);
	return true;
}

static __noreturn void hang(void)
{
	arch_irq_disable();
	for (;;)
		arch_pause();
}

long sysrq_store(const char *s, size_t len)
{
	switch (len ? s[0] : 0) {
	case 'b':
		arch_power(POWER_RESTART);
	case 'c':
		panic("sysrq triggered crash");
	case 'l':
		nmi_backtrace_all(KLOG_INFO);
		break;
	case 'm':
		log_memory();
		break;
	case 'o':
		arch_power(POWER_OFF);
	case 't':
		process_each(log_process, NULL);
		break;
	case 'y': /* debug builds: this CPU takes no interrupts any more, for tests of what notices that */
		if (CONFIG_DEBUG)
			hang();
		break;
	default:
		klog_info("sysrq: b restart, c crash, l backtraces of all CPUs, m memory, o off, t tasks");
	}
	return 0;
}
