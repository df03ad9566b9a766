/* SPDX-License-Identifier: MIT */
/* Waiting for children. */
#include "proc/wait.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "proc/exit.h"
#include "proc/tracing.h"
#include "task/group.h"

static bool eligible(const struct process *c, enum wait_id what, pid_t id, unsigned options)
{
	if (!(options & W_ALL) && (c->exit_signal != SIGCHLD) != !!(options & W_CLONE))
		return false;
	if (what == WAIT_PID)
		return c->pid == id;
	return what == WAIT_ALL || (c->group && c->group->pgid == id);
}

static void describe(struct process *c, struct wait_result *res, int status, int code)
{
	const struct cred *cred = process_cred(c);

	*res = (struct wait_result){ .pid = c->pid, .uid = cred->uid, .status = status, .code = code, .usage = c->usage };
	usage_add(&res->usage, &c->child_usage); /* Linux tells of both together */
}

/* A stop or a continuation that was not told yet; proc_tree_lock held. */
static bool job_event(struct process *c, unsigned options, struct wait_result *res)
{
	unsigned long irq;
	bool hit = true;

	if (!READ_ONCE(c->stop_report) && !READ_ONCE(c->cont_report)) /* most of many children; who sets one wakes the parent after that */
		return false;
	irq = sighand_lock(c);
	if (options & WSTOPPED && c->stop_report) {
		describe(c, res, c->stop_signal << 8 | 0x7f, CLD_STOPPED);
		c->stop_report = options & WNOWAIT;
	} else if (options & WCONTINUED && c->cont_report) {
		describe(c, res, 0xffff, CLD_CONTINUED);
		c->cont_report = options & WNOWAIT;
	} else {
		hit = false;
	}
	sighand_unlock(c, irq);
	return hit;
}

/* proc_tree_lock held; released when the child was reaped. */
static void take_zombie(struct process *c, unsigned options, struct wait_result *res, bool *released)
{
	struct process *me = process_current();
	int s = c->exit_status;

	describe(c, res, s, s & 0x7f ? (s & 0x80 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED);
	*released = !(options & WNOWAIT);
	if (options & WNOWAIT)
		return;
	usage_add(&me->child_usage, &c->usage);
	usage_add(&me->child_usage, &c->child_usage);
	proc_reap(c);
}

static struct tracing *traced_by_me(pid_t pid)
{
	struct tracing *tr = process_current()->tracees;

	while (tr && tr->tid != pid)
		tr = tr->next;
	return tr;
}

static bool eligible_tracee(const struct tracing *tr, enum wait_id what, pid_t id, unsigned options)
{
	if (options & W_NOTHREAD && tr->tracer != task_current())
		return false;
	if (what == WAIT_PID)
		return tr->tid == id;
	return what == WAIT_ALL || (tr->process->group && tr->process->group->pgid == id);
}

/* A stop that was not told yet. */
static bool trace_stop(struct tracing *tr, unsigned options, struct wait_result *res)
{
	struct process *p = tr->process;
	unsigned long irq = sighand_lock(p);
	bool hit = tr->task->trace_stopped && !tr->listening && !tr->told;

	if (hit) {
		describe(p, res, tr->code << 8 | 0x7f, CLD_TRAPPED);
		tr->told = !(options & WNOWAIT);
	}
	sighand_unlock(p, irq);
	res->pid = hit ? tr->tid : 0;
	return hit;
}

/* The end of a thread, or of a process that is another's child. *gone: who is not to be waited for again. */
static bool ghost_end(struct tracing *tr, unsigned options, struct wait_result *res, struct tracing **gone)
{
	bool whole = tr->tid == tr->process->pid;
	int s = whole ? tr->process->exit_status : tr->exit_status;

	if (!(options & WEXITED) || (whole && tr->process->state != PROCESS_ZOMBIE))
		return false;
	describe(tr->process, res, s, s & 0x7f ? (s & 0x80 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED);
	res->pid = tr->tid;
	if (!(options & WNOWAIT)) {
		tracing_ghost_drop(tr);
		*gone = tr;
	}
	return true;
}

/* One look at all tracees, as look(). proc_tree_lock held. */
static bool look_at_tracees(enum wait_id what, pid_t id, unsigned options, struct wait_result *res, bool *any, struct tracing **gone)
{
	struct tracing *tr;

	for (tr = process_current()->tracees; tr; tr = tr->next) {
		if (!eligible_tracee(tr, what, id, options))
			continue;
		*any = true;
		if (tr->exited ? ghost_end(tr, options, res, gone) : trace_stop(tr, options, res))
			return true;
	}
	return false;
}

/* One look at all children. 1: *res is set; 0: nothing yet; -ECHILD. */
static long look(enum wait_id what, pid_t id, unsigned options, struct wait_result *res)
{
	struct process *me = process_current(), *c;
	bool any = false, released = false, hit = false;
	struct tracing *gone = NULL;

	spin_lock(&proc_tree_lock);
	if (unlikely(me->tracees) && look_at_tracees(what, id, options, res, &any, &gone)) {
		spin_unlock(&proc_tree_lock);
		if (gone)
			proc_ghost_gone(gone);
		return 1;
	}
	list_for_each_entry(c, &me->children, sibling) {
		if (!eligible(c, what, id, options))
			continue;
		any = true;
		if (options & WEXITED && c->state == PROCESS_ZOMBIE && !c->ghost) {
			take_zombie(c, options, res, &released);
			hit = true;
		} else if (c->state == PROCESS_RUNNING) {
			hit = job_event(c, unlikely(me->tracees) && traced_by_me(c->pid) ? options & ~WSTOPPED : options, res);
		}
		if (hit)
			break;
	}
	if (!released)
		spin_unlock(&proc_tree_lock);
	return hit ? 1 : any ? 0 : -ECHILD;
}

long proc_wait(enum wait_id what, pid_t id, unsigned options, struct wait_result *res)
{
	long r, err;

	*res = (struct wait_result){ 0 };
	if (what == WAIT_GROUP && id == 0)
		id = (pid_t)group_getpgid(0);
	if (options & WNOHANG) {
		r = look(what, id, options, res);
		return MIN(r, 0l);
	}
	sched_waits_for_started();
	err = waitq_wait_queued(&process_current()->child_wait, (r = look(what, id, options, res)) != 0, WAIT_INTERRUPTIBLE);
	return err ? err : MIN(r, 0l);
}
