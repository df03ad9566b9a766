/* SPDX-License-Identifier: MIT */
/* A tracer's side of ptrace(2). */
#include "proc/ptrace.h"
#include "lib/errno.h"
#include "task/sigqueue.h"

/* Locks as tracing_link. */
static long link_checked(struct task *t, struct task *tracer, struct tracing **fresh, unsigned options, bool seize)
{
	if (t->exiting || t->traced_by || t->process == tracer->process || t->process == init_process || t->process->state != PROCESS_RUNNING)
		return -EPERM;
	if (!t->trace) {
		t->trace = *fresh;
		*fresh = NULL;
	}
	tracing_link(t, tracer, options, seize, cred_capable(tracer->cred, CAP_SYS_PTRACE));
	if (t->process->stopped && t != task_current())
		signal_trap(t); /* from a stop of its process to one of its own */
	return 0;
}

/* The thread that forked the current process, or if that is gone another one of its process. PROC_TREE lock held. It may be about to end. */
static struct task *maker(void)
{
	struct process *me = process_current();
	struct task *t;

	list_for_each_entry(t, &me->parent->tasks, process_link)
		if (t->tid == me->maker && !t->exiting)
			return t;
	return process_main_task(me->parent);
}

long ptrace_traceme(void)
{
	struct task *t = task_current(), *tracer;
	struct tracing *fresh = tracing_new();
	unsigned long irq;
	long err = -EPERM;

	if (!fresh)
		return -ENOMEM;
	if (t->process != init_process) {
		spin_lock(&proc_tree_lock);
		tracer = maker();
		irq = sighand_lock(t->process);
		if (tracer)
			err = link_checked(t, tracer, &fresh, 0, false);
		sighand_unlock(t->process, irq);
		smp_mb(); /* proc_exit_thread has the other half: it looks for its tracees when it has said so */
		if (!err && READ_ONCE(tracer->traces_no_more))
			tracing_unlink(t->trace); /* as if it had ended just after */
		spin_unlock(&proc_tree_lock);
	}
	tracing_put(fresh);
	return err;
}

long ptrace_attach(struct task *t, bool seize, unsigned options)
{
	struct tracing *fresh;
	unsigned long irq;
	long err;

	if (t->process == process_current() || !process_may_attach(t->process, false))
		return -EPERM;
	fresh = tracing_new();
	if (!fresh)
		return -ENOMEM;
	spin_lock(&proc_tree_lock);
	irq = sighand_lock(t->process);
	err = link_checked(t, task_current(), &fresh, options, seize);
	sighand_unlock(t->process, irq);
	spin_unlock(&proc_tree_lock);
	tracing_put(fresh);
	if (!err && !seize)
		signal_post_task(t, &(struct siginfo){ .signo = SIGSTOP, .code = SI_KERNEL });
	return err;
}

struct tracing *ptrace_tracee(struct task *t, bool stopped)
{
	struct tracing *tr;
	unsigned long irq;

	spin_lock(&proc_tree_lock);
	irq = sighand_lock(t->process);
	tr = t->trace;
	if (!tr || tr->tracer != task_current() || (stopped && (!t->trace_stopped || tr->listening)))
		tr = NULL;
	if (tr)
		refcount_get(&tr->refs);
	sighand_unlock(t->process, irq);
	spin_unlock(&proc_tree_lock);
	return tr;
}

void ptrace_resume(struct tracing *tr, struct task *t, const struct resume *how)
{
	unsigned long irq = sighand_lock(t->process);

	if (t->trace_stopped) { /* else it was killed meanwhile */
		tr->signo = how->signo;
		tr->step = how->step;
		tr->syscall = how->syscall;
		tr->emulate = how->emulate;
		t->trace_stopped = false;
		sched_wake(&t->thread, 1u << THREAD_STOPPED);
	}
	sighand_unlock(t->process, irq);
}

void ptrace_detach(struct tracing *tr, int signo)
{
	spin_lock(&proc_tree_lock);
	if (tr->tracer == task_current() && !tr->exited) {
		tr->signo = signo;
		tracing_unlink(tr);
	}
	spin_unlock(&proc_tree_lock);
}

void ptrace_interrupt(struct task *t)
{
	unsigned long irq = sighand_lock(t->process);

	signal_trap(t);
	sighand_unlock(t->process, irq);
}

bool ptrace_listen(struct tracing *tr, struct task *t)
{
	unsigned long irq = sighand_lock(t->process);
	bool may = t->trace_seized && t->trace_stopped && tr->code >> 8 == PTRACE_EVENT_STOP;

	if (may) {
		tr->listening = true;
		if (t->trace_trap) /* something came already */
			sched_wake(&t->thread, 1u << THREAD_STOPPED);
	}
	sighand_unlock(t->process, irq);
	return may;
}
