/* SPDX-License-Identifier: MIT */
/*
 * Which CPU a thread runs on.
 *
 * Wake-ups: on the waker's CPU if the waker is about to sleep, else on the CPU where the thread was if that is idle, else on an idle one, else
 * where it was. An idle CPU takes a waiting thread from the longest queue; a busy one with threads that wait wakes an idle one at its tick.
 *
 * When there are more threads than CPUs, who shares a CPU with fewer others would get more. Each queue's clock, which advances the faster the
 * fewer want the CPU, is comparable with the others' as its global time (sched/runq). A queue that is ahead of a thread that waits elsewhere
 * takes that thread over at a tick. So threads change places as often as it takes: three on two CPUs get two thirds each. Where affinity keeps
 * queues apart, the distance of their clocks is let go beyond a bound.
 */
#ifndef SCHED_BALANCE_H
#define SCHED_BALANCE_H

#include "sched/runq.h"

extern uint32_t cpus_idle; /* CPUs whose idle thread runs and that nobody has chosen for a thread yet; atomic */

static inline bool sched_is_smp(void) { return READ_ONCE(cpus_online) != CPU_BIT(0); }
/* May t run on the CPU? */
static inline bool thread_allowed(const struct thread *t, unsigned cpu) { return t->affinity & CPU_BIT(cpu); }
/* May it leave the CPU where it is? Open windows on frames are the CPU's. */
static inline bool thread_movable(const struct thread *t) { return !t->kmap.depth; }

/* The CPU for a thread that wakes up (its queue's lock held) / is new. sync: the current thread is about to sleep. Interrupts off. */
unsigned balance_wake_cpu(struct thread *t, bool sync);
unsigned balance_new_cpu(struct thread *t, bool sync);
/* An idle one; else the one where it is, if it may stay there; else any. */
unsigned balance_any_cpu(const struct thread *t);
/*
 * next, which was taken out of rq, is to run; is there something better elsewhere? Returns that, and next is queued again. rq's lock held.
 */
struct thread *balance_pull(struct runq *rq, struct thread *next);
/* At the tick; interrupts off, no queue's lock held. A thread taken over from elsewhere (SE_MOVING, its cpu is rq's), or NULL. */
struct thread *balance_tick(struct runq *rq);
/* A FIFO or RR thread has to wait in its queue: a CPU that does something less urgent looks for it. Lock of t's queue held. */
void balance_offer_rt(const struct thread *t);
/* rq's CPU becomes busy: sets its clock level with the others'. Lock held. */
void balance_begin(struct runq *rq);

#endif
