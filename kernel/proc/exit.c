/* SPDX-License-Identifier: MIT */
/* The end of threads and processes: everything owned is given back, what is left is a zombie with a status. */
#include "proc/exit.h"
#include "core/panic.h"
#include "proc/coremeet.h"
#include "proc/futex.h"
#include "proc/futexpi.h"
#include "proc/itimer.h"
#include "proc/posixtimer.h"
#include "proc/sysvsem.h"
#include "proc/tracing.h"
#include "sched/times.h"
#include "task/children.h"
#include "task/group.h"
#include "task/pid.h"
#include "task/sigqueue.h"
#include "task/usercount.h"
#include "vfs/fdtable.h"
#include "vfs/signalfd.h"
#include "vm/aspace.h"
#include "vm/usercopy.h"

void (*proc_init_exit_hook)(int status);

void proc_vfork_release(struct task *t)
{
	struct waitq *q;

	if (!READ_ONCE(t->vfork_done))
		return;
	/* the queue lives on the parent's stack: it leaves only after it has had the lock */
	spin_lock(&proc_tree_lock);
	q = t->vfork_done;
	WRITE_ONCE(t->vfork_done, NULL);
	if (q)
		waitq_wake_all(q);
	spin_unlock(&proc_tree_lock);
}

/* What one thread leaves behind while it can still touch its memory. */
static void release_thread(struct task *t)
{
	uint32_t zero = 0;

	futex_exit_robust(t);
	if (t->sem_undo)
		sem_undo_exit(t);
	/* Linux spares the store when nobody is left to see it. */
	if (t->clear_tid && (READ_ONCE(t->process->task_count) > 1 || refcount_read(&t->process->aspace->refs) > 1)) {
		if (!user_put(t->clear_tid, &zero))
			futex_wake_address(t->clear_tid, 1);
	}
	proc_vfork_release(t);
}

/* Usage of a thread that ends; PROC_TREE lock held. */
static void bequeath_usage(struct process *p, struct task *t)
{
	struct usage u = { .minflt = t->minflt, .majflt = t->majflt,
			   .nvcsw = t->thread.switches_voluntary, .nivcsw = t->thread.switches_forced, .io = t->io };

	sched_thread_times(&t->thread, &u.user_ns, &u.system_ns);
	usage_add(&p->usage, &u);
}

static void put_files(struct fdtable *files, struct fsctx *fs)
{
	if (files)
		fdtable_put(files);
	if (fs)
		fsctx_put(fs);
}

/* Of a thread that others may outlive: before it counts as gone, so that a process has closed everything when it has ended. */
static void leave_files(struct task *t)
{
	struct fdtable *files = t->files;
	struct fsctx *fs = t->fs;
	unsigned long irq = sighand_lock(t->process);

	t->files = NULL;
	t->fs = NULL;
	sighand_unlock(t->process, irq);
	put_files(files, fs);
}

static void release_process(struct process *p)
{
	struct aspace *as = p->aspace;
	struct task *t = task_current();
	struct fdtable *files = t->files;
	struct fsctx *fs = t->fs;
	unsigned long irq;

	itimer_exit(p);
	posixtimer_exit(p);
	signalfd_exit(p);
	if (p->session->leader == p && session_leader_exit_hook)
		session_leader_exit_hook(p->session);
	if (p->session->leader == p) {
		spin_lock(&proc_tree_lock);
		p->session->leader = NULL;
		spin_unlock(&proc_tree_lock);
	}
	p->usage.maxrss_pages = (unsigned long)as->rss_peak;
	irq = sighand_lock(p);
	p->aspace = NULL;
	WRITE_ONCE(p->unmapping, true);
	t->files = NULL;
	t->fs = NULL;
	sighand_unlock(p, irq);
	aspace_put(as); /* before the files, which take their time: somebody may wait for the memory */
	WRITE_ONCE(p->unmapping, false);
	put_files(files, fs);
}

static struct process *new_parent(struct process *p)
{
	for (struct process *a = p->parent; a; a = a->parent)
		if (a->subreaper && !a->leaving)
			return a;
	return init_process;
}

/* PR_SET_PDEATHSIG: to each thread that asked. PROC_TREE lock held. */
static void tell_of_death(struct process *child)
{
	struct task *t;

	list_for_each_entry(t, &child->tasks, process_link) {
		int signo = READ_ONCE(t->parent_death_signal);

		if (signo)
			signal_post_process(child, &(struct siginfo){ .signo = signo, .code = SI_USER });
	}
}

/* Does the parent want no zombie (SIGCHLD ignored, SA_NOCLDWAIT)? */
static bool parent_ignores(struct process *parent)
{
	const struct sigaction *a = &parent->sighand->action[SIGCHLD - 1];

	return a->handler == SIG_IGN || a->flags & SA_NOCLDWAIT;
}

static void child_siginfo(struct process *p, struct siginfo *info)
{
	int s = p->exit_status;

	*info = (struct siginfo){ .signo = p->exit_signal, .pid = p->pid, .uid = process_cred(p)->uid, .utime = p->usage.user_ns, .stime = p->usage.system_ns };
	info->code = s & 0x7f ? (s & 0x80 ? CLD_DUMPED : CLD_KILLED) : CLD_EXITED;
	info->status = s & 0x7f ? s & 0x7f : s >> 8 & 0xff;
}

void proc_reap(struct process *p)
{
	struct tracing *ghost = p->ghost;
	struct pgroup *g;

	if (unlikely(ghost))
		tracing_ghost_drop(ghost);
	p->state = PROCESS_REAPED;
	child_remove(p);
	pid_clear_process(p);
	g = group_leave(p);
	spin_unlock(&proc_tree_lock);
	usercount_sub(p->last_cred->uid);
	pgroup_put(g);
	tracing_put(ghost);
	process_put(p);
}

/* A zombie's parent is told, and whoever else waits for it. Does the parent want it? PROC_TREE lock held. */
static bool tell_end(struct process *p)
{
	struct process *to = p->ghost ? p->ghost->tracer->process : p->parent;
	struct siginfo info;

	p->end_told = !p->ghost;
	if (p->end_told)
		child_report(p, REPORT_END);
	child_siginfo(p, &info);
	if (p->ghost)
		info.signo = SIGCHLD;
	if (info.signo)
		signal_post_process(to, &info);
	waitq_wake_all(&to->child_wait);
	return p->ghost || p->exit_signal != SIGCHLD || !parent_ignores(to);
}

void proc_ghost_gone(struct tracing *ghost)
{
	struct process *p = ghost->process;
	bool wanted = true;

	if (ghost->tid == p->pid) {
		spin_lock(&proc_tree_lock);
		if (p->state == PROCESS_ZOMBIE && !p->ghost && !p->end_told) /* its last thread may have found the tracer gone */
			wanted = tell_end(p);
		if (wanted)
			spin_unlock(&proc_tree_lock);
		else
			proc_reap(p);
	}
	tracing_put(ghost);
}

/* Those that it traces go on without it. */
static void release_tracees(struct task *t)
{
	struct tracing *tr;

	do {
		spin_lock(&proc_tree_lock);
		tr = tracing_next_of(t);
		spin_unlock(&proc_tree_lock);
		if (tr && tr->exited)
			proc_ghost_gone(tr);
		else
			tracing_put(tr);
	} while (tr);
}

#define MOVES_MAX 16 /* children that go to another parent under one hold of the lock */

/* The children of p go to another parent; zombies among them are its affair now, or end if it wants none. PROC_TREE lock held, given up now and then. */
static void give_children_away(struct process *p, struct list *doubtful)
{
	while (!list_empty(&p->children)) {
		struct process *to = new_parent(p), *unwanted = NULL;

		for (unsigned n = 0; n < MOVES_MAX && !unwanted && !list_empty(&p->children); n++) {
			struct process *c = list_first(&p->children, struct process, sibling);

			group_move_child(c, to, doubtful);
			tell_of_death(c);
			if (c->report != REPORT_END)
				continue;
			if (parent_ignores(to))
				unwanted = c;
			signal_kernel(to, SIGCHLD);
		}
		waitq_wake_all(&to->child_wait);
		if (unwanted)
			proc_reap(unwanted);
		else
			spin_unlock(&proc_tree_lock);
		spin_lock(&proc_tree_lock);
	}
}

/* A thread is no longer one of its process, which has what it used up. PROC_TREE and sighand->lock held. */
static void leave_process(struct task *t)
{
	bequeath_usage(t->process, t);
	list_del(&t->process_link);
	WRITE_ONCE(t->process->task_count, t->process->task_count - 1);
}

/* Signals that have come since sigpending_drop: few. sighand->lock held. */
static void drop_late(struct sigpending *s)
{
	struct list dead = LIST_INIT(dead);

	sigpending_flush(s, ~0ull, &dead);
	sigpending_free(&dead);
}

/* The last thread, which may have left, is going: tell the parent, or vanish. */
static void become_zombie(struct process *p, struct task *t)
{
	struct list doubtful = LIST_INIT(doubtful);
	unsigned long irq;

	spin_lock(&proc_tree_lock);
	group_begin_exit(p, &doubtful);
	do {
		give_children_away(p, &doubtful);
		group_settle(&doubtful);
	} while (!list_empty(&p->children)); /* a child can give it one of its own (CLONE_PARENT) */
	irq = sighand_lock(p);
	if (p->task_count)
		leave_process(t);
	p->state = PROCESS_ZOMBIE;
	p->stopped = false;
	child_report(p, REPORT_NONE);
	drop_late(&p->pending);
	sighand_unlock(p, irq);
	if (tell_end(p))
		spin_unlock(&proc_tree_lock);
	else
		proc_reap(p);
	smp_mb(); /* who polls queues up first, and then looks at the state */
	if (waitq_active(&p->exit_wait))
		waitq_wake_all(&p->exit_wait);
}

/* sighand->lock held. It is not to be found any more as one that gets signals, is traced or owns locks. */
static void begin_exit(struct task *t, int status)
{
	struct process *p = t->process;

	t->thread.aspace = NULL; /* before the count falls: whoever sees it may give the address space back */
	if (p->task_count == 1) {
		p->last_cred = t->cred;
		t->cred_given = true; /* it goes on using it: its own reference of the process keeps it */
	}
	if (!p->group_exit)
		p->exit_status = status;
	drop_late(&t->pending);
	store_release(&t->exiting, true);
}

/* The end of the last thread of a process, if nobody traces it: the tree hears of it when the process has become a zombie. */
static bool exit_alone(struct task *t, int status)
{
	struct process *p = t->process;
	unsigned long irq = sighand_lock(p);
	bool alone = p->task_count == 1 && !t->trace;

	if (alone)
		begin_exit(t, status);
	sighand_unlock(p, irq);
	return alone;
}

/* The end of a thread. *trace: what its tracer has to wait for; else the caller puts it. Was it the last one? */
static bool exit_among_others(struct task *t, int status, struct tracing **trace, bool *traced)
{
	struct process *p = t->process;
	bool last, tell;
	unsigned long irq;

	spin_lock(&proc_tree_lock);
	irq = sighand_lock(p);
	begin_exit(t, status);
	signal_retarget(t, ~t->sigmask);
	leave_process(t);
	last = p->task_count == 0;
	tell = signal_stop_arrived(t) && !last;
	*traced = unlikely(t->trace) && tracing_thread_ends(t, p->group_exit ? p->exit_status : status, trace);
	sighand_unlock(p, irq);
	if (*traced)
		tracing_tell_end(*trace);
	if (tell)
		signal_tell_parent(p, CLD_STOPPED, p->stop_signal);
	if (!last) /* before the last one can go: who has seen the process end may have as many threads again */
		usercount_sub(t->cred->uid);
	waitq_wake_all(&p->child_wait); /* exec waits here for its siblings */
	spin_unlock(&proc_tree_lock);
	return last;
}

__noreturn void proc_exit_thread(int status)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct tracing *trace = NULL;
	bool last, traced = false;

	coremeet_pass();
	if (unlikely(t->trace))
		tracing_event(PTRACE_EVENT_EXIT, (unsigned long)(p->group_exit ? p->exit_status : status));
	WRITE_ONCE(t->traces_no_more, true);
	smp_mb(); /* ptrace_traceme has the other half */
	if (unlikely(READ_ONCE(p->tracees)))
		release_tracees(t);
	release_thread(t);
	if (READ_ONCE(p->task_count) > 1)
		leave_files(t);
	process_get(p);
	sigpending_drop(p, &t->pending);
	last = exit_alone(t, status) || exit_among_others(t, status, &trace, &traced);
	if (unlikely(READ_ONCE(futexpi_waiting)))
		futexpi_gone(t);
	if (last && p == init_process) {
		proc_init_exit_hook(p->exit_status);
		panic("init exited and the machine goes on");
	}
	pid_clear_task(t);
	if (t->tid != p->pid && !traced)
		pid_free(t->tid);
	if (!traced)
		tracing_put(trace);
	if (last) {
		release_process(p);
		sigpending_drop(p, &p->pending); /* what comes meanwhile is little */
		become_zombie(p, t);
	}
	process_put(p);
	sched_exit();
}

__noreturn void proc_exit_group(int status)
{
	struct task *me = task_current();
	struct process *p = me->process;
	unsigned long irq = sighand_lock(p);

	if (!p->group_exit) {
		p->group_exit = true;
		p->exit_status = status;
		p->stopped = false;
		signal_end_others(p, me, &irq);
	}
	status = p->exit_status;
	sighand_unlock(p, irq);
	proc_exit_thread(status);
}
