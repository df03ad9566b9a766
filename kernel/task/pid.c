/* SPDX-License-Identifier: MIT */
/*
 * Numbers: a bitmap of those in use, and two hashes: from numbers to threads, and to processes, which stay there until they are reaped and outlive
 * the thread of the same number.
 */
#include "task/pid.h"
#include "lib/bitmap.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "mem/slab.h"

#define BUCKETS 256

static struct spinlock pid_lock = SPINLOCK_INIT(LOCK_PID);
static unsigned long in_use[BITMAP_WORDS(PID_MAX_DEFAULT)] = { 1 }; /* pid_lock; 0 is nobody's */
static uint8_t users[PID_MAX_DEFAULT];                              /* pid_lock; thread, group, session */
static struct task *buckets[BUCKETS];                               /* pid_lock; chained by task.pid_next */
static struct process *processes[BUCKETS];                          /* pid_lock; chained by process.pid_next */
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

void pid_hold(pid_t n)
{
	spin_lock(&pid_lock);
	users[n]++;
	spin_unlock(&pid_lock);
}

void pid_free(pid_t n)
{
	spin_lock(&pid_lock);
	if (--users[n] == 0)
		bitmap_clear(in_use, (unsigned long)n);
	spin_unlock(&pid_lock);
}

static struct task **bucket(pid_t n) { return &buckets[(unsigned)n % BUCKETS]; }

static struct process **process_bucket(pid_t n) { return &processes[(unsigned)n % BUCKETS]; }

void pid_set_task(pid_t n, struct task *t)
{
	struct process *p = t->process;

	spin_lock(&pid_lock);
	t->pid_next = *bucket(n);
	*bucket(n) = t;
	tasks++;
	if (p->pid == n && !p->pid_listed) {
		p->pid_next = *process_bucket(n);
		*process_bucket(n) = p;
		p->pid_listed = true;
	}
	spin_unlock(&pid_lock);
}

void pid_clear_task(struct task *t)
{
	struct task **link;

	spin_lock(&pid_lock);
	for (link = bucket(t->tid); *link; link = &(*link)->pid_next) {
		if (*link == t) {
			*link = t->pid_next;
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
	for (link = process_bucket(p->pid); *link; link = &(*link)->pid_next) {
		if (*link == p) {
			*link = p->pid_next;
			p->pid_listed = false;
			break;
		}
	}
	spin_unlock(&pid_lock);
}

struct task *pid_task(pid_t n)
{
	struct task *t;

	spin_lock(&pid_lock);
	for (t = *bucket(n); t && t->tid != n; t = t->pid_next)
		;
	if (t)
		task_get(t);
	spin_unlock(&pid_lock);
	return t;
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
	struct process *p;

	spin_lock(&pid_lock);
	p = find_process(n);
	spin_unlock(&pid_lock);
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
