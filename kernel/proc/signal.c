/* SPDX-License-Identifier: MIT */
/* Delivering signals. */
#include "proc/signal.h"
#include "arch/sigframe.h"
#include "arch/trap.h"
#include "core/klog.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "proc/coredump.h"
#include "proc/exit.h"
#include "proc/rseq.h"
#include "proc/tracing.h"
#include "task/children.h"
#include "task/group.h"
#include "task/sigqueue.h"
#include "vm/space.h"
#include "vm/usercopy.h"

#define SS_ONSTACK 1u
#define SS_DISABLE 2u
#define SS_AUTODISARM 0x80000000u

void signal_set_mask(sigset64 mask)
{
	struct task *t = task_current();
	unsigned long irq = sighand_lock(t->process);

	mask &= ~SIG_UNBLOCKABLE;
	signal_retarget(t, mask & ~t->sigmask);
	t->sigmask = mask;
	signal_recalc(t);
	sighand_unlock(t->process, irq);
}

void signal_set_temporary_mask(sigset64 mask)
{
	struct task *t = task_current();

	t->saved_mask = t->sigmask;
	t->restore_mask = true;
	signal_set_mask(mask);
}

static bool ignores(uaddr_t handler, int signo)
{
	return handler == SIG_IGN || (handler == SIG_DFL && (signo == SIGCHLD || signo == SIGURG || signo == SIGWINCH || signo == SIGCONT));
}

/* POSIX 3.3.1.3: becoming ignored discards what is pending. The lock of the actions is held, and given up. */
static __noinline long forget_pending(struct process *p, int signo)
{
	struct list dead = LIST_INIT(dead);

	signal_flush_all(p, SIGBIT(signo), &dead);
	spin_unlock_irq(&p->sighand->lock);
	sigpending_free(&dead);
	return 0;
}

long signal_action(int signo, const struct sigaction *new, struct sigaction *old)
{
	struct process *p = process_current();
	struct sighand *h = p->sighand; /* no other thread of the process replaces it while this one runs */
	struct sigaction *a;

	if (signo < 1 || signo > NSIG || (new && (signo == SIGKILL || signo == SIGSTOP)))
		return -EINVAL;
	spin_lock_irq(&h->lock);
	a = &h->action[signo - 1];
	if (old)
		*old = *a;
	if (new) {
		uaddr_t handler = new->handler;

		*a = *new;
		a->mask &= ~SIG_UNBLOCKABLE;
		if (unlikely(handler <= SIG_IGN) && ignores(handler, signo))
			return forget_pending(p, signo);
	}
	spin_unlock_irq(&h->lock);
	return 0;
}

long signal_permission(struct process *p, int signo)
{
	const struct cred *c = cred_current(), *his = process_cred(p);

	if (!his || cred_capable(c, CAP_KILL) || p == process_current())
		return 0;
	if (c->euid == his->suid || c->euid == his->uid || c->uid == his->suid || c->uid == his->uid)
		return 0;
	return signo == SIGCONT && p->session == process_current()->session ? 0 : -EPERM;
}

long signal_send(struct process *p, struct task *t, const struct siginfo *info)
{
	long err;

	spin_lock(&proc_tree_lock);
	err = signal_permission(p, info->signo);
	if (!err && info->signo)
		err = t ? signal_post_task(t, info) : signal_post_process(p, info);
	spin_unlock(&proc_tree_lock);
	return err;
}

static void notify_parent(struct process *p, int code, int status)
{
	spin_lock(&proc_tree_lock);
	signal_tell_parent(p, code, status);
	spin_unlock(&proc_tree_lock);
}

/* The first thread that goes on tells of it. */
static void tell_continued(struct task *t)
{
	struct process *p = t->process;
	unsigned long irq = sighand_lock(p);
	bool report = p->tell_continued && !p->stopped; /* wait may have taken cont_report already */

	if (report)
		p->tell_continued = false;
	signal_recalc(t);
	sighand_unlock(p, irq);
	if (report)
		notify_parent(p, CLD_CONTINUED, SIGCONT);
}

/* Parks while the process is stopped. */
static void stay_stopped(struct task *t)
{
	struct process *p = t->process;
	unsigned long irq;

	for (;;) {
		irq = sighand_lock(p);
		if (!p->stopped || t->thread.work & WORK_KILL || t->traced_by) { /* its tracer has another way to stop it */
			sighand_unlock(p, irq);
			break;
		}
		if (signal_stop_arrived(t)) {
			int signo = p->stop_signal;

			sighand_unlock(p, irq);
			notify_parent(p, CLD_STOPPED, signo);
			continue;
		}
		WRITE_ONCE(t->thread.state, THREAD_STOPPED);
		sighand_unlock(p, irq);
		sched_block();
	}
	tell_continued(t);
}

static bool in_orphaned_group(struct process *p)
{
	struct pgroup *g;
	bool orphaned;

	spin_lock(&proc_tree_lock);
	g = p->group;
	pgroup_get(g);
	orphaned = pgroup_orphaned(g);
	spin_unlock(&proc_tree_lock);
	pgroup_put(g);
	return orphaned;
}

static void stop_process(struct task *t, int signo)
{
	struct process *p = t->process;
	struct task *other;
	unsigned long irq;

	if (signo != SIGSTOP && in_orphaned_group(p))
		return; /* POSIX 11.1.4: nobody could continue it */
	irq = sighand_lock(p);
	if (p->stopped && t->traced_by && !t->must_stop && !p->group_exit && p->stop_taken)
		signal_stop_add(t); /* its tracer let it run on */
	if (p->group_exit || p->stopped || !p->stop_taken || (p->pending.set | t->pending.set) & SIGBIT(SIGKILL)) {
		sighand_unlock(p, irq);
		return;
	}
	p->stopped = true;
	p->stop_taken = false;
	p->stop_signal = signo;
	p->stops_left = 0;
	child_report(p, REPORT_NONE); /* the last one to park tells of it */
	list_for_each_entry(other, &p->tasks, process_link) {
		signal_stop_add(other);
		thread_set_work(&other->thread, WORK_SIGNAL);
		if (other != t && !sched_wake(&other->thread, 1u << THREAD_SLEEPING))
			task_kick(other);
	}
	sighand_unlock(p, irq);
	stay_stopped(t);
}

void siginfo_to_user(const struct siginfo *i, unsigned char out[128])
{
	struct { int32_t signo, err, code, a[13]; } u = { i->signo, i->err, i->code, { 0 } };

	memset(out, 0, 128);
	if (i->of_file) {
		u.a[0] = (int32_t)i->value;
		u.a[1] = i->status;
	} else if (i->signo == SIGCHLD && i->code > 0) {
		u.a[0] = i->pid;
		u.a[1] = (int32_t)i->uid;
		u.a[2] = i->status;
		u.a[3] = (int32_t)(i->utime / 10000000u);
		u.a[4] = (int32_t)(i->stime / 10000000u);
	} else if (i->code == SI_TIMER) {
		u.a[0] = i->timer_id;
		u.a[1] = i->overrun;
		u.a[2] = (int32_t)i->value;
	} else if (i->code > 0 && i->code != SI_KERNEL) {
		u.a[0] = (int32_t)i->addr;
	} else {
		u.a[0] = i->pid;
		u.a[1] = (int32_t)i->uid;
		u.a[2] = (int32_t)i->value;
	}
	memcpy(out, &u, sizeof(u));
}

void siginfo_from_user(struct siginfo *i, const unsigned char in[128])
{
	struct { int32_t signo, err, code, a[13]; } u;

	memcpy(&u, in, sizeof(u));
	*i = (struct siginfo){ .signo = u.signo, .err = u.err, .code = u.code };
	if (u.signo == SIGCHLD && u.code > 0) {
		i->status = u.a[2];
		i->utime = (uint64_t)(uint32_t)u.a[3] * 10000000u;
		i->stime = (uint64_t)(uint32_t)u.a[4] * 10000000u;
	} else if (u.code == SI_TIMER) {
		i->timer_id = u.a[0];
		i->overrun = u.a[1];
	} else if (u.code > 0 && u.code != SI_KERNEL) {
		i->addr = (uint32_t)u.a[0];
		return;
	}
	i->pid = u.a[0];
	i->uid = (uid_t)u.a[1];
	i->value = (uint32_t)u.a[2];
}

static bool on_altstack(const struct task *t, uaddr_t sp)
{
	return !(t->altstack.flags & SS_AUTODISARM) && sp - t->altstack.sp - 1 < t->altstack.size && t->altstack.size;
}

static uaddr_t frame_top(struct task *t, const struct trapframe *tf, const struct sigaction *a)
{
	uaddr_t sp = tf_sp(tf);

	if (a->flags & SA_ONSTACK && t->altstack.size && !on_altstack(t, sp))
		return t->altstack.sp + t->altstack.size;
	return sp;
}

/* An interrupted call: whether it runs again once the handler returns (sigaction(2), SA_RESTART). handler NULL: no handler runs. */
static void prepare_restart(struct trapframe *tf, struct task *t, const struct sigaction *handler)
{
	long ret = tf_ret(tf);

	if (t->syscall_nr < 0)
		return;
	if (ret == -ERESTARTNOINTR || (ret == -ERESTARTSYS && (!handler || handler->flags & SA_RESTART)) || (ret == -ERESTARTNOHAND && !handler))
		arch_syscall_restart(tf, t->syscall_nr);
	else if (ret == -ERESTART_RESTARTBLOCK && !handler)
		arch_syscall_restart(tf, ARCH_NR_RESTART_SYSCALL);
	else if (ret == -ERESTARTSYS || ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK)
		tf_set_ret(tf, -EINTR);
	t->syscall_nr = -1;
}

/* The end of the process, with a core dump if the signal asks for it. */
static __noreturn void fatal(const struct siginfo *info)
{
	unsigned char image[128];

	siginfo_to_user(info, image);
	coredump_exit(info->signo, image);
}

/* What the program keeps in memory does not let its handler run as it should. */
static void bad_memory(const struct siginfo *info)
{
	static const struct siginfo segv = { .signo = SIGSEGV, .code = SI_KERNEL };

	if (info->signo == SIGSEGV)
		fatal(&segv);
	signal_force(&segv);
}

/* Builds the frame. A stack that cannot hold it ends the process by SIGSEGV. */
static void run_handler(struct trapframe *tf, struct task *t, const struct siginfo *info, const struct sigaction *a)
{
	struct sig_delivery d;

	prepare_restart(tf, t, a);
	if (t->thread.told_cpu && rseq_handler(tf))
		bad_memory(info); /* its own handler runs nevertheless, and is interrupted by that of SIGSEGV, if there is one */
	if (unlikely(t->traced_by))
		tracing_handler_begins(tf);
	d.signo = info->signo;
	d.handler = a->handler;
	d.restorer = a->restorer;
	d.has_restorer = a->flags & SA_RESTORER;
	d.vdso = t->process->aspace->vdso;
	d.mask = t->restore_mask ? t->saved_mask : t->sigmask;
	d.stack_top = frame_top(t, tf, a);
	d.siginfo = a->flags & SA_SIGINFO;
	if (d.siginfo)
		siginfo_to_user(info, d.info);
	d.altstack.sp = t->altstack.sp;
	d.altstack.size = t->altstack.size;
	d.altstack.flags = (int)(t->altstack.size ? (on_altstack(t, tf_sp(tf)) ? SS_ONSTACK : 0) | t->altstack.flags : SS_DISABLE);
	if (arch_sigframe_push(tf, &d)) {
		bad_memory(info);
		return;
	}
	t->restore_mask = false;
	if (t->altstack.flags & SS_AUTODISARM)
		t->altstack.size = 0;
	signal_set_mask(t->sigmask | a->mask | (a->flags & SA_NODEFER ? 0 : SIGBIT(info->signo)));
	if (unlikely(t->traced_by))
		tracing_handler_begun(tf);
}

static void default_action(struct task *t, const struct siginfo *info)
{
	static const sigset64 ignored = SIGBIT(SIGCHLD) | SIGBIT(SIGURG) | SIGBIT(SIGWINCH) | SIGBIT(SIGCONT);
	int signo = info->signo;

	if (SIGBIT(signo) & ignored)
		return;
	if (SIGBIT(signo) & SIG_STOPS)
		stop_process(t, signo);
	else
		fatal(info);
}

/* Takes the next signal and its action together. A tracer may put another one in its place. */
static int next_signal(struct trapframe *tf, struct task *t, struct siginfo *info, struct sigaction *a)
{
	struct sighand *h = t->process->sighand;
	unsigned long irq = sighand_lock(t->process);
	int signo = signal_dequeue(t, t->sigmask, info);

	if (unlikely(signo && t->traced_by)) {
		sighand_unlock(t->process, irq);
		signo = tracing_signal_stop(tf, signo, info);
		if (!signo)
			return 0;
		irq = sighand_lock(t->process);
		h = t->process->sighand;
	}
	if (signo) {
		*a = h->action[signo - 1];
		if (a->flags & SA_RESETHAND && a->handler > SIG_IGN)
			h->action[signo - 1].handler = SIG_DFL;
	}
	sighand_unlock(t->process, irq);
	return signo;
}

static void tracing_work(struct trapframe *tf, struct task *t)
{
	tracing_stray_step(tf);
	tracing_job_stop(tf);
	if (READ_ONCE(t->process->tell_continued))
		tell_continued(t);
}

void signal_deliver(struct trapframe *tf)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct siginfo info;
	struct sigaction a;
	int signo;

	for (;;) {
		if (READ_ONCE(p->group_exit))
			proc_exit_thread(p->exit_status);
		if (READ_ONCE(p->stopped) && !READ_ONCE(t->traced_by))
			stay_stopped(t);
		if (unlikely(READ_ONCE(t->trace)))
			tracing_work(tf, t);
		signo = next_signal(tf, t, &info, &a);
		if (!signo && t->traced_by && signal_pending_current())
			continue; /* its tracer took one away, or has something else for it */
		if (!signo)
			break;
		if (a.handler == SIG_IGN)
			continue;
		if (a.handler == SIG_DFL) {
			default_action(t, &info);
			continue;
		}
		run_handler(tf, t, &info, &a);
		return;
	}
	prepare_restart(tf, t, NULL);
	if (t->restore_mask) {
		t->restore_mask = false;
		signal_set_mask(t->saved_mask);
	}
}

long signal_return(struct trapframe *tf, bool rt)
{
	struct task *t = task_current();
	struct arch_altstack as = { 0 };
	uint64_t mask;

	t->syscall_nr = -1;
	if (arch_sigframe_pop(tf, rt, &mask, &as)) {
		signal_force(&(struct siginfo){ .signo = SIGSEGV, .code = SI_KERNEL });
		return 0;
	}
	if (rt && as.valid && !on_altstack(t, tf_sp(tf))) {
		t->altstack.sp = as.sp;
		t->altstack.size = as.flags & (int)SS_DISABLE ? 0 : as.size;
		t->altstack.flags = (unsigned)as.flags & SS_AUTODISARM;
	}
	signal_set_mask(mask);
	return tf_ret(tf);
}

/* Takes a pending signal of the set, blocked or not. */
static int take_of(struct task *t, sigset64 set, struct siginfo *info)
{
	unsigned long irq = sighand_lock(t->process);
	int signo = signal_dequeue(t, ~set, info);

	sighand_unlock(t->process, irq);
	return signo;
}

long signal_wait_for(sigset64 set, struct siginfo *info, ktime_t deadline)
{
	struct task *t = task_current();
	int signo = 0;
	long err;

	set &= ~SIG_UNBLOCKABLE;
	err = waitq_wait_until(&t->process->signal_wait, (signo = take_of(t, set, info)) != 0, WAIT_INTERRUPTIBLE, deadline);
	if (signo)
		return signo;
	return err == -ETIMEDOUT ? -EAGAIN : -EINTR;
}
