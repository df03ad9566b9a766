/* SPDX-License-Identifier: MIT */
/*
 * Everything here is done under one sleeping lock, so that words can be read and changed (which may fault) and the list be looked at as one step.
 * The lock is only taken when a thread waits or wakes: a free lock is taken, and an unwanted one given back, by the program alone.
 */
#include "proc/futexpi.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "proc/futexkey.h"
#include "sched/mutex.h"
#include "task/pid.h"
#include "vm/usercopy.h"

#define CHAIN_MAX 1024u /* owners that wait for owners */

/* On the stack of who waits. */
struct waiter_pi {
	struct list link;
	struct futex_key key;    /* of the lock; while parked: of the word that it waits on until it is moved */
	struct futex_key target; /* parked: of the lock */
	uaddr_t addr;            /* of the lock in its own memory */
	struct task *task;
	pid_t tid, owner;        /* owner: who has the lock; of a parked one 0 */
	int priority, own;       /* 0: none, else of SCHED_FIFO, SCHED_RR: with what is lent to it, and its own */
	bool parked, done;
	long result;
	struct waitq wake;
};

static struct mutex lock = MUTEX_INIT(lock, LOCK_FUTEX_PI);
static struct list waiters = LIST_INIT(waiters); /* oldest first */
unsigned futexpi_waiting;

static void finish(struct waiter_pi *w, long result)
{
	list_del(&w->link);
	WRITE_ONCE(futexpi_waiting, futexpi_waiting - 1);
	w->result = result;
	store_release(&w->done, true);
	waitq_wake_all(&w->wake);
}

/* Who gets the lock next: an heir first. */
static struct waiter_pi *top(const struct futex_key *k)
{
	struct waiter_pi *w, *best = NULL;

	list_for_each_entry(w, &waiters, link)
		if (!w->parked && futex_key_same(&w->key, k) && (!best || (!best->done && (w->done || w->priority > best->priority))))
			best = w;
	return best;
}

/* Of all who wait for the lock; an heir remembers whose he is. */
static void set_owner(const struct futex_key *k, pid_t owner)
{
	struct waiter_pi *w;

	list_for_each_entry(w, &waiters, link)
		if (!w->parked && !w->done && futex_key_same(&w->key, k))
			w->owner = owner;
}

/* *old: what was read; on return what is there. 1: changed; 0: it was another value; EFAULT. */
static long exchange(uaddr_t addr, uint32_t *old, uint32_t new)
{
	uint32_t seen = *old;

	if (!user_range_ok(addr, 4) || arch_user_cmpxchg32(addr, &seen, new))
		return -EFAULT;
	if (seen == *old)
		return 1;
	*old = seen;
	return 0;
}

/* Would tid, waiting for owner, wait for itself? */
static bool circle(pid_t tid, pid_t owner)
{
	struct waiter_pi *w;
	unsigned steps = 0;
	bool further = true;

	while (further && owner != tid && ++steps < CHAIN_MAX) {
		further = false;
		list_for_each_entry(w, &waiters, link)
			if (w->tid == owner && !w->parked) {
				owner = w->owner;
				further = true;
				break;
			}
	}
	return owner == tid || steps >= CHAIN_MAX;
}

/* May a thread wait for owner? ESRCH: there is none. EPERM: it is the kernel's. */
static long check_owner(pid_t owner)
{
	struct task *t = owner > 0 ? pid_task(owner) : NULL;
	unsigned long irq;
	bool exiting;

	if (!t)
		return -ESRCH;
	irq = sighand_lock(t->process);
	exiting = t->exiting; /* else it looks at the list after this */
	sighand_unlock(t->process, irq);
	task_put(t);
	return exiting ? -ESRCH : 0;
}

/*
 * Takes the word for tid, or finds out whom it has to wait for: 1 taken; 0 with *owner, and FUTEX_WAITERS set; EFAULT EDEADLK, EAGAIN and ESRCH (try).
 */
static long take(uaddr_t addr, const struct futex_key *k, pid_t tid, bool try, pid_t *owner)
{
	struct waiter_pi *w;
	uint32_t word;
	long r = user_get(&word, addr);

	while (!r) {
		*owner = (pid_t)(word & FUTEX_TID_MASK);
		if (*owner == tid)
			return -EDEADLK;
		w = top(k);
		if (!*owner && !w) {
			r = exchange(addr, &word, (uint32_t)tid | (word & FUTEX_OWNER_DIED));
			continue;
		}
		if (w && (w->done || !*owner)) /* the owner ended; an heir may not have run yet */
			*owner = w->done ? w->tid : w->owner;
		if (try)
			return check_owner(*owner) ? -ESRCH : -EAGAIN;
		if (word & FUTEX_WAITERS)
			return 0;
		r = exchange(addr, &word, word | FUTEX_WAITERS);
		if (r == 1)
			return 0;
	}
	return r;
}

static void enqueue(struct waiter_pi *w)
{
	struct thread *t = thread_current();

	w->task = task_current();
	w->tid = w->task->tid;
	w->priority = t->se.rt_prio;
	w->own = t->se.own_prio;
	waitq_init(&w->wake);
	list_push_back(&waiters, &w->link);
	WRITE_ONCE(futexpi_waiting, futexpi_waiting + 1);
}

static void dequeue(struct waiter_pi *w)
{
	list_del(&w->link);
	WRITE_ONCE(futexpi_waiting, futexpi_waiting - 1);
}

/*
 * Who has a lock runs with the highest priority of those who wait for it, and of those who wait for them: so nobody of a priority in between keeps
 * them all waiting. Called for each thread that owns more or less than before.
 */
static void lend(pid_t owner)
{
	struct waiter_pi *w, *his;

	for (unsigned steps = 0; steps < CHAIN_MAX; steps++) {
		struct task *t = pid_task(owner);
		int most = 0;

		his = NULL;
		list_for_each_entry(w, &waiters, link) {
			if (w->parked || w->done)
				continue;
			if (w->owner == owner)
				most = MAX(most, w->priority);
			if (w->tid == owner)
				his = w;
		}
		if (!t)
			return;
		sched_lend(&t->thread, most);
		task_put(t);
		most = MAX(most, his ? his->own : 0);
		if (!his || his->priority == most)
			return;
		his->priority = most;
		owner = his->owner;
	}
}

/* The heir takes the lock from who has died: 0, EAGAIN (somebody else did), EFAULT. */
static long claim(struct waiter_pi *w)
{
	uint32_t word;
	long r = user_get(&word, w->addr);

	dequeue(w);
	lend(w->tid);
	while (!r) {
		pid_t owner = (pid_t)(word & FUTEX_TID_MASK);

		if (owner && owner != w->owner)
			return -EAGAIN;
		r = exchange(w->addr, &word, FUTEX_WAITERS | FUTEX_OWNER_DIED | (uint32_t)w->tid);
	}
	return r > 0 ? 0 : r;
}

/* Lock held, and again when it returns. w is in no list then. 0: it has what it waited for; EAGAIN: is to try again; ETIMEDOUT, ERESTARTSYS. */
static long sleep_on(struct waiter_pi *w, ktime_t deadline)
{
	long err;

	mutex_unlock(&lock);
	err = waitq_wait_until(&w->wake, load_acquire(&w->done), WAIT_INTERRUPTIBLE, deadline);
	mutex_lock(&lock);
	if (w->done)
		return w->result == -EOWNERDEAD ? claim(w) : w->result;
	dequeue(w);
	if (!w->parked)
		lend(w->owner);
	return err;
}

/* Lock held. */
static long lock_locked(uaddr_t addr, const struct futex_key *k, bool try, ktime_t deadline)
{
	pid_t me = task_current()->tid;

	for (;;) {
		struct waiter_pi w = { .key = *k, .addr = addr };
		long r = take(addr, k, me, try, &w.owner);

		if (r)
			return r > 0 ? 0 : r;
		enqueue(&w);
		r = circle(me, w.owner) ? -EDEADLK : check_owner(w.owner);
		if (r) {
			dequeue(&w);
			return r;
		}
		set_owner(k, w.owner);
		lend(w.owner);
		r = sleep_on(&w, deadline);
		if (r != -EAGAIN)
			return r == -ERESTARTSYS ? -ERESTARTNOINTR : r;
	}
}

long futexpi_lock(uaddr_t addr, bool private, bool try, ktime_t deadline)
{
	struct futex_key k;
	long r = futex_key_get(addr, private, &k);

	if (r)
		return r;
	mutex_lock(&lock);
	r = lock_locked(addr, &k, try, deadline);
	mutex_unlock(&lock);
	futex_key_put(&k);
	return r;
}

/* The next one has the lock: the others wait for it now. */
static void hand_over(struct waiter_pi *next)
{
	set_owner(&next->key, next->tid);
	finish(next, 0);
	lend(next->tid);
}

static long unlock_locked(uaddr_t addr, const struct futex_key *k)
{
	struct waiter_pi *next;
	uint32_t word;
	long r = user_get(&word, addr);

	while (!r) {
		if ((pid_t)(word & FUTEX_TID_MASK) != task_current()->tid)
			return -EPERM;
		next = top(k);
		r = exchange(addr, &word, next ? FUTEX_WAITERS | (uint32_t)next->tid : 0);
		if (r == 1 && next)
			hand_over(next);
	}
	return r > 0 ? 0 : r;
}

long futexpi_unlock(uaddr_t addr, bool private)
{
	struct futex_key k;
	long r = futex_key_get(addr, private, &k);

	if (r)
		return r;
	mutex_lock(&lock);
	r = unlock_locked(addr, &k);
	preempt_disable(); /* who is more urgent than this thread by itself does not come before who waits for the mutex */
	if (thread_current()->se.lent)
		lend(task_current()->tid);
	mutex_unlock(&lock);
	preempt_enable();
	futex_key_put(&k);
	return r;
}

/* ---- waiting on a word, and then for a lock ---- */

static long parked(uaddr_t addr, uint32_t val, struct waiter_pi *w, ktime_t deadline)
{
	uint32_t now;
	long r = user_get(&now, addr);

	if (r || now != val)
		return r ? r : -EAGAIN;
	enqueue(w);
	r = sleep_on(w, deadline);
	if (r == -EAGAIN) /* the owner of the lock has gone, and somebody else was faster */
		return lock_locked(w->addr, &w->target, false, deadline);
	return r != -ERESTARTSYS ? r : w->parked ? -ERESTARTNOINTR : -EAGAIN;
}

/* The keys of two words; to be given back also if there is an error. */
static long two_keys(uaddr_t addr, uaddr_t addr2, bool private, struct futex_key *from, struct futex_key *to)
{
	long r = addr == addr2 ? -EINVAL : 0;

	*from = *to = (struct futex_key){ NULL, 0, NULL };
	if (!r)
		r = futex_key_get(addr, private, from);
	return r ? r : futex_key_get(addr2, private, to);
}

long futexpi_wait_requeue(uaddr_t addr, uint32_t val, uaddr_t addr2, bool private, ktime_t deadline)
{
	struct waiter_pi w = { .addr = addr2, .parked = true };
	struct futex_key from, to;
	long r = two_keys(addr, addr2, private, &from, &to);

	if (!r && futex_key_same(&from, &to))
		r = -EINVAL;
	if (!r) {
		w.key = from;
		w.target = to;
		mutex_lock(&lock);
		r = parked(addr, val, &w, deadline);
		mutex_unlock(&lock);
	}
	futex_key_put(&to);
	futex_key_put(&from);
	return r;
}

/* A parked waiter gets the lock, or waits for it. addr2 is the caller's name of it. */
static long move(struct waiter_pi *w, uaddr_t addr2)
{
	pid_t owner = 0;
	long r = take(addr2, &w->target, w->tid, false, &owner);

	if (r < 0)
		return r;
	if (r == 1) {
		finish(w, 0);
		return 0;
	}
	if (circle(w->tid, owner))
		return -EDEADLK;
	r = check_owner(owner);
	if (r)
		return r;
	w->parked = false;
	w->key = w->target;
	w->owner = owner;
	lend(owner);
	return 0;
}

static long requeue_locked(uaddr_t addr, uint32_t val, uaddr_t addr2, uint32_t more, const struct futex_key *from, const struct futex_key *to)
{
	struct waiter_pi *w, *tmp;
	uint32_t now;
	long n = 0, r = user_get(&now, addr);

	if (r || now != val)
		return r ? r : -EAGAIN;
	list_for_each_entry_safe(w, tmp, &waiters, link) {
		if (!w->parked || !futex_key_same(&w->key, from))
			continue;
		if ((unsigned long)n > more)
			break;
		r = futex_key_same(&w->target, to) ? move(w, addr2) : -EINVAL;
		if (r)
			return n ? n : r;
		n++;
	}
	return n;
}

long futexpi_requeue(uaddr_t addr, uint32_t val, uaddr_t addr2, uint32_t more, bool private)
{
	struct futex_key from, to;
	long r = two_keys(addr, addr2, private, &from, &to);

	if (!r) {
		mutex_lock(&lock);
		r = requeue_locked(addr, val, addr2, more, &from, &to);
		mutex_unlock(&lock);
	}
	futex_key_put(&to);
	futex_key_put(&from);
	return r;
}

/* ---- the end of an owner ---- */

/* Those who wait for t: the next one is its heir, and stays in the list until it has taken what is its. */
void futexpi_gone(struct task *t)
{
	struct waiter_pi *w, *next;

	mutex_lock(&lock);
	do {
		next = NULL;
		list_for_each_entry(w, &waiters, link)
			if (!w->parked && !w->done && w->owner == t->tid) {
				next = top(&w->key);
				break;
			}
		if (next && next->done) { /* there is one already, who has not run yet */
			set_owner(&next->key, next->tid);
		} else if (next) {
			set_owner(&next->key, next->tid);
			next->owner = t->tid;
			next->result = -EOWNERDEAD;
			store_release(&next->done, true);
			waitq_wake_all(&next->wake);
		}
		if (next)
			lend(next->tid);
	} while (next);
	mutex_unlock(&lock);
}
