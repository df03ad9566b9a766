/* SPDX-License-Identifier: MIT */
/* Signals. */
#include "abi/convert.h"
#include "abi/dispatch.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "proc/signal.h"
#include "sched/mutex.h"
#include "syscall_protos.h"
#include "task/group.h"
#include "task/pid.h"
#include "task/sigqueue.h"

#define SS_DISABLE 2
#define SS_ONSTACK 1
#define SS_AUTODISARM (int)0x80000000
#define MINSIGSTKSZ 2048u
enum { SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK };

/* Where the words of programs are as wide as the kernel's an action looks the same to both. */
#define SAME_ACTIONS (sizeof(struct u_sigaction) == sizeof(struct sigaction) && offsetof(struct u_sigaction, mask) == offsetof(struct sigaction, mask))

static int get_action(struct sigaction *a, uaddr_t from)
{
	struct u_sigaction u;

	if (SAME_ACTIONS)
		return user_get(a, from);
	if (user_get(&u, from))
		return -EFAULT;
	*a = (struct sigaction){ u.handler, u.flags, u.restorer, u.mask };
	return 0;
}

static int put_action(const struct sigaction *a, uaddr_t to)
{
	struct u_sigaction u;

	if (SAME_ACTIONS)
		return user_put(to, a);
	u = (struct u_sigaction){ (uint32_t)a->handler, (uint32_t)a->flags, (uint32_t)a->restorer, a->mask };
	return user_put(to, &u);
}

long sys_rt_sigaction(int sig, uaddr_t act, uaddr_t old, size_t size)
{
	struct sigaction new, was;
	long err;

	if (size != 8)
		return -EINVAL;
	if (act && get_action(&new, act))
		return -EFAULT;
	err = signal_action(sig, act ? &new : NULL, old ? &was : NULL);
	return err || !old ? err : put_action(&was, old);
}

long sys_sigaction(int sig, uaddr_t act, uaddr_t old)
{
	struct u_old_sigaction u;
	struct sigaction new, was;
	long err;

	if (act && user_get(&u, act))
		return -EFAULT;
	if (act)
		new = (struct sigaction){ u.handler, u.flags, u.restorer, u.mask };
	err = signal_action(sig, act ? &new : NULL, old ? &was : NULL);
	if (err || !old)
		return err;
	u = (struct u_old_sigaction){ (uint32_t)was.handler, (uint32_t)was.mask, (uint32_t)was.flags, (uint32_t)was.restorer };
	return user_put(old, &u);
}

long sys_signal(int sig, uaddr_t handler)
{
	struct sigaction new = { handler, SA_RESETHAND | SA_NODEFER, 0, 0 }, was;
	long err = signal_action(sig, &new, &was);

	return err ? err : (long)was.handler;
}

static long change_mask(int how, sigset64 set, sigset64 keep)
{
	sigset64 now = task_current()->sigmask;

	switch (how) {
	case SIG_BLOCK: set = now | set; break;
	case SIG_UNBLOCK: set = now & ~set; break;
	case SIG_SETMASK: set |= now & keep; break;
	default: return -EINVAL;
	}
	signal_set_mask(set);
	return 0;
}

long sys_rt_sigprocmask(int how, uaddr_t set, uaddr_t old, size_t size)
{
	sigset64 new, was = task_current()->sigmask;
	long err = 0;

	if (size != 8)
		return -EINVAL;
	if (set) {
		if (user_get(&new, set))
			return -EFAULT;
		err = change_mask(how, new, 0);
	}
	return err || !old ? err : user_put(old, &was);
}

long sys_sigprocmask(int how, uaddr_t set, uaddr_t old)
{
	uint32_t new, was = (uint32_t)task_current()->sigmask;
	long err = 0;

	if (set) {
		if (user_get(&new, set))
			return -EFAULT;
		err = change_mask(how, new, ~0xffffffffull);
	}
	return err || !old ? err : user_put(old, &was);
}

long sys_sgetmask(void) { return (long)(uint32_t)task_current()->sigmask; }

long sys_ssetmask(unsigned long mask)
{
	long old = sys_sgetmask();

	change_mask(SIG_SETMASK, (uint32_t)mask, ~0xffffffffull);
	return old;
}

static sigset64 pending(void)
{
	struct task *t = task_current();

	return (t->pending.set | t->process->pending.set) & t->sigmask;
}

long sys_rt_sigpending(uaddr_t set, size_t size)
{
	sigset64 p = pending();

	return size > 8 ? -EINVAL : user_write(set, &p, size);
}

long sys_sigpending(uaddr_t set)
{
	uint32_t p = (uint32_t)pending();

	return user_put(set, &p);
}

static long wait_for_any(void)
{
	static struct waitq never = WAITQ_INIT(never);

	waitq_wait(&never, false, WAIT_INTERRUPTIBLE);
	return -ERESTARTNOHAND;
}

long sys_pause(void) { return wait_for_any(); }

static long suspend(sigset64 mask)
{
	signal_set_temporary_mask(mask);
	return wait_for_any();
}

long sys_rt_sigsuspend(uaddr_t set, size_t size)
{
	sigset64 mask;

	if (size != 8)
		return -EINVAL;
	return user_get(&mask, set) ? -EFAULT : suspend(mask);
}

long sys_sigsuspend(int unused1, int unused2, unsigned long mask)
{
	(void)unused1, (void)unused2;
	return suspend((uint32_t)mask);
}

long sys_sigreturn(void) { return signal_return(dispatch_frame(), false); }
long sys_rt_sigreturn(void) { return signal_return(dispatch_frame(), true); }

struct broadcast { const struct siginfo *info; long err; bool sent; unsigned round, met; };

static void send_member(struct process *p, void *ctx)
{
	struct broadcast *b = ctx;
	long err = signal_permission(p, b->info->signo);

	if (!err && b->info->signo)
		err = signal_post_member(p, b->info);
	if (err)
		b->err = err;
	else
		b->sent = true;
}

static long send_group(pid_t pgid, const struct siginfo *info)
{
	struct broadcast b = { .info = info, .err = -ESRCH };
	struct pgroup *g = pgroup_find(pgid);

	if (!g)
		return -ESRCH;
	pgroup_each(g, send_member, &b);
	pgroup_put(g);
	return b.sent ? 0 : b.err;
}

static bool send_unless_met(struct process *p, void *ctx)
{
	struct broadcast *b = ctx;

	spin_lock(&proc_tree_lock);
	if (p->broadcast != b->round) {
		p->broadcast = b->round;
		if (p != init_process && p != process_current()) {
			b->met++;
			send_member(p, b);
		}
	}
	spin_unlock(&proc_tree_lock);
	return true;
}

/*
 * To all but init and itself. A process is marked when it has had its turn (these two, too: what they go on forking would keep the walk from ending), and
 * its children are born with the mark, so that nobody gets the signal twice; whoever was born without it to a low number, behind the walk, is met by the
 * next one.
 */
static long send_everybody(const struct siginfo *info)
{
	static struct mutex one_at_a_time = MUTEX_INIT(one_at_a_time, LOCK_EVERYBODY);
	static unsigned round;
	struct broadcast b = { .info = info };
	bool any = false;

	if (mutex_lock_interruptible(&one_at_a_time))
		return -ERESTARTNOINTR;
	b.round = ++round;
	do {
		b.met = 0;
		process_each(send_unless_met, &b);
		any |= b.met;
	} while (b.met);
	mutex_unlock(&one_at_a_time);
	if (!any)
		return -ESRCH;
	return b.sent || b.err == -EPERM ? 0 : b.err; /* who may not be signalled does not count */
}

static long kill_with(int pid, const struct siginfo *info)
{
	struct process *p;
	long err;

	if (info->signo < 0 || info->signo > NSIG)
		return -EINVAL;
	if (pid == -1)
		return send_everybody(info);
	if (pid <= 0)
		return pid == (-0x7fffffff - 1) ? -ESRCH : send_group(pid ? -pid : (pid_t)group_getpgid(0), info);
	p = pid_process_any(pid);
	if (!p)
		return -ESRCH;
	err = signal_send(p, NULL, info);
	process_put(p);
	return err;
}

long sys_kill(int pid, int sig)
{
	struct siginfo info = { .signo = sig, .code = SI_USER, .pid = process_current()->pid, .uid = cred_current()->uid };

	return kill_with(pid, &info);
}

static long kill_thread(int tgid, int tid, const struct siginfo *info)
{
	struct task *t;
	long err;

	if (tid <= 0 || tgid == 0 || info->signo < 0 || info->signo > NSIG)
		return -EINVAL;
	t = pid_task(tid);
	if (!t)
		return -ESRCH;
	err = tgid > 0 && t->process->pid != tgid ? -ESRCH : signal_send(t->process, t, info);
	task_put(t);
	return err;
}

static long tkill(int tgid, int tid, int sig)
{
	struct siginfo info = { .signo = sig, .code = SI_TKILL, .pid = process_current()->pid, .uid = cred_current()->uid };

	return kill_thread(tgid, tid, &info);
}

long sys_tkill(int tid, int sig) { return tkill(-1, tid, sig); }
long sys_tgkill(int tgid, int tid, int sig) { return tgid <= 0 ? -EINVAL : tkill(tgid, tid, sig); }

static long queue_info(int tgid, int tid, int sig, uaddr_t uinfo)
{
	int32_t u[32];
	struct siginfo info;

	if (user_read(u, uinfo, sizeof(u)))
		return -EFAULT;
	info = (struct siginfo){ .signo = sig, .err = u[1], .code = u[2], .pid = u[3], .uid = (uid_t)u[4], .value = (uint32_t)u[5] };
	if ((info.code >= 0 || info.code == SI_TKILL) && tgid != process_current()->pid)
		return -EPERM; /* nobody may pretend to be the kernel */
	return tid ? kill_thread(tgid, tid, &info) : tgid <= 0 ? -ESRCH : kill_with(tgid, &info);
}

long sys_rt_sigqueueinfo(int pid, int sig, uaddr_t info) { return queue_info(pid, 0, sig, info); }
long sys_rt_tgsigqueueinfo(int tgid, int tid, int sig, uaddr_t info) { return tid <= 0 || tgid <= 0 ? -EINVAL : queue_info(tgid, tid, sig, info); }

static long timed_wait(uaddr_t set, uaddr_t uinfo, uaddr_t timeout, size_t size, bool wide)
{
	sigset64 want;
	struct siginfo info;
	unsigned char u[128];
	uint64_t ns;
	ktime_t deadline = WAIT_FOREVER;
	long sig;

	if (size != 8)
		return -EINVAL;
	if (user_get(&want, set))
		return -EFAULT;
	if (timeout) {
		sig = time_from_user(timeout, wide, &ns);
		if (sig)
			return sig;
		deadline = deadline_after(ns);
	}
	sig = signal_wait_for(want, &info, deadline);
	if (sig <= 0 || !uinfo)
		return sig;
	siginfo_to_user(&info, u);
	return user_write(uinfo, u, sizeof(u)) ? -EFAULT : sig;
}

long sys_rt_sigtimedwait(uaddr_t set, uaddr_t info, uaddr_t timeout, size_t size) { return timed_wait(set, info, timeout, size, false); }
long sys_rt_sigtimedwait_time64(uaddr_t set, uaddr_t info, uaddr_t timeout, size_t size) { return timed_wait(set, info, timeout, size, true); }

static bool on_stack(const struct task *t, uaddr_t sp) { return t->altstack.size && sp - t->altstack.sp - 1 < t->altstack.size; }

long sys_sigaltstack(uaddr_t new, uaddr_t old)
{
	struct task *t = task_current();
	bool busy = on_stack(t, tf_sp(dispatch_frame())) && !(t->altstack.flags & (unsigned)SS_AUTODISARM);
	struct u_stack was = { (uint32_t)t->altstack.sp, t->altstack.size ? (busy ? SS_ONSTACK : 0) | (int)t->altstack.flags : SS_DISABLE, (uint32_t)t->altstack.size }, u;

	if (new) {
		if (user_get(&u, new))
			return -EFAULT;
		if (busy)
			return -EPERM;
		int mode = u.flags & ~SS_AUTODISARM;
		if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
			return -EINVAL;
		if (mode != SS_DISABLE && u.size < MINSIGSTKSZ)
			return -ENOMEM;
		t->altstack.sp = mode == SS_DISABLE ? 0 : u.sp;
		t->altstack.size = mode == SS_DISABLE ? 0 : u.size;
		t->altstack.flags = (unsigned)(u.flags & SS_AUTODISARM);
	}
	return old ? user_put(old, &was) : 0;
}

long sys_restart_syscall(void)
{
	struct task *t = task_current();

	return t->restart.fn ? t->restart.fn(t) : -EINTR;
}
