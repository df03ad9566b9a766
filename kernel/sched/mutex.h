/* SPDX-License-Identifier: MIT */
/* Sleeping lock with an owner and a class. Not recursive; not in interrupts; not while holding a spinlock. */
#ifndef SCHED_MUTEX_H
#define SCHED_MUTEX_H

#include "core/lockorder.h"
#include "sched/waitq.h"

struct mutex {
	struct thread *owner; /* atomic; NULL: free */
	struct thread *heir;  /* atomic; gets the lock at the next release. It waits until then, or takes this back */
	uint8_t class;
	struct waitq waiters;
};

#define MUTEX_INIT(name, c) { NULL, NULL, (c), WAITQ_INIT((name).waiters) }
void mutex_init(struct mutex *m, enum lock_class c);
void mutex_lock(struct mutex *m);
void mutex_lock_nested(struct mutex *m); /* second one of its class; the caller says why the order is safe */
int mutex_lock_interruptible(struct mutex *m); /* 0 or -ERESTARTSYS */
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
static inline bool mutex_held(const struct mutex *m) { return READ_ONCE(m->owner) == thread_current(); }

#endif
