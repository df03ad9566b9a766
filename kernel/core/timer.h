/* SPDX-License-Identifier: MIT */
/*
 * One-shot callbacks, ordered by expiry. A timer is armed on the CPU that calls timer_arm, and its callback runs there, in interrupt context
 * with interrupts off; it may re-arm its own timer, and free what holds it. The hardware is programmed for the earliest one only: with none armed there are no ticks.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "lib/rbtree.h"
#include "lib/types.h"

struct timer {
	struct rbnode node;
	ktime_t expires; /* clock_now() time */
	void (*fn)(struct timer *t);
	unsigned cpu;    /* whose queue, and lock */
	bool armed;
};

void timer_init(void); /* this CPU */
void timer_setup(struct timer *t, void (*fn)(struct timer *));
/*
 * Arms or re-arms, from any CPU and context. While the callback runs on another CPU the timer is armed on that one. Callers that arm and cancel
 * one timer at the same time find it armed or not as they were ordered.
 */
void timer_arm(struct timer *t, ktime_t expires);
/*
 * True if it was armed. When it returns, the callback is neither pending nor running on another CPU: so not under a lock that the callback takes.
 * From its own callback it takes back a re-arming only.
 */
bool timer_cancel(struct timer *t);
void timer_interrupt(void); /* trap_ops.timer */

#endif
