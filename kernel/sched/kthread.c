/* SPDX-License-Identifier: MIT */
/* Kernel threads, and one worker thread that runs deferred work in order. */
#include "sched/kthread.h"
#include "core/panic.h"
#include "mem/slab.h"
#include "sched/waitq.h"

struct kthread {
	struct thread thread; /* first */
	void (*fn)(void *);
	void *arg;
};

static SLAB_CACHE(kthread_cache, kthread);

static struct {
	struct spinlock lock; /* LOCK_LEAF, irqsave */
	struct list queue;
	struct waitq waiters;
} todo = { SPINLOCK_INIT(LOCK_LEAF), LIST_INIT(todo.queue), WAITQ_INIT(todo.waiters) };

static void kthread_main(void *self)
{
	struct kthread *k = self;

	sched_tail();
	k->fn(k->arg);
	sched_exit();
}

static void release(struct thread *t)
{
	slab_free(&kthread_cache, t);
}

struct thread *kthread_start(const char *name, void (*fn)(void *), void *arg)
{
	struct kthread *k = slab_alloc(&kthread_cache, ALLOC_ZERO);

	if (!k)
		return NULL;
	if (thread_init(&k->thread, name)) {
		slab_free(&kthread_cache, k);
		return NULL;
	}
	k->fn = fn;
	k->arg = arg;
	k->thread.release = release;
	arch_thread_init(&k->thread.arch, thread_stack_top(&k->thread), kthread_main, k);
	sched_start(&k->thread);
	return &k->thread;
}

void work_init(struct work *w, void (*fn)(struct work *))
{
	*w = (struct work){ .fn = fn };
	list_init(&w->link);
}

void work_queue(struct work *w)
{
	unsigned long irq = spin_lock_irqsave(&todo.lock);
	bool fresh = !w->queued;

	if (fresh) {
		w->queued = true;
		list_push_back(&todo.queue, &w->link);
	}
	spin_unlock_irqrestore(&todo.lock, irq);
	if (fresh)
		waitq_wake_one(&todo.waiters);
}

static struct work *next_work(void)
{
	unsigned long irq = spin_lock_irqsave(&todo.lock);
	struct work *w = NULL;

	if (!list_empty(&todo.queue)) {
		w = list_first(&todo.queue, struct work, link);
		list_del(&w->link);
		w->queued = false;
	}
	spin_unlock_irqrestore(&todo.lock, irq);
	return w;
}

static void worker(void *unused)
{
	struct work *w;

	(void)unused;
	for (;;) {
		waitq_wait(&todo.waiters, (w = next_work()) != NULL, WAIT_UNINTERRUPTIBLE);
		w->fn(w);
	}
}

void kthread_init(void)
{
	if (!kthread_start("worker", worker, NULL))
		panic("no memory for the worker thread");
}
