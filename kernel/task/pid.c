/* SPDX-License-Identifier: MIT */
/*
 * Numbers: a bitmap of those in use, and two hashes: from numbers to threads, and to processes, which stay there until they are reaped and outlive
 * the thread of the same number.
 *
 * Finding takes no lock and writes nothing but the count of what it found: threads and processes are objects of stable caches (mem/slab), so with
 * preemption off a chain can be followed even through those that were freed, which may lead elsewhere. What was found counts if it is in the hash once
 * a reference is held; what was not found is looked for again with the lock.
 */
#include "task/pid.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "mem/slab.h"

#define BUCKETS 4096
#define HOPS_MAX 64 /* in a chain that others change meanwhile */

static struct spinlock pid_lock = SPINLOCK_INIT(LOCK_PID);
static unsigned long in_use[BITMAP_WORDS(PID_MAX_DEFAULT)]; /* pid_lock; 0 is nobody's and not looked at */
static uint8_t users[PID_MAX_DEFAULT];                      /* pid_lock; thread, group, session */
static struct task *buckets[BUCKETS];                       /* pid_lock; chained by task.pid_next */
static struct process *processes[BUCKETS];                  /* pid_lock; chained by process.pid_next */
static pid_t last;
static unsigned long tasks;

int pid_alloc(void)
{
	unsigned long n;

	spin_lock(&pid_lock);
	n = bitmap_find_clear(in_use, PID_MAX_DEFAULT, (unsigned long)last + 1);
	if (n == BITMAP_NONE) /* wrapped: low numbers stay with those who start at boot */
		n = bitmap_find_clear(in_use, PID_MAX_DEFAULT, last >= 300 ? 300 : 1);
	if (n != BITMAP_NONE) {
		bitmap_set(in_use, n);
		users[n] = 1;
		last = (pid_t)n;
	}
	spin_unlock(&pid_lock);
	return n == BITMAP_NONE ? -EAGAIN : (int)n;
}

int pid_take(pid_t n)
{
	bool mine;

	if (n < 1 || n >= PID_MAX_DEFAULT)
		return -EINVAL;
	spin_lock(&pid_lock);
	mine = !bitmap_test(in_use, (unsigned long)n);
	if (mine) {
		bitmap_set(in_use, (unsigned long)n);
		users[n] = 1;
	}
	spin_unlock(&pid_lock);
	return mine ? n : -EEXIST;
}

void pid_hold(pid_t n)
{
	spin_lock(&pid_lock);
	users[n]++;
	spin_unlock(&pid_lock);
}

/* pid_lock held. */
static void give_number(pid_t n)
{
	if (--users[n] == 0)
		bitmap_clear(in_use, (unsigned long)n);
}

void pid_free(pid_t n)
{
	spin_lock(&pid_lock);
	give_number(n);
	spin_unlock(&pid_lock);
}

static struct task **bucket(pid_t n) { return &buckets[(unsigned)n % BUCKETS]; }

static struct process **process_bucket(pid_t n) { return &processes[(unsigned)n % BUCKETS]; }

void pid_set_task(pid_t n, struct task *t)
{
	struct process *p = t->process;

	spin_lock(&pid_lock);
	t->pid_next = *bucket(n);
	store_release(&t->pid_listed, true); /* who holds it already, by what it was before, sees the rest of it, too */
	store_release(bucket(n), t);
	tasks++;
	if (p->pid == n && !p->pid_listed) {
		p->pid_next = *process_bucket(n);
		store_release(&p->pid_listed, true);
		store_release(process_bucket(n), p);
	}
	spin_unlock(&pid_lock);
}

void pid_clear_task(struct task *t)
{
	struct task **link;

	spin_lock(&pid_lock);
	for (link = bucket(t->tid); *link; link = &(*link)->pid_next) {
		if (*link == t) {
			WRITE_ONCE(*link, t->pid_next);
			t->pid_listed = false;
			tasks--;
			break;
		}
	}
	spin_unlock(&pid_lock);
}

void pid_clear_process(struct process *p)
{
	struct process **link;

	spin_lock(&pid_lock);
	give_number(p->pid);
	for (link = process_bucket(p->pid); *link; link = &(*link)->pid_next) {
		if (*link == p) {
			WRITE_ONCE(*link, p->pid_next);
			p->pid_listed = false;
			break;
		}
	}
	spin_unlock(&pid_lock);
}

/* Without the lock; NULL: perhaps there is none. */
static struct task *peek_task(pid_t n)
{
	struct task *t, *found = NULL;
	unsigned hops = 0;
	bool held;

	preempt_disable();
	for (t = load_acquire(bucket(n)); t && READ_ONCE(t->tid) != n && hops < HOPS_MAX; t = load_acquire(&t->pid_next))
		hops++;
	held = t && hops < HOPS_MAX && refcount_get_unless_zero(&t->thread.refs);
	preempt_enable();
	smp_mb();
	if (held && READ_ONCE(t->tid) == n && load_acquire(&t->pid_listed))
		found = t;
	else if (held)
		task_put(t);
	return found;
}

struct task *pid_task(pid_t n)
{
	struct task *t = peek_task(n);

	if (likely(t))
		return t;
	spin_lock(&pid_lock);
	for (t = *bucket(n); t && t->tid != n; t = t->pid_next)
		;
	if (t)
		task_get(t);
	spin_unlock(&pid_lock);
	return t;
}

static struct process *peek_process(pid_t n)
{
	struct process *p, *found = NULL;
	unsigned hops = 0;
	bool held;

	preempt_disable();
	for (p = load_acquire(process_bucket(n)); p && READ_ONCE(p->pid) != n && hops < HOPS_MAX; p = load_acquire(&p->pid_next))
		hops++;
	held = p && hops < HOPS_MAX && refcount_get_unless_zero(&p->refs);
	preempt_enable();
	smp_mb();
	if (held && READ_ONCE(p->pid) == n && load_acquire(&p->pid_listed))
		found = p;
	else if (held)
		process_put(p);
	return found;
}

/* With a reference, or NULL; pid_lock held. */
static struct process *find_process(pid_t n)
{
	struct process *p;

	for (p = *process_bucket(n); p && p->pid != n; p = p->pid_next)
		;
	if (p)
		process_get(p);
	return p;
}

struct process *pid_process(pid_t n)
{
	struct process *p = peek_process(n);

	if (likely(p))
		return p;
	spin_lock(&pid_lock);
	p = find_process(n);
	spin_unlock(&pid_lock);
	return p;
}

struct process *pid_process_any(pid_t n)
{
	struct process *p = pid_process(n);
	struct task *t = p ? NULL : pid_task(n);

	if (t) {
		p = t->process;
		process_get(p);
		task_put(t);
	}
	return p;
}

/* The process with the lowest number above n, with a reference. By number: a place in a list would be lost when its holder is reaped. */
static struct process *process_above(pid_t n)
{
	struct process *p = NULL;
	unsigned long next = (unsigned long)n;

	while (!p) {
		spin_lock(&pid_lock);
		next = bitmap_find_set(in_use, PID_MAX_DEFAULT, next + 1);
		if (next != BITMAP_NONE)
			p = find_process((pid_t)next);
		spin_unlock(&pid_lock);
		if (next == BITMAP_NONE)
			return NULL;
	}
	return p;
}

void process_each(bool (*fn)(struct process *p, void *ctx), void *ctx)
{
	struct process *p;
	bool more = true;

	for (pid_t n = 0; more && (p = process_above(n)) != NULL; process_put(p)) {
		n = p->pid;
		more = fn(p, ctx);
	}
}

pid_t pid_last(void) { return last; }
unsigned long task_count(void) { return tasks; }
