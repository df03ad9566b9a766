/* SPDX-License-Identifier: MIT */
/* What a pipe is made of: for vfs/pipe, and for vfs/splice, which moves pages between pipes and files. */
#ifndef VFS_PIPERING_H
#define VFS_PIPERING_H

#include "lib/atomic.h"
#include "sched/mutex.h"
#include "vfs/fasync.h"
#include "vfs/file.h"
#include "vfs/poll.h"

#define PIPE_PAGES 16u
#define PIPE_IN_EVENTS (POLLIN | POLLRDNORM)
#define PIPE_OUT_EVENTS (POLLOUT | POLLWRNORM)

struct pipe_page {
	char *mem;
	unsigned start, end; /* the bytes in it */
	bool packet;         /* written under O_DIRECT: read as a whole, not added to */
};

struct pipe {
	struct mutex lock; /* LOCK_PIPE: everything below; poll and the conditions of sleepers peek */
	struct waitq readable, writable;
	struct fasync async_in, async_out;   /* who gets signals besides */
	unsigned readers, writers;
	unsigned reader_opens, writer_opens; /* ever, so that an open waiting for the other side cannot miss it */
	bool had_writer;                     /* since the last reader came that did not wait for one: POLLHUP means something */
	unsigned first, count;               /* pages in use: ring[first .. first + count), modulo pages */
	unsigned pages;                      /* slots; a power of two; counted as the user's */
	uid_t user;                          /* who made it */
	bool unnamed;                        /* of pipe(2): an open through /proc/PID/fd waits for nobody */
	size_t bytes;
	unsigned tail_room;                  /* bytes that may be added to the last page: sleepers may not look at the ring, which can change */
	char *spare;
	struct pipe_page *ring;
	struct pipe_page inline_ring[PIPE_PAGES];
};

extern const struct file_ops pipe_ops; /* of every open end */

static inline struct pipe_page *pipe_slot(struct pipe *p, unsigned i) { return &p->ring[(p->first + i) & (p->pages - 1)]; }

static inline void pipe_wake(struct waitq *q, unsigned events) { waitq_wake_key(q, 1, events); }

static inline bool pipe_can_read(const struct pipe *p) { return READ_ONCE(p->count) || !READ_ONCE(p->writers); }

/* Bytes that fit: free pages, and the rest of the last one if it may be added to. */
static inline size_t pipe_room(struct pipe *p)
{
	unsigned count = READ_ONCE(p->count), pages = READ_ONCE(p->pages);

	return (count < pages ? (pages - count) * PAGE_SIZE : 0) + READ_ONCE(p->tail_room);
}

/* The rest with pipe->lock held. A page's memory: taken from the spare one or allocated (NULL), and given back. */
char *pipe_page_take(struct pipe *p);
void pipe_page_release(struct pipe *p, char *mem);
void pipe_note_tail(struct pipe *p); /* after the last page has changed */
void pipe_drop_first(struct pipe *p);
/* Move bytes out until the reader has enough, the pipe is empty or a packet ends; in while there is room (*err: what else stopped it). */
size_t pipe_take(struct pipe *p, struct uio *u, bool *fault);
size_t pipe_give(struct pipe *p, struct uio *u, bool packet, int *err);
/* Without the lock. What a write ends with when nobody reads: the bytes done, or EPIPE and SIGPIPE. */
ssize_t pipe_broken(ssize_t done);

#endif
