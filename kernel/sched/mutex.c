/* SPDX-License-Identifier: MIT */
/*
 * A mutex is its owner's address. Taking a free one is a compare-and-exchange. Who finds it taken spins as long as the owner runs on another CPU,
 * for it may be done soon; else it queues and is woken, one at a time, by each release. A running thread may take the lock before the one that was
 * woken, which keeps its place at the head of the queue. One that this has happened to a few times becomes the heir: the next release makes it
 * the owner.
 */
#include "sched/mutex.h"
#include "arch/cpu.h"
#include "lib/check.h"
#include "sched/heldlocks.h"

#define SPINS_MAX 2000 /* looks at the lock */
#define HEIR_AFTER 3   /* sleeps that ended with somebody else having the lock */

void mutex_init(struct mutex *m, enum lock_class c)
{
	m->owner = m->heir = NULL;
	m->class = (uint8_t)c;
	waitq_init(&m->waiters);
}

static bool take(struct mutex *m)
{
	struct thread *free = NULL;

	return __atomic_compare_exchange_n(&m->owner, &free, thread_current(), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/*
 * Takes the lock if that is possible before its owner stops running. The owner is looked at without a reference: a thread's memory is never
 * unmapped, and what is found there only matters while the lock is still its.
 */
static bool spin_for(struct mutex *m, enum wait_mode mode)
{
	if (READ_ONCE(cpus_online) == CPU_BIT(0))
		return false;
	for (unsigned n = 0; n < SPINS_MAX; n++) {
		struct thread *owner = READ_ONCE(m->owner);

		if (!owner && take(m))
			return true;
		if ((owner && !thread_seems_on_cpu(owner)) || this_cpu_resched_due() || waitq_interrupted(mode))
			return false;
		arch_pause();
	}
	return false;
}

static bool is_mine(const struct mutex *m)
{
	return __atomic_load_n(&m->owner, __ATOMIC_ACQUIRE) == thread_current();
}

static void become_heir(struct mutex *m)
{
	struct thread *none = NULL;

	__atomic_compare_exchange_n(&m->heir, &none, thread_current(), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* It no longer waits, with or without the lock. If a release has chosen it meanwhile, the lock is its: returns true. */
static bool end_heir(struct mutex *m)
{
	unsigned long irq = spin_lock_irqsave(&m->waiters.lock);

	if (m->heir == thread_current())
		WRITE_ONCE(m->heir, NULL);
	spin_unlock_irqrestore(&m->waiters.lock, irq);
	return is_mine(m);
}

/* The release's part: the lock goes to the heir. Under the queue's lock, which the heir takes before it goes on. */
static bool bequeath(struct mutex *m)
{
	unsigned long irq = spin_lock_irqsave(&m->waiters.lock);
	struct thread *heir = m->heir;

	if (heir) {
		WRITE_ONCE(m->heir, NULL);
		__atomic_store_n(&m->owner, heir, __ATOMIC_RELEASE);
		sched_wake(heir, WAKE_ANY);
	}
	spin_unlock_irqrestore(&m->waiters.lock, irq);
	return heir;
}

/* The first one is enough, even if it is awake: then it is still to look at the lock. The others would only meet it. */
static bool wake_first(struct waiter *w, unsigned long key)
{
	(void)key;
	sched_wake(w->thread, WAKE_ANY);
	return true;
}

/* 0, or -ERESTARTSYS without the lock. */
static int wait_for(struct mutex *m, enum wait_mode mode)
{
	struct waiter w = { .exclusive = true, .wake = wake_first };
	unsigned rounds = 0;
	int err = 0;

	if (spin_for(m, mode))
		return 0;
	for (;;) {
		waitq_prepare(&m->waiters, &w, mode);
		if (rounds++ >= HEIR_AFTER)
			become_heir(m);
		if (is_mine(m) || take(m))
			break;
		if (waitq_interrupted(mode)) {
			err = -ERESTARTSYS;
			break;
		}
		waitq_sleep(WAIT_FOREVER);
	}
	waitq_finish(&m->waiters, &w);
	if (rounds > HEIR_AFTER && end_heir(m))
		err = 0;
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
	if (unlikely(READ_ONCE(m->heir)) && bequeath(m))
		return;
	store_release(&m->owner, NULL); /* waitq_wake_one begins with a full barrier */
	waitq_wake_one(&m->waiters);
}
