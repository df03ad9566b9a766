/* SPDX-License-Identifier: MIT */
#include "task/cpuclock.h"
#include "lib/errno.h"
#include "sched/times.h"
#include "task/cputime.h"
#include "task/pid.h"

#define CLOCK_PROCESS_CPUTIME 2
#define CLOCK_THREAD_CPUTIME 3
#define OF_THREAD 4

static void use_task(struct cpuclock *c, struct task *t)
{
	if (t && t->process == process_current()) {
		c->task = t;
		c->process = t->process;
		process_get(c->process);
	} else if (t) {
		task_put(t);
	}
}

/* A number is the pid inverted, above one bit for a thread's clock and two bits for what is counted. */
int cpuclock_find(int number, bool reading, struct cpuclock *c)
{
	pid_t pid = number < 0 ? ~(number >> 3) : 0;
	bool thread = number < 0 ? number & OF_THREAD : number == CLOCK_THREAD_CPUTIME;

	*c = (struct cpuclock){ .what = number < 0 ? (enum cpuclock_what)(number & 3) : CPUCLOCK_SCHED };
	if (number < 0 && (number & 3) > CPUCLOCK_SCHED)
		return -EINVAL;
	if (!pid || (pid == task_current()->tid && (thread || reading))) {
		c->process = process_current();
		process_get(c->process);
		c->task = thread ? task_current() : NULL;
		if (thread)
			task_get(c->task);
	} else if (thread) {
		use_task(c, pid_task(pid));
	} else {
		c->process = pid_process(pid);
	}
	return c->process ? 0 : -EINVAL;
}

void cpuclock_put(struct cpuclock *c)
{
	if (c->task)
		task_put(c->task);
	process_put(c->process);
}

uint64_t cpuclock_ns(const struct cpuclock *c)
{
	struct cputime t = { 0, 0 };

	if (c->what == CPUCLOCK_SCHED)
		return c->task ? sched_thread_cpu_ns(&c->task->thread) : process_cpu_ns(c->process);
	if (c->task)
		sched_thread_times(&c->task->thread, &t.user_ns, &t.system_ns);
	else
		t = process_cputime(c->process);
	return t.user_ns + (c->what == CPUCLOCK_PROF ? t.system_ns : 0);
}

bool cpuclock_gone(const struct cpuclock *c)
{
	return c->task ? READ_ONCE(c->task->exiting) : READ_ONCE(c->process->state) == PROCESS_REAPED;
}
