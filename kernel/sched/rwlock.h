/* SPDX-License-Identifier: MIT */
/*
 * Many readers or one writer, sleeping. Nobody is starved: a waiting writer stops new readers, and when a writer is done, the readers that
 * waited for it go before the next writer. As long as the owner runs, others spin for a while before they sleep.
 */
#ifndef SCHED_RWLOCK_H
#define SCHED_RWLOCK_H

#include "lib/atomic.h"
#include "sched/mutex.h"

struct rwlock {
	struct spinlock lock;  /* LOCK_LEAF: protects the fields */
	int readers;           /* -1: a writer */
	unsigned writers_waiting, readers_waiting;
	unsigned passes;       /* readers that waited for the last writer and go before the next one */
	unsigned releases;     /* by writers: who began to wait before the last of them has a pass */
	uint8_t class;
	struct waitq waiters;
	struct thread *owner;  /* the writer; or the reader that came last, which may be gone */
};

void rwlock_init(struct rwlock *l, enum lock_class c);
void rwlock_read_lock(struct rwlock *l);
bool rwlock_try_read_lock(struct rwlock *l);
void rwlock_read_unlock(struct rwlock *l);
void rwlock_write_lock(struct rwlock *l);
void rwlock_write_lock_nested(struct rwlock *l); /* fork: child after parent */
int rwlock_write_lock_killable(struct rwlock *l); /* 0 or -EINTR */
void rwlock_write_unlock(struct rwlock *l);
void rwlock_downgrade(struct rwlock *l); /* a writer goes on as a reader: nobody writes in between */
/* Would a writer have to wait? For decisions about speed only. */
static inline bool rwlock_seems_taken(const struct rwlock *l) { return READ_ONCE(l->readers) != 0; }
static inline bool rwlock_write_held(const struct rwlock *l) { return load_acquire(&l->readers) < 0 && READ_ONCE(l->owner) == thread_current(); }

#endif
