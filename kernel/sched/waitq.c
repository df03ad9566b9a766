/* SPDX-License-Identifier: MIT */
/*
 * Wait queues. Why no wake-up is lost: the waiter queues itself and sets its state, then tests the condition; the waker makes the condition true,
 * then looks at the queue. Both have a full barrier in between, so at least one sees what the other did.
 */
#include "sched/waitq.h"
#include "lib/atomic.h"
#include "lib/check.h"

_Static_assert(THREAD_RUNNABLE == 0, "a zeroed thread state is runnable");

void waitq_init(struct waitq *q)
{
	spin_init(&q->lock, LOCK_WAITQ);
	list_init(&q->waiters);
}

/* Exclusive waiters queue at the end, so that a wake passes all others first. */
static void link(struct waitq *q, struct waiter *w)
{
	if (w->exclusive)
		list_push_back(&q->waiters, &w->link);
	else
		list_push_front(&q->waiters, &w->link);
}

void waitq_add(struct waitq *q, struct waiter *w)
{
	unsigned long irq = spin_lock_irqsave(&q->lock);

	link(q, w);
	spin_unlock_irqrestore(&q->lock, irq);
	smp_mb();
}

void waitq_remove(struct waitq *q, struct waiter *w)
{
	unsigned long irq = spin_lock_irqsave(&q->lock);

	list_del(&w->link);
	spin_unlock_irqrestore(&q->lock, irq);
}

static uint8_t state_for(enum wait_mode mode)
{
	static const uint8_t states[] = {
		[WAIT_UNINTERRUPTIBLE] = THREAD_UNINTERRUPTIBLE,
		[WAIT_KILLABLE] = THREAD_KILLABLE,
		[WAIT_INTERRUPTIBLE] = THREAD_SLEEPING,
	};

	return states[mode];
}

void waitq_prepare(struct waitq *q, struct waiter *w, enum wait_mode mode)
{
	struct thread *t = thread_current();

	if (!w->thread) {
		w->thread = t;
		t->waiting_on = q;
		waitq_add(q, w);
	}
	__atomic_store_n(&t->state, state_for(mode), __ATOMIC_SEQ_CST);
}

void waitq_finish(struct waitq *q, struct waiter *w)
{
	struct thread *t = thread_current();

	WRITE_ONCE(t->state, THREAD_RUNNABLE);
	t->waiting_on = NULL;
	waitq_remove(q, w);
	w->thread = NULL;
}

static void timed_out(struct timer *timer)
{
	struct thread *t = container_of(timer, struct thread, timeout);

	WRITE_ONCE(t->timed_out, true);
	sched_wake(t, WAKE_ANY);
}

int waitq_sleep(ktime_t deadline)
{
	struct thread *t = thread_current();

	if (deadline == WAIT_FOREVER) {
		sched_block();
		return 0;
	}
	if (deadline <= clock_now()) {
		WRITE_ONCE(t->state, THREAD_RUNNABLE);
		return -ETIMEDOUT;
	}
	WRITE_ONCE(t->timed_out, false);
	timer_setup(&t->timeout, timed_out);
	timer_arm(&t->timeout, deadline);
	sched_block();
	timer_cancel(&t->timeout);
	return READ_ONCE(t->timed_out) ? -ETIMEDOUT : 0;
}

int sched_sleep_until(ktime_t when, bool interruptible)
{
	struct waitq nobody_wakes = WAITQ_INIT(nobody_wakes);
	int err = waitq_wait_until(&nobody_wakes, false, interruptible ? WAIT_INTERRUPTIBLE : WAIT_UNINTERRUPTIBLE, when);

	return err == -ERESTARTSYS ? -EINTR : 0;
}

static bool wake_waiter(struct waiter *w, unsigned long key)
{
	return w->wake ? w->wake(w, key) : sched_wake(w->thread, WAKE_ANY);
}

#define WAKES_MAX 16 /* under one hold of the lock, where it may be given up */

/* Wakes from *at on, at most that many; true if there is more to do from the new *at on. */
static bool wake_waiters(struct waitq *q, struct list **at, unsigned *n_exclusive, unsigned long key, unsigned most)
{
	while (*at != &q->waiters) {
		struct waiter *w = container_of(*at, struct waiter, link);

		if (!most--)
			return true;
		*at = w->link.next;
		if (wake_waiter(w, key) && w->exclusive && --*n_exclusive == 0)
			return false;
	}
	return false;
}

static bool wake_nobody(struct waiter *w, unsigned long key)
{
	(void)w, (void)key;
	return false;
}

/* Gives the lock up for a moment in the middle of a long list, where a waiter that is nobody keeps the place before at. */
static struct list *breathe(struct waitq *q, struct list *at, unsigned long *irq)
{
	struct waiter place = { .wake = wake_nobody };

	list_push_back(at, &place.link);
	spin_unlock_irqrestore(&q->lock, *irq);
	*irq = spin_lock_irqsave(&q->lock);
	at = place.link.next;
	list_del(&place.link);
	return at;
}

void waitq_wake_queued(struct waitq *q, unsigned n_exclusive, unsigned long key)
{
	unsigned long irq = spin_lock_irqsave(&q->lock);
	struct list *at;

	at = q->waiters.next;
	while (unlikely(wake_waiters(q, &at, &n_exclusive, key, WAKES_MAX)))
		at = breathe(q, at, &irq);
	spin_unlock_irqrestore(&q->lock, irq);
}

void waitq_wake_nested(struct waitq *q, unsigned n_exclusive, unsigned long key)
{
	struct list *at;

	smp_mb();
	if (!waitq_active(q))
		return;
	spin_lock_nested(&q->lock);
	at = q->waiters.next;
	wake_waiters(q, &at, &n_exclusive, key, ~0u);
	spin_unlock(&q->lock);
}
