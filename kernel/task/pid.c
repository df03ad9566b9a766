/* SPDX-License-Identifier: MIT */
/* Numbers: a bitmap of those in use, and a hash from numbers to threads. */
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

void pid_set_task(pid_t n, struct task *t)
{
	spin_lock(&pid_lock);
	t->pid_next = *bucket(n);
	*bucket(n) = t;
	tasks++;
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

/* A process that is ending or a zombie has no thread that its number leads to. */
static struct process *find_zombie(pid_t n)
{
	struct process *p, *found = NULL;

	spin_lock(&proc_tree_lock);
	list_for_each_entry(p, &process_list, all_link)
		if (p->pid == n && p->state != PROCESS_REAPED) {
			process_get(p);
			found = p;
			break;
		}
	spin_unlock(&proc_tree_lock);
	return found;
}

struct process *pid_process(pid_t n)
{
	struct task *t = pid_task(n);
	struct process *p = NULL;

	if (!t)
		return n > 0 ? find_zombie(n) : NULL;
	if (t->process->pid == n) {
		p = t->process;
		process_get(p);
	}
	task_put(t);
	return p;
}

pid_t pid_last(void) { return last; }
unsigned long task_count(void) { return tasks; }
