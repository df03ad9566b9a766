/* SPDX-License-Identifier: MIT */
/* What threads and CPUs have spent their time on, and other figures of the scheduler. Nanoseconds; takes queues' locks, one at a time. */
#ifndef SCHED_TIMES_H
#define SCHED_TIMES_H

#include "sched/thread.h"

/* Brings the current thread's run time and its split (user_ns, system_ns) up to now; for exit and times(2). */
void sched_account_current(void);
uint64_t sched_thread_cpu_ns(struct thread *t); /* used so far, up to now */
/* Adds its two times, up to now, to the sums; on whatever CPU it runs. */
void sched_thread_times(struct thread *t, uint64_t *user_ns, uint64_t *system_ns);

struct sched_stats {
	uint64_t switches, idle_ns, forks;
	unsigned runnable;     /* threads that run or wait for a CPU */
	unsigned long load[3]; /* 1, 5, 15 minutes, fixed point 11 bits */
};
void sched_stats(struct sched_stats *s);

struct sched_cpu_times { uint64_t user_ns, system_ns, idle_ns; };
/* How a CPU has spent its time since it was started, up to now. */
void sched_cpu_times(unsigned cpu, struct sched_cpu_times *times);

#endif
