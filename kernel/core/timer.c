/* SPDX-License-Identifier: MIT */
/* One tree of timers a CPU, ordered by expiry. */
#include "core/timer.h"
#include "arch/clock.h"
#include "core/clock.h"
#include "core/percpu.h"
#include "core/spinlock.h"

struct timer_queue {
	struct spinlock lock; /* LOCK_TIMER, interrupts off */
	struct rbtree tree;
	struct timer *running;
};
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
	*t = (struct timer){ .fn = fn };
}

void timer_arm(struct timer *t, ktime_t expires)
{
	unsigned long irq = arch_irq_save();
	struct timer_queue *q;

	if (t->armed)
		timer_cancel(t);
	t->cpu = this_cpu()->id;
	q = &queues[t->cpu];
	spin_lock(&q->lock);
	t->expires = expires;
	t->armed = true;
	rb_insert(&q->tree, &t->node, earlier);
	if (rb_first(&q->tree) == &t->node)
		program(q);
	spin_unlock(&q->lock);
	arch_irq_restore(irq);
}

bool timer_cancel(struct timer *t)
{
	struct timer_queue *q = &queues[READ_ONCE(t->cpu)];
	unsigned long flags;
	bool was;

	flags = spin_lock_irqsave(&q->lock);
	while (q->running == t && this_cpu()->timers != q) { /* its callback runs on another CPU: let it end */
		spin_unlock_irqrestore(&q->lock, flags);
		arch_pause();
		flags = spin_lock_irqsave(&q->lock);
	}
	was = t->armed;
	if (was) {
		rb_erase(&q->tree, &t->node);
		t->armed = false;
	}
	spin_unlock_irqrestore(&q->lock, flags);
	return was;
}

void timer_interrupt(void)
{
	struct timer_queue *q = this_cpu()->timers;
	struct rbnode *n;

	spin_lock(&q->lock);
	while ((n = rb_first(&q->tree)) != NULL) {
		struct timer *t = rb_entry(n, struct timer, node);

		if (t->expires > clock_now())
			break;
		rb_erase(&q->tree, n);
		t->armed = false;
		q->running = t;
		spin_unlock(&q->lock);
		t->fn(t);
		spin_lock(&q->lock);
		q->running = NULL;
	}
	program(q);
	spin_unlock(&q->lock);
}
