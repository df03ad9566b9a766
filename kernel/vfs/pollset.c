/* SPDX-License-Identifier: MIT */
/* poll(2) and its relatives: asks each file, and sleeps until one of the queues they named is woken. */
#include "vfs/pollset.h"
#include "lib/atomic.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "vfs/fdtable.h"

static unsigned ask(struct file *f, struct poll_table *t)
{
	return f->ops->poll ? f->ops->poll(f, t) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/* Once over all descriptors of a table that nobody else can change, without waiting. */
static long glance(struct pollset_fd *fds, unsigned n, const struct fdtable *table)
{
	long ready = 0;

	for (struct pollset_fd *p = fds; p < fds + n; p++) {
		struct file *f;
		unsigned r = 0;

		if (p->fd >= 0) {
			f = fd_look(table, (unsigned)p->fd, false);
			r = likely(f) ? ask(f, NULL) & (p->events | POLLERR | POLLHUP) : POLLNVAL;
		}
		p->revents = r;
		ready += r != 0;
	}
	return ready;
}

/* Once over all descriptors; the files stay held in fds[].ref while the table waits on them. */
static long scan(struct pollset_fd *fds, unsigned n, struct poll_table *t, bool hold)
{
	long ready = 0;

	for (unsigned i = 0; i < n; i++) {
		struct pollset_fd *p = &fds[i];

		p->revents = 0;
		if (p->fd < 0)
			continue;
		if (!p->ref.file)
			p->ref = fd_borrow((unsigned)p->fd, false);
		if (!p->ref.file) {
			p->revents = POLLNVAL;
		} else {
			if (t)
				t->events = p->events;
			p->revents = ask(p->ref.file, ready ? NULL : t) & (p->events | POLLERR | POLLHUP);
			if (!hold) {
				fd_return(p->ref);
				p->ref.file = NULL;
			}
		}
		ready += p->revents != 0;
	}
	return ready;
}

static void release(struct pollset_fd *fds, unsigned n, struct poll_table *t)
{
	poll_table_release(t);
	for (unsigned i = 0; i < n; i++) {
		if (fds[i].ref.file)
			fd_return(fds[i].ref);
		fds[i].ref.file = NULL;
	}
}

struct sleeper { struct poll_table table; struct poll_chunk first; };

long pollset_wait(struct pollset_fd *fds, unsigned n, ktime_t deadline)
{
	struct sleeper *s;
	struct waitq poll_sleep = WAITQ_INIT(poll_sleep); /* it is woken through its thread; this only carries the sleep */
	struct poll_table *t;
	long ready;
	int err = 0;

	if (deadline == 0) {
		struct fdtable *files = fdtable_current();

		return fd_private(files) ? glance(fds, n, files) : scan(fds, n, NULL, false);
	}
	s = kmalloc(sizeof(*s), 0);
	if (!s)
		return -ENOMEM;
	t = &s->table;
	poll_table_init(t, &s->first);
	ready = scan(fds, n, t, true);
	while (!ready && !err && !t->failed) {
		err = waitq_wait_until(&poll_sleep, load_acquire(&t->woken), WAIT_INTERRUPTIBLE, deadline);
		store_release(&t->woken, false);
		smp_mb(); /* before the files are asked: a wake that comes then sets it again, and the store must not fall on top of that */
		ready = scan(fds, n, NULL, true);
	}
	if (!ready && t->failed)
		ready = -ENOMEM;
	release(fds, n, t);
	kfree(s);
	return ready || err != -ERESTARTSYS ? ready : -EINTR;
}
