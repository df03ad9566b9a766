/* SPDX-License-Identifier: MIT */
/* A table of waiters, one for each queue that the files named. A wake marks the table and wakes its thread. */
#include "vfs/poll.h"
#include "lib/atomic.h"
#include "mem/slab.h"

static bool poll_wake(struct waiter *w, unsigned long key)
{
	struct poll_entry *e = container_of(w, struct poll_entry, w);

	if (key && !(key & (e->events | POLLERR | POLLHUP)))
		return false;
	store_release(&e->table->woken, true);
	return sched_wake(e->table->thread, WAKE_ANY);
}

void poll_queue(struct poll_table *t, struct waitq *q)
{
	struct poll_chunk *c;
	struct poll_entry *e;

	if (t->queue) {
		t->queue(t, q);
		return;
	}
	c = t->chunks;
	if (c->used == POLL_CHUNK) {
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
	e->w.exclusive = false;
	waitq_add(q, &e->w);
}

void poll_table_init(struct poll_table *t, struct poll_chunk *first)
{
	first->next = NULL;
	first->used = 0;
	*t = (struct poll_table){ .thread = thread_current(), .chunks = first };
}

void poll_table_release(struct poll_table *t)
{
	struct poll_chunk *c = t->chunks;

	while (c) {
		struct poll_chunk *next = c->next;

		for (unsigned i = 0; i < c->used; i++)
			waitq_remove(c->entries[i].q, &c->entries[i].w);
		if (next)
			kfree(c);
		c = next;
	}
}
