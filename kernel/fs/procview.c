/* SPDX-License-Identifier: MIT */
/* What the lines about a process or a thread need. Figures of a process are the sums over its threads, those of a thread its own. */
#include "fs/procview.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "sched/times.h"
#include "task/group.h"

void (*procview_tty_hook)(struct tty *tty, unsigned *dev, pid_t *foreground);

static char state_letter(const struct thread *t)
{
	static const char letters[] = { [THREAD_RUNNABLE] = 'R', [THREAD_SLEEPING] = 'S', [THREAD_KILLABLE] = 'D', [THREAD_UNINTERRUPTIBLE] = 'D',
					[THREAD_STOPPED] = 'T', [THREAD_DEAD] = 'X' };

	return letters[READ_ONCE(t->state)];
}

static void view_thread(struct procview *v, const struct task *t)
{
	const struct thread *th = &t->thread;

	v->state = state_letter(th);
	v->cpu = th->cpu;
	v->affinity = READ_ONCE(th->affinity);
	v->nice = th->se.nice;
	v->policy = th->se.own_policy;
	v->rt_prio = th->se.own_prio;
	v->priority = v->rt_prio ? -1 - v->rt_prio : 20 + v->nice;
	v->waiting = th->waiting_on != NULL;
	v->no_new_privs = t->no_new_privs;
}

static void view_cred(struct procview *v, const struct cred *c)
{
	memcpy(v->uid, (uid_t[]){ c->uid, c->euid, c->suid, c->fsuid }, sizeof(v->uid));
	memcpy(v->gid, (gid_t[]){ c->gid, c->egid, c->sgid, c->fsgid }, sizeof(v->gid));
	v->group_count = c->group_count;
	memcpy(v->caps, (uint64_t[]){ c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding, c->cap_ambient }, sizeof(v->caps));
}

static void add_usage(struct procview *v, struct task *t)
{
	sched_thread_times(&t->thread, &v->usage.user_ns, &v->usage.system_ns);
	v->usage.minflt += t->minflt;
	v->usage.majflt += t->majflt;
	io_usage_add(&v->usage.io, &t->io);
	v->voluntary += t->thread.switches_voluntary;
	v->forced += t->thread.switches_forced;
}

static void view_usage(struct procview *v, struct process *p, struct task *one)
{
	struct task *t;

	if (one) {
		add_usage(v, one);
		return;
	}
	v->usage = p->usage;
	v->child_usage = p->child_usage;
	list_for_each_entry(t, &p->tasks, process_link)
		add_usage(v, t);
}

static void view_signals(struct procview *v, struct process *p, const struct task *t, bool thread)
{
	unsigned long irq = sighand_lock(p);

	memcpy(v->comm, thread ? t->thread.name : p->comm, sizeof(v->comm));
	v->shared_pending = p->pending.set;
	v->signals_queued = siguser_queued(p->sig_user);
	v->signal_limit = p->limits.cur[RLIMIT_SIGPENDING];
	if (t) {
		v->pending = t->pending.set;
		v->blocked = t->sigmask;
	}
	for (int i = 1; i <= NSIG; i++) {
		if (p->sighand->action[i - 1].handler == SIG_IGN)
			v->ignored |= SIGBIT(i);
		else if (p->sighand->action[i - 1].handler != SIG_DFL)
			v->caught |= SIGBIT(i);
	}
	sighand_unlock(p, irq);
}

static void view_tree(struct procview *v, struct process *p)
{
	v->pid = v->tid = p->pid;
	v->ppid = p->parent ? p->parent->pid : 0;
	v->pgid = p->group->pgid;
	v->sid = p->session->sid;
	v->foreground = -1;
	if (p->session->tty && procview_tty_hook)
		procview_tty_hook(p->session->tty, &v->tty, &v->foreground);
	v->threads = p->task_count + (list_empty(&p->tasks) || list_first(&p->tasks, struct task, process_link)->tid != p->pid); /* the first one is there until it is waited for */
	v->exit_signal = p->exit_signal;
	v->exit_status = p->exit_status;
	v->start = p->start_time;
	v->priority = 20;
}

static bool has_thread(struct process *p, const struct task *t)
{
	struct task *i;

	list_for_each_entry(i, &p->tasks, process_link)
		if (i == t)
			return true;
	return false;
}

int procview_take(struct procview *v, struct process *p, struct task *one)
{
	struct task *t;

	memset(v, 0, sizeof(*v));
	spin_lock(&proc_tree_lock);
	if (p->state == PROCESS_REAPED || (one && !has_thread(p, one))) {
		spin_unlock(&proc_tree_lock);
		return -ESRCH;
	}
	t = one ? one : process_first_task(p);
	view_tree(v, p);
	if (one) {
		v->tid = one->tid;
		v->exit_signal = one->tid == p->pid ? v->exit_signal : -1;
	}
	view_usage(v, p, one);
	view_signals(v, p, t, one != NULL);
	if (process_cred(p))
		view_cred(v, one && one->cred ? one->cred : process_cred(p));
	if (t) {
		view_thread(v, t);
		if (READ_ONCE(p->stopped)) /* its threads park at their next way out of the kernel */
			v->state = 'T';
		if (READ_ONCE(t->trace_stopped))
			v->state = 't';
		v->tracer = READ_ONCE(t->traced_by);
	}
	if (p->state == PROCESS_ZOMBIE || !t)
		v->state = 'Z';
	spin_unlock(&proc_tree_lock);
	return 0;
}
