/* SPDX-License-Identifier: MIT */
/*
 * One-shot callbacks on this CPU's heap, ordered by expiry. A callback runs in interrupt context with interrupts off, and may re-arm its
 * own timer. The hardware is programmed for the earliest one only: with none armed there are no ticks.
 */
#ifndef CORE_TIMER_H
#define CORE_TIMER_H

#include "lib/rbtree.h"
#include "lib/types.h"

struct timer {
	struct rbnode node;
	ktime_t expires; /* clock_now() time */
	void (*fn)(struct timer *t);
	unsigned cpu;    /* whose heap; valid while armed */
	bool armed;
};

void timer_init(void); /* this CPU */
void timer_setup(struct timer *t, void (*fn)(struct timer *));
/* Arms or re-arms. Any context. */
void timer_arm(struct timer *t, ktime_t expires);
/* True if it was armed. When it returns, the callback is neither pending nor running on another CPU. Not from its own callback. */
bool timer_cancel(struct timer *t);
void timer_interrupt(void); /* trap_ops.timer */

#endif
