/* SPDX-License-Identifier: MIT */
/* The order of the run queue, and the arithmetic of weights. Nothing here switches or takes a lock. */
#include "sched/runq.h"
#include "core/clock.h"
#include "lib/bits.h"
#include "lib/check.h"

#define WAKE_CREDIT_NS (2 * NSEC_PER_MSEC)
#define WAKE_GRANULARITY_NS (1 * NSEC_PER_MSEC)
#define RR_SLICE_NS (100 * NSEC_PER_MSEC)
#define LOAD_PERIOD_NS (5 * NSEC_PER_SEC)
#define WEIGHT_SCHED_IDLE 3u

struct runq runqs[MAX_CPUS];

/* One step of nice is worth about 10% of the CPU between two threads: each weight is 1.25 times the next (Linux's figures). */
static const uint32_t weights[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
	1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
};

void runq_init(struct runq *rq, unsigned cpu, struct thread *idle)
{
	*rq = (struct runq){ .cpu = cpu, .idle = idle, .curr = idle };
	spin_init(&rq->lock, LOCK_RUNQ);
	rb_init(&rq->tree);
	list_init(&rq->rt);
}

void runq_set_weight(struct sched_entity *se)
{
	se->weight = se->policy == SCHED_IDLE ? WEIGHT_SCHED_IDLE : weights[se->nice + 20];
	se->inv_weight = 0xffffffffu / se->weight;
}

static bool before(uint64_t a, uint64_t b)
{
	return (int64_t)(a - b) < 0;
}

static struct sched_entity *entity(struct rbnode *n)
{
	return rb_entry(n, struct sched_entity, node);
}

static struct thread *thread_of(struct sched_entity *se)
{
	return container_of(se, struct thread, se);
}

static void tree_insert(struct runq *rq, struct sched_entity *se)
{
	struct rbnode **link = &rq->tree.root, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (before(se->vruntime, entity(parent)->vruntime)) {
			link = &parent->left;
		} else {
			link = &parent->right;
			leftmost = false;
		}
	}
	rb_link(&rq->tree, parent, link, &se->node);
	if (leftmost)
		rq->first = &se->node;
}

static void tree_erase(struct runq *rq, struct sched_entity *se)
{
	if (rq->first == &se->node)
		rq->first = rb_next(&se->node);
	rb_erase(&rq->tree, &se->node);
}

/* Behind all of its own priority: who is preempted or yields goes to the end of its kind. */
static void rt_insert(struct runq *rq, struct sched_entity *se)
{
	struct list *at = rq->rt.prev;

	while (at != &rq->rt && list_entry(at, struct sched_entity, rt_link)->rt_prio < se->rt_prio)
		at = at->prev;
	list_push_front(at, &se->rt_link);
}

void runq_enqueue(struct runq *rq, struct thread *t)
{
	debug_assert(!t->se.queued && t != rq->idle);
	if (unlikely(runq_is_rt(t)))
		rt_insert(rq, &t->se);
	else
		tree_insert(rq, &t->se);
	t->se.queued = true;
	rq->queued++;
}

void runq_dequeue(struct runq *rq, struct thread *t)
{
	debug_assert(t->se.queued);
	if (unlikely(runq_is_rt(t)))
		list_del(&t->se.rt_link);
	else
		tree_erase(rq, &t->se);
	t->se.queued = false;
	rq->queued--;
}

static void raise_min_vruntime(struct runq *rq)
{
	uint64_t least = rq->curr == rq->idle || runq_is_rt(rq->curr) ? rq->min_vruntime : rq->curr->se.vruntime;

	if (rq->first && (least == rq->min_vruntime || before(entity(rq->first)->vruntime, least)))
		least = entity(rq->first)->vruntime;
	if (before(rq->min_vruntime, least))
		rq->min_vruntime = least;
}

struct thread *runq_pick(struct runq *rq)
{
	struct thread *t = rq->idle;

	if (unlikely(!list_empty(&rq->rt)))
		t = thread_of(list_first(&rq->rt, struct sched_entity, rt_link));
	else if (rq->first)
		t = thread_of(entity(rq->first));
	if (t != rq->idle)
		runq_dequeue(rq, t);
	t->se.slice_start = t->se.run_ns;
	return t;
}

/* Real to virtual time: the common weight costs nothing, the others one multiplication. */
static uint64_t scaled(const struct sched_entity *se, uint64_t ns)
{
	if (likely(se->weight == SCHED_WEIGHT_NICE0))
		return ns;
	return ((uint64_t)(uint32_t)MIN(ns, (uint64_t)UINT32_MAX) * se->inv_weight) >> 22;
}

ktime_t runq_account(struct runq *rq)
{
	struct thread *t = rq->curr;
	struct sched_entity *se = &t->se;
	ktime_t now = clock_now();
	uint64_t ns = now - se->exec_start;

	se->exec_start = now;
	se->run_ns += ns;
	if (t == rq->idle)
		return now;
	if (se->last_user)
		t->user_ns += ns;
	else
		t->system_ns += ns;
	if (!runq_is_rt(t)) {
		se->vruntime += scaled(se, ns);
		raise_min_vruntime(rq);
	}
	return now;
}

bool runq_preempts(const struct runq *rq, const struct thread *t)
{
	const struct thread *c = rq->curr;

	if (c == rq->idle || t->se.rt_prio > c->se.rt_prio)
		return true;
	if (runq_is_rt(c) || t->se.policy == SCHED_BATCH || t->se.policy == SCHED_IDLE)
		return false;
	return c->se.policy == SCHED_IDLE || before(t->se.vruntime + WAKE_GRANULARITY_NS, c->se.vruntime);
}

bool runq_tick_preempts(struct runq *rq)
{
	const struct sched_entity *se = &rq->curr->se;
	const struct sched_entity *top;

	if (!rq->queued)
		return false;
	if (!runq_is_rt(rq->curr))
		return !list_empty(&rq->rt) || before(entity(rq->first)->vruntime, se->vruntime);
	if (list_empty(&rq->rt))
		return false;
	top = list_first(&rq->rt, struct sched_entity, rt_link);
	return top->rt_prio > se->rt_prio ||
	       (se->policy == SCHED_RR && top->rt_prio == se->rt_prio && se->run_ns - se->slice_start >= RR_SLICE_NS);
}

void runq_place_woken(struct runq *rq, struct sched_entity *se)
{
	uint64_t least = rq->min_vruntime - WAKE_CREDIT_NS;

	if (before(se->vruntime, least))
		se->vruntime = least;
}

/* A new thread starts level with the queue, or with its parent if that has had more. */
void runq_place_new(struct runq *rq, struct sched_entity *se)
{
	if (before(se->vruntime, rq->min_vruntime))
		se->vruntime = rq->min_vruntime;
}

void runq_yield(struct runq *rq)
{
	struct sched_entity *se = &rq->curr->se;

	if (!runq_is_rt(rq->curr) && rq->first && !before(entity(rq->first)->vruntime, se->vruntime))
		se->vruntime = entity(rq->first)->vruntime; /* equal keys: behind it */
}

/* ---- load averages: every period, load = load * e + running * (1 - e), 11 bits of fraction ---- */

#define LOAD_SHIFT 11
#define LOAD_ONE (1ul << LOAD_SHIFT)
static const unsigned long load_decay[3] = { 1884, 2014, 2037 }; /* 2048 * exp(-5 s / 1, 5, 15 min) */

static void load_step(struct runq *rq, unsigned long running)
{
	for (int i = 0; i < 3; i++) {
		unsigned long e = load_decay[i], next = rq->load[i] * e + running * LOAD_ONE * (LOAD_ONE - e);

		if (running * LOAD_ONE >= rq->load[i])
			next += LOAD_ONE - 1; /* rounds towards where it goes, or it would never arrive */
		rq->load[i] = next >> LOAD_SHIFT;
	}
}

/* No timer runs for this while the CPU is idle: missed periods but the last count as idle ones. */
void runq_load_update(struct runq *rq, ktime_t now)
{
	unsigned missed = 0;

	while (now - rq->load_stamp >= LOAD_PERIOD_NS && missed++ < 1000) {
		bool last = now - rq->load_stamp < 2 * LOAD_PERIOD_NS;

		load_step(rq, last ? runq_running(rq) : 0);
		rq->load_stamp += LOAD_PERIOD_NS;
	}
	if (now - rq->load_stamp >= LOAD_PERIOD_NS)
		rq->load_stamp = now;
}
