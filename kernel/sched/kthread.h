/* SPDX-License-Identifier: MIT */
/* Kernel threads, and deferred work run by one. */
#ifndef SCHED_KTHREAD_H
#define SCHED_KTHREAD_H

#include "sched/sched.h"

/* Starts fn(arg) in a new kernel thread; NULL when there is no memory. The thread ends when fn returns. */
struct thread *kthread_start(const char *name, void (*fn)(void *), void *arg);

struct work {
	struct list link;
	void (*fn)(struct work *w);
	bool queued;
};
void work_init(struct work *w, void (*fn)(struct work *));
/* Any context. Queued once until it starts to run. */
void work_queue(struct work *w);
void kthread_init(void); /* starts the worker */

#endif
