/* SPDX-License-Identifier: MIT */
/* The order of the run queue, and the arithmetic of weights. Nothing here switches or takes a lock. */
#include "sched/runq.h"
#include "core/clock.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "lib/div64.h"

#define WAKE_CREDIT_NS (3 * NSEC_PER_MSEC)
#define WAKE_GRANULARITY_NS (NSEC_PER_MSEC / 2)
/* All that wait are served within this time if the slices do not get too short. */
#define LATENCY_NS ((uint32_t)(24 * NSEC_PER_MSEC))
#define SLICE_MAX_NS ((uint32_t)(4 * NSEC_PER_MSEC))
#define SLICE_MIN_NS ((uint32_t)(NSEC_PER_MSEC * 3 / 4))
#define LOOK_AHEAD 8 /* threads that a pick looks at, in the order of their deadlines, for an eligible one */
#define RT_PERIOD_NS NSEC_PER_SEC
#define RT_SHARE_NS (950 * NSEC_PER_MSEC)
#define LOAD_PERIOD_NS (5 * NSEC_PER_SEC)
#define WEIGHT_SCHED_IDLE 3u

struct runq runqs[MAX_CPUS];
unsigned runq_rt_waiting;

/* One step of nice is worth about 10% of the CPU between two threads: each weight is 1.25 times the next (Linux's figures). */
static const uint32_t weights[40] = {
	88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916, 9548, 7620, 6100, 4904, 3906, 3121, 2501, 1991, 1586, 1277,
	1024, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18, 15,
};

void runq_init(struct runq *rq, unsigned cpu, struct thread *idle)
{
	*rq = (struct runq){ .cpu = cpu, .idle = idle, .curr = idle, .urgency = -1 };
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

/* Real to virtual time: the common weight costs nothing, the others one multiplication. */
static uint64_t scaled(const struct sched_entity *se, uint64_t ns)
{
	if (likely(se->weight == SCHED_WEIGHT_NICE0))
		return ns;
	return ((uint64_t)(uint32_t)MIN(ns, (uint64_t)UINT32_MAX) * se->inv_weight) >> 22;
}

/* ---- the clock ---- */

static int64_t key(const struct runq *rq, const struct sched_entity *se)
{
	return (int64_t)(se->vruntime - rq->base);
}

static int64_t weighted(const struct runq *rq, const struct sched_entity *se)
{
	if (likely(se->weight == SCHED_WEIGHT_NICE0))
		return (int64_t)((uint64_t)key(rq, se) * SCHED_WEIGHT_NICE0);
	return key(rq, se) * (int64_t)se->weight;
}

static bool is_fair(const struct runq *rq, const struct thread *t)
{
	return t != rq->idle && !runq_is_rt(t);
}

static int64_t divide(int64_t n, uint32_t d)
{
	uint64_t q = n < 0 ? 0 - (uint64_t)n : (uint64_t)n;

	div64_32(&q, d);
	return n < 0 ? -(int64_t)q : (int64_t)q;
}

uint64_t runq_clock(const struct runq *rq)
{
	const struct sched_entity *c = &rq->curr->se;
	uint32_t weight = rq->weight;
	int64_t sum = rq->sum;

	if (is_fair(rq, rq->curr)) {
		if (!weight)
			return c->vruntime;
		sum += weighted(rq, c);
		weight += c->weight;
	}
	return weight ? rq->base + (uint64_t)divide(sum, weight) : rq->last_clock;
}

void runq_rebase(struct runq *rq)
{
	int64_t by;

	if (!rq->weight)
		return;
	by = divide(rq->sum, rq->weight);
	rq->base += (uint64_t)by;
	rq->sum -= by * (int64_t)rq->weight;
}

void runq_set_position(struct runq *rq, uint32_t position)
{
	rq->offset = ((uint64_t)position << POSITION_SHIFT) - runq_clock(rq);
	WRITE_ONCE(rq->position, position);
}

/* Not ahead of those that wait. Both sides are scaled down so that the product fits. */
static bool eligible(const struct runq *rq, const struct sched_entity *se)
{
	return (key(rq, se) >> 10) * (int64_t)rq->weight <= rq->sum >> 10;
}

uint32_t runq_slice(const struct runq *rq)
{
	unsigned n = rq->queued + 1;

	if (likely(n <= LATENCY_NS / SLICE_MAX_NS))
		return SLICE_MAX_NS;
	return n >= LATENCY_NS / SLICE_MIN_NS ? SLICE_MIN_NS : LATENCY_NS / n;
}

uint64_t runq_slice_of(const struct runq *rq, const struct sched_entity *se)
{
	return scaled(se, runq_slice(rq));
}

/* ---- the queue ---- */

static void tree_insert(struct runq *rq, struct sched_entity *se)
{
	struct rbnode **link = &rq->tree.root, *parent = NULL;
	bool leftmost = true;

	while (*link) {
		parent = *link;
		if (before(se->deadline, entity(parent)->deadline)) {
			link = &parent->left;
		} else {
			link = &parent->right;
			leftmost = false;
		}
	}
	rb_link(&rq->tree, parent, link, &se->node);
	if (leftmost)
		rq->first = &se->node;
	if (!rq->weight) {
		rq->base = se->vruntime;
		rq->sum = 0;
	} else {
		rq->sum += weighted(rq, se);
	}
	rq->weight += se->weight;
}

static void tree_erase(struct runq *rq, struct sched_entity *se)
{
	rq->weight -= se->weight;
	if (!rq->weight) { /* it was alone */
		rb_init(&rq->tree);
		rq->first = NULL;
		rq->last_clock = se->vruntime;
		return;
	}
	if (rq->first == &se->node)
		rq->first = rb_next(&se->node);
	rb_erase(&rq->tree, &se->node);
	rq->sum -= weighted(rq, se);
}

/* Behind all of its own priority, or in front of them: who is preempted keeps its turn, unless it is SCHED_RR and its slice is over. */
static void rt_insert(struct runq *rq, struct sched_entity *se, bool front)
{
	struct list *at = rq->rt.prev;

	if (front && se->policy == SCHED_RR && se->run_ns - se->slice_start >= RR_SLICE_NS)
		front = false;
	while (at != &rq->rt && list_entry(at, struct sched_entity, rt_link)->rt_prio < se->rt_prio + front)
		at = at->prev;
	list_push_front(at, &se->rt_link);
	WRITE_ONCE(rq->rt_queued, rq->rt_queued + 1);
	__atomic_fetch_add(&runq_rt_waiting, 1, __ATOMIC_SEQ_CST);
}

static void count_queued(struct runq *rq, struct thread *t)
{
	debug_assert(t->se.queued != SE_QUEUED && t != rq->idle && t->cpu == rq->cpu);
	t->se.queued = SE_QUEUED;
	WRITE_ONCE(rq->queued, rq->queued + 1);
}

void runq_enqueue(struct runq *rq, struct thread *t)
{
	count_queued(rq, t);
	if (unlikely(runq_is_rt(t)))
		rt_insert(rq, &t->se, false);
	else
		tree_insert(rq, &t->se);
}

void runq_enqueue_preempted(struct runq *rq, struct thread *t)
{
	if (likely(!runq_is_rt(t))) {
		runq_enqueue(rq, t);
		return;
	}
	count_queued(rq, t);
	rt_insert(rq, &t->se, true);
}

void runq_dequeue(struct runq *rq, struct thread *t)
{
	debug_assert(t->se.queued == SE_QUEUED && t->cpu == rq->cpu);
	if (unlikely(runq_is_rt(t))) {
		list_del(&t->se.rt_link);
		WRITE_ONCE(rq->rt_queued, rq->rt_queued - 1);
		__atomic_fetch_sub(&runq_rt_waiting, 1, __ATOMIC_SEQ_CST);
	} else {
		tree_erase(rq, &t->se);
	}
	t->se.queued = SE_OFF;
	WRITE_ONCE(rq->queued, rq->queued - 1);
}

/* Of the tree, which has somebody. */
static struct thread *pick_fair(struct runq *rq)
{
	struct rbnode *n = rq->first;

	if (entity(n)->weight != rq->weight) /* not alone */
		for (unsigned i = 0; n && i < LOOK_AHEAD; i++, n = rb_next(n))
			if (eligible(rq, entity(n)))
				return thread_of(entity(n));
	return thread_of(entity(rq->first));
}

static bool rt_may_run(const struct runq *rq)
{
	return !list_empty(&rq->rt) && !(rq->rt_throttled && rq->first);
}

struct thread *runq_pick(struct runq *rq)
{
	struct thread *t;

	if (unlikely(rt_may_run(rq)))
		t = thread_of(list_first(&rq->rt, struct sched_entity, rt_link));
	else if (rq->first)
		t = pick_fair(rq);
	else
		return rq->idle;
	runq_dequeue(rq, t);
	if (!runq_is_rt(t) || t->se.run_ns - t->se.slice_start >= RR_SLICE_NS)
		t->se.slice_start = t->se.run_ns;
	t->se.fresh = false;
	return t;
}

/* ---- time ---- */

static void account_rt(struct runq *rq, ktime_t now, uint64_t ns)
{
	if (now - rq->rt_period >= RT_PERIOD_NS) {
		rq->rt_period = now;
		rq->rt_ns = 0;
	}
	rq->rt_ns += ns;
	rq->rt_throttled = rq->rt_ns >= RT_SHARE_NS;
}

ktime_t runq_account(struct runq *rq)
{
	struct thread *t = rq->curr;
	struct sched_entity *se = &t->se;
	ktime_t now = clock_now();
	uint64_t ns = now - se->exec_start;

	if (unlikely((int64_t)ns < 0)) /* the CPUs' clocks differ a little */
		return now;
	se->exec_start = now;
	se->run_ns += ns;
	if (t == rq->idle)
		return now;
	if (se->last_user) {
		t->user_ns += ns;
		rq->user_ns += ns;
	} else {
		t->system_ns += ns;
		rq->system_ns += ns;
	}
	if (likely(!runq_is_rt(t)))
		se->vruntime += scaled(se, ns);
	else
		account_rt(rq, now, ns);
	return now;
}

bool runq_preempts(const struct runq *rq, const struct thread *t)
{
	const struct thread *c = rq->curr;

	if (c == rq->idle)
		return true;
	if (unlikely(t->se.rt_prio | c->se.rt_prio))
		return t->se.rt_prio > c->se.rt_prio && !(rq->rt_throttled && is_fair(rq, c));
	if (t->se.policy == SCHED_BATCH || t->se.policy == SCHED_IDLE)
		return false;
	if (c->se.policy == SCHED_IDLE)
		return true;
	return before(t->se.vruntime + WAKE_GRANULARITY_NS, c->se.vruntime) &&
	       (before(t->se.deadline, c->se.deadline) || !before(c->se.vruntime, c->se.deadline));
}

static bool rt_tick_preempts(struct runq *rq)
{
	const struct sched_entity *se = &rq->curr->se, *top;

	if (!runq_is_rt(rq->curr))
		return rt_may_run(rq);
	if (rq->rt_throttled && rq->first)
		return true;
	if (list_empty(&rq->rt))
		return false;
	top = list_first(&rq->rt, struct sched_entity, rt_link);
	return top->rt_prio > se->rt_prio ||
	       (se->policy == SCHED_RR && top->rt_prio == se->rt_prio && se->run_ns - se->slice_start >= RR_SLICE_NS);
}

bool runq_tick_preempts(struct runq *rq)
{
	struct sched_entity *se = &rq->curr->se;
	uint64_t slice;

	if (rq->rt_throttled && clock_now() - rq->rt_period >= RT_PERIOD_NS)
		rq->rt_throttled = false;
	if (!rq->queued)
		return false;
	if (unlikely(runq_is_rt(rq->curr) || rt_may_run(rq)))
		return rt_tick_preempts(rq);
	/* Ticks are a slice apart, more or less: one that comes a little early ends the slice too. */
	slice = runq_slice_of(rq, se);
	if (before(se->vruntime + slice / 8, se->deadline))
		return false;
	se->deadline = se->vruntime + slice;
	return rq->curr != rq->idle;
}

/* v brought to no less than `behind` before the clock and no more than `ahead` after it. */
static uint64_t near(uint64_t v, uint64_t clock, uint64_t behind, uint64_t ahead)
{
	int64_t lead = (int64_t)(v - clock);

	if (lead < -(int64_t)behind)
		return clock - behind;
	return lead > (int64_t)ahead ? clock + ahead : v;
}

void runq_place_woken(struct runq *rq, struct sched_entity *se)
{
	uint64_t slice = runq_slice_of(rq, se);

	se->vruntime = near(se->vruntime, runq_clock(rq), WAKE_CREDIT_NS, slice * 2);
	se->deadline = se->vruntime + slice;
}

/* A new thread starts level with the queue, or with its parent if that has had more. */
void runq_place_new(struct runq *rq, struct sched_entity *se)
{
	uint64_t slice = runq_slice_of(rq, se);

	se->vruntime = near(se->vruntime, runq_clock(rq), 0, slice);
	se->deadline = se->vruntime + slice;
}

#define JOIN_BOUND_NS (50 * NSEC_PER_MSEC)

void runq_join(struct runq *rq, struct thread *t)
{
	struct sched_entity *se = &t->se;
	uint64_t slice = runq_slice_of(rq, se);

	se->vruntime = near(se->vruntime - rq->offset, runq_clock(rq), JOIN_BOUND_NS, JOIN_BOUND_NS + slice * 2);
	se->deadline = se->vruntime + slice;
}

/* It gives up the rest of its slice, and is behind the next one. */
bool runq_yield(struct runq *rq)
{
	struct sched_entity *se = &rq->curr->se;
	const struct sched_entity *next;

	if (!is_fair(rq, rq->curr) || !rq->first)
		return false;
	next = &pick_fair(rq)->se;
	if (before(se->vruntime, next->vruntime))
		se->vruntime = next->vruntime + 1;
	if (!before(next->deadline, se->deadline))
		se->deadline = next->deadline; /* equal keys: behind it */
	return true;
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

struct runq *runq_lock_of(struct thread *t)
{
	for (;;) {
		struct runq *rq = &runqs[READ_ONCE(t->cpu)];

		spin_lock(&rq->lock);
		if (likely(rq->cpu == t->cpu))
			return rq;
		spin_unlock(&rq->lock);
	}
}
