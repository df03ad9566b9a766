/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a condition: the one primitive under every sleep, poll included.
 *
 *     err = waitq_wait(&q, condition, WAIT_INTERRUPTIBLE);
 *
 * evaluates condition with the waiter queued, so that a wake-up between the test and the sleep is not lost. The one who makes the
 * condition true does so first and calls waitq_wake_* after. No spinlock is held by the caller.
 */
#ifndef SCHED_WAITQ_H
#define SCHED_WAITQ_H

#include "core/clock.h"
#include "core/spinlock.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "lib/list.h"
#include "sched/sched.h"

enum wait_mode { WAIT_UNINTERRUPTIBLE, WAIT_KILLABLE, WAIT_INTERRUPTIBLE };
#define WAIT_FOREVER (~0ull)

struct waitq {
	struct spinlock lock; /* LOCK_WAITQ; taken with interrupts off */
	struct list waiters;
};

struct waiter {
	struct list link;
	struct thread *thread;
	/* Called under the queue's lock by a wake; NULL: wake the thread. Returns true if it counts as one woken. */
	bool (*wake)(struct waiter *w, unsigned long key);
	bool exclusive; /* waitq_wake_one stops after one of these */
};

#define WAITQ_INIT(name) { SPINLOCK_INIT(LOCK_WAITQ), LIST_INIT((name).waiters) }
void waitq_init(struct waitq *q);
void waitq_add(struct waitq *q, struct waiter *w);
void waitq_remove(struct waitq *q, struct waiter *w);
/* Queues (if not yet) and sets the thread's state for the mode. */
void waitq_prepare(struct waitq *q, struct waiter *w, enum wait_mode mode);
void waitq_finish(struct waitq *q, struct waiter *w);
/* Should a wait of this mode end early? (signal pending / fatal signal) */
static inline bool waitq_interrupted(enum wait_mode mode)
{
	uint32_t work = READ_ONCE(thread_current()->work);

	if (mode == WAIT_UNINTERRUPTIBLE)
		return false;
	return work & (mode == WAIT_KILLABLE ? WORK_KILL : WORK_KILL | WORK_SIGNAL);
}
/* Sleeps until woken or the deadline (clock_now time, WAIT_FOREVER). 0, -ETIMEDOUT. The state was set by waitq_prepare. */
int waitq_sleep(ktime_t deadline);
/* Sleeps until the monotonic time: 0, or -EINTR (interruptible, and a signal is there). */
int sched_sleep_until(ktime_t when, bool interruptible);
static inline bool waitq_active(const struct waitq *q) { return !list_empty(&q->waiters); }
void waitq_wake_queued(struct waitq *q, unsigned n_exclusive, unsigned long key); /* waitq_wake_key's */
/* Wakes all, or as many exclusive ones. What the waiters wait for was made true before; most often nobody waits. */
static inline void waitq_wake_key(struct waitq *q, unsigned n_exclusive, unsigned long key)
{
	smp_mb();
	if (unlikely(waitq_active(q)))
		waitq_wake_queued(q, n_exclusive, key);
}
/* From a waiter's wake function, under another queue's lock; the caller sees to it that no chain of such wake-ups is a circle. Interrupts are off. */
void waitq_wake_nested(struct waitq *q, unsigned n_exclusive, unsigned long key);
static inline void waitq_wake_all(struct waitq *q) { waitq_wake_key(q, ~0u, 0); }
static inline void waitq_wake_one(struct waitq *q) { waitq_wake_key(q, 1, 0); }

/* 0, -ERESTARTSYS (interrupted), -ETIMEDOUT. */
#define waitq_wait_until(q, cond, mode, deadline) ({ \
	struct waiter w_ = { .thread = NULL }; \
	int r_ = 0; \
	if (!(cond)) { \
		for (;;) { \
			waitq_prepare((q), &w_, (mode)); \
			if (cond) { r_ = 0; break; } \
			if (r_) break; \
			if (waitq_interrupted(mode)) { r_ = -ERESTARTSYS; break; } \
			r_ = waitq_sleep(deadline); \
		} \
		waitq_finish((q), &w_); \
	} \
	r_; })
/* For a condition that mostly does not hold yet, and costs something to look at: once less than waitq_wait if the wait is long. */
#define waitq_wait_queued(q, cond, mode) ({ \
	struct waiter w_ = { .thread = NULL }; \
	int r_ = 0; \
	for (;;) { \
		waitq_prepare((q), &w_, (mode)); \
		if (cond) break; \
		if (waitq_interrupted(mode)) { r_ = -ERESTARTSYS; break; } \
		waitq_sleep(WAIT_FOREVER); \
	} \
	waitq_finish((q), &w_); \
	r_; })
#define waitq_wait(q, cond, mode) waitq_wait_until(q, cond, mode, WAIT_FOREVER)

#endif
