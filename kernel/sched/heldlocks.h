/* SPDX-License-Identifier: MIT */
/*
 * Debug builds: which sleeping locks the current thread holds, and that it takes them in the order of core/lockorder.h. A thread that is about to
 * wait for a lock holds no spinlock and is in no interrupt. Release builds: nothing.
 */
#ifndef SCHED_HELDLOCKS_H
#define SCHED_HELDLOCKS_H

#include "core/lockorder.h"
#include "lib/check.h"
#include "lib/types.h"

void heldlocks_acquire_slow(const void *lock, enum lock_class c, bool nested);
void heldlocks_acquire_try_slow(const void *lock, enum lock_class c);
void heldlocks_release_slow(const void *lock);
void heldlocks_check_user_slow(void);

/* Before waiting for it. Panics if the order forbids it. nested: a second one of a class is allowed. */
static inline void heldlocks_acquire(const void *lock, enum lock_class c, bool nested)
{
	if (CONFIG_DEBUG)
		heldlocks_acquire_slow(lock, c, nested);
}
/* After a lock was taken without waiting, which cannot deadlock: any order is allowed. */
static inline void heldlocks_acquire_try(const void *lock, enum lock_class c)
{
	if (CONFIG_DEBUG)
		heldlocks_acquire_try_slow(lock, c);
}
static inline void heldlocks_release(const void *lock)
{
	if (CONFIG_DEBUG)
		heldlocks_release_slow(lock);
}

/* On the way back to user mode: nothing is held, preemption is on. */
static inline void heldlocks_check_user(void)
{
	if (CONFIG_DEBUG)
		heldlocks_check_user_slow();
}

#endif
