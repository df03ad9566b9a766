/* SPDX-License-Identifier: MIT */
/*
 * Switching, waking, preemption.
 *
 * One tick timer a CPU. It is armed when a thread starts to run and stays armed over switches, so that a switch does not touch it; when it
 * goes off it looks at what there is and arms itself again, every slice when threads wait for the CPU, every 10 ms when one runs alone,
 * not at all when the CPU is idle.
 *
 * How a thread gets from one CPU to another. One lock at a time: it is taken out of the one queue, marked SE_MOVING, and its cpu set, under that
 * queue's lock, and put on the other under that one's. Who looks for it in between finds it neither queued nor running, and that it is moving: it
 * may change it, and leaves the queueing to the mover. A thread that must leave the CPU where it runs is moved by its successor, once its
 * registers are saved. A thread that waits and is woken is moved by its waker.
 */
#include "sched/sched.h"
#include "core/clock.h"
#include "core/ipi.h"
#include "core/irq.h"
#include "core/lockorder.h"
#include "core/panic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/balance.h"

void (*sched_switch_aspace)(void *prev_aspace, void *next_aspace);
void (*sched_tick_hook)(struct thread *t);

static struct thread boot_thread; /* the boot context: CPU 0's idle thread. Its stack is the boot stack */

/* ---- asking for a switch ---- */

#define PREEMPT_OFF offsetof(struct cpu, preempt_count)

/* Lock held. */
static void want_switch(struct runq *rq)
{
	if (rq == runq_this()) {
		this_cpu_want_resched();
	} else if (!rq->kicked) {
		rq->kicked = true;
		ipi_wake(rq->cpu);
	}
}

static bool switch_wanted(void)
{
	return !((uint32_t)arch_percpu_read(PREEMPT_OFF) & PREEMPT_NO_RESCHED);
}

static void switch_wanted_clear(struct runq *rq)
{
	rq->kicked = false;
	arch_percpu_or32(PREEMPT_OFF, PREEMPT_NO_RESCHED);
}

/* Queues t, whose cpu this is, and asks for a switch if it is due. Lock held. */
static void make_runnable(struct runq *rq, struct thread *t)
{
	runq_enqueue(rq, t);
	if (runq_preempts(rq, t))
		want_switch(rq);
	else if (unlikely(runq_is_rt(t)))
		balance_offer_rt(t);
	else if (unlikely(!rq->tick_busy) && rq != runq_this())
		want_switch(rq); /* a lone thread's long tick will not do */
}

/* Lock held: t, on its way to here, has arrived; unless it may no longer be here, then it goes on. Returns the queue where it is, locked. */
static struct runq *arrive(struct runq *rq, struct thread *t)
{
	while (unlikely(!thread_allowed(t, rq->cpu) && (t->affinity & READ_ONCE(cpus_online)))) {
		t->cpu = balance_any_cpu(t);
		spin_unlock(&rq->lock);
		rq = &runqs[t->cpu];
		spin_lock(&rq->lock);
	}
	if (rq->urgency < 0 && !rq->queued)
		balance_begin(rq);
	runq_join(rq, t);
	thread_note_cpu(t, rq->cpu);
	return rq;
}

/* t is in no queue and does not run; rq is its queue, locked. Returns the other one, locked; t is placed, and to be queued. */
static struct runq *move_to(struct runq *rq, struct thread *t, unsigned cpu)
{
	runq_leave(rq, t);
	t->cpu = cpu;
	spin_unlock(&rq->lock);
	rq = &runqs[cpu];
	spin_lock(&rq->lock);
	return arrive(rq, t);
}

/* ---- the tick; interrupts off, queue lock not held (timers come before queues in the order of locks) ---- */

static void tick_arm(struct runq *rq, ktime_t now)
{
	rq->tick_busy = rq->queued != 0;
	timer_arm(&rq->tick, now + (rq->tick_busy ? runq_slice(rq) : TICK_IDLE_NS));
}

/* Takes over a thread that is behind on another CPU. */
static void tick_balance(struct runq *rq)
{
	struct thread *t = balance_tick(rq);

	if (!t)
		return;
	spin_lock(&rq->lock);
	rq = arrive(rq, t);
	make_runnable(rq, t);
	spin_unlock(&rq->lock);
}

/* The current thread may not stay, or a FIFO or RR thread waits somewhere: perhaps nobody could be told when that began. */
static bool must_look_elsewhere(const struct runq *rq)
{
	return (!thread_allowed(rq->curr, rq->cpu) && thread_movable(rq->curr)) || (sched_is_smp() && READ_ONCE(runq_rt_waiting));
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
	if (runq_tick_preempts(rq) || unlikely(must_look_elsewhere(rq)))
		want_switch(rq);
	spin_unlock(&rq->lock);
	if (sched_tick_hook)
		sched_tick_hook(rq->curr);
	if (sched_is_smp())
		tick_balance(rq);
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

/* Moves on a thread that has left this CPU for good. Its registers are saved. Interrupts off; queue lock held, released. */
static void send_away(struct runq *rq, struct thread *left)
{
	left->cpu = balance_any_cpu(left);
	spin_unlock(&rq->lock);
	rq = &runqs[left->cpu];
	spin_lock(&rq->lock);
	rq = arrive(rq, left);
	make_runnable(rq, left);
	spin_unlock(&rq->lock);
}

/* The second half, on the stack of the thread that arrives: interrupts off, queue lock held by the one that left. */
static void finish_switch(void)
{
	struct runq *rq = runq_this();
	struct thread *left = rq->leaving;
	bool dead = left->state == THREAD_DEAD;

	left->on_cpu = false;
	rq->leaving = NULL;
	if (unlikely(left->se.queued == SE_MOVING))
		send_away(rq, left);
	else
		spin_unlock(&rq->lock);
	if (unlikely(!rq->tick.armed || (rq->queued && !rq->tick_busy)) && rq->curr != rq->idle)
		tick_arm(rq, rq->curr->se.exec_start);
	if (unlikely(dead))
		thread_put(left);
}

static void mark_idle(struct runq *rq, bool idle)
{
	uint32_t bit = CPU_BIT(rq->cpu);

	if (idle == !!(READ_ONCE(cpus_idle) & bit))
		return;
	if (idle)
		__atomic_fetch_or(&cpus_idle, bit, __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&cpus_idle, ~bit, __ATOMIC_SEQ_CST);
}

/* Interrupts off, queue lock held; returns with it released, when prev runs again. */
static void switch_to(struct runq *rq, struct thread *prev, struct thread *next, ktime_t now)
{
	next->se.exec_start = now;
	next->on_cpu = true;
	runq_set_current(rq, next);
	rq->leaving = prev;
	rq->switches++;
	arch_percpu_write(offsetof(struct cpu, current), (unsigned long)next);
	if (next->aspace != prev->aspace || prev->kernel_only)
		sched_switch_aspace(prev->aspace, next->aspace);
	if (unlikely(prev->kmap.depth | next->kmap.depth))
		kmap_switch(&prev->kmap, &next->kmap);
	arch_switch(&prev->arch, &next->arch, thread_stack_top(next));
	finish_switch();
}

enum leave_reason { LEAVE_BLOCK, LEAVE_YIELD, LEAVE_PREEMPTED, LEAVE_MOVE };

static void raise_habit(int8_t *habit, bool *open)
{
	*open = false;
	if (*habit < 2)
		++*habit;
}

static void learn_habits(struct thread *t)
{
	if (t->wake_open)
		raise_habit(&t->wake_habit, &t->wake_open);
	if (t->fork_open)
		raise_habit(&t->fork_habit, &t->fork_open);
}

/* prev still wants to run: it waits here, or its successor sends it where it may run. */
static void stay_or_go(struct runq *rq, struct thread *prev, enum leave_reason why)
{
	if (unlikely(why == LEAVE_MOVE || !thread_allowed(prev, rq->cpu)) && thread_movable(prev)) {
		runq_leave(rq, prev);
		return;
	}
	if (why == LEAVE_YIELD)
		runq_enqueue(rq, prev);
	else
		runq_enqueue_preempted(rq, prev);
	if (unlikely(runq_is_rt(prev)))
		balance_offer_rt(prev);
}

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
	if (why == LEAVE_BLOCK)
		learn_habits(prev);
	if (why == LEAVE_BLOCK && prev->state == THREAD_RUNNABLE) { /* woken before it slept */
		if (!switch_wanted()) {
			spin_unlock(&rq->lock);
			return;
		}
		why = LEAVE_PREEMPTED;
	}
	switch_wanted_clear(rq);
	now = runq_account(rq);
	if (why == LEAVE_YIELD && runq_yield(rq)) {
		next = runq_pick(rq);
		stay_or_go(rq, prev, why);
	} else {
		if (why != LEAVE_BLOCK && prev != rq->idle)
			stay_or_go(rq, prev, why);
		next = runq_pick(rq);
	}
	if (sched_is_smp()) {
		if (next == rq->idle || unlikely(READ_ONCE(runq_rt_waiting)))
			next = balance_pull(rq, next);
		mark_idle(rq, next == rq->idle);
	}
	if (next == prev) {
		bool hasten = rq->queued && !rq->tick_busy && prev != rq->idle;

		spin_unlock(&rq->lock);
		if (unlikely(hasten))
			tick_arm(rq, now);
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

void sched_exec(void)
{
	struct runq *rq;

	if (!sched_is_smp())
		return;
	assert_may_sleep("exec");
	arch_irq_disable();
	rq = runq_this();
	if (rq->queued && !runq_is_rt(rq->curr) && balance_any_cpu(rq->curr) != rq->cpu)
		schedule(LEAVE_MOVE);
	arch_irq_enable();
}

void sched_block(void)
{
	assert_may_sleep("sleep");
	arch_irq_disable();
	thread_note_leaving(thread_current());
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

/* Interrupts off. */
static void preempt(void)
{
	thread_note_leaving(runq_this()->curr);
	schedule(LEAVE_PREEMPTED);
}

void sched_preempt(void)
{
	if (!arch_irqs_on())
		return;
	arch_irq_disable();
	while (this_cpu_resched_due())
		preempt();
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
		preempt();
}

/* ---- other threads ---- */

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

/* Does the current thread sleep soon after this wake-up? Learns from what came after the last one. */
static bool sleeps_soon(void)
{
	struct thread *me = thread_current();

	if (me->idle || in_irq())
		return false;
	if (me->wake_open && me->wake_habit > -2)
		me->wake_habit--;
	me->wake_open = true;
	return me->wake_habit > 0;
}

static struct runq *place_woken(struct runq *rq, struct thread *t)
{
	bool sync = sleeps_soon();

	if (sched_is_smp()) {
		unsigned cpu = balance_wake_cpu(t, sync);

		if (cpu != rq->cpu)
			rq = move_to(rq, t, cpu);
		else if (rq->urgency < 0 && !rq->queued)
			balance_begin(rq);
	}
	if (!sync) /* else the next switch does */
		runq_account(rq);
	runq_place_woken(rq, &t->se);
	return rq;
}

bool sched_wake(struct thread *t, unsigned state_mask)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = runq_lock_of(t);
	bool woken = (1u << t->state) & state_mask;
	bool absent = t->se.queued == SE_OFF && !t->on_cpu;

	if (woken) {
		t->state = THREAD_RUNNABLE;
		if (absent) {
			rq = place_woken(rq, t);
			make_runnable(rq, t);
		}
	}
	unlock_queue(rq, woken && absent, irq);
	return woken;
}

void sched_fork(struct thread *child, const struct thread *parent)
{
	bool reset = parent->se.reset_on_fork;

	child->affinity = parent->affinity;
	child->se.policy = child->se.own_policy = reset && parent->se.own_prio ? SCHED_NORMAL : parent->se.own_policy;
	child->se.rt_prio = child->se.own_prio = reset ? 0 : parent->se.own_prio;
	child->se.nice = reset && parent->se.nice < 0 ? 0 : parent->se.nice;
	runq_set_weight(&child->se);
	child->se.vruntime = parent->se.vruntime;
	child->cpu = parent->cpu;
}

/* Where a new thread starts. Interrupts off. */
static unsigned cpu_for_new(struct thread *t)
{
	struct thread *me = thread_current();

	if (t->bound || !sched_is_smp())
		return t->cpu;
	if (me->fork_open && me->fork_habit > -2)
		me->fork_habit--;
	me->fork_open = true;
	return balance_new_cpu(t, me->fork_habit > 0);
}

void sched_waits_for_started(void)
{
	struct thread *me = thread_current();

	if (me->fork_open)
		raise_habit(&me->fork_habit, &me->fork_open);
}

void sched_start(struct thread *t)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = runq_this();

	if (!t->bound)
		t->cpu = rq->cpu;
	spin_lock(&rq->lock);
	runq_account(rq);
	rq->forks++;
	t->se.last_user = t->user;
	runq_leave(rq, t); /* its virtual run time was its parent's, of this queue */
	t->cpu = cpu_for_new(t);
	if (t->cpu != rq->cpu) {
		spin_unlock(&rq->lock);
		rq = &runqs[t->cpu];
		spin_lock(&rq->lock);
	}
	t->state = THREAD_RUNNABLE;
	rq = arrive(rq, t);
	runq_place_new(rq, &t->se);
	make_runnable(rq, t);
	unlock_queue(rq, true, irq);
}

/* The running thread has become another kind: others, here or elsewhere, may come first now. */
static void current_changed(struct runq *rq)
{
	runq_set_current(rq, rq->curr);
	if (rq->queued || READ_ONCE(runq_rt_waiting))
		want_switch(rq);
}

#define KEEP 1000

/* Applies a change of policy, weight or what is lent between leaving the queue and joining it again. */
static void reclassify(struct thread *t, int policy, int prio, int nice, int lent)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = runq_lock_of(t);
	bool queued = t->se.queued == SE_QUEUED;

	if (rq->curr == t)
		runq_account(rq);
	if (queued)
		runq_dequeue(rq, t);
	if (policy != KEEP) {
		t->se.own_policy = (uint8_t)policy;
		t->se.own_prio = (uint8_t)prio;
	}
	if (nice != KEEP)
		t->se.nice = (int8_t)nice;
	if (lent != KEEP)
		t->se.lent = (uint8_t)lent;
	t->se.policy = t->se.lent > t->se.own_prio ? SCHED_FIFO : t->se.own_policy;
	t->se.rt_prio = MAX(t->se.lent, t->se.own_prio);
	runq_set_weight(&t->se);
	if (!t->se.rt_prio && t->se.queued != SE_MOVING)
		runq_place_woken(rq, &t->se);
	if (queued)
		make_runnable(rq, t);
	else if (rq->curr == t)
		current_changed(rq);
	unlock_queue(rq, false, irq);
}

void sched_set_nice(struct thread *t, int nice)
{
	nice = nice < -20 ? -20 : nice > 19 ? 19 : nice;
	reclassify(t, KEEP, KEEP, nice, KEEP);
}

void sched_lend(struct thread *t, int prio)
{
	if (READ_ONCE(t->se.lent) != prio)
		reclassify(t, KEEP, KEEP, KEEP, prio);
}

int sched_check_policy(int policy, int prio)
{
	bool rt = policy == SCHED_FIFO || policy == SCHED_RR;

	if (!rt && policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE)
		return -EINVAL;
	return (rt ? prio < 1 || prio > 99 : prio != 0) ? -EINVAL : 0;
}

int sched_set_policy(struct thread *t, int policy, int prio)
{
	int err = sched_check_policy(policy, prio);

	if (!err)
		reclassify(t, policy, prio, KEEP, KEEP);
	return err;
}

uint64_t sched_slice_ns(struct thread *t)
{
	if (t->se.own_policy == SCHED_FIFO)
		return 0;
	return t->se.own_policy == SCHED_RR ? RR_SLICE_NS : runq_slice(&runqs[READ_ONCE(t->cpu)]);
}

int sched_set_affinity(struct thread *t, uint32_t cpu_mask)
{
	unsigned long irq;
	struct runq *rq;

	if (t->bound || !(cpu_mask & READ_ONCE(cpus_online)))
		return -EINVAL;
	irq = arch_irq_save();
	rq = runq_lock_of(t);
	t->affinity = cpu_mask;
	if (!thread_allowed(t, rq->cpu)) {
		if (t->on_cpu) {
			want_switch(rq);
		} else if (t->se.queued == SE_QUEUED && thread_movable(t)) {
			runq_dequeue(rq, t);
			rq = move_to(rq, t, balance_any_cpu(t));
			make_runnable(rq, t);
		}
	}
	unlock_queue(rq, false, irq);
	return 0;
}

uint32_t sched_affinity(struct thread *t)
{
	return READ_ONCE(t->affinity) & READ_ONCE(cpus_online);
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
	idle->bound = true;
	idle->affinity = CPU_BIT(c->id);
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

	mark_idle(rq, true); /* nobody has switched to it yet */
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
