/* SPDX-License-Identifier: MIT */
/*
 * Interval timers: alarm(2), setitimer(2), and the limit of CPU time. ITIMER_REAL runs on the clock. The two on CPU time, and the limit, are looked
 * at by a thread of the process on its way to user mode, after a tick found it running: so they are as fine as the tick (4 to 10 ms).
 */
#ifndef PROC_ITIMER_H
#define PROC_ITIMER_H

#include "task/process.h"

enum itimer_which { ITIMER_REAL, ITIMER_VIRTUAL, ITIMER_PROF };

struct itimer_value { uint64_t value_ns, interval_ns; };

/* A timer of the current process: sets (new may be NULL) and reports what was left. */
void itimer_set(enum itimer_which which, const struct itimer_value *new, struct itimer_value *old);
void itimer_exit(struct process *p);
/* The process's limit of CPU time was set. */
void itimer_limit_changed(struct process *p);
/* RLIMIT_RTTIME bounds p now, and did not before: what its threads have run so far does not count. */
void itimer_realtime_bounded(struct process *p);
/* WORK_CPUTIME: sends what is due. Called on the way to user mode. */
void itimer_check(void);
/* Wires sched_tick_hook. */
void itimer_init(void);

#endif
