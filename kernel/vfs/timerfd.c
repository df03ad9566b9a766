/* SPDX-License-Identifier: MIT */
/*
 * Timers behind descriptors. A periodic one is armed once: the beats after the first that nobody has read yet are counted when somebody asks,
 * so that a short interval costs no interrupts. The callback of the kernel's timer may come late or for nothing, and looks at the state.
 */
#include "vfs/timerfd.h"

#include "core/clock.h"
#include "core/clockset.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "mem/slab.h"
#include "vfs/anonfile.h"

struct timerfd {
	bool wall;
	struct clock_watcher watcher; /* if wall */
	struct waitq readable;
	struct spinlock lock;      /* LOCK_ALARM, interrupts off: all below */
	struct timer timer;
	bool running;              /* will run out at "when"; else has run out, or is off */
	bool beats;                /* has run out, and its interval goes on from "when" */
	ktime_t when;              /* monotonic */
	uint64_t wall_when;        /* where absolute: the time of day that "when" stands for, 0 otherwise */
	uint64_t interval_ns;
	uint64_t ticks;            /* not read yet */
	bool cancel_on_set, canceled;
};

static SLAB_CACHE(timerfd_cache, timerfd);
static const struct file_ops timerfd_ops;

static uint64_t after(uint64_t now, uint64_t ns) { return ns > INT64_MAX - now ? INT64_MAX : now + ns; }

static ktime_t from_wall(uint64_t wall)
{
	uint64_t offset = clock_boot_wall();

	return wall > offset ? wall - offset : 1;
}

static void start(struct timerfd *t, ktime_t when)
{
	t->when = when;
	t->running = true;
	timer_arm(&t->timer, when);
}

/* Counts the beats since it ran out, and goes on. Lock held. */
static void catch_up(struct timerfd *t)
{
	ktime_t now = clock_now();
	uint64_t missed;

	if (!t->beats)
		return;
	t->beats = false;
	missed = now > t->when ? (now - t->when) / t->interval_ns : 0;
	t->ticks += missed;
	start(t, after(t->when, (missed + 1) * t->interval_ns));
	if (t->wall_when)
		t->wall_when = after(t->wall_when, (missed + 1) * t->interval_ns);
}

/* Interrupt context. */
static void fire(struct timer *tm)
{
	struct timerfd *t = container_of(tm, struct timerfd, timer);
	unsigned long irq = spin_lock_irqsave(&t->lock);
	bool due = t->running && clock_now() >= t->when;

	if (due) {
		t->running = false;
		t->beats = t->interval_ns != 0;
		t->ticks++;
	} else if (t->running) {
		timer_arm(tm, t->when);
	}
	spin_unlock_irqrestore(&t->lock, irq);
	if (due)
		waitq_wake_key(&t->readable, ~0u, POLLIN);
}

static void wall_changed(struct clock_watcher *w)
{
	struct timerfd *t = container_of(w, struct timerfd, watcher);
	unsigned long irq = spin_lock_irqsave(&t->lock);

	if (t->cancel_on_set && t->wall_when)
		t->canceled = true;
	if (t->running && t->wall_when)
		start(t, from_wall(t->wall_when));
	spin_unlock_irqrestore(&t->lock, irq);
	if (t->canceled)
		waitq_wake_key(&t->readable, ~0u, POLLIN);
}

/* What a read gives: ticks, 0: nothing yet, -ECANCELED. */
static int take(struct timerfd *t, uint64_t *ticks)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	int err = 0;

	if (t->canceled) {
		t->canceled = t->beats = false;
		t->ticks = 0;
		err = -ECANCELED;
	} else if (t->ticks) {
		catch_up(t);
	}
	*ticks = t->ticks;
	t->ticks = 0;
	spin_unlock_irqrestore(&t->lock, irq);
	return err;
}

static bool has_news(struct timerfd *t)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	bool news = t->ticks || t->canceled;

	spin_unlock_irqrestore(&t->lock, irq);
	return news;
}

static ssize_t timerfd_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct timerfd *t = f->data;
	uint64_t ticks;
	int err;

	(void)pos;
	if (u->left < sizeof(ticks))
		return -EINVAL;
	while (!(err = take(t, &ticks)) && !ticks) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_wait(&t->readable, has_news(t), WAIT_INTERRUPTIBLE);
		if (err)
			return err;
	}
	if (err)
		return err;
	return uio_put(u, &ticks, sizeof(ticks)) == sizeof(ticks) ? (ssize_t)sizeof(ticks) : -EFAULT;
}

static unsigned timerfd_poll(struct file *f, struct poll_table *p)
{
	struct timerfd *t = f->data;

	poll_wait(p, &t->readable);
	return has_news(t) ? POLLIN : 0;
}

/* What is left. A periodic one that has run out is in its next beat, which the readers will be told of. Lock held. */
static void report(struct timerfd *t, struct timerfd_setting *out)
{
	ktime_t now;

	catch_up(t);
	now = clock_now();
	out->interval_ns = t->interval_ns;
	out->value_ns = !t->running ? 0 : t->when > now ? t->when - now : 1;
}

int timerfd_get(struct file *f, struct timerfd_setting *out)
{
	struct timerfd *t = f->data;
	unsigned long irq;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	irq = spin_lock_irqsave(&t->lock);
	report(t, out);
	spin_unlock_irqrestore(&t->lock, irq);
	return 0;
}

int timerfd_set(struct file *f, unsigned flags, const struct timerfd_setting *new, struct timerfd_setting *old)
{
	struct timerfd *t = f->data;
	unsigned long irq;

	if (f->ops != &timerfd_ops)
		return -EINVAL;
	irq = spin_lock_irqsave(&t->lock);
	report(t, old);
	t->running = t->beats = t->canceled = false;
	t->ticks = 0;
	t->interval_ns = new->interval_ns;
	t->cancel_on_set = t->wall && (flags & TIMERFD_ABSOLUTE) && (flags & TIMERFD_CANCEL_ON_SET);
	t->wall_when = t->wall && (flags & TIMERFD_ABSOLUTE) ? new->value_ns : 0;
	if (t->wall_when)
		start(t, from_wall(t->wall_when));
	else if (new->value_ns)
		start(t, flags & TIMERFD_ABSOLUTE ? MIN(new->value_ns, (uint64_t)INT64_MAX) : after(clock_now(), new->value_ns));
	spin_unlock_irqrestore(&t->lock, irq);
	return 0;
}

static void timerfd_release(struct file *f)
{
	struct timerfd *t = f->data;
	unsigned long irq;

	if (t->wall)
		clock_unwatch(&t->watcher);
	irq = spin_lock_irqsave(&t->lock);
	t->running = false;
	spin_unlock_irqrestore(&t->lock, irq);
	timer_cancel(&t->timer);
	slab_free(&timerfd_cache, t);
}

static size_t timerfd_describe(struct file *f, char *buf, size_t cap)
{
	struct timerfd *t = f->data;
	struct timerfd_setting now;
	unsigned long irq = spin_lock_irqsave(&t->lock);
	uint64_t ticks;

	report(t, &now);
	ticks = t->ticks;
	spin_unlock_irqrestore(&t->lock, irq);
	return fmt_buf(buf, cap, "clockid: %d\nticks: %llu\nsettime flags: 0%o\nit_value: (%llu, %llu)\nit_interval: (%llu, %llu)\n", !t->wall,
		       (unsigned long long)ticks, t->wall_when ? TIMERFD_ABSOLUTE : 0, (unsigned long long)(now.value_ns / NSEC_PER_SEC),
		       (unsigned long long)(now.value_ns % NSEC_PER_SEC), (unsigned long long)(now.interval_ns / NSEC_PER_SEC),
		       (unsigned long long)(now.interval_ns % NSEC_PER_SEC));
}

static const struct file_ops timerfd_ops = { .describe = timerfd_describe, .read = timerfd_read, .poll = timerfd_poll, .release = timerfd_release };

struct file *timerfd_create(bool wall, unsigned flags)
{
	struct timerfd *t = slab_alloc(&timerfd_cache, ALLOC_ZERO);
	struct file *f;

	if (!t)
		return ERR_PTR(-ENOMEM);
	spin_init(&t->lock, LOCK_ALARM);
	waitq_init(&t->readable);
	timer_setup(&t->timer, fire);
	t->wall = wall;
	f = anonfile_new("anon_inode:[timerfd]", &timerfd_ops, flags, t);
	if (IS_ERR(f)) {
		slab_free(&timerfd_cache, t);
		return f;
	}
	t->watcher.changed = wall_changed;
	if (wall)
		clock_watch(&t->watcher);
	return f;
}
