/* SPDX-License-Identifier: MIT */
/*
 * Per-CPU data. There is no global "current": it is a field of struct cpu, opaque here.
 *
 * preempt_count: depth of spinlocks + preempt_disable + interrupt nesting; the top bit PREEMPT_NO_RESCHED is SET while nobody wants this
 * CPU to reschedule (inverted, so that "count is zero and a reschedule is wanted" is one comparison with zero).
 */
#ifndef CORE_PERCPU_H
#define CORE_PERCPU_H

#include "arch/cpu.h"
#include "lib/check.h"
#include "lib/compiler.h"
#include "lib/list.h"
#include "lib/types.h"

#define MAX_CPUS 32
#define CPU_BIT(n) (1u << (n))
#define PREEMPT_NO_RESCHED 0x80000000u

struct cpu {
	struct cpu *self;          /* offset 0: what arch_cpu_base loads */
	void *current;             /* struct thread; offset frozen for entry.S */
	uint32_t preempt_count;
	unsigned id;               /* 0 is the boot CPU */
	unsigned irq_depth;        /* nesting of interrupts on this CPU */
	struct arch_cpu arch;
	/* Owned by the rooms named; opaque here so that arrows go down. */
	void *runq;                /* sched/runq */
	void *frame_cache;         /* mem/frame */
	void *slab_magazines;      /* mem/slab */
	void *timers;              /* core/timer */
	const void *lock_stack[16]; /* core/lockorder, debug builds: spinlocks held by this CPU */
	unsigned lock_depth;
	unsigned lock_base;        /* locks below were taken before this interrupt: no order to keep with them */
	uint64_t irqs;             /* interrupts taken, for /proc/stat */
};

extern struct cpu cpus[MAX_CPUS];
extern unsigned cpu_count; /* CPUs that run: numbers 0 to this, without it; only grows, set before they do */
extern uint32_t cpus_online; /* those that take interrupts and schedule; atomic, only grows. READ_ONCE */

/* This CPU's structure. Only while preemption is off, else it may be another's by the time it is used. */
static inline struct cpu *this_cpu(void) { return arch_cpu_base(); }
/* Current thread; safe at any time, for it moves along with the thread. */
static inline void *percpu_current(void) { return (void *)arch_percpu_read(offsetof(struct cpu, current)); }
static inline uint32_t preempt_count(void) { return (uint32_t)arch_percpu_read(offsetof(struct cpu, preempt_count)) & ~PREEMPT_NO_RESCHED; }

/* Set once by sched: called by preempt_enable when a reschedule is due. */
extern void (*preempt_resched_hook)(void);

static inline void preempt_disable(void)
{
	arch_percpu_add32_zero(offsetof(struct cpu, preempt_count), 1);
	barrier();
	if (CONFIG_DEBUG && preempt_count() == 1)
		arch_section(SECTION_PREEMPT, true);
}
static inline void preempt_enable_no_resched(void)
{
	if (CONFIG_DEBUG && preempt_count() == 1)
		arch_section(SECTION_PREEMPT, false);
	barrier();
	arch_percpu_add32_zero(offsetof(struct cpu, preempt_count), -1);
}
static inline void preempt_enable(void)
{
	if (CONFIG_DEBUG && preempt_count() == 1)
		arch_section(SECTION_PREEMPT, false);
	barrier();
	if (unlikely(arch_percpu_add32_zero(offsetof(struct cpu, preempt_count), -1)))
		preempt_resched_hook();
}

/* A reschedule is wanted and nothing forbids it but, perhaps, the interrupt flag (the hook looks at that). */
static inline bool this_cpu_resched_due(void) { return (uint32_t)arch_percpu_read(offsetof(struct cpu, preempt_count)) == 0; }

/* This CPU shall look at its run queue as soon as it may. Any context. */
static inline void this_cpu_want_resched(void) { arch_percpu_and32(offsetof(struct cpu, preempt_count), ~PREEMPT_NO_RESCHED); }

/* Prepares cpus[0] for the boot CPU (arch calls it before anything that takes a lock). */
void percpu_init_boot(void);
/* Prepares the structure of CPU n, which does not run yet, and returns it. */
struct cpu *percpu_init_cpu(unsigned n);

#endif
