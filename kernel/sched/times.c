/* SPDX-License-Identifier: MIT */
/* Figures. What runs now is booked up to now before it is read: that is the queue's, under whose lock all of this is. */
#include "sched/times.h"
#include "core/clock.h"
#include "sched/runq.h"

void sched_account_current(void)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = runq_this();

	spin_lock(&rq->lock);
	runq_account(rq);
	spin_unlock_irqrestore(&rq->lock, irq);
}

uint64_t sched_thread_cpu_ns(struct thread *t)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = runq_lock_of(t);
	uint64_t ns = t->se.run_ns;

	if (rq->curr == t)
		ns += clock_now() - t->se.exec_start;
	spin_unlock_irqrestore(&rq->lock, irq);
	return ns;
}

void sched_thread_times(struct thread *t, uint64_t *user_ns, uint64_t *system_ns)
{
	unsigned long irq = arch_irq_save();
	struct runq *rq = runq_lock_of(t);

	if (rq->curr == t)
		runq_account(rq);
	*user_ns += t->user_ns;
	*system_ns += t->system_ns;
	spin_unlock_irqrestore(&rq->lock, irq);
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

void sched_cpu_times(unsigned cpu, struct sched_cpu_times *times)
{
	struct runq *rq = &runqs[cpu];
	unsigned long irq = spin_lock_irqsave(&rq->lock);

	runq_account(rq);
	*times = (struct sched_cpu_times){ rq->user_ns, rq->system_ns, rq->idle->se.run_ns };
	spin_unlock_irqrestore(&rq->lock, irq);
}
