/* SPDX-License-Identifier: MIT */
/*
 * Kernel threads, and on each CPU a worker that does the work queued there, in order. A piece of work is in one queue at a time; while it runs, it is
 * queued again only where it runs, so that it never runs twice at once.
 */
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

static struct todo {
	struct spinlock lock;   /* LOCK_WORK, irqsave */
	struct list queue;      /* lock */
	struct work *running;   /* lock */
	struct waitq waiters;   /* the worker */
	bool ready;             /* it has a worker */
} __aligned(64) todos[MAX_CPUS];
static struct waitq done = WAITQ_INIT(done); /* who flushes */

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

static struct thread *start(const char *name, void (*fn)(void *), void *arg, int cpu)
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
	if (cpu >= 0) {
		k->thread.bound = true;
		k->thread.cpu = (unsigned)cpu;
		k->thread.affinity = CPU_BIT(cpu);
	}
	arch_thread_init(&k->thread.arch, thread_stack_top(&k->thread), kthread_main, k);
	sched_start(&k->thread);
	return &k->thread;
}

struct thread *kthread_start(const char *name, void (*fn)(void *), void *arg)
{
	return start(name, fn, arg, -1);
}

struct thread *kthread_start_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg)
{
	return start(name, fn, arg, (int)cpu);
}

/* ---- deferred work ---- */

void work_init(struct work *w, void (*fn)(struct work *))
{
	*w = (struct work){ .fn = fn };
	list_init(&w->link);
}

/* True if w is running there, and is now queued there again. */
static bool queue_behind_itself(struct work *w)
{
	struct todo *t = &todos[READ_ONCE(w->cpu)];
	unsigned long irq = spin_lock_irqsave(&t->lock);
	bool running = t->running == w;

	if (running)
		list_push_back(&t->queue, &w->link);
	spin_unlock_irqrestore(&t->lock, irq);
	return running;
}

void work_queue_on(unsigned cpu, struct work *w)
{
	struct todo *t = &todos[READ_ONCE(todos[cpu].ready) ? cpu : 0];
	unsigned long irq;

	if (__atomic_exchange_n(&w->queued, true, __ATOMIC_SEQ_CST) || queue_behind_itself(w))
		return;
	irq = spin_lock_irqsave(&t->lock);
	WRITE_ONCE(w->cpu, (uint8_t)(t - todos));
	list_push_back(&t->queue, &w->link);
	spin_unlock_irqrestore(&t->lock, irq);
	waitq_wake_one(&t->waiters);
}

void work_queue(struct work *w)
{
	work_queue_on(READ_ONCE(thread_current()->cpu), w);
}

/* The work that was done before this is done. */
static struct work *next_work(struct todo *t)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	struct work *w = NULL;

	if (!list_empty(&t->queue)) {
		w = list_first(&t->queue, struct work, link);
		list_del(&w->link);
		__atomic_store_n(&w->queued, false, __ATOMIC_SEQ_CST);
	}
	t->running = w;
	spin_unlock_irqrestore(&t->lock, irq);
	return w;
}

static void worker(void *arg)
{
	struct todo *t = arg;
	struct work *w;

	for (;;) {
		waitq_wait(&t->waiters, (w = next_work(t)) != NULL, WAIT_UNINTERRUPTIBLE);
		do {
			w->fn(w); /* may free it */
			w = next_work(t);
			waitq_wake_all(&done);
		} while (w);
	}
}

static bool is_idle(struct work *w)
{
	struct todo *t;
	unsigned long irq;
	bool running;

	if (__atomic_load_n(&w->queued, __ATOMIC_SEQ_CST))
		return false;
	t = &todos[READ_ONCE(w->cpu)]; /* not before: that it is no longer queued says that its last place is known */
	irq = spin_lock_irqsave(&t->lock);
	running = t->running == w;
	spin_unlock_irqrestore(&t->lock, irq);
	return !running && !__atomic_load_n(&w->queued, __ATOMIC_SEQ_CST);
}

void work_flush(struct work *w)
{
	waitq_wait(&done, is_idle(w), WAIT_UNINTERRUPTIBLE);
}

void kthread_init_cpu(unsigned cpu)
{
	struct todo *t = &todos[cpu];

	spin_init(&t->lock, LOCK_WORK);
	list_init(&t->queue);
	waitq_init(&t->waiters);
	if (kthread_start_on(cpu, "worker", worker, t))
		WRITE_ONCE(t->ready, true);
	else if (cpu == 0)
		panic("no memory for the worker thread");
}

void kthread_init(void)
{
	kthread_init_cpu(0);
}
