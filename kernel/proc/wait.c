/* SPDX-License-Identifier: MIT */
/* Waiting for children. */
#include "proc/wait.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/listwalk.h"
#include "proc/exit.h"
#include "proc/tracing.h"
#include "task/children.h"
#include "task/group.h"
#include "task/pid.h"

#define REPORTS_ASKED (WSTOPPED | WEXITED | WCONTINUED)
_Static_assert(REPORT_BIT(REPORT_STOP) == WSTOPPED && REPORT_BIT(REPORT_END) == WEXITED && REPORT_BIT(REPORT_CONTINUE) == WCONTINUED,
	       "reports are named by the options that ask for them");

#define LOOKS_MAX 64 /* children looked at under one hold of the lock */

struct wait_for {
	enum wait_id what;
	pid_t id;
	unsigned options;
	struct process *child; /* WAIT_PID: who has this number, with a reference; NULL: nobody, or a thread */
};

/* Is the child of the kind that is waited for (wait(2), __WCLONE, __WALL)? */
static bool of_kind(const struct process *c, unsigned options)
{
	return options & W_ALL || (c->exit_signal != SIGCHLD) == !!(options & W_CLONE);
}

static bool has_of_kind(const struct process *me, unsigned options)
{
	unsigned long all = READ_ONCE(me->child_count), clones = READ_ONCE(me->clone_count);

	return options & W_ALL ? all : options & W_CLONE ? clones : all > clones;
}

/* Did the current thread make it? What nobody of the process has made, or who is gone, is its first thread's, as on Linux. */
static bool made_by_me(const struct process *c)
{
	const struct task *me = task_current(), *t;

	if (c->maker == me->tid)
		return true;
	if (me != process_main_task(me->process))
		return false;
	list_for_each_entry(t, &me->process->tasks, process_link)
		if (t->tid == c->maker)
			return false;
	return true;
}

/* PROC_TREE lock held. */
static bool eligible(const struct process *c, const struct wait_for *w)
{
	if (c->parent != process_current() || c->state == PROCESS_REAPED || !of_kind(c, w->options))
		return false;
	if (w->options & W_NOTHREAD && !made_by_me(c))
		return false;
	return w->what != WAIT_GROUP || c->group->pgid == w->id;
}

static void describe(struct process *c, struct wait_result *res, int status, int code)
{
	const struct cred *cred = process_cred(c);

	*res = (struct wait_result){ .pid = c->pid, .uid = cred->uid, .status = status, .code = code, .usage = c->usage };
	usage_add(&res->usage, &c->child_usage); /* Linux tells of both together */
}

/* A stop or a continuation that was not told yet; PROC_TREE lock held. */
static bool job_event(struct process *c, unsigned options, struct wait_result *res)
{
	unsigned long irq = sighand_lock(c);
	bool hit = REPORT_BIT(c->report) & options & (WSTOPPED | WCONTINUED);

	if (hit && c->report == REPORT_STOP)
		describe(c, res, c->stop_signal << 8 | 0x7f, CLD_STOPPED);
	else if (hit)
		describe(c, res, 0xffff, CLD_CONTINUED);
	if (hit && !(options & WNOWAIT))
		child_report(c, REPORT_NONE);
	sighand_unlock(c, irq);
	return hit;
}

/* PROC_TREE lock held; released when the child was reaped. */
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

static bool eligible_tracee(const struct tracing *tr, const struct wait_for *w)
{
	if (w->options & W_NOTHREAD && tr->tracer != task_current())
		return false;
	if (w->what == WAIT_PID)
		return tr->tid == w->id;
	return w->what == WAIT_ALL || (tr->process->group && tr->process->group->pgid == w->id);
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

/* One look at all tracees, as look(). PROC_TREE lock held. */
static bool look_at_tracees(const struct wait_for *w, struct wait_result *res, bool *any, struct tracing **gone)
{
	struct tracing *tr;

	for (tr = process_current()->tracees; tr; tr = tr->next) {
		if (!eligible_tracee(tr, w))
			continue;
		*any = true;
		if (tr->exited ? ghost_end(tr, w->options, res, gone) : trace_stop(tr, w->options, res))
			return true;
	}
	return false;
}

/* The next child that might have what is waited for, in order of birth. PROC_TREE lock held. */
static struct process *next_reporting(const struct wait_for *w, uint64_t after)
{
	unsigned reports = w->options & REPORTS_ASKED;

	if (w->what != WAIT_PID)
		return child_reporting(process_current(), reports, after);
	return w->child && !after && REPORT_BIT(w->child->report) & reports ? w->child : NULL;
}

/* A report of a child is taken, if there is one. PROC_TREE lock held; given up now and then, and when the child was reaped. */
static bool take_report(const struct wait_for *w, struct wait_result *res, bool *released)
{
	struct process *me = process_current(), *c;
	uint64_t after = 0;
	bool hit = false;

	for (unsigned n = 1; !hit && (c = next_reporting(w, after)) != NULL; n++) {
		after = c->birth;
		if (!eligible(c, w)) {
			if (n % LOOKS_MAX == 0)
				proc_tree_lock_anew();
		} else if (c->report == REPORT_END) {
			take_zombie(c, w->options, res, released);
			hit = true;
		} else {
			hit = job_event(c, unlikely(me->tracees) && traced_by_me(c->pid) ? w->options & ~WSTOPPED : w->options, res);
		}
	}
	return hit;
}

/* Is there anybody to wait for? Locks as take_report. */
static bool any_eligible(const struct wait_for *w)
{
	struct process *me = process_current();
	struct list_walk walk;
	struct list *at;
	bool any = false;

	if (w->what == WAIT_PID)
		return w->child && eligible(w->child, w);
	if (w->what == WAIT_ALL && !(w->options & W_NOTHREAD))
		return has_of_kind(me, w->options);
	list_walk_begin(&walk, &me->children_walks, &me->children);
	for (unsigned n = 1; !any && (at = list_walk_next(&walk, &me->children)) != NULL; n++) {
		any = eligible(list_entry(at, struct process, sibling), w);
		if (n % LOOKS_MAX == 0)
			proc_tree_lock_anew();
	}
	list_walk_end(&walk);
	return any;
}

/* Without the lock: is there somebody to wait for, who has nothing to tell? False: look with it. */
static bool quiet(const struct wait_for *w)
{
	const struct process *me = process_current(), *c = w->child;
	unsigned reports = w->options & REPORTS_ASKED;

	if (READ_ONCE(me->tracees) || w->options & W_NOTHREAD)
		return false;
	if (w->what == WAIT_ALL) {
		if (children_report(me, reports))
			return false;
		smp_rmb(); /* child_remove has the other half */
		return has_of_kind(me, w->options);
	}
	return w->what == WAIT_PID && c && READ_ONCE(c->parent) == me && READ_ONCE(c->state) == PROCESS_RUNNING && of_kind(c, w->options)
	       && !(REPORT_BIT(READ_ONCE(c->report)) & reports);
}

/* One look at all children. 1: *res is set; 0: nothing yet; -ECHILD. */
static long look(const struct wait_for *w, struct wait_result *res)
{
	bool any = false, released = false, hit;
	struct tracing *gone = NULL;

	if (quiet(w))
		return 0;
	spin_lock(&proc_tree_lock);
	hit = unlikely(process_current()->tracees) && look_at_tracees(w, res, &any, &gone);
	if (!hit)
		hit = take_report(w, res, &released);
	if (!hit && !any)
		any = any_eligible(w);
	if (!released)
		spin_unlock(&proc_tree_lock);
	if (gone)
		proc_ghost_gone(gone);
	return hit ? 1 : any ? 0 : -ECHILD;
}

long proc_wait(enum wait_id what, pid_t id, unsigned options, struct wait_result *res)
{
	struct wait_for w = { what, id, options, what == WAIT_PID ? pid_process(id) : NULL };
	long r, err = 0;

	*res = (struct wait_result){ 0 };
	if (what == WAIT_GROUP && id == 0)
		w.id = (pid_t)group_getpgid(0);
	if (options & WNOHANG) {
		r = look(&w, res);
	} else {
		sched_waits_for_started();
		err = waitq_wait_queued(&process_current()->child_wait, (r = look(&w, res)) != 0, WAIT_INTERRUPTIBLE);
	}
	process_put(w.child);
	return err ? err : MIN(r, 0l);
}
