/* SPDX-License-Identifier: MIT */
/*
 * One tree of timers a CPU, ordered by expiry. A timer's "cpu" says whose lock guards it, also while it is not armed; it changes under that
 * lock. While its callback runs it stays with that CPU, so that it never runs on two.
 */
#include "core/timer.h"
#include "arch/clock.h"
#include "core/clock.h"
#include "core/ipi.h"
#include "core/percpu.h"
#include "core/spinlock.h"

struct timer_queue {
	struct spinlock lock; /* LOCK_TIMER, interrupts off */
	struct rbtree tree;
	struct timer *running; /* whose callback runs; compared only, for the callback may free it */
};

/* Callbacks in one interrupt. What is due beyond them follows with the next, at once, but the CPU was free for others in between. */
#define CALLBACKS_MAX 16

static struct timer_queue queues[MAX_CPUS];

static int earlier(const struct rbnode *a, const struct rbnode *b)
{
	const struct timer *x = rb_entry(a, const struct timer, node), *y = rb_entry(b, const struct timer, node);

	return x->expires < y->expires ? -1 : x->expires > y->expires;
}

static void program(struct timer_queue *q)
{
	struct rbnode *n = rb_first(&q->tree);
	ktime_t now, when;

	if (!n) {
		arch_timer_stop();
		return;
	}
	now = clock_now();
	when = rb_entry(n, struct timer, node)->expires;
	arch_timer_arm(when > now ? when - now : 0);
}

void timer_init(void)
{
	struct timer_queue *q = &queues[this_cpu()->id];

	spin_init(&q->lock, LOCK_TIMER);
	rb_init(&q->tree);
	this_cpu()->timers = q;
}

void timer_setup(struct timer *t, void (*fn)(struct timer *))
{
	*t = (struct timer){ .fn = fn, .cpu = (unsigned)arch_percpu_read(offsetof(struct cpu, id)) };
}

/* Locks the queue that the timer belongs to. Interrupts are off. */
static struct timer_queue *lock_queue(const struct timer *t)
{
	for (;;) {
		unsigned cpu = READ_ONCE(t->cpu);
		struct timer_queue *q = &queues[cpu];

		spin_lock(&q->lock);
		if (likely(READ_ONCE(t->cpu) == cpu))
			return q;
		spin_unlock(&q->lock);
	}
}

static bool dequeue(struct timer_queue *q, struct timer *t)
{
	if (!t->armed)
		return false;
	rb_erase(&q->tree, &t->node);
	t->armed = false;
	return true;
}

/* Locks this CPU's queue and makes it the timer's, which is not armed then, or the queue of the CPU where its callback runs just now. */
static struct timer_queue *lock_here(struct timer *t)
{
	struct timer_queue *mine = this_cpu()->timers, *q = lock_queue(t);

	while (dequeue(q, t), unlikely(q != mine) && q->running != t) {
		WRITE_ONCE(t->cpu, this_cpu()->id);
		spin_unlock(&q->lock);
		q = lock_queue(t); /* somebody may have been faster */
	}
	return q;
}

void timer_arm(struct timer *t, ktime_t expires)
{
	unsigned long irq = arch_irq_save();
	struct timer_queue *q = lock_here(t);

	t->expires = expires;
	t->armed = true;
	rb_insert(&q->tree, &t->node, earlier);
	if (rb_first(&q->tree) == &t->node && !q->running) /* timer_interrupt ends with that */
		program(q);
	spin_unlock(&q->lock);
	arch_irq_restore(irq);
}

bool timer_cancel(struct timer *t)
{
	unsigned long irq = arch_irq_save();
	struct timer_queue *q = lock_queue(t);
	bool was;

	while (unlikely(q->running == t) && this_cpu()->timers != q) { /* its callback runs on another CPU: let it end */
		spin_unlock(&q->lock);
		ipi_poll();
		arch_irq_restore(irq);
		arch_pause();
		irq = arch_irq_save();
		q = lock_queue(t);
	}
	was = dequeue(q, t);
	spin_unlock(&q->lock);
	arch_irq_restore(irq);
	return was;
}

void timer_interrupt(void)
{
	struct timer_queue *q = this_cpu()->timers;
	struct rbnode *n;

	spin_lock(&q->lock);
	for (unsigned i = 0; i < CALLBACKS_MAX && (n = rb_first(&q->tree)) != NULL; i++) {
		struct timer *t = rb_entry(n, struct timer, node);

		if (t->expires > clock_now())
			break;
		dequeue(q, t);
		q->running = t;
		spin_unlock(&q->lock);
		t->fn(t);
		spin_lock(&q->lock);
		q->running = NULL;
	}
	program(q);
	spin_unlock(&q->lock);
}
