/* SPDX-License-Identifier: MIT */
/*
 * Readiness: poll, select and epoll share it. A file's poll operation returns the events that hold now and calls poll_wait for each wait
 * queue whose wake-up may change that. Wakers pass the events as the key of waitq_wake_key (0: any).
 */
#ifndef VFS_POLL_H
#define VFS_POLL_H

#include "sched/waitq.h"

#define POLLIN 0x1u
#define POLLPRI 0x2u
#define POLLOUT 0x4u
#define POLLERR 0x8u
#define POLLHUP 0x10u
#define POLLNVAL 0x20u
#define POLLRDNORM 0x40u
#define POLLRDBAND 0x80u
#define POLLWRNORM 0x100u
#define POLLWRBAND 0x200u
#define POLLRDHUP 0x2000u

struct poll_entry { struct waiter w; struct waitq *q; struct poll_table *table; unsigned events; };
#define POLL_CHUNK 15
struct poll_chunk { struct poll_chunk *next; unsigned used; struct poll_entry entries[POLL_CHUNK]; };

/* Who waits: made by vfs/pollset, and vfs/epoll, which brings its own way of queueing and uses nothing else of it. */
struct poll_table {
	void (*queue)(struct poll_table *t, struct waitq *q); /* NULL: the thread is queued */
	struct thread *thread;
	bool woken;
	bool failed;               /* no memory for a waiter */
	unsigned events;           /* asked for by the descriptor at hand */
	struct poll_chunk *chunks; /* the last one is the caller's */
};

void poll_queue(struct poll_table *t, struct waitq *q); /* poll_wait's */
/* t NULL: only asked, does not wait. */
static inline void poll_wait(struct poll_table *t, struct waitq *q)
{
	if (unlikely(t))
		poll_queue(t, q);
}
/* Starts a table for the current thread, with the first entries in the caller's chunk; leaves all queues and frees what was allocated besides. */
void poll_table_init(struct poll_table *t, struct poll_chunk *first);
void poll_table_release(struct poll_table *t);

#endif
