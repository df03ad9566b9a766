/* SPDX-License-Identifier: MIT */
/*
 * poll(2) and its relatives: asks each file, and sleeps until one of the queues they named is woken. For few descriptors, and POLL_CHUNK queues, that
 * needs no memory: programs that wait for their terminal take an error for a reason to try again at once.
 */
#include "vfs/pollset.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "vfs/fdtable.h"

static unsigned ask(struct file *f, struct poll_table *t)
{
	return f->ops->poll ? f->ops->poll(f, t) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

static unsigned answer(struct pollset_fd *p, struct file *f, struct poll_table *t)
{
	unsigned r = f ? ask(f, t) & (p->events | POLLERR | POLLHUP) : POLLNVAL;

	p->revents = (uint16_t)r;
	return r != 0;
}

/* Once over all descriptors, without waiting. */
static long glance(struct pollset_fd *fds, unsigned n)
{
	long ready = 0;

	for (struct pollset_fd *p = fds; p < fds + n; p++) {
		struct fdref ref;

		if (unlikely(p->fd < 0)) {
			p->revents = 0;
			continue;
		}
		ref = fd_borrow((unsigned)p->fd, false);
		ready += answer(p, ref.file, NULL);
		fd_return(ref);
	}
	return ready;
}

/* The same of a table that nobody else can change. */
static long glance_private(struct pollset_fd *fds, unsigned n, const struct fdtable *table)
{
	long ready = 0;

	for (struct pollset_fd *p = fds; p < fds + n; p++) {
		if (likely(p->fd >= 0))
			ready += answer(p, fd_look(table, (unsigned)p->fd, false), NULL);
		else
			p->revents = 0;
	}
	return ready;
}

#define FEW 16u

struct sleeper {
	struct poll_table table;
	struct fdref *refs; /* of each descriptor: the files stay held while the table waits on them */
	struct fdref few[FEW];
	struct poll_chunk first;
};

/* Once over all descriptors; the first time the table queues itself, as long as nothing is ready. */
static long scan(struct sleeper *s, struct pollset_fd *fds, unsigned n, bool first)
{
	long ready = 0;

	for (unsigned i = 0; i < n; i++) {
		struct pollset_fd *p = &fds[i];

		p->revents = 0;
		if (p->fd < 0)
			continue;
		if (!s->refs[i].file)
			s->refs[i] = fd_borrow((unsigned)p->fd, false);
		s->table.events = p->events;
		ready += answer(p, s->refs[i].file, first && !ready ? &s->table : NULL);
	}
	return ready;
}

static bool sleeper_init(struct sleeper *s, unsigned n)
{
	s->refs = n <= FEW ? s->few : kmalloc(n * sizeof(s->refs[0]), 0);
	if (!s->refs)
		return false;
	poll_table_init(&s->table, &s->first);
	for (unsigned i = 0; i < n; i++)
		s->refs[i].file = NULL;
	return true;
}

static void sleeper_end(struct sleeper *s, unsigned n)
{
	poll_table_release(&s->table);
	for (unsigned i = 0; i < n; i++)
		if (s->refs[i].file)
			fd_return(s->refs[i]);
	if (s->refs != s->few)
		kfree(s->refs);
}

static long wait(struct pollset_fd *fds, unsigned n, ktime_t deadline)
{
	struct waitq poll_sleep = WAITQ_INIT(poll_sleep); /* it is woken through its thread; this only carries the sleep */
	struct sleeper s;
	struct poll_table *t = &s.table;
	long ready;
	int err = 0;

	if (!sleeper_init(&s, n))
		return -ENOMEM;
	ready = scan(&s, fds, n, true);
	while (!ready && !err && !t->failed) {
		err = waitq_wait_until(&poll_sleep, load_acquire(&t->woken), WAIT_INTERRUPTIBLE, deadline);
		store_release(&t->woken, false);
		smp_mb(); /* before the files are asked: a wake that comes then sets it again, and the store must not fall on top of that */
		ready = scan(&s, fds, n, false);
	}
	if (!ready && t->failed)
		ready = -ENOMEM;
	sleeper_end(&s, n);
	return ready || err != -ERESTARTSYS ? ready : -EINTR;
}

long pollset_wait(struct pollset_fd *fds, unsigned n, ktime_t deadline)
{
	struct fdtable *files = fdtable_current();

	if (deadline)
		return wait(fds, n, deadline);
	return fd_private(files) ? glance_private(fds, n, files) : glance(fds, n);
}
