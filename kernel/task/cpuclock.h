/* SPDX-License-Identifier: MIT */
/* Clocks of CPU time: of a process or a thread, as the numbers of clock_getcpuclockid(3) name them. */
#ifndef TASK_CPUCLOCK_H
#define TASK_CPUCLOCK_H

#include "task/process.h"

enum cpuclock_what { CPUCLOCK_PROF, CPUCLOCK_VIRT, CPUCLOCK_SCHED }; /* all, user mode, all as the scheduler counts it */

struct cpuclock {
	enum cpuclock_what what;
	struct process *process; /* a reference; NULL: no such clock */
	struct task *task;       /* a reference, if it is this thread's; else the whole process's */
};

/*
 * The clock of a number below zero, or of CLOCK_PROCESS_CPUTIME_ID and CLOCK_THREAD_CPUTIME_ID: any process has one, and each thread of the current one.
 * reading: the caller's own thread may stand for its process. 0, or -EINVAL.
 */
int cpuclock_find(int number, bool reading, struct cpuclock *out);
void cpuclock_put(struct cpuclock *c);
/* Nanoseconds up to now. Takes PROC_TREE lock if it is a process's. */
uint64_t cpuclock_ns(const struct cpuclock *c);
/* It does not run any more, and never will. */
bool cpuclock_gone(const struct cpuclock *c);

#endif
