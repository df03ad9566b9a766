/* SPDX-License-Identifier: MIT */
/*
 * Words that are locks with an owner: FUTEX_LOCK_PI and its kin. The word is the owner's thread number, with FUTEX_WAITERS while somebody sleeps
 * here; whoever unlocks then hands it to the waiter of the highest priority, the oldest of those.
 */
#ifndef PROC_FUTEXPI_H
#define PROC_FUTEXPI_H

#include "task/process.h"

#define FUTEX_TID_MASK 0x3fffffffu
#define FUTEX_OWNER_DIED 0x40000000u
#define FUTEX_WAITERS 0x80000000u

/* All: private as in the call's flags, the deadline monotonic; errors as futex(2). */
long futexpi_lock(uaddr_t addr, bool private, bool try, ktime_t deadline);
long futexpi_unlock(uaddr_t addr, bool private);
/* Waits while *addr is val, until it is moved to the lock addr2 and has that. */
long futexpi_wait_requeue(uaddr_t addr, uint32_t val, uaddr_t addr2, bool private, ktime_t deadline);
/* One waiter gets the lock addr2 or waits for it, and up to more others wait for it, if *addr is val. How many. */
long futexpi_requeue(uaddr_t addr, uint32_t val, uaddr_t addr2, uint32_t more, bool private);
/* t ends, and nobody finds it by its number any more as one that lives: what it owns goes to the next one, marked FUTEX_OWNER_DIED. */
void futexpi_gone(struct task *t);
/* Does anybody wait at all? */
extern unsigned futexpi_waiting;

#endif
