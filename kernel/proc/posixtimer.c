/* SPDX-License-Identifier: MIT */
/*
 * POSIX timers. One lock for all timers of a process, which is below that of its signals: so a signal is sent with the lock given back, and a
 * signal that is taken (rearm, under the signals' lock) may set its timer going again. Whether the kernel's timer still means anything when it
 * calls back is for the state here to say. Timers on CPU time stand on a list of the process whose time it is, from birth to end, under a lock
 * of their own above that of the signals.
 */
#include "proc/posixtimer.h"

#include "core/clock.h"
#include "core/clockset.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "task/sigqueue.h"

#define PERIOD_MIN_NS 1000000u /* between two looks at a timer whose signal is ignored */
#define OVERRUN_MAX 0x7fffffffu
#define LOOK_MAX 16 /* timers on CPU time that are looked at under one hold of the lock */

struct posix_timer {
	struct rbnode node;        /* by id */
	int id;
	enum timer_base base;
	struct process *process;
	struct siguser *user;      /* whom it is charged to */
	int clock_number;
	struct cpuclock clock;     /* TIMER_CPU: with references */
	struct list on_clock;      /* of clock.process; cpu_lock */
	struct timer_event event;
	struct clock_watcher watcher; /* TIMER_WALL */
	struct timer timer;        /* not for CPU time */
	/* posix_timers->lock */
	bool running;              /* runs out at "when" */
	bool sent;                 /* its signal has not been taken yet; "when" is when it ran out */
	unsigned setting;          /* counts the calls of posixtimer_set: a signal of an older one is not this timer's any more */
	uint64_t when;             /* on the monotonic clock, or in CPU time */
	uint64_t wall_when;        /* absolute on the wall clock: what "when" stands for; else 0 */
	uint64_t interval_ns;
	uint64_t missed;           /* beats that were over when it ran out */
	unsigned overrun;          /* as told with the last signal */
};

struct posix_timers {
	struct spinlock lock;      /* LOCK_ALARM, interrupts off */
	struct rbtree tree;
	int last_id;
};

static struct spinlock cpu_lock = SPINLOCK_INIT(LOCK_CPU_TIMERS);

static SLAB_CACHE(timer_cache, posix_timer);
static SLAB_CACHE(timers_cache, posix_timers);

static int compare(const struct rbnode *a, const struct rbnode *b)
{
	return rb_entry(a, const struct posix_timer, node)->id - rb_entry(b, const struct posix_timer, node)->id;
}

/* Lock held. */
static struct posix_timer *find(struct posix_timers *ts, int id)
{
	struct rbnode *n = ts->tree.root;

	while (n) {
		struct posix_timer *t = rb_entry(n, struct posix_timer, node);

		if (t->id == id)
			return t;
		n = id < t->id ? n->left : n->right;
	}
	return NULL;
}

static uint64_t after(uint64_t from, uint64_t ns) { return ns > INT64_MAX - from ? INT64_MAX : from + ns; }

static uint64_t from_wall(uint64_t wall)
{
	uint64_t offset = clock_boot_wall();

	return wall > offset ? wall - offset : 1;
}

/* ---- running, with the lock held ---- */

static void start(struct posix_timer *t, uint64_t when)
{
	t->running = true;
	t->when = when;
	if (t->base != TIMER_CPU && !t->event.none)
		timer_arm(&t->timer, when);
}

/* Goes on with the first beat that is not over yet; how many were missed. */
static uint64_t next_beat(struct posix_timer *t, uint64_t now)
{
	uint64_t missed = now > t->when ? (now - t->when) / t->interval_ns : 0;

	if (t->wall_when)
		t->wall_when = after(t->wall_when, (missed + 1) * t->interval_ns);
	start(t, after(t->when, (missed + 1) * t->interval_ns));
	return missed;
}

/* What the signal says; the caller sends it without the lock. */
static struct siginfo run_out(struct posix_timer *t)
{
	t->running = false;
	t->sent = true;
	t->missed = 0;
	return (struct siginfo){ .signo = t->event.signo, .code = SI_TIMER, .timer_id = t->id, .timer_setting = t->setting, .value = t->event.value };
}

static void send(struct posix_timer *t, const struct siginfo *info)
{
	struct posix_timers *ts = t->process->timers;
	unsigned long irq;

	if (signal_post_timer(t->process, t->event.thread, info))
		return;
	irq = spin_lock_irqsave(&ts->lock);
	if (t->sent && t->setting == info->timer_setting) { /* nobody wants it; the beats go on, at leisure */
		t->sent = false;
		if (t->interval_ns)
			next_beat(t, (t->base == TIMER_CPU ? t->when : clock_now()) + PERIOD_MIN_NS);
	}
	spin_unlock_irqrestore(&ts->lock, irq);
}

/* Interrupt context. The timer, and its process, stay until timer_cancel has seen this end. */
static void fire(struct timer *tm)
{
	struct posix_timer *t = container_of(tm, struct posix_timer, timer);
	struct posix_timers *ts = t->process->timers;
	unsigned long irq = spin_lock_irqsave(&ts->lock);
	bool due = t->running && clock_now() >= t->when;
	struct siginfo info;

	if (due)
		info = run_out(t);
	else if (t->running)
		timer_arm(tm, t->when);
	spin_unlock_irqrestore(&ts->lock, irq);
	if (due)
		send(t, &info);
}

static void wall_changed(struct clock_watcher *w)
{
	struct posix_timer *t = container_of(w, struct posix_timer, watcher);
	unsigned long irq = spin_lock_irqsave(&t->process->timers->lock);

	if (t->running && t->wall_when)
		start(t, from_wall(t->wall_when));
	spin_unlock_irqrestore(&t->process->timers->lock, irq);
}

/* A thread takes the signal; the lock of the signals is held. */
static void rearm(struct process *p, struct siginfo *info)
{
	struct posix_timers *ts = p->timers;
	struct posix_timer *t;

	if (!ts)
		return;
	spin_lock(&ts->lock);
	t = find(ts, info->timer_id);
	if (t && t->sent && t->setting == info->timer_setting) {
		uint64_t missed = t->missed;

		t->sent = false;
		if (t->interval_ns)
			missed += next_beat(t, t->base == TIMER_CPU ? t->when : clock_now()); /* of CPU time, those up to "when" are counted already */
		t->overrun = (unsigned)MIN(missed, (uint64_t)OVERRUN_MAX);
		info->overrun = (int)t->overrun;
	}
	spin_unlock(&ts->lock);
}

/* Has a timer on CPU time run out? Stopped, and ready to be sent, then. */
static bool cpu_due(struct posix_timer *t, uint64_t now, struct siginfo *info)
{
	struct posix_timers *ts = t->process->timers;
	unsigned long irq = spin_lock_irqsave(&ts->lock);
	bool due = t->running && !t->event.none && now >= t->when;

	if (due) {
		*info = run_out(t);
		t->missed = t->interval_ns ? (now - t->when) / t->interval_ns : 0;
		t->when += t->missed * t->interval_ns;
	}
	spin_unlock_irqrestore(&ts->lock, irq);
	return due;
}

/* ---- life ---- */

static struct posix_timers *timers_get(struct process *p)
{
	struct posix_timers *ts, *expected = NULL;

	if (load_acquire(&p->timers))
		return p->timers;
	ts = slab_alloc(&timers_cache, ALLOC_ZERO);
	if (!ts)
		return NULL;
	spin_init(&ts->lock, LOCK_ALARM);
	rb_init(&ts->tree);
	if (!__atomic_compare_exchange_n(&p->timers, &expected, ts, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		slab_free(&timers_cache, ts); /* another thread was faster */
	return p->timers;
}

/* Of the user's share of pending signals, to which timers count. NULL: there is nothing left. */
static struct siguser *charge(struct process *p)
{
	unsigned long irq = sighand_lock(p);
	struct siguser *u = siguser_charge(p->sig_user, p->limits.cur[RLIMIT_SIGPENDING]) ? p->sig_user : NULL;

	sighand_unlock(p, irq);
	return u;
}

/* Its number; from here on other threads may take it away. */
static int insert(struct posix_timers *ts, struct posix_timer *t)
{
	int id;
	unsigned long irq = spin_lock_irqsave(&ts->lock);

	do {
		t->id = ts->last_id;
		ts->last_id = (ts->last_id + 1) & INT32_MAX;
	} while (find(ts, t->id));
	if (t->event.own_value)
		t->event.value = (unsigned long)t->id;
	rb_insert(&ts->tree, &t->node, compare);
	id = t->id;
	spin_unlock_irqrestore(&ts->lock, irq);
	return id;
}

static void watch_cpu(struct posix_timer *t)
{
	struct process *p = t->clock.process;

	spin_lock(&cpu_lock);
	list_push_back(&p->cpu_watchers, &t->on_clock);
	WRITE_ONCE(p->cpu_watcher_count, p->cpu_watcher_count + 1);
	spin_unlock(&cpu_lock);
	smp_mb(); /* who takes the mark away looks at the count after that */
	WRITE_ONCE(p->cpu_watched, true);
}

static void unwatch_cpu(struct posix_timer *t)
{
	struct process *p = t->clock.process;

	spin_lock(&cpu_lock);
	list_del(&t->on_clock);
	WRITE_ONCE(p->cpu_watcher_count, p->cpu_watcher_count - 1);
	spin_unlock(&cpu_lock);
	cpuclock_put(&t->clock);
}

int posixtimer_create(enum timer_base base, int clock, const struct cpuclock *c, const struct timer_event *ev)
{
	struct process *p = process_current();
	struct posix_timers *ts = timers_get(p);
	struct siguser *user = ts ? charge(p) : NULL;
	struct posix_timer *t = user ? slab_alloc(&timer_cache, ALLOC_ZERO) : NULL;

	if (!t) {
		if (user)
			siguser_uncharge(user);
		return -EAGAIN;
	}
	t->user = user;
	t->base = base;
	t->clock_number = clock;
	t->clock = *c;
	t->process = p;
	t->event = *ev;
	timer_setup(&t->timer, fire);
	t->watcher.changed = wall_changed;
	if (base == TIMER_WALL)
		clock_watch(&t->watcher);
	if (base == TIMER_CPU)
		watch_cpu(t);
	return insert(ts, t);
}

/* Out of the tree already. */
static void destroy(struct posix_timer *t)
{
	if (t->base == TIMER_WALL)
		clock_unwatch(&t->watcher);
	timer_cancel(&t->timer);
	if (t->base == TIMER_CPU)
		unwatch_cpu(t);
	if (t->event.thread)
		task_put(t->event.thread);
	siguser_uncharge(t->user);
	slab_free(&timer_cache, t);
}

/* Takes a timer out, any if id is negative. It cannot start again then. */
static struct posix_timer *take_out(struct posix_timers *ts, int id)
{
	unsigned long irq = spin_lock_irqsave(&ts->lock);
	struct rbnode *first = rb_first(&ts->tree);
	struct posix_timer *t = id >= 0 ? find(ts, id) : first ? rb_entry(first, struct posix_timer, node) : NULL;

	if (t) {
		rb_erase(&ts->tree, &t->node);
		t->running = false;
		t->sent = false;
		t->interval_ns = t->wall_when = 0;
	}
	spin_unlock_irqrestore(&ts->lock, irq);
	return t;
}

int posixtimer_delete(int id)
{
	struct posix_timers *ts = process_current()->timers;
	struct posix_timer *t = ts && id >= 0 ? take_out(ts, id) : NULL;

	if (!t)
		return -EINVAL;
	destroy(t);
	return 0;
}

void posixtimer_exit(struct process *p)
{
	struct posix_timers *ts = p->timers;
	struct posix_timer *t;
	unsigned long irq;

	if (!ts)
		return;
	while ((t = take_out(ts, -1)) != NULL)
		destroy(t);
	irq = sighand_lock(p);
	p->timers = NULL;
	sighand_unlock(p, irq);
	slab_free(&timers_cache, ts);
}

/* ---- setting and asking ---- */

/* What is left. Lock held. */
static void report(const struct posix_timer *t, uint64_t now, struct timer_setting *out)
{
	uint64_t when = t->when;

	out->interval_ns = t->interval_ns;
	if ((t->sent || (t->running && t->event.none)) && t->interval_ns && now >= when)
		when += ((now - when) / t->interval_ns + 1) * t->interval_ns;
	if (when > now)
		out->value_ns = t->running || (t->sent && t->interval_ns) ? when - now : 0;
	else
		out->value_ns = t->running && !t->event.none ? 1 : 0;
}

static void set_locked(struct posix_timer *t, uint64_t now, bool absolute, const struct timer_setting *new)
{
	t->running = false;
	t->sent = false;
	t->setting = t->setting + 1 ? t->setting + 1 : 1;
	t->overrun = 0;
	t->interval_ns = new->interval_ns;
	t->wall_when = absolute && t->base == TIMER_WALL ? new->value_ns : 0;
	if (t->wall_when)
		start(t, from_wall(t->wall_when));
	else if (new->value_ns)
		start(t, absolute ? MIN(new->value_ns, (uint64_t)INT64_MAX) : after(now, new->value_ns));
}

/* The clock of a timer, with references, if it counts CPU time; -EINVAL. */
static int clock_of(struct posix_timers *ts, int id, struct cpuclock *c)
{
	unsigned long irq = spin_lock_irqsave(&ts->lock);
	const struct posix_timer *t = find(ts, id);

	*c = t ? t->clock : (struct cpuclock){ 0 };
	if (c->process)
		process_get(c->process);
	if (c->task)
		task_get(c->task);
	spin_unlock_irqrestore(&ts->lock, irq);
	return t ? 0 : -EINVAL;
}

/* With the clock read and held; 1: another timer has that number by now. */
static int try_set(struct posix_timers *ts, int id, const struct cpuclock *c, bool absolute, const struct timer_setting *new, struct timer_setting *old)
{
	uint64_t now = c->process ? cpuclock_ns(c) : 0;
	bool gone = c->process && cpuclock_gone(c);
	unsigned long irq = spin_lock_irqsave(&ts->lock);
	struct posix_timer *t = find(ts, id);
	int err = !t ? -EINVAL : t->clock.process != c->process || t->clock.task != c->task || t->clock.what != c->what;

	if (!err && gone) {
		*old = (struct timer_setting){ 0, 0 };
		err = new ? -ESRCH : 0;
	} else if (!err) {
		now = c->process ? now : clock_now();
		report(t, now, old);
		if (new)
			set_locked(t, now, absolute, new);
	}
	spin_unlock_irqrestore(&ts->lock, irq);
	return err;
}

int posixtimer_set(int id, bool absolute, const struct timer_setting *new, struct timer_setting *old)
{
	struct posix_timers *ts = process_current()->timers;
	struct cpuclock c;
	int err = 1;

	while (err > 0) {
		err = ts ? clock_of(ts, id, &c) : -EINVAL;
		if (err)
			return err;
		err = try_set(ts, id, &c, absolute, new, old);
		cpuclock_put(&c);
	}
	return err;
}

int posixtimer_overrun(int id)
{
	struct posix_timers *ts = process_current()->timers;
	struct posix_timer *t;
	unsigned long irq;
	int n;

	if (!ts)
		return -EINVAL;
	irq = spin_lock_irqsave(&ts->lock);
	t = find(ts, id);
	n = t ? (int)t->overrun : -EINVAL;
	spin_unlock_irqrestore(&ts->lock, irq);
	return n;
}

/* The one with the highest number up to "upto". Lock held. */
static const struct posix_timer *find_upto(const struct posix_timers *ts, int upto)
{
	const struct posix_timer *best = NULL;

	for (const struct rbnode *n = ts->tree.root; n;) {
		const struct posix_timer *t = rb_entry(n, const struct posix_timer, node);

		if (t->id <= upto)
			best = t;
		n = t->id <= upto ? n->right : n->left;
	}
	return best;
}

bool posixtimer_look(struct process *p, int upto, struct proctimers_one *out)
{
	unsigned long irq = sighand_lock(p); /* they are taken away under it */
	struct posix_timers *ts = p->timers;
	const struct posix_timer *t = NULL;

	if (ts) {
		spin_lock(&ts->lock);
		t = find_upto(ts, upto);
		if (t)
			*out = (struct proctimers_one){ .id = t->id, .clock = t->clock_number, .signo = t->event.signo, .none = t->event.none, .value = t->event.value,
							.tid = t->event.thread ? t->event.thread->tid : 0 };
		spin_unlock(&ts->lock);
	}
	sighand_unlock(p, irq);
	return t;
}

bool posixtimer_watching(const struct process *p) { return READ_ONCE(p->cpu_watcher_count); }

/* Looks at some of those on p's time, from the front of the list, and puts them to its end; process_ns: p's time by each clock. How many. */
static unsigned look_at_some(struct process *p, const uint64_t process_ns[3], unsigned most)
{
	struct siginfo info;
	unsigned n;

	spin_lock(&cpu_lock);
	for (n = 0; n < most && !list_empty(&p->cpu_watchers); n++) {
		struct posix_timer *t = list_first(&p->cpu_watchers, struct posix_timer, on_clock);

		list_del(&t->on_clock);
		list_push_back(&p->cpu_watchers, &t->on_clock);
		if (cpu_due(t, t->clock.task ? cpuclock_ns(&t->clock) : process_ns[t->clock.what], &info))
			send(t, &info);
	}
	spin_unlock(&cpu_lock);
	return n;
}

void posixtimer_check(void)
{
	struct process *p = process_current();
	unsigned left = READ_ONCE(p->cpu_watcher_count), seen = 1;
	uint64_t ns[3];

	if (!left)
		return;
	for (unsigned i = 0; i < 3; i++)
		ns[i] = cpuclock_ns(&(struct cpuclock){ .what = (enum cpuclock_what)i, .process = p });
	for (; left && seen; left -= seen)
		seen = look_at_some(p, ns, MIN(left, (unsigned)LOOK_MAX));
}

void posixtimer_init(void) { proctimers_hook = posixtimer_look; signal_timer_hook = rearm; }
