/* SPDX-License-Identifier: MIT */
/* ITIMER_REAL. The callback runs in interrupt context; the process outlives its armed timer (itimer_exit). */
#include "proc/itimer.h"
#include "core/clock.h"
#include "lib/compiler.h"

static void fire(struct timer *tm)
{
	struct process *p = container_of(tm, struct process, alarm_timer);
	uint64_t every = READ_ONCE(p->alarm_interval_ns);

	signal_kernel(p, SIGALRM);
	if (every)
		timer_arm(tm, tm->expires + every);
}

void itimer_real(const struct itimer_value *new, struct itimer_value *old)
{
	struct process *p = process_current();
	struct timer *tm = &p->alarm_timer;
	ktime_t now = clock_now();

	old->interval_ns = p->alarm_interval_ns;
	old->value_ns = tm->armed ? (tm->expires > now ? tm->expires - now : 1) : 0;
	if (!new)
		return;
	timer_cancel(tm);
	if (!tm->fn)
		timer_setup(tm, fire);
	p->alarm_interval_ns = new->interval_ns;
	if (new->value_ns)
		timer_arm(tm, now + new->value_ns);
}

void itimer_exit(struct process *p)
{
	p->alarm_interval_ns = 0;
	if (p->alarm_timer.fn)
		timer_cancel(&p->alarm_timer);
}
