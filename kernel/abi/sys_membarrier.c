/* SPDX-License-Identifier: MIT */
/* membarrier(2): a barrier on all CPUs, by an interrupt to each. */
#include "core/ipi.h"
#include "core/percpu.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "proc/rseq.h"
#include "syscall_protos.h"
#include "task/process.h"

enum { GLOBAL = 1, GLOBAL_EXPEDITED = 2, REGISTER_GLOBAL = 4, PRIVATE = 8, REGISTER_PRIVATE = 16, PRIVATE_SYNC_CORE = 32, REGISTER_SYNC_CORE = 64,
       PRIVATE_RSEQ = 128, REGISTER_RSEQ = 256 };
#define ALL (GLOBAL | GLOBAL_EXPEDITED | REGISTER_GLOBAL | PRIVATE | REGISTER_PRIVATE | PRIVATE_SYNC_CORE | REGISTER_SYNC_CORE | PRIVATE_RSEQ | REGISTER_RSEQ)
#define ONE_CPU 1u /* flag of PRIVATE_RSEQ */

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

/* A sequence that a thread of this process is in on one of the CPUs begins anew. */
static long restart_sequences(unsigned flags, int cpu)
{
	uint32_t mask = READ_ONCE(cpus_online);

	if (flags)
		mask &= cpu < 0 ? mask : (unsigned)cpu < MAX_CPUS ? (uint32_t)BIT(cpu) : 0;
	ipi_call(mask, rseq_interrupt, process_current()->aspace);
	return 0;
}

long sys_membarrier(int cmd, unsigned flags, int cpu)
{
	struct process *p = process_current();

	if (flags && (cmd != PRIVATE_RSEQ || flags != ONE_CPU))
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
	case PRIVATE_RSEQ:
		return READ_ONCE(p->membarriers) & (unsigned)cmd ? restart_sequences(flags, cpu) : -EPERM;
	case REGISTER_GLOBAL:
		return 0;
	case REGISTER_PRIVATE:
	case REGISTER_SYNC_CORE:
	case REGISTER_RSEQ:
		__atomic_fetch_or(&p->membarriers, (unsigned)cmd >> 1, __ATOMIC_RELAXED);
		return 0;
	default:
		return -EINVAL;
	}
}
