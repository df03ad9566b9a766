/* SPDX-License-Identifier: MIT */
/*
 * Switching, waking, preemption.
 *
 * One tick timer a CPU. It is armed when a thread starts to run and stays armed over switches, so that a switch does not touch it; when it
 * goes off it looks at what there is and arms itself again, every 4 ms when threads wait for the CPU, every 10 ms when one runs alone,
 * not at all when the CPU is idle.
 */
#include "sched/sched.h"
#include "core/clock.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "core/lockorder.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/runq.h"

void (*sched_switch_aspace)(void *prev_aspace, void *next_aspace);
void (*sched_tick_hook)(struct thread *t);

static struct thread boot_thread; /* the boot context: CPU 0's idle thread. Its stack is the boot stack */

/* ---- asking for a switch ---- */

#define PREEMPT_OFF offsetof(struct cpu, preempt_count)

static void want_switch(struct runq *rq)
{
	ipi_wake(rq->cpu);
}

static void switch_wanted_clear(void)
{
	arch_percpu_or32(PREEMPT_OFF, PREEMPT_NO_RESCHED);
}

/* ---- the tick; interrupts off, queue lock not held (timers come before queues in the order of locks) ---- */

static void tick_arm(struct runq *rq, ktime_t now)
{
	rq->tick_busy = rq->queued != 0;
	timer_arm(&rq->tick, now + (rq->tick_busy ? TICK_BUSY_NS : TICK_IDLE_NS));
}

static void tick(struct timer *timer)
{
	struct runq *rq = container_of(timer, struct runq, tick);
	bool idle;
	ktime_t now;

	spin_lock(&rq->lock);
	now = runq_account(rq);
	runq_load_update(rq, now);
	idle = rq->curr == rq->idle && !rq->queued;
	rq->sample_due = true;
	if (runq_tick_preempts(rq))
		want_switch(rq);
	spin_unlock(&rq->lock);
	if (sched_tick_hook)
		sched_tick_hook(rq->curr);
	if (!idle)
		tick_arm(rq, now);
}

/* Somebody began to wait for the CPU: a lone thread's long tick will not do. */
static void tick_hasten(struct runq *rq)
{
	if (rq == runq_this() && rq->curr != rq->idle && !(rq->tick.armed && rq->tick_busy))
		tick_arm(rq, clock_now());
}

/* ---- the switch ---- */

/* The second half, on the stack of the thread that arrives: interrupts off, queue lock held by the one that left. */
static void finish_switch(void)
{
	struct runq *rq = runq_this();
	struct thread *left = rq->leaving;
	bool dead = left->state == THREAD_DEAD;

	left->on_cpu = false;
	rq->leaving = NULL;
	spin_unlock(&rq->lock);
	if (unlikely(!rq->tick.armed) && rq->curr != rq->idle)
		tick_arm(rq, rq->curr->se.exec_start);
	if (unlikely(dead))
		thread_put(left);
}

/* Interrupts off, queue lock held; returns with it released, when prev runs again. */
static void switch_to(struct runq *rq, struct thread *prev, struct thread *next, ktime_t now)
{
	next->se.exec_start = now;
	next->on_cpu = true;
	rq->curr = next;
	rq->leaving = prev;
	rq->switches++;
	arch_percpu_write(offsetof(struct cpu, current), (unsigned long)next);
	if (next->aspace != prev->aspace)
		sched_switch_aspace(prev->aspace, next->aspace);
	if (unlikely(prev->kmap.depth | next->kmap.depth))
		kmap_switch(&prev->kmap, &next->kmap);
	arch_switch(&prev->arch, &next->arch, thread_stack_top(next));
	finish_switch();
}

enum leave_reason { LEAVE_BLOCK, LEAVE_YIELD, LEAVE_PREEMPTED };

/*
 * Gives the CPU to whom the queue says. Interrupts off, no spinlock held. Whoever is preempted stays queued whatever its state says: it may be
 * on its way to sleep, and must be able to get there.
 */
static void schedule(enum leave_reason why)
{
	struct runq *rq = runq_this();
	struct thread *prev = rq->curr, *next;
	ktime_t now;

	spin_lock(&rq->lock);
	switch_wanted_clear();
	if (why == LEAVE_BLOCK && prev->state == THREAD_RUNNABLE) { /* woken before it slept */
		spin_unlock(&rq->lock);
		return;
	}
	now = runq_account(rq);
	if (why == LEAVE_YIELD)
		runq_yield(rq);
	if (why != LEAVE_BLOCK && prev != rq->idle)
		runq_enqueue(rq, prev);
	next = runq_pick(rq);
	if (next == prev) {
		spin_unlock(&rq->lock);
		return;
	}
	if (why == LEAVE_BLOCK)
		prev->switches_voluntary++;
	else
		prev->switches_forced++;
	switch_to(rq, prev, next, now);
}

void sched_tail(void)
{
	finish_switch();
	arch_irq_enable();
}

/* What every voluntary switch requires: a context that holds nothing. */
static void assert_may_sleep(const char *what)
{
	if (!CONFIG_DEBUG)
		return;
	lockorder_assert_none(what);
	if (preempt_count() || in_irq())
		panic("%s while preemption is off", what);
}

void sched_yield(void)
{
	assert_may_sleep("yield");
	arch_irq_disable();
	schedule(LEAVE_YIELD);
	arch_irq_enable();
}

void sched_block(void)
{
	assert_may_sleep("sleep");
	arch_irq_disable();
	schedule(LEAVE_BLOCK);
	arch_irq_enable();
}

void sched_exit(void)
{
	assert_may_sleep("exit");
	arch_irq_disable();
	thread_current()->state = THREAD_DEAD;
	schedule(LEAVE_BLOCK);
	panic("a dead thread runs");
}

void sched_preempt(void)
{
	if (!arch_irqs_on())
		return;
	arch_irq_disable();
	while (this_cpu_resched_due())
		schedule(LEAVE_PREEMPTED);
	arch_irq_enable();
}

void sched_irq_exit(bool user, bool preemptible)
{
	struct runq *rq = runq_this();

	if (unlikely(!rq)) { /* before sched_init */
		irq_leave();
		return;
	}
	if (rq->sample_due) {
		rq->sample_due = false;
		rq->curr->se.last_user = user;
	}
	irq_leave();
	if (preemptible && this_cpu_resched_due())
		schedule(LEAVE_PREEMPTED);
}

/* ---- other threads ---- */

/* Locks the queue of the CPU where t is; interrupts are off. */
static struct runq *lock_queue_of(struct thread *t)
{
	for (;;) {
		struct runq *rq = &runqs[READ_ONCE(t->cpu)];

		spin_lock(&rq->lock);
		if (likely(rq->cpu == t->cpu))
			return rq;
		spin_unlock(&rq->lock);
	}
}

/* Interrupts off, queue lock held: releases both, and switches if that is due. */
static void unlock_queue(struct runq *rq, bool hasten, unsigned long irq)
{
	spin_unlock(&rq->lock);
	if (hasten)
		tick_hasten(rq);
	arch_irq_restore(irq);
	if (unlikely(this_cpu_resched_due()))
		sched_preempt();
}

static void make_runnable(struct runq *rq, struct thread *t)
{
	runq_enqueue(rq, t);
	if (runq_preempts(rq, t))
		want_switch(rq);
}

bool sched_wake(struct thread *t, unsigned state_mask)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = lock_queue_of(t);
	bool woken = (1u << t->state) & state_mask;
	bool absent = !t->se.queued && !t->on_cpu;

	if (woken) {
		t->state = THREAD_RUNNABLE;
		if (absent) {
			runq_place_woken(rq, &t->se);
			make_runnable(rq, t);
		}
	}
	unlock_queue(rq, woken && absent, irq);
	return woken;
}

void sched_fork(struct thread *child, const struct thread *parent)
{
	child->se.policy = parent->se.policy;
	child->se.rt_prio = parent->se.rt_prio;
	child->se.nice = parent->se.nice;
	child->se.weight = parent->se.weight;
	child->se.inv_weight = parent->se.inv_weight;
	child->se.vruntime = parent->se.vruntime;
}

/* The CPU that has least to do, this one if it is among them. Interrupts off. */
static struct runq *queue_for_new(void)
{
	struct runq *best = runq_this();

	for (uint32_t m = READ_ONCE(cpus_online); m; m &= m - 1) {
		struct runq *rq = &runqs[__builtin_ctz(m)];

		if (runq_running(rq) < runq_running(best) - (best == runq_this()))
			best = rq;
	}
	return best;
}

void sched_start(struct thread *t)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = queue_for_new();

	spin_lock(&rq->lock);
	runq_account(rq);
	rq->forks++;
	t->cpu = rq->cpu;
	t->state = THREAD_RUNNABLE;
	t->se.last_user = t->user;
	runq_place_new(rq, &t->se);
	make_runnable(rq, t);
	unlock_queue(rq, true, irq);
}

/* Applies a change of policy or weight between leaving the queue and joining it again. */
static void reclassify(struct thread *t, int policy, int prio, int nice)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = lock_queue_of(t);
	bool queued = t->se.queued;

	if (rq->curr == t)
		runq_account(rq);
	if (queued)
		runq_dequeue(rq, t);
	t->se.policy = (uint8_t)policy;
	t->se.rt_prio = (uint8_t)prio;
	t->se.nice = (int8_t)nice;
	runq_set_weight(&t->se);
	if (!prio)
		runq_place_woken(rq, &t->se);
	if (queued)
		make_runnable(rq, t);
	else if (rq->curr == t && runq_tick_preempts(rq))
		want_switch(rq);
	unlock_queue(rq, false, irq);
}

void sched_set_nice(struct thread *t, int nice)
{
	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	reclassify(t, t->se.policy, t->se.rt_prio, nice);
}

int sched_set_policy(struct thread *t, int policy, int prio)
{
	bool rt = policy == SCHED_FIFO || policy == SCHED_RR;

	if (!rt && policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE)
		return -EINVAL;
	if (rt ? prio < 1 || prio > 99 : prio != 0)
		return -EINVAL;
	reclassify(t, policy, prio, t->se.nice);
	return 0;
}

/* ---- figures ---- */

void sched_account_current(void)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = runq_this();

	spin_lock(&rq->lock);
	runq_account(rq);
	unlock_queue(rq, false, irq);
}

uint64_t sched_thread_cpu_ns(struct thread *t)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = lock_queue_of(t);
	uint64_t ns = t->se.run_ns;

	if (rq->curr == t)
		ns += clock_now() - t->se.exec_start;
	unlock_queue(rq, false, irq);
	return ns;
}

static void add_stats(struct runq *rq, struct sched_stats *s)
{
	unsigned long irq = spin_lock_irqsave(&rq->lock);

	runq_load_update(rq, runq_account(rq));
	s->switches += rq->switches;
	s->forks += rq->forks;
	s->idle_ns += rq->idle->se.run_ns;
	s->runnable += runq_running(rq);
	for (int i = 0; i < 3; i++)
		s->load[i] += rq->load[i];
	spin_unlock_irqrestore(&rq->lock, irq);
}

void sched_stats(struct sched_stats *s)
{
	*s = (struct sched_stats){ 0 };
	for (unsigned i = 0; i < cpu_count; i++)
		add_stats(&runqs[i], s);
}

/* ---- the beginning, and having nothing to do ---- */

static struct kmap_state *current_windows(void)
{
	return &thread_current()->kmap;
}

void sched_init_cpu(struct thread *idle)
{
	struct cpu *c = this_cpu();
	struct runq *rq = &runqs[c->id];

	str_copy(idle->name, "idle", sizeof(idle->name));
	refcount_set(&idle->refs, 1);
	idle->state = THREAD_RUNNABLE;
	idle->idle = idle->on_cpu = true;
	idle->cpu = c->id;
	idle->se.weight = SCHED_WEIGHT_NICE0;
	idle->se.exec_start = clock_now();
	runq_init(rq, c->id, idle);
	rq->load_stamp = clock_now();
	timer_setup(&rq->tick, tick);
	c->current = idle;
	c->runq = rq;
}

void sched_init(void)
{
	sched_init_cpu(&boot_thread);
	kmap_current_hook = current_windows;
	preempt_resched_hook = sched_preempt;
}

void sched_idle_loop(void)
{
	struct runq *rq = runq_this();

	for (;;) {
		arch_irq_disable();
		if (READ_ONCE(rq->queued)) {
			schedule(LEAVE_PREEMPTED);
			arch_irq_enable();
		} else {
			arch_idle();
		}
	}
}
