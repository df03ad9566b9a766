/* SPDX-License-Identifier: MIT */
/*
 * A CPU's run queue: who waits for the CPU, in which order, and how much CPU time each has had.
 *
 * SCHED_FIFO and SCHED_RR threads wait in a list by priority and go before all others. The others share the CPU by weight: each has a
 * virtual run time, which advances the slower the larger its weight is, and the one with the least runs. min_vruntime only grows; who
 * comes back from a sleep is placed not further back than a small credit behind it, so that sleeping earns no hoard.
 *
 * User and system time: the run time is measured exactly, at every switch. How it divides is sampled: an interrupt of the tick, which comes
 * at least every TICK_IDLE_NS of running, sees which mode it interrupted, and the thread's time is booked there until the next sample says
 * otherwise. A user thread that no tick has met yet books to user time.
 */
#ifndef SCHED_RUNQ_H
#define SCHED_RUNQ_H

#include "core/spinlock.h"
#include "sched/thread.h"

struct runq {
	struct spinlock lock; /* LOCK_RUNQ, interrupts off */
	/* lock */
	struct thread *curr;
	struct thread *idle;
	struct thread *leaving;   /* between the two halves of a switch */
	struct rbtree tree;       /* SCHED_NORMAL and its kin by vruntime */
	struct rbnode *first;     /* of the tree */
	struct list rt;           /* FIFO, RR; highest priority first */
	unsigned queued;          /* threads in tree and rt; the current one is in neither */
	uint64_t min_vruntime;
	uint64_t switches, forks;
	unsigned cpu;
	/* tick; own CPU, interrupts off */
	struct timer tick;
	bool tick_busy;           /* armed for TICK_BUSY_NS */
	bool sample_due;          /* the next interrupt exit tells which mode it met */
	/* load; lock */
	uint64_t load_stamp;
	unsigned long load[3];
};

extern struct runq runqs[MAX_CPUS];

void runq_init(struct runq *rq, unsigned cpu, struct thread *idle);
static inline struct runq *runq_this(void) { return this_cpu()->runq; }

/* All below: the queue's lock is held. */

void runq_enqueue(struct runq *rq, struct thread *t);
void runq_dequeue(struct runq *rq, struct thread *t);
/* The next to run, taken out of the queue; the idle thread if there is nobody. */
struct thread *runq_pick(struct runq *rq);
/* Books the current thread's time up to now; returns now. */
ktime_t runq_account(struct runq *rq);
/* Should t, which is queued, run in place of the current thread at once / at the end of a tick? */
bool runq_preempts(const struct runq *rq, const struct thread *t);
bool runq_tick_preempts(struct runq *rq);
/* Virtual run time of a thread that wakes up (is new). */
void runq_place_woken(struct runq *rq, struct sched_entity *se);
void runq_place_new(struct runq *rq, struct sched_entity *se);
/* The current thread gives way to the next of its kind. */
void runq_yield(struct runq *rq);
void runq_set_weight(struct sched_entity *se);
/* Adds up the load averages for the time since the last call. */
void runq_load_update(struct runq *rq, ktime_t now);

static inline bool runq_is_rt(const struct thread *t) { return t->se.rt_prio != 0; }
static inline unsigned runq_running(const struct runq *rq) { return rq->queued + (rq->curr != rq->idle); }

#define TICK_BUSY_NS (4 * NSEC_PER_MSEC)  /* several threads want the CPU */
#define TICK_IDLE_NS (10 * NSEC_PER_MSEC) /* one does */

#endif
