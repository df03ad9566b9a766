/* SPDX-License-Identifier: MIT */
/* poll(2): a table of waiters, one for each queue that the files named. A wake marks the table and wakes its thread. */
#include "vfs/poll.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "vfs/fdtable.h"
#include "vfs/pollset.h"

struct poll_entry { struct waiter w; struct waitq *q; struct poll_table *table; unsigned events; };
#define CHUNK 15
struct poll_chunk { struct poll_chunk *next; unsigned used; struct poll_entry entries[CHUNK]; };

struct poll_table {
	struct thread *thread;
	bool woken;
	bool failed;               /* no memory for a waiter */
	unsigned events;           /* asked for by the descriptor at hand */
	struct poll_chunk *chunks;
	struct poll_chunk first;
};

static struct waitq poll_sleep = WAITQ_INIT(poll_sleep); /* sleepers are woken through their thread */

static bool poll_wake(struct waiter *w, unsigned long key)
{
	struct poll_entry *e = container_of(w, struct poll_entry, w);

	if (key && !(key & (e->events | POLLERR | POLLHUP)))
		return false;
	store_release(&e->table->woken, true);
	return sched_wake(e->table->thread, WAKE_ANY);
}

void poll_wait(struct poll_table *t, struct waitq *q)
{
	struct poll_chunk *c;
	struct poll_entry *e;

	if (!t)
		return;
	c = t->chunks;
	if (c->used == CHUNK) {
		c = kzalloc(sizeof(*c));
		if (!c) {
			t->failed = true;
			return;
		}
		c->next = t->chunks;
		t->chunks = c;
	}
	e = &c->entries[c->used++];
	e->q = q;
	e->table = t;
	e->events = t->events;
	e->w.wake = poll_wake;
	e->w.thread = t->thread;
	waitq_add(q, &e->w);
}

static unsigned ask(struct file *f, struct poll_table *t)
{
	return f->ops->poll ? f->ops->poll(f, t) : POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM;
}

/* Once over all descriptors; the files stay referenced in fds[].file while the table waits on them. */
static long scan(struct pollset_fd *fds, unsigned n, struct poll_table *t, bool hold)
{
	long ready = 0;

	for (unsigned i = 0; i < n; i++) {
		struct pollset_fd *p = &fds[i];

		p->revents = 0;
		if (p->fd < 0)
			continue;
		if (!p->file)
			p->file = fd_get(fdtable_current(), (unsigned)p->fd, false);
		if (!p->file) {
			p->revents = POLLNVAL;
		} else {
			if (t)
				t->events = p->events;
			p->revents = ask(p->file, ready ? NULL : t) & (p->events | POLLERR | POLLHUP);
			if (!hold) {
				file_put(p->file);
				p->file = NULL;
			}
		}
		ready += p->revents != 0;
	}
	return ready;
}

static void release(struct pollset_fd *fds, unsigned n, struct poll_table *t)
{
	struct poll_chunk *c = t->chunks;

	while (c) {
		struct poll_chunk *next = c->next;

		for (unsigned i = 0; i < c->used; i++)
			waitq_remove(c->entries[i].q, &c->entries[i].w);
		if (c != &t->first)
			kfree(c);
		c = next;
	}
	for (unsigned i = 0; i < n; i++) {
		if (fds[i].file)
			file_put(fds[i].file);
		fds[i].file = NULL;
	}
}

long pollset_wait(struct pollset_fd *fds, unsigned n, ktime_t deadline)
{
	struct poll_table *t;
	long ready;
	int err = 0;

	if (deadline == 0)
		return scan(fds, n, NULL, false);
	t = kzalloc(sizeof(*t));
	if (!t)
		return -ENOMEM;
	t->thread = thread_current();
	t->chunks = &t->first;
	ready = scan(fds, n, t, true);
	while (!ready && !err && !t->failed) {
		err = waitq_wait_until(&poll_sleep, load_acquire(&t->woken), WAIT_INTERRUPTIBLE, deadline);
		store_release(&t->woken, false);
		ready = scan(fds, n, NULL, true);
	}
	if (t->failed)
		ready = -ENOMEM;
	release(fds, n, t);
	kfree(t);
	return ready || err != -ERESTARTSYS ? ready : -EINTR;
}
