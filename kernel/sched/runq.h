/* SPDX-License-Identifier: MIT */
/*
 * A CPU's run queue: who waits for the CPU, in which order, and how much CPU time each has had.
 *
 * SCHED_FIFO and SCHED_RR threads wait in a list by priority and go before all others, but for 950 ms of a second at most while others wait.
 *
 * The others share the CPU by weight: each has a virtual run time, which advances the slower the larger its weight is. The queue's clock is
 * the mean of the virtual run times, by weight, of those that want the CPU; who is not ahead of it is eligible. A thread asks for a slice at
 * a time; its deadline is the virtual run time at which it will have used that up, and of the eligible threads the one with the earliest
 * deadline runs. Who sleeps keeps its virtual run time, and so what it is owed or owes, within bounds: behind by no more than a small credit,
 * so that sleeping earns no hoard.
 *
 * All queues' clocks plus their offsets are comparable ("global" times), which is what makes threads of different CPUs share fairly: see
 * sched/balance. A thread that changes its queue keeps its global virtual run time, within the same bounds.
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
	/* lock; some are read without it, as hints, by other CPUs */
	struct thread *curr;
	struct thread *idle;
	struct thread *leaving;   /* between the two halves of a switch */
	struct rbtree tree;       /* SCHED_NORMAL and its kin by deadline */
	struct rbnode *first;     /* of the tree */
	struct list rt;           /* FIFO, RR; highest priority first */
	unsigned queued;          /* threads in tree and rt; the current one is in neither */
	unsigned rt_queued;
	unsigned cpu;
	int urgency;              /* of the current thread: -1 idle, 0 fair, else the priority of a FIFO or RR thread */
	bool kicked;              /* another CPU has sent its interrupt, and it has not looked at its queue since */
	/* the clock: base + sum / weight, where the sum is of (vruntime - base) * weight over the tree */
	uint64_t base;
	int64_t sum;
	uint32_t weight;
	uint64_t last_clock;      /* when there was somebody in the tree last */
	uint64_t offset;          /* clock + offset is the global time */
	uint32_t position;        /* the global time at the last tick, in units of 1 << POSITION_SHIFT ns */
	/* FIFO and RR; lock */
	uint64_t rt_ns, rt_period; /* CPU time that they had in the second that began at rt_period */
	bool rt_throttled;
	uint64_t switches, forks;
	uint64_t user_ns, system_ns; /* of all that ran here but the idle thread */
	/* tick; own CPU, interrupts off */
	struct timer tick;
	bool tick_busy;           /* armed for the end of a slice */
	bool sample_due;          /* the next interrupt exit tells which mode it met */
	/* load; lock */
	uint64_t load_stamp;
	unsigned long load[3];
} __aligned(64);

extern struct runq runqs[MAX_CPUS];
extern unsigned runq_rt_waiting; /* FIFO and RR threads in all queues; atomic */

void runq_init(struct runq *rq, unsigned cpu, struct thread *idle);
static inline struct runq *runq_this(void) { return this_cpu()->runq; }
/* Locks the queue of the CPU where t is, and with it what the queue's lock protects of t; interrupts are off. */
struct runq *runq_lock_of(struct thread *t);

/* All below: the queue's lock is held. */

void runq_enqueue(struct runq *rq, struct thread *t);
/* One that was running and still wants to. */
void runq_enqueue_preempted(struct runq *rq, struct thread *t);
void runq_dequeue(struct runq *rq, struct thread *t);
/* The next to run, taken out of the queue; the idle thread if there is nobody. */
struct thread *runq_pick(struct runq *rq);
/* Books the current thread's time up to now; returns now. */
ktime_t runq_account(struct runq *rq);
/* Should t, which is queued, run in place of the current thread at once / at the end of a tick? */
bool runq_preempts(const struct runq *rq, const struct thread *t);
bool runq_tick_preempts(struct runq *rq);
/* Brings the virtual run time of a thread that wakes up (is new) within the bounds, and gives it a slice. */
void runq_place_woken(struct runq *rq, struct sched_entity *se);
void runq_place_new(struct runq *rq, struct sched_entity *se);
/* The current thread gives way to the next of its kind; false: there is none, or it is not fair. It is not queued yet, and would not be picked. */
bool runq_yield(struct runq *rq);
void runq_set_weight(struct sched_entity *se);
/* Adds up the load averages for the time since the last call. */
void runq_load_update(struct runq *rq, ktime_t now);
/* The queue's virtual time. */
uint64_t runq_clock(const struct runq *rq);
/* Of the virtual run times; keeps the numbers of the clock small. */
void runq_rebase(struct runq *rq);
/* Sets the queue's global time; nobody in it has anything to compare with others. */
void runq_set_position(struct runq *rq, uint32_t position);
/* How long the running thread may go on while others wait, ns. */
uint32_t runq_slice(const struct runq *rq);
/* A slice in the thread's own virtual time. */
uint64_t runq_slice_of(const struct runq *rq, const struct sched_entity *se);

/* From the queue's clock to the global one and back, for a thread that is in no queue. */
static inline void runq_leave(struct runq *rq, struct thread *t)
{
	t->se.vruntime += rq->offset;
	t->se.queued = SE_MOVING;
}
/* Places it; not yet queued. */
void runq_join(struct runq *rq, struct thread *t);

static inline bool runq_is_rt(const struct thread *t) { return t->se.rt_prio != 0; }
static inline unsigned runq_running(const struct runq *rq) { return READ_ONCE(rq->queued) + (READ_ONCE(rq->curr) != rq->idle); }
static inline void runq_set_current(struct runq *rq, struct thread *t)
{
	rq->curr = t;
	WRITE_ONCE(rq->urgency, t == rq->idle ? -1 : t->se.rt_prio);
}

#define TICK_IDLE_NS (10 * NSEC_PER_MSEC) /* between ticks when nobody waits */
#define RR_SLICE_NS (100 * NSEC_PER_MSEC)
#define POSITION_SHIFT 12

#endif
