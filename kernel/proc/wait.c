/* SPDX-License-Identifier: MIT */
/* Waiting for children. */
#include "proc/wait.h"
#include "lib/errno.h"
#include "proc/exit.h"
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

/* One look at all children. 1: *res is set; 0: nothing yet; -ECHILD. */
static long look(enum wait_id what, pid_t id, unsigned options, struct wait_result *res)
{
	struct process *me = process_current(), *c;
	bool any = false, released = false, hit = false;

	spin_lock(&proc_tree_lock);
	list_for_each_entry(c, &me->children, sibling) {
		if (!eligible(c, what, id, options))
			continue;
		any = true;
		if (options & WEXITED && c->state == PROCESS_ZOMBIE) {
			take_zombie(c, options, res, &released);
			hit = true;
		} else if (c->state == PROCESS_RUNNING) {
			hit = job_event(c, options, res);
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
	long r = 0, err;

	*res = (struct wait_result){ 0 };
	if (what == WAIT_GROUP && id == 0)
		id = (pid_t)group_getpgid(0);
	if (!(options & WNOHANG))
		sched_waits_for_started();
	err = waitq_wait(&process_current()->child_wait, (r = look(what, id, options, res)) != 0 || options & WNOHANG, WAIT_INTERRUPTIBLE);
	return err ? err : r < 0 ? r : 0;
}
