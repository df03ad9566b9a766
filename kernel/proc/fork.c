/* SPDX-License-Identifier: MIT */
/*
 * Making processes and threads. struct birth carries what was gathered; until commit() nothing in the world has changed, and birth_undo gives
 * everything back.
 */
#include "proc/fork.h"
#include "arch/context.h"
#include "arch/ports.h"
#include "arch/tls.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "proc/pidfd.h"
#include "proc/rseq.h"
#include "proc/sysvsem.h"
#include "proc/tracing.h"
#include "task/children.h"
#include "task/group.h"
#include "task/pid.h"
#include "task/sigqueue.h"
#include "task/usercount.h"
#include "vfs/fdtable.h"
#include "vm/aspace.h"
#include "vm/fault.h"
#include "vm/usercopy.h"

#define SUPPORTED (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_VFORK | CLONE_PARENT | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS \
		   | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_DETACHED | CLONE_UNTRACED | CLONE_PIDFD | CLONE_PTRACE | CLONE_IO)

struct birth {
	const struct clone_request *req;
	struct process *process; /* the new one, or the current one for a thread */
	struct task *task;
	pid_t number;
	int pidfd;               /* -1: none */
	int event;               /* what the parent's tracer is told, 0: nothing */
	bool counted;            /* among its user's threads */
	sigset64 signals;        /* that came for many while it was made */
	struct waitq vfork_done;
};

static long check(const struct clone_request *r)
{
	unsigned long f = r->flags;

	if (f & CLONE_NAMESPACES & ~CLONE_NEWUSER && !(f & (CLONE_NEWUSER | CLONE_FS)) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (f & ~SUPPORTED)
		return -EINVAL;
	if ((f & CLONE_THREAD && !(f & CLONE_SIGHAND)) || (f & CLONE_SIGHAND && !(f & CLONE_VM)))
		return -EINVAL;
	if (f & CLONE_PIDFD && f & (CLONE_THREAD | CLONE_DETACHED))
		return -EINVAL;
	if (f & CLONE_PARENT && process_current() == init_process)
		return -EINVAL;
	return r->exit_signal < 0 || r->exit_signal > NSIG ? -EINVAL : 0;
}

/* RLIMIT_NPROC counts the threads of a real user; root and the capable are free of it. more: how many are about to be. */
static bool too_many(unsigned more)
{
	uid_t uid = cred_current()->uid;
	uint64_t limit = process_current()->limits.cur[RLIMIT_NPROC];

	if (uid == 0 || capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN) || limit == RLIM_INFINITY64)
		return false;
	return usercount_get(uid) + more > limit;
}

static int share_files(struct task *child, const struct task *parent, unsigned long flags)
{
	if (flags & CLONE_FILES) {
		fdtable_get(parent->files);
		child->files = parent->files;
	} else {
		child->files = fdtable_dup(parent->files);
	}
	if (flags & CLONE_FS) {
		fsctx_get(parent->fs);
		child->fs = parent->fs;
	} else {
		child->fs = fsctx_dup(parent->fs);
	}
	return child->files && child->fs ? 0 : -ENOMEM;
}

static int share_memory(struct process *child, struct process *parent, unsigned long flags)
{
	struct aspace *as = parent->aspace;

	if (flags & CLONE_VM)
		aspace_get(as);
	else
		as = aspace_fork(parent->aspace);
	if (IS_ERR(as))
		return (int)PTR_ERR(as);
	if (as->exe && as != parent->aspace)
		as->exe = NULL;
	if (as != parent->aspace && parent->aspace->exe) {
		file_get(parent->aspace->exe);
		as->exe = parent->aspace->exe;
	}
	child->aspace = as;
	return 0;
}

static int share_signals(struct process *child, struct process *parent, unsigned long flags)
{
	if (flags & CLONE_SIGHAND) {
		refcount_get(&parent->sighand->refs);
		child->sighand = parent->sighand;
	} else {
		child->sighand = sighand_dup(parent->sighand);
	}
	return child->sighand ? 0 : -ENOMEM;
}

static void inherit(struct process *child, struct process *parent, int exit_signal)
{
	unsigned long irq = sighand_lock(parent); /* others set its limits, siblings its name */

	siguser_put(child->sig_user);
	child->sig_user = siguser_hold(parent->sig_user);
	child->limits = parent->limits;
	memcpy(child->comm, parent->comm, sizeof(child->comm));
	sighand_unlock(parent, irq);
	child->cpu_watched = rlimits_watch_cpu(&child->limits);
	child->personality = parent->personality;
	child->membarriers = READ_ONCE(parent->membarriers);
	child->marks = parent->marks;
	child->dumpable = parent->dumpable;
	child->core_filter = READ_ONCE(parent->core_filter);
	child->exit_signal = exit_signal;
}

static int gather_process(struct birth *b)
{
	struct process *me = process_current(), *p = process_new();
	unsigned long flags = b->req->flags;
	int err;

	if (!p)
		return -ENOMEM;
	b->process = p;
	p->pid = b->number;
	if (!signal_birth_begin(&b->signals))
		return -ERESTARTNOINTR;
	inherit(p, me, b->req->exit_signal);
	err = share_signals(p, me, flags);
	if (!err && b->req->clear_handlers)
		sighand_clear(p->sighand);
	if (!err)
		err = share_memory(p, me, flags);
	return err;
}

static int gather_task(struct birth *b, const struct trapframe *tf)
{
	struct task *me = task_current(), *t = task_new(b->process, me->thread.name);
	const struct clone_request *r = b->req;
	struct trapframe *frame;

	if (!t)
		return -ENOMEM;
	b->task = t;
	t->tid = b->number;
	t->cred = cred_get(me->cred);
	if (usercount_add(t->cred->uid))
		return -ENOMEM;
	b->counted = true;
	if (share_files(t, me, r->flags))
		return -ENOMEM;
	if (r->flags & CLONE_SYSVSEM && sem_undo_share(t))
		return -ENOMEM;
	if (unlikely(me->trace)) {
		t->trace = tracing_new();
		if (!t->trace)
			return -ENOMEM;
	}
	t->sigmask = me->sigmask;
	t->no_new_privs = me->no_new_privs;
	t->ioprio = me->ioprio;
	t->timer_slack = t->timer_slack_first = me->timer_slack;
	if (!(r->flags & CLONE_VM) || r->flags & CLONE_VFORK)
		t->altstack = me->altstack;
	t->thread.aspace = b->process->aspace;
	t->thread.work = me->thread.work & WORK_TRACE;
	rseq_fork(t, r->flags & CLONE_VM);
	t->clear_tid = r->flags & CLONE_CHILD_CLEARTID ? r->child_tid : 0;
	sched_fork(&t->thread, &me->thread);
	arch_thread_fork(&t->thread.arch, &me->thread.arch, thread_stack_top(&t->thread), tf, sched_tail);
	if (arch_ports_fork(&t->thread.arch, &me->thread.arch))
		return -ENOMEM;
	frame = arch_thread_frame(thread_stack_top(&t->thread));
	tf_set_ret(frame, 0);
	if (r->stack)
		tf_set_sp(frame, r->stack);
	return r->flags & CLONE_SETTLS ? arch_tls_set_clone(&t->thread.arch, r->tls, frame) : 0;
}

/* CLONE_PIDFD. The child does not have it: its table was copied before. */
static long make_pidfd(struct birth *b)
{
	struct file *f;
	int fd;

	if (!(b->req->flags & CLONE_PIDFD))
		return 0;
	f = pidfd_create(b->process, 0);
	if (IS_ERR(f))
		return PTR_ERR(f);
	fd = fd_install(fdtable_current(), f, 0, true, fd_limit());
	if (fd < 0) {
		file_put(f);
		return fd == -EINVAL ? -EMFILE : fd;
	}
	b->pidfd = fd;
	return user_put(b->req->pidfd, &fd);
}

static void unshare_all(struct task *t)
{
	if (t->files)
		fdtable_put(t->files);
	if (t->fs)
		fsctx_put(t->fs);
}

static void undo(struct birth *b)
{
	struct process *p = b->process;

	if (b->pidfd >= 0)
		fd_close(fdtable_current(), (unsigned)b->pidfd);
	if (b->counted)
		usercount_sub(b->task->cred->uid);
	if (b->task) {
		sem_undo_exit(b->task);
		tracing_put(b->task->trace);
		unshare_all(b->task);
		task_put(b->task);
	}
	if (p && p != process_current()) {
		signal_birth_cancel();
		if (p->aspace)
			aspace_put(p->aspace);
		process_put(p);
	}
	if (b->number > 0)
		pid_free(b->number);
}

/* The word that the parent, or the child in its own space, finds its number in. */
static int write_numbers(struct birth *b)
{
	const struct clone_request *r = b->req;
	uint32_t n = (uint32_t)b->number;

	if (r->flags & CLONE_PARENT_SETTID && user_put(r->parent_tid, &n))
		return -EFAULT;
	if (r->flags & CLONE_CHILD_SETTID) {
		if (r->flags & CLONE_VM)
			return user_put(r->child_tid, &n);
		vm_write_foreign(b->process->aspace, r->child_tid, &n, sizeof(n)); /* as on Linux the child finds out itself if it is bad */
	}
	return 0;
}

/* How tracers name it; 0: it is not their affair. */
static int event_of(const struct clone_request *r)
{
	if (r->flags & CLONE_UNTRACED)
		return 0;
	return r->flags & CLONE_VFORK ? PTRACE_EVENT_VFORK : r->exit_signal != SIGCHLD ? PTRACE_EVENT_CLONE : PTRACE_EVENT_FORK;
}

/* From here on nothing fails. -ERESTARTNOINTR: a fatal signal came first; -EAGAIN: the user has too many. */
static long commit(struct birth *b)
{
	struct process *me = process_current(), *p = b->process;
	struct task *t = b->task;
	bool sibling = b->req->flags & CLONE_PARENT;
	bool many = too_many(0); /* it is counted now, and so are others that have come since the first look */
	unsigned long irq;
	long err = 0;

	spin_lock(&proc_tree_lock);
	irq = sighand_lock(p);
	if (me->group_exit || signal_fatal_pending_current())
		err = -ERESTARTNOINTR;
	else if (many)
		err = -EAGAIN;
	if (err) {
		sighand_unlock(p, irq);
		spin_unlock(&proc_tree_lock);
		return err;
	}
	list_push_back(&p->tasks, &t->process_link);
	p->task_count++;
	if (p == me && p->stopped)
		signal_stop_add(t);
	if (unlikely(t->trace))
		b->event = tracing_clone(t, event_of(b->req), b->req->flags & CLONE_PTRACE);
	if (p != me)
		signal_birth_end(p);
	signal_recalc(t); /* the process may be stopping, and have signals that only this thread takes */
	sighand_unlock(p, irq);
	if (p != me) {
		p->maker = sibling ? me->maker : task_current()->tid;
		child_add(sibling ? me->parent : me, p);
		group_inherit(p, me);
		p->broadcast = me->broadcast;
		process_get(p); /* the tree's reference, until it is reaped */
	}
	pid_set_task(b->number, t); /* at once: a signal to everybody goes by number */
	spin_unlock(&proc_tree_lock);
	return 0;
}

static long deliver(struct birth *b)
{
	struct task *t = b->task;
	pid_t number = b->number;
	bool vfork = b->req->flags & CLONE_VFORK;

	if (vfork) {
		waitq_init(&b->vfork_done);
		t->vfork_done = &b->vfork_done;
		task_get(t);
	}
	if (b->process != process_current())
		process_put(b->process); /* birth's own; the task and the tree have theirs */
	sched_start(&t->thread);
	if (unlikely(b->event))
		tracing_event(b->event, (unsigned long)number);
	if (vfork) {
		waitq_wait(&b->vfork_done, !READ_ONCE(t->vfork_done), WAIT_KILLABLE);
		spin_lock(&proc_tree_lock); /* killed: nobody is to be told any more; else the one who told it is through */
		t->vfork_done = NULL;
		spin_unlock(&proc_tree_lock);
		task_put(t);
		if (unlikely(task_current()->trace))
			tracing_event(PTRACE_EVENT_VFORK_DONE, (unsigned long)number);
	}
	return number;
}

static int number_for(const struct clone_request *r)
{
	if (!r->number)
		return pid_alloc();
	if (*r->number >= 1 && *r->number < PID_MAX_DEFAULT && !capable(CAP_CHECKPOINT_RESTORE) && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	return pid_take(*r->number);
}

long proc_clone(const struct clone_request *r, const struct trapframe *tf)
{
	struct birth b = { .req = r, .pidfd = -1 };
	long err = check(r);

	if (err)
		return err;
	if (too_many(1))
		return -EAGAIN;
	if (frame_scarce())
		return -ENOMEM;
	b.number = number_for(r);
	if (b.number < 0)
		return b.number;
	if (r->flags & CLONE_THREAD)
		b.process = process_current();
	else
		err = gather_process(&b);
	if (!err)
		err = gather_task(&b, tf);
	if (!err)
		err = make_pidfd(&b);
	if (!err)
		err = write_numbers(&b);
	if (!err)
		err = commit(&b);
	if (err) {
		undo(&b);
		return err;
	}
	return deliver(&b);
}
