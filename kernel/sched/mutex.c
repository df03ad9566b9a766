/* SPDX-License-Identifier: MIT */
/*
 * A mutex is its owner's address. Taking a free one is a compare-and-exchange; who finds it taken queues and is woken, one at a time, by each
 * release. A running thread may take the lock before the one that was woken; that one keeps its place at the head of the queue.
 */
#include "sched/mutex.h"
#include "lib/check.h"
#include "sched/heldlocks.h"

void mutex_init(struct mutex *m, enum lock_class c)
{
	m->owner = NULL;
	m->class = (uint8_t)c;
	waitq_init(&m->waiters);
}

static bool take(struct mutex *m)
{
	struct thread *free = NULL;

	return __atomic_compare_exchange_n(&m->owner, &free, thread_current(), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* 0, or -ERESTARTSYS without the lock. */
static int wait_for(struct mutex *m, enum wait_mode mode)
{
	struct waiter w = { .exclusive = true };
	int err = 0;

	for (;;) {
		waitq_prepare(&m->waiters, &w, mode);
		if (take(m))
			break;
		if (waitq_interrupted(mode)) {
			err = -ERESTARTSYS;
			break;
		}
		waitq_sleep(WAIT_FOREVER);
	}
	waitq_finish(&m->waiters, &w);
	/* The wake-up of a release may have been spent on this thread, which gives up: pass it on. */
	if (err && !READ_ONCE(m->owner))
		waitq_wake_one(&m->waiters);
	return err;
}

void mutex_lock(struct mutex *m)
{
	heldlocks_acquire(m, m->class, false);
	if (unlikely(!take(m)))
		wait_for(m, WAIT_UNINTERRUPTIBLE);
}

void mutex_lock_nested(struct mutex *m)
{
	heldlocks_acquire(m, m->class, true);
	if (unlikely(!take(m)))
		wait_for(m, WAIT_UNINTERRUPTIBLE);
}

int mutex_lock_interruptible(struct mutex *m)
{
	int err = 0;

	heldlocks_acquire(m, m->class, false);
	if (unlikely(!take(m)))
		err = wait_for(m, WAIT_INTERRUPTIBLE);
	if (err)
		heldlocks_release(m);
	return err;
}

bool mutex_trylock(struct mutex *m)
{
	if (!take(m))
		return false;
	heldlocks_acquire_try(m, m->class);
	return true;
}

void mutex_unlock(struct mutex *m)
{
	assert(mutex_held(m));
	heldlocks_release(m);
	__atomic_store_n(&m->owner, NULL, __ATOMIC_SEQ_CST);
	waitq_wake_one(&m->waiters);
}
