/* SPDX-License-Identifier: MIT */
/* Interval timers: alarm(2), setitimer(2). ITIMER_REAL runs on the clock; the two on CPU time are checked when time is charged. */
#ifndef PROC_ITIMER_H
#define PROC_ITIMER_H

#include "task/process.h"

struct itimer_value { uint64_t value_ns, interval_ns; };

/* ITIMER_REAL of the current process: sets (new may be NULL) and reports what was left. */
void itimer_real(const struct itimer_value *new, struct itimer_value *old);
void itimer_exit(struct process *p);

#endif
