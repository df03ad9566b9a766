/* SPDX-License-Identifier: MIT */
/*
 * POSIX timers: timer_create(2) and what goes with it. A timer that ran out sends one signal; the beats that pass until that is taken by a
 * thread are counted, and told with it as the overrun. Timers on CPU time, anybody's, are looked at after ticks of the process whose time it is, as
 * proc/itimer's.
 */
#ifndef PROC_POSIXTIMER_H
#define PROC_POSIXTIMER_H

#include "fs/proctimers.h"
#include "task/cpuclock.h"

/* What a timer counts. */
enum timer_base { TIMER_MONOTONIC, TIMER_WALL, TIMER_CPU };

struct timer_event {
	bool none;           /* no signal */
	int signo;
	struct task *thread; /* to this thread only; NULL: to the process. A reference that is taken over on success */
	bool own_value;      /* value is to be the timer's number */
	unsigned long value;
};

struct timer_setting { uint64_t value_ns, interval_ns; };

/* All act on the current process, and on its timer of that number: -EINVAL without one. */
/* Its number; clock: that of its clock in user space; c: the clock if it is TIMER_CPU, which is taken over on success. -EAGAIN: at the limit, or no memory. */
int posixtimer_create(enum timer_base base, int clock, const struct cpuclock *c, const struct timer_event *ev);
/* new NULL: only asks. -ESRCH: who used the CPU time is gone. */
int posixtimer_set(int id, bool absolute, const struct timer_setting *new, struct timer_setting *old);
int posixtimer_overrun(int id);
int posixtimer_delete(int id);
/* All timers of a process go: exec, exit. */
void posixtimer_exit(struct process *p);
/* Sends what ran out of the process's CPU time. By a thread of it, on its way to user mode. */
void posixtimer_check(void);
/* Are there timers, whosever, on the process's CPU time? */
bool posixtimer_watching(const struct process *p);
/* proctimers_hook. */
bool posixtimer_look(struct process *p, int upto, struct proctimers_one *out);
void posixtimer_init(void);

#endif
