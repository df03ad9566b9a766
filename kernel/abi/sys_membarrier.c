/* SPDX-License-Identifier: MIT */
/* membarrier(2): a barrier on all CPUs, by an interrupt to each. */
#include "core/ipi.h"
#include "core/percpu.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "task/process.h"

enum { GLOBAL = 1, GLOBAL_EXPEDITED = 2, REGISTER_GLOBAL = 4, PRIVATE = 8, REGISTER_PRIVATE = 16, PRIVATE_SYNC_CORE = 32, REGISTER_SYNC_CORE = 64 };
#define ALL (GLOBAL | GLOBAL_EXPEDITED | REGISTER_GLOBAL | PRIVATE | REGISTER_PRIVATE | PRIVATE_SYNC_CORE | REGISTER_SYNC_CORE)

static void barrier_here(void *unused)
{
	(void)unused;
	smp_mb();
}

/* The interrupt itself makes a CPU see changed code: the return from it does. */
static long barrier_everywhere(void)
{
	ipi_call(READ_ONCE(cpus_online), barrier_here, NULL);
	return 0;
}

long sys_membarrier(int cmd, unsigned flags, int cpu)
{
	struct process *p = process_current();

	(void)cpu;
	if (flags)
		return -EINVAL;
	switch (cmd) {
	case 0:
		return ALL;
	case GLOBAL:
	case GLOBAL_EXPEDITED:
		return barrier_everywhere();
	case PRIVATE:
	case PRIVATE_SYNC_CORE:
		return READ_ONCE(p->membarriers) & (unsigned)cmd ? barrier_everywhere() : -EPERM;
	case REGISTER_GLOBAL:
		return 0;
	case REGISTER_PRIVATE:
	case REGISTER_SYNC_CORE:
		__atomic_fetch_or(&p->membarriers, (unsigned)cmd >> 1, __ATOMIC_RELAXED);
		return 0;
	default:
		return -EINVAL;
	}
}
