/* SPDX-License-Identifier: MIT */
/* Time is counted in beats of the watcher, so that a machine that was stopped as a whole does not look like one that hangs. */
#include "core/hangwatch.h"
#include "core/clock.h"
#include "core/klog.h"
#include "core/nmi.h"
#include "core/panic.h"
#include "core/percpu.h"
#include "core/timer.h"
#include "lib/check.h"

#define BEAT_NS (2 * NSEC_PER_SEC)
#define BEATS_MISSED 5

static struct heart {
	struct timer timer;
	unsigned beats;              /* written by its CPU only; 0: it has none yet */
	unsigned seen_of, seen, missed; /* the neighbour, its beats at the last look, looks since they changed */
} hearts[MAX_CPUS];

/* The next CPU that runs, in a circle. */
static unsigned neighbour(unsigned me)
{
	uint32_t online = READ_ONCE(cpus_online), above = online & ~(CPU_BIT(me) | (CPU_BIT(me) - 1));

	return (unsigned)__builtin_ctz(above ? above : online);
}

static void beat(struct timer *t)
{
	struct heart *h = container_of(t, struct heart, timer);
	unsigned me = this_cpu()->id, of = neighbour(me), now = READ_ONCE(hearts[of].beats);

	WRITE_ONCE(h->beats, h->beats + 1);
	if (of == me || !now || of != h->seen_of || now != h->seen) {
		h->seen_of = of;
		h->seen = now;
		h->missed = 0;
	} else if (++h->missed == BEATS_MISSED) {
		klog(KLOG_EMERG, "cpu %u takes no interrupts", of);
		nmi_backtrace(of, KLOG_EMERG);
		panic("cpu %u hangs", of);
	}
	timer_arm(t, t->expires + BEAT_NS > clock_now() ? t->expires + BEAT_NS : clock_now() + BEAT_NS);
}

void hangwatch_start(void)
{
	struct heart *h;

	if (!CONFIG_DEBUG)
		return;
	h = &hearts[this_cpu()->id];
	WRITE_ONCE(h->beats, 1);
	timer_setup(&h->timer, beat);
	timer_arm(&h->timer, clock_now() + BEAT_NS);
}
