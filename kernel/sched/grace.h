/* SPDX-License-Identifier: MIT */
/*
 * Waiting out readers. Who reads something that others replace, without its lock and with preemption off (or a spinlock held) from the load of
 * the pointer to the last use of what it leads to, is a reader. The one who replaces it unpublishes first, then waits here, and frees then.
 */
#ifndef SCHED_GRACE_H
#define SCHED_GRACE_H

/* Returns when every CPU has been seen with preemption on since the call. Sleeps; no spinlock is held. Rare: it interrupts every CPU. */
void grace_wait(void);

#endif
