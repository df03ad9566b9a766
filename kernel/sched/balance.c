/* SPDX-License-Identifier: MIT */
/* Choosing CPUs, stealing, and keeping the queues' clocks together. Other queues' figures are read without their locks: as hints. */
#include "sched/balance.h"
#include "core/clock.h"
#include "core/ipi.h"
#include "lib/bits.h"

#define LOOK_AHEAD 8 /* threads of a queue that are looked at for one that may move */
#define QUEUES_TRIED 4 /* at one tick */
/* Beyond this distance from the mean, an eighth of what is too much is forgotten at each tick. In units of position. */
#define DISTANCE_BOUND ((int32_t)((50 * NSEC_PER_MSEC) >> POSITION_SHIFT))

uint32_t cpus_idle;
static uint32_t mean_position; /* of the busy queues, as of the last tick anywhere */

static bool claim(unsigned cpu)
{
	return __atomic_fetch_and(&cpus_idle, ~CPU_BIT(cpu), __ATOMIC_SEQ_CST) & CPU_BIT(cpu);
}

static uint32_t allowed_cpus(const struct thread *t)
{
	uint32_t online = READ_ONCE(cpus_online), allowed = t->affinity & online;

	return allowed ? allowed : online;
}

unsigned balance_any_cpu(const struct thread *t)
{
	uint32_t allowed = allowed_cpus(t), idle = READ_ONCE(cpus_idle) & allowed;

	return idle || !(allowed & CPU_BIT(t->cpu)) ? (unsigned)__builtin_ctz(idle ? idle : allowed) : t->cpu;
}

/* ---- FIFO and RR: the CPU that does the least urgent thing ---- */

static unsigned rt_cpu(const struct thread *t)
{
	uint32_t allowed = allowed_cpus(t);
	unsigned best = allowed & CPU_BIT(t->cpu) ? t->cpu : (unsigned)__builtin_ctz(allowed);

	if (READ_ONCE(runqs[best].urgency) <= 0)
		return best;
	for (; allowed; allowed &= allowed - 1) {
		unsigned n = (unsigned)__builtin_ctz(allowed);

		if (READ_ONCE(runqs[n].urgency) < READ_ONCE(runqs[best].urgency))
			best = n;
	}
	return best;
}

void balance_offer_rt(const struct thread *t)
{
	unsigned n;

	if (!sched_is_smp() || !thread_movable(t))
		return;
	n = rt_cpu(t);
	if (n != t->cpu && READ_ONCE(runqs[n].urgency) < t->se.rt_prio)
		ipi_wake(n);
}

/* ---- choosing ---- */

/* An idle one of the mask, taken out of cpus_idle; else none. */
static bool claim_idle(uint32_t mask, unsigned *cpu)
{
	uint32_t idle = READ_ONCE(cpus_idle) & mask;

	for (; idle; idle &= idle - 1)
		if (claim((unsigned)__builtin_ctz(idle))) {
			*cpu = (unsigned)__builtin_ctz(idle);
			return true;
		}
	return false;
}

unsigned balance_wake_cpu(struct thread *t, bool sync)
{
	unsigned me = this_cpu()->id, n;
	uint32_t allowed = allowed_cpus(t);

	if (!thread_movable(t))
		return t->cpu;
	if (unlikely(runq_is_rt(t)))
		return rt_cpu(t);
	if (sync && (allowed & CPU_BIT(me)) && !READ_ONCE(runqs[me].queued)) {
		t->se.fresh = true;
		return me;
	}
	if (claim_idle(allowed & CPU_BIT(t->cpu), &n) || claim_idle(allowed & CPU_BIT(me), &n) || claim_idle(allowed, &n))
		return n;
	if (allowed & CPU_BIT(t->cpu))
		return t->cpu;
	return allowed & CPU_BIT(me) ? me : (unsigned)__builtin_ctz(allowed);
}

unsigned balance_new_cpu(struct thread *t, bool sync)
{
	unsigned me = this_cpu()->id, best = me;
	uint32_t allowed = allowed_cpus(t);

	if (sync && (allowed & CPU_BIT(me)) && !READ_ONCE(runqs[me].queued)) {
		t->se.fresh = true;
		return me;
	}
	if (claim_idle(allowed, &best))
		return best;
	if (!(allowed & CPU_BIT(me)))
		best = (unsigned)__builtin_ctz(allowed);
	for (; allowed; allowed &= allowed - 1) {
		unsigned n = (unsigned)__builtin_ctz(allowed);

		if (runq_running(&runqs[n]) + 1 < runq_running(&runqs[best]))
			best = n;
	}
	return best;
}

/* ---- taking threads over ---- */

static struct thread *movable_of(struct runq *from, unsigned to)
{
	struct rbnode *n = from->first;

	for (unsigned i = 0; n && i < LOOK_AHEAD; i++, n = rb_next(n)) {
		struct thread *t = container_of(rb_entry(n, struct sched_entity, node), struct thread, se);

		if (thread_allowed(t, to) && thread_movable(t) && !t->se.fresh)
			return t;
	}
	return NULL;
}

/* The first that may move and is more urgent than that. */
static struct thread *movable_rt_of(struct runq *from, unsigned to, int urgency)
{
	struct sched_entity *se;
	unsigned i = 0;

	list_for_each_entry(se, &from->rt, rt_link) {
		struct thread *t = container_of(se, struct thread, se);

		if (se->rt_prio <= urgency || i++ == LOOK_AHEAD)
			break;
		if (thread_allowed(t, to) && thread_movable(t))
			return t;
	}
	return NULL;
}

/* Both locks held. */
static void take_over(struct runq *rq, struct runq *from, struct thread *t)
{
	runq_dequeue(from, t);
	runq_leave(from, t);
	t->cpu = rq->cpu;
	runq_join(rq, t);
	runq_enqueue(rq, t);
}

static struct thread *pull_rt(struct runq *rq, struct thread *next)
{
	int urgency = next == rq->idle ? -1 : next->se.rt_prio;
	struct runq *best = NULL;
	struct thread *t = NULL;

	/* The lists are looked at without locks only for whether they have somebody. */
	for (uint32_t m = READ_ONCE(cpus_online) & ~CPU_BIT(rq->cpu); m; m &= m - 1) {
		struct runq *from = &runqs[__builtin_ctz(m)];
		struct thread *found;

		if (!READ_ONCE(from->rt_queued) || !spin_trylock_nested(&from->lock))
			continue;
		found = movable_rt_of(from, rq->cpu, urgency);
		if (found) {
			if (best)
				spin_unlock(&best->lock);
			best = from;
			t = found;
			urgency = found->se.rt_prio;
		} else {
			spin_unlock(&from->lock);
		}
	}
	if (!t)
		return next;
	if (next != rq->idle)
		runq_enqueue_preempted(rq, next);
	take_over(rq, best, t);
	spin_unlock(&best->lock);
	return runq_pick(rq);
}

/* rq has nothing to do: takes one from the longest queue. */
static struct thread *steal(struct runq *rq)
{
	struct runq *from = NULL;
	struct thread *t;
	unsigned most = 0;

	for (uint32_t m = READ_ONCE(cpus_online) & ~CPU_BIT(rq->cpu); m; m &= m - 1) {
		struct runq *other = &runqs[__builtin_ctz(m)];
		unsigned n = READ_ONCE(other->queued) - READ_ONCE(other->rt_queued);

		if ((int)n > (int)most) {
			most = n;
			from = other;
		}
	}
	if (!from || !spin_trylock_nested(&from->lock))
		return rq->idle;
	t = movable_of(from, rq->cpu);
	if (t) {
		balance_begin(rq);
		take_over(rq, from, t);
	}
	spin_unlock(&from->lock);
	return t ? runq_pick(rq) : rq->idle;
}

struct thread *balance_pull(struct runq *rq, struct thread *next)
{
	if (unlikely(READ_ONCE(runq_rt_waiting)))
		next = pull_rt(rq, next);
	if (next == rq->idle)
		next = steal(rq);
	return next;
}

/* ---- the tick ---- */

void balance_begin(struct runq *rq)
{
	runq_set_position(rq, READ_ONCE(mean_position));
}

/* How far the mean of the busy queues is ahead of the position; rq's is counted with it. */
static int32_t distance_to_mean(const struct runq *rq, uint32_t position)
{
	int32_t sum = 0, n = 1;

	for (uint32_t m = READ_ONCE(cpus_online) & ~CPU_BIT(rq->cpu); m; m &= m - 1) {
		const struct runq *other = &runqs[__builtin_ctz(m)];

		if (READ_ONCE(other->urgency) < 0)
			continue;
		sum += (int32_t)(READ_ONCE(other->position) - position) / MAX_CPUS;
		n++;
	}
	return sum / n * MAX_CPUS;
}

/* Publishes where the queue's clock stands, closer to the others' if it is too far away. Lock held. Returns the global time. */
static uint64_t update_position(struct runq *rq)
{
	uint64_t time = runq_clock(rq) + rq->offset;
	uint32_t position = (uint32_t)(time >> POSITION_SHIFT);
	int32_t to_mean = distance_to_mean(rq, position), excess = 0;

	if (to_mean > DISTANCE_BOUND)
		excess = to_mean - DISTANCE_BOUND;
	else if (to_mean < -DISTANCE_BOUND)
		excess = to_mean + DISTANCE_BOUND;
	WRITE_ONCE(mean_position, position + (uint32_t)to_mean);
	excess /= 8;
	rq->offset += (uint64_t)(int64_t)excess << POSITION_SHIFT;
	WRITE_ONCE(rq->position, position + (uint32_t)excess);
	return time + ((uint64_t)(int64_t)excess << POSITION_SHIFT);
}

/* Of the CPUs of the mask, the one with waiting threads whose queue is furthest behind, or NULL. */
static struct runq *furthest_behind(const struct runq *rq, uint32_t among)
{
	struct runq *found = NULL;
	int32_t most = 0;

	for (uint32_t m = among; m; m &= m - 1) {
		struct runq *other = &runqs[__builtin_ctz(m)];
		int32_t behind = (int32_t)(rq->position - READ_ONCE(other->position));

		if (READ_ONCE(other->queued) > READ_ONCE(other->rt_queued) && behind > most) {
			most = behind;
			found = other;
		}
	}
	return found;
}

/* A thread of from, taken out of it, that time is ahead of by more than what is usual within a queue. */
static struct thread *take_behind(struct runq *from, unsigned to, uint64_t time)
{
	struct thread *t;

	spin_lock(&from->lock);
	t = movable_of(from, to);
	if (t && (int64_t)(time - t->se.vruntime - from->offset) > (int64_t)runq_slice(from) * 5 / 4) {
		runq_dequeue(from, t);
		runq_leave(from, t);
		t->cpu = to;
	} else {
		t = NULL;
	}
	spin_unlock(&from->lock);
	return t;
}

/* Somebody waits here, and there are idle CPUs. Lock held. */
static void wake_idle(struct runq *rq)
{
	uint32_t idle = READ_ONCE(cpus_idle);
	unsigned seen = 0;

	for (; idle; idle &= idle - 1) {
		unsigned n = (unsigned)__builtin_ctz(idle);

		if (movable_of(rq, n) || movable_rt_of(rq, n, -1)) {
			ipi_wake(n);
			return;
		}
	}
	/* Whoever still waits at the next tick was not put here by one that slept soon. */
	for (struct rbnode *n = rq->first; n && seen++ < LOOK_AHEAD; n = rb_next(n))
		rb_entry(n, struct sched_entity, node)->fresh = false;
}

struct thread *balance_tick(struct runq *rq)
{
	uint32_t among = READ_ONCE(cpus_online) & ~CPU_BIT(rq->cpu);
	struct thread *t = NULL;
	struct runq *from;
	uint64_t time;

	spin_lock(&rq->lock);
	if (rq->urgency < 0) {
		spin_unlock(&rq->lock);
		return NULL;
	}
	runq_rebase(rq);
	time = update_position(rq);
	if (rq->queued && unlikely(READ_ONCE(cpus_idle)))
		wake_idle(rq);
	spin_unlock(&rq->lock);
	/* What waits there may be bound to stay. */
	for (unsigned tries = 0; !t && tries < QUEUES_TRIED && (from = furthest_behind(rq, among)) != NULL; tries++) {
		t = take_behind(from, rq->cpu, time);
		among &= ~CPU_BIT(from->cpu);
	}
	return t;
}
