/* SPDX-License-Identifier: MIT */
/* Interval timers. ITIMER_REAL's callback runs in interrupt context; the process outlives its armed timer (itimer_exit). */
#include "proc/itimer.h"
#include "core/clock.h"
#include "lib/bits.h"
#include "lib/compiler.h"
#include "proc/posixtimer.h"
#include "sched/times.h"
#include "task/cputime.h"
#include "task/sigqueue.h"

#define PERIOD_MIN_NS 100000u /* signals that come faster are one anyway, and the machine has other things to do */

#define RTTIME_ENDLESS (1ull << 50) /* us */

/* Keeps to the beat, but for beats that were missed. */
static ktime_t next_beat(ktime_t last, uint64_t every)
{
	ktime_t now = clock_now();

	return last + every > now + PERIOD_MIN_NS ? last + every : now + MAX(every, (uint64_t)PERIOD_MIN_NS);
}

static void fire(struct timer *tm)
{
	struct process *p = container_of(tm, struct process, alarm_timer);
	uint64_t every = READ_ONCE(p->alarm_interval_ns);

	signal_kernel(p, SIGALRM);
	if (every)
		timer_arm(tm, next_beat(tm->expires, every));
}

/* proc_tree_lock held: threads of one process take turns. Not sighand->lock: the callback takes that one, and is waited for here. */
static void set_real(struct process *p, const struct itimer_value *new, struct itimer_value *old)
{
	struct timer *tm = &p->alarm_timer;
	bool armed = new ? timer_cancel(tm) : READ_ONCE(tm->armed);
	ktime_t now = clock_now();

	old->interval_ns = p->alarm_interval_ns;
	old->value_ns = armed ? (tm->expires > now ? tm->expires - now : 1) : 0;
	if (!new)
		return;
	if (!tm->fn)
		timer_setup(tm, fire);
	p->alarm_interval_ns = new->value_ns ? new->interval_ns : 0;
	if (new->value_ns)
		timer_arm(tm, now + new->value_ns);
}

/* Does anything of the process depend on its CPU time? sighand->lock held. */
static void watch(struct process *p)
{
	bool any = p->cpu_timers[0].expires_ns || p->cpu_timers[1].expires_ns || rlimits_watch_cpu(&p->limits);

	WRITE_ONCE(p->cpu_watched, any);
	smp_mb(); /* a timer that is started just now sets it after it is counted */
	if (posixtimer_watching(p))
		WRITE_ONCE(p->cpu_watched, true);
}

static uint64_t reading(const struct cputime *c, unsigned timer) { return timer == 0 ? c->user_ns : c->user_ns + c->system_ns; }

static void set_cpu(struct process *p, unsigned timer, const struct itimer_value *new, struct itimer_value *old)
{
	struct cputime c = process_cputime(p);
	uint64_t now = reading(&c, timer);
	struct cpu_timer *t = &p->cpu_timers[timer];
	unsigned long irq = sighand_lock(p);

	old->interval_ns = t->interval_ns;
	old->value_ns = t->expires_ns ? (t->expires_ns > now ? t->expires_ns - now : 1) : 0;
	if (new) {
		t->interval_ns = new->interval_ns;
		t->expires_ns = new->value_ns ? now + new->value_ns : 0;
		watch(p);
	}
	sighand_unlock(p, irq);
}

void itimer_set(enum itimer_which which, const struct itimer_value *new, struct itimer_value *old)
{
	struct process *p = process_current();

	if (which == ITIMER_REAL) {
		spin_lock(&proc_tree_lock);
		set_real(p, new, old);
		spin_unlock(&proc_tree_lock);
	} else {
		set_cpu(p, which - ITIMER_VIRTUAL, new, old);
	}
}

void itimer_exit(struct process *p)
{
	p->alarm_interval_ns = 0;
	if (p->alarm_timer.fn)
		timer_cancel(&p->alarm_timer);
}

void itimer_limit_changed(struct process *p)
{
	unsigned long irq = sighand_lock(p);

	p->cpu_warned_s = 0;
	watch(p);
	sighand_unlock(p, irq);
}

void itimer_realtime_bounded(struct process *p)
{
	unsigned long irq = sighand_lock(p);
	struct task *t;

	list_for_each_entry(t, &p->tasks, process_link)
		t->awake.sleeps = ~0ull;
	watch(p);
	sighand_unlock(p, irq);
}

/* Has the timer run out? Goes on with its interval then. sighand->lock held. */
static bool cpu_timer_due(struct cpu_timer *t, uint64_t now)
{
	if (!t->expires_ns || now < t->expires_ns)
		return false;
	if (!t->interval_ns)
		t->expires_ns = 0;
	else
		t->expires_ns += t->interval_ns > now - t->expires_ns ? t->interval_ns : now - t->expires_ns + t->interval_ns;
	return true;
}

/* What the limit of CPU time asks for: SIGKILL at the hard limit, SIGXCPU at the soft one and each second after. sighand->lock held. */
static int limit_signal(struct process *p, uint64_t used_ns)
{
	uint64_t soft = p->limits.cur[RLIMIT_CPU], hard = p->limits.max[RLIMIT_CPU], next = MAX(soft, p->cpu_warned_s);

	if (hard < UINT32_MAX && used_ns >= hard * NSEC_PER_SEC)
		return SIGKILL;
	if (soft >= UINT32_MAX || used_ns < next * NSEC_PER_SEC)
		return 0;
	p->cpu_warned_s = next + 1;
	return SIGXCPU;
}

/*
 * What the limit of time without sleeping asks for, of a thread that goes before all common ones: SIGXCPU at the soft limit, which moves on by a second, and
 * SIGKILL at the hard one. used_ns: the thread's CPU time. sighand->lock held.
 */
static int realtime_signal(struct process *p, struct task *t, uint64_t used_ns)
{
	uint64_t soft = p->limits.cur[RLIMIT_RTTIME], hard = p->limits.max[RLIMIT_RTTIME], sleeps = t->thread.switches_voluntary;
	bool realtime = t->thread.se.own_policy == SCHED_FIFO || t->thread.se.own_policy == SCHED_RR;

	if (soft == RLIM_INFINITY64)
		return 0;
	t->awake.ns = realtime && sleeps == t->awake.sleeps ? t->awake.ns + used_ns - t->awake.seen_ns : 0;
	t->awake.sleeps = sleeps;
	t->awake.seen_ns = used_ns;
	if (!realtime)
		return 0;
	if (hard < RTTIME_ENDLESS && t->awake.ns >= hard * NSEC_PER_USEC)
		return SIGKILL;
	if (soft >= RTTIME_ENDLESS || t->awake.ns < soft * NSEC_PER_USEC)
		return 0;
	p->limits.cur[RLIMIT_RTTIME] = soft + 1000000;
	return SIGXCPU;
}

void itimer_check(void)
{
	struct process *p = process_current();
	struct cputime c = process_cputime(p);
	uint64_t own_ns = sched_thread_cpu_ns(thread_current());
	bool virtual, prof;
	unsigned long irq;
	int limit, realtime;

	thread_clear_work(thread_current(), WORK_CPUTIME);
	posixtimer_check();
	irq = sighand_lock(p);
	virtual = cpu_timer_due(&p->cpu_timers[0], reading(&c, 0));
	prof = cpu_timer_due(&p->cpu_timers[1], reading(&c, 1));
	limit = limit_signal(p, c.user_ns + c.system_ns);
	realtime = realtime_signal(p, task_current(), own_ns);
	watch(p);
	sighand_unlock(p, irq);
	if (virtual)
		signal_kernel(p, SIGVTALRM);
	if (prof)
		signal_kernel(p, SIGPROF);
	if (limit)
		signal_kernel(p, limit);
	if (realtime)
		signal_kernel(p, realtime);
}

/* Interrupt context. */
static void ticked(struct thread *t)
{
	if (t->user && READ_ONCE(((struct task *)t)->process->cpu_watched))
		thread_set_work(t, WORK_CPUTIME);
}

void itimer_init(void) { sched_tick_hook = ticked; }
