/* SPDX-License-Identifier: MIT */
/*
 * Many readers or one writer. The fields change under a small spinlock; who must wait uses the queue with "try again" as the condition. All
 * waiters are woken when the lock becomes free for any of them: readers enter together, and of the writers one wins.
 *
 * Before it queues, who finds the lock taken spins as long as the writer, or the reader that came last, runs on another CPU: sections are short,
 * and a sleep and a wake-up are not. Until it queues nobody knows of it: it stops no readers and gets no pass.
 */
#include "sched/rwlock.h"
#include "arch/cpu.h"
#include "lib/check.h"
#include "sched/heldlocks.h"

#define SPINS_MAX 2000 /* looks at the lock */

void rwlock_init(struct rwlock *l, enum lock_class c)
{
	*l = (struct rwlock){ .class = (uint8_t)c };
	spin_init(&l->lock, LOCK_LEAF);
	waitq_init(&l->waiters);
}

static bool try_read(struct rwlock *l)
{
	bool ok;

	spin_lock(&l->lock);
	ok = l->readers >= 0 && !l->writers_waiting;
	if (ok) {
		l->readers++;
		l->owner = thread_current();
	}
	spin_unlock(&l->lock);
	return ok;
}

/* For a reader that waits since so many releases: it may have been given a pass. One that came later must not use up another's. */
static bool try_read_waiting(struct rwlock *l, unsigned since)
{
	bool ok, pass;

	spin_lock(&l->lock);
	pass = l->passes && l->releases != since;
	ok = l->readers >= 0 && (pass || !l->writers_waiting);
	if (ok) {
		l->readers++;
		l->owner = thread_current();
		l->readers_waiting--;
		l->passes -= pass;
	}
	spin_unlock(&l->lock);
	return ok;
}

static void wait_to_read(struct rwlock *l)
{
	unsigned since;

	spin_lock(&l->lock);
	l->readers_waiting++;
	since = l->releases;
	spin_unlock(&l->lock);
	waitq_wait(&l->waiters, try_read_waiting(l, since), WAIT_UNINTERRUPTIBLE);
}

static bool try_write(struct rwlock *l)
{
	bool ok;

	spin_lock(&l->lock);
	ok = l->readers == 0 && !l->passes;
	if (ok) {
		l->owner = thread_current();
		store_release(&l->readers, -1); /* rwlock_write_held looks at it first */
	}
	spin_unlock(&l->lock);
	return ok;
}

/*
 * Takes the lock if that is possible before its owner stops running, or somebody queues who goes first. The owner is looked at without a
 * reference: a thread's memory is never unmapped, and what is found there decides about spinning only. Of several readers one is looked at.
 */
static bool spin_for(struct rwlock *l, bool write, enum wait_mode mode)
{
	if (READ_ONCE(cpus_online) == CPU_BIT(0))
		return false;
	for (unsigned n = 0; n < SPINS_MAX; n++) {
		int readers = READ_ONCE(l->readers);
		struct thread *owner = READ_ONCE(l->owner);

		if ((write ? readers == 0 : readers >= 0) && (write ? try_write(l) : try_read(l)))
			return true;
		if (readers && !(owner && thread_seems_on_cpu(owner)))
			return false;
		if ((!write && READ_ONCE(l->writers_waiting)) || READ_ONCE(l->passes) || this_cpu_resched_due() || waitq_interrupted(mode))
			return false;
		arch_pause();
	}
	return false;
}

void rwlock_read_lock(struct rwlock *l)
{
	heldlocks_acquire(l, l->class, false);
	if (unlikely(!try_read(l)) && !spin_for(l, false, WAIT_UNINTERRUPTIBLE))
		wait_to_read(l);
}

bool rwlock_try_read_lock(struct rwlock *l)
{
	if (!try_read(l))
		return false;
	heldlocks_acquire_try(l, l->class);
	return true;
}

void rwlock_read_unlock(struct rwlock *l)
{
	bool wake;

	heldlocks_release(l);
	spin_lock(&l->lock);
	assert(l->readers > 0);
	wake = --l->readers == 0 && l->writers_waiting;
	spin_unlock(&l->lock);
	if (wake)
		waitq_wake_all(&l->waiters);
}

static void add_waiting_writer(struct rwlock *l, int n)
{
	spin_lock(&l->lock);
	l->writers_waiting += (unsigned)n;
	spin_unlock(&l->lock);
}

static int wait_to_write(struct rwlock *l, enum wait_mode mode)
{
	int err;

	if (spin_for(l, true, mode))
		return 0;
	add_waiting_writer(l, 1);
	err = waitq_wait(&l->waiters, try_write(l), mode);
	add_waiting_writer(l, -1);
	/* Readers that waited behind this writer only may go on. */
	if (err)
		waitq_wake_all(&l->waiters);
	return err;
}

void rwlock_write_lock(struct rwlock *l)
{
	heldlocks_acquire(l, l->class, false);
	if (unlikely(!try_write(l)))
		wait_to_write(l, WAIT_UNINTERRUPTIBLE);
}

void rwlock_write_lock_nested(struct rwlock *l)
{
	heldlocks_acquire(l, l->class, true);
	if (unlikely(!try_write(l)))
		wait_to_write(l, WAIT_UNINTERRUPTIBLE);
}

int rwlock_write_lock_killable(struct rwlock *l)
{
	heldlocks_acquire(l, l->class, false);
	if (likely(try_write(l)) || !wait_to_write(l, WAIT_KILLABLE))
		return 0;
	heldlocks_release(l);
	return -EINTR;
}

/* Gives way to others: readers now have it, this thread among them or not. */
static void end_writing(struct rwlock *l, int readers)
{
	assert(rwlock_write_held(l));
	spin_lock(&l->lock);
	l->readers = readers;
	l->passes = l->readers_waiting;
	l->releases++;
	spin_unlock(&l->lock);
	waitq_wake_all(&l->waiters);
}

void rwlock_write_unlock(struct rwlock *l)
{
	heldlocks_release(l);
	end_writing(l, 0);
}

void rwlock_downgrade(struct rwlock *l) { end_writing(l, 1); }
