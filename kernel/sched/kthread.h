/* SPDX-License-Identifier: MIT */
/* Kernel threads, and deferred work run by one on each CPU. */
#ifndef SCHED_KTHREAD_H
#define SCHED_KTHREAD_H

#include "sched/sched.h"

/* Starts fn(arg) in a new kernel thread; NULL when there is no memory. The thread ends when fn returns. */
struct thread *kthread_start(const char *name, void (*fn)(void *), void *arg);
/* One that runs on that CPU only, which is online. */
struct thread *kthread_start_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg);

struct work {
	struct list link; /* lock of the queue where it is */
	void (*fn)(struct work *w);
	bool queued;      /* atomic */
	uint8_t cpu;      /* where it was queued last */
};
void work_init(struct work *w, void (*fn)(struct work *));
/* Any context. Queued once until it starts to run; never runs twice at once. On this CPU, or the one named (if it has a worker, else CPU 0). */
void work_queue(struct work *w);
void work_queue_on(unsigned cpu, struct work *w);
/* Waits until it neither is queued nor runs: as of some moment in the call. Not from a worker. The work does not free itself. */
void work_flush(struct work *w);
void kthread_init(void); /* starts the boot CPU's worker */
void kthread_init_cpu(unsigned cpu); /* that of a CPU that has just come online; without memory CPU 0's does its work */

#endif
