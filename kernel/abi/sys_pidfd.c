/* SPDX-License-Identifier: MIT */
/* Descriptors of processes, and clone3. */
#include "abi/convert.h"
#include "abi/dispatch.h"
#include "abi/newfd.h"
#include "arch/mmu.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "proc/fork.h"
#include "fs/procfs.h"
#include "proc/pidfd.h"
#include "proc/signal.h"
#include "syscall_protos.h"
#include "task/pid.h"
#include "task/sigqueue.h"
#include "vfs/fdtable.h"

#define CLONE_CLEAR_SIGHAND (1ull << 32)
#define CLONE3_FLAGS (0xffffffffull | CLONE_CLEAR_SIGHAND)
#define CSIGNAL 0xffull
#define CLONE_ARGS_LEAST 64u

struct u_clone_args { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; };

long sys_pidfd_open(int pid, unsigned flags)
{
	struct process *p;
	struct task *t;
	long fd;

	if (flags & ~(unsigned)O_NONBLOCK || pid <= 0)
		return -EINVAL;
	p = pid_process(pid);
	if (!p) {
		t = pid_task(pid);
		if (t)
			task_put(t);
		return t ? -EINVAL : -ESRCH; /* a thread that is not the first of its process */
	}
	fd = newfd(pidfd_create(p, flags), true);
	process_put(p);
	return fd;
}

static long send(struct process *p, int sig, uaddr_t uinfo)
{
	struct siginfo info = { .signo = sig, .code = SI_USER, .pid = process_current()->pid, .uid = cred_current()->uid };
	int32_t u[32];

	if (uinfo) {
		if (user_read(u, uinfo, sizeof(u)))
			return -EFAULT;
		info = (struct siginfo){ .signo = sig, .err = u[1], .code = u[2], .pid = u[3], .uid = (uid_t)u[4], .value = (uint32_t)u[5] };
		if (u[0] != sig)
			return -EINVAL;
		if ((info.code >= 0 || info.code == SI_TKILL) && p != process_current())
			return -EPERM;
	}
	if (sig < 0 || sig > NSIG)
		return -EINVAL;
	if (READ_ONCE(p->state) == PROCESS_REAPED)
		return -ESRCH;
	return signal_send(p, NULL, &info);
}

long sys_pidfd_send_signal(int pidfd, int sig, uaddr_t info, unsigned flags)
{
	struct process *p;
	struct file *f;
	long err = -EBADF;

	if (flags)
		return -EINVAL;
	f = fd_get(fdtable_current(), (unsigned)pidfd, false);
	p = f ? pidfd_process(f) : NULL;
	if (f && !p)
		p = procfs_process(f); /* as before there were pidfds */
	if (p)
		err = send(p, sig, info);
	file_put(f);
	return err;
}

static long take_file(struct process *p, int fd)
{
	struct fdtable *t;
	struct file *f;

	if (READ_ONCE(p->state) != PROCESS_RUNNING)
		return -ESRCH;
	if (!process_may_attach(p, false))
		return -EPERM;
	t = fdtable_of(p);
	if (!t)
		return -ESRCH;
	f = fd_get(t, (unsigned)fd, true);
	fdtable_look_end(t);
	return f ? newfd(f, true) : -EBADF;
}

long sys_pidfd_getfd(int pidfd, int fd, unsigned flags)
{
	struct file *f;
	long r = -EBADF;

	if (flags)
		return -EINVAL;
	f = fd_get(fdtable_current(), (unsigned)pidfd, false);
	if (f && pidfd_process(f))
		r = take_file(pidfd_process(f), fd);
	file_put(f);
	return r;
}

static long args_from_user(struct u_clone_args *a, uaddr_t user, size_t size)
{
	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size < CLONE_ARGS_LEAST)
		return -EINVAL;
	return struct_from_user(a, sizeof(*a), user, size);
}

/* What Linux refuses, and control groups, which are not there. A number can be chosen for each namespace: there is one. */
static bool valid(const struct u_clone_args *a)
{
	if (a->flags & ~CLONE3_FLAGS || a->flags & (CLONE_DETACHED | CSIGNAL) || a->set_tid_size > 1 || !a->set_tid != !a->set_tid_size)
		return false;
	if (a->flags & CLONE_SIGHAND && a->flags & CLONE_CLEAR_SIGHAND)
		return false;
	if ((a->flags & (CLONE_THREAD | CLONE_PARENT) && a->exit_signal) || a->exit_signal > NSIG)
		return false;
	if (!a->stack != !a->stack_size || a->stack > UINT32_MAX || a->stack_size > UINT32_MAX || a->pidfd > UINT32_MAX)
		return false;
	return !a->stack || user_range_ok((uaddr_t)a->stack, (size_t)a->stack_size);
}

long sys_clone3(uaddr_t args, size_t size)
{
	struct u_clone_args a;
	struct clone_request r;
	long err = args_from_user(&a, args, size);
	pid_t number;

	if (err)
		return err;
	if (!valid(&a))
		return -EINVAL;
	if (a.set_tid && (a.set_tid > UINT32_MAX || user_get(&number, (uaddr_t)a.set_tid)))
		return -EFAULT;
	r = (struct clone_request){ .flags = (unsigned long)a.flags, .exit_signal = (int)a.exit_signal, .stack = (uaddr_t)(a.stack + a.stack_size),
				    .parent_tid = (uaddr_t)a.parent_tid, .child_tid = (uaddr_t)a.child_tid, .tls = (uaddr_t)a.tls,
				    .pidfd = (uaddr_t)a.pidfd, .number = a.set_tid ? &number : NULL, .clear_handlers = a.flags & CLONE_CLEAR_SIGHAND };
	return proc_clone(&r, dispatch_frame());
}
