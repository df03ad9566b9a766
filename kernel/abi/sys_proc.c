/* SPDX-License-Identifier: MIT */
/* Processes: making, replacing, ending, waiting; limits, usage. */
#include "abi/convert.h"
#include "abi/dispatch.h"
#include "arch/context.h"
#include "arch/tls.h"
#include "arch/trap.h"
#include "lib/bits.h"
#include "lib/div64.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "proc/exec.h"
#include "proc/exit.h"
#include "proc/fork.h"
#include "proc/pidfd.h"
#include "proc/futex.h"
#include "proc/rseq.h"
#include "proc/unshare.h"
#include "proc/wait.h"
#include "syscall_protos.h"
#include "task/group.h"
#include "task/pid.h"
#include "vfs/fdtable.h"

long sys_fork(void) { return proc_clone(&(struct clone_request){ .exit_signal = SIGCHLD }, dispatch_frame()); }
long sys_vfork(void) { return proc_clone(&(struct clone_request){ .flags = CLONE_VFORK | CLONE_VM, .exit_signal = SIGCHLD }, dispatch_frame()); }

long sys_clone(unsigned long flags, uaddr_t stack, uaddr_t ptid, uaddr_t tls, uaddr_t ctid)
{
	struct clone_request r = { .flags = flags & ~0xfful, .exit_signal = (int)(flags & 0xff), .stack = stack, .parent_tid = ptid, .child_tid = ctid, .tls = tls,
				   .pidfd = ptid };

	if (flags & CLONE_PIDFD && flags & CLONE_PARENT_SETTID) /* one word for both */
		return -EINVAL;
	return proc_clone(&r, dispatch_frame());
}

long sys_unshare(unsigned long flags) { return proc_unshare(flags); }

/* No descriptor leads to a namespace. */
long sys_setns(int fd, unsigned long flags)
{
	struct fdref r = fd_borrow((unsigned)fd, false);

	(void)flags;
	fd_return(r);
	return r.file ? -EINVAL : -EBADF;
}

/* Takes over the file, which may be an ERR_PTR. */
static long exec(struct file *f, const char *name, const char *comm, uaddr_t argv, uaddr_t envp)
{
	struct args a;
	long err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	args_init(&a, proc_arg_limit());
	err = args_add_user_vector(&a, argv, false);
	if (!err)
		err = args_add_user_vector(&a, envp, true);
	if (!err)
		return proc_exec(f, name, comm, &a, dispatch_frame());
	args_free(&a);
	file_put(f);
	return err;
}

long sys_execve(uaddr_t path, uaddr_t argv, uaddr_t envp)
{
	char *name = path_from_user(path, false);
	long err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = exec(file_open_exec(name), name, NULL, argv, envp);
	path_name_free(name);
	return err;
}

/* An interpreter could not open a script by a descriptor that is closed by then. */
static bool is_lost_script(int fd, struct file *f)
{
	char start[2];

	return fd_get_cloexec(fdtable_current(), (unsigned)fd) > 0 && file_read_kernel(f, start, 2, 0) == 2 && start[0] == '#' && start[1] == '!';
}

/* The last name of the file of a descriptor, which is what its process is called. */
static void last_name(struct file *f, char out[16])
{
	char *buf = kmalloc(PATH_MAX, 0), *at;
	struct path root = fsctx_root(fsctx_current());

	out[0] = '\0';
	at = buf ? path_name(&f->path, &root, buf, PATH_MAX, false) : NULL;
	path_put(&root);
	if (at && !IS_ERR(at))
		str_copy(out, strrchr(at, '/') ? strrchr(at, '/') + 1 : at, 16);
	kfree(buf);
}

/* The name that the program is known by: under /dev/fd when it was found from a descriptor. */
static long exec_from(int dirfd, const char *name, unsigned walk, uaddr_t argv, uaddr_t envp)
{
	struct file *f = file_open_exec_at(dirfd, name, walk);
	size_t size = strlen(name) + 32;
	char *shown, comm[16];
	long err;

	if (IS_ERR(f) || dirfd == AT_FDCWD || name[0] == '/')
		return exec(f, name, NULL, argv, envp);
	shown = kmalloc(size, 0);
	if (!shown || is_lost_script(dirfd, f)) {
		err = shown ? -ENOENT : -ENOMEM;
		kfree(shown);
		file_put(f);
		return err;
	}
	fmt_buf(shown, size, *name ? "/dev/fd/%d/%s" : "/dev/fd/%d", dirfd, name);
	if (!*name)
		last_name(f, comm);
	err = exec(f, shown, *name ? NULL : comm, argv, envp);
	kfree(shown);
	return err;
}

long sys_execveat(int dirfd, uaddr_t path, uaddr_t argv, uaddr_t envp, unsigned long flags)
{
	unsigned walk = (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	char *name;
	long err;

	if (flags & ~(unsigned long)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	name = path_from_user(path, flags & AT_EMPTY_PATH);
	if (IS_ERR(name))
		return PTR_ERR(name);
	err = exec_from(dirfd, name, walk, argv, envp);
	path_name_free(name);
	return err;
}

long sys_exit(int status) { proc_exit_thread((status & 0xff) << 8); }
long sys_exit_group(int status) { proc_exit_group((status & 0xff) << 8); }

static long wait_common(int pid, unsigned options, struct wait_result *res)
{
	enum wait_id what = pid == -1 ? WAIT_ALL : pid > 0 ? WAIT_PID : WAIT_GROUP;

	if (options & ~(unsigned)(WNOHANG | WUNTRACED | WCONTINUED | W_NOTHREAD | W_ALL | (int)W_CLONE))
		return -EINVAL;
	if (pid == -0x7fffffff - 1)
		return -ESRCH;
	return proc_wait(what, what == WAIT_GROUP ? -pid : pid, options | WEXITED, res);
}

long sys_wait4(int pid, uaddr_t status, unsigned long options, uaddr_t usage)
{
	struct wait_result res;
	struct u_rusage ru;
	long err = wait_common(pid, (unsigned)options, &res);

	if (err || !res.pid)
		return err;
	if (status && user_put(status, &res.status))
		return -EFAULT;
	rusage_fill(&ru, &res.usage);
	if (usage && user_put(usage, &ru))
		return -EFAULT;
	return res.pid;
}

long sys_waitpid(int pid, uaddr_t status, unsigned long options) { return sys_wait4(pid, status, (unsigned)options, 0); }

/* P_PIDFD: the number of the process, which its parent has kept for it while it is a child. A descriptor that does not block must not here either. */
static long pid_of_descriptor(int *id, unsigned long *options, bool *nonblock)
{
	struct file *f = *id < 0 ? NULL : fd_get(fdtable_current(), (unsigned)*id, false);
	struct process *p = f ? pidfd_process(f) : NULL;
	long err = *id < 0 ? -EINVAL : !p ? -EBADF : READ_ONCE(p->state) == PROCESS_REAPED ? -ECHILD : 0;

	if (!err) {
		*nonblock = f->flags & O_NONBLOCK && !(*options & WNOHANG);
		*options |= *nonblock ? WNOHANG : 0;
		*id = p->pid;
	}
	file_put(f);
	return err;
}

long sys_waitid(int what, int id, uaddr_t info, unsigned long options, uaddr_t usage)
{
	struct wait_result res;
	struct u_rusage ru;
	int32_t u[32] = { 0 };
	bool nonblock = false;
	long err;

	if (options & ~(unsigned long)(WNOHANG | WNOWAIT | WEXITED | WSTOPPED | WCONTINUED | W_NOTHREAD | W_ALL | W_CLONE)
	    || !(options & (WEXITED | WSTOPPED | WCONTINUED)) || what < 0 || what > 3)
		return -EINVAL;
	if (what == 3) {
		err = pid_of_descriptor(&id, &options, &nonblock);
		if (err)
			return err;
		what = 1;
	}
	if ((what == 1 && id <= 0) || (what == 2 && id < 0))
		return -EINVAL;
	err = proc_wait(what == 0 ? WAIT_ALL : what == 1 ? WAIT_PID : WAIT_GROUP, id, (unsigned)options, &res);
	if (!err && !res.pid && nonblock)
		err = -EAGAIN;
	if (err)
		return err;
	if (res.pid) {
		u[0] = SIGCHLD;
		u[2] = res.code;
		u[3] = res.pid;
		u[4] = (int32_t)res.uid;
		u[5] = res.code == CLD_TRAPPED ? res.status >> 8 : res.code == CLD_EXITED ? res.status >> 8 & 0xff : res.code == CLD_STOPPED ? res.status >> 8 & 0xff : res.code == CLD_CONTINUED ? SIGCONT
											: res.status & 0x7f;
	}
	rusage_fill(&ru, &res.usage);
	if (usage && res.pid && user_put(usage, &ru))
		return -EFAULT;
	return info ? user_write(info, u, sizeof(u)) : 0;
}

long sys_getpid(void) { return process_current()->pid; }
long sys_gettid(void) { return task_current()->tid; }
long sys_getppid(void) { return READ_ONCE(process_current()->ppid); }
long sys_getpgrp(void) { return group_getpgid(0); }
long sys_getpgid(int pid) { return group_getpgid(pid); }
long sys_getsid(int pid) { return group_getsid(pid); }
long sys_setsid(void) { return group_setsid(); }
long sys_setpgid(int pid, int pgid) { return group_setpgid(pid, pgid); }

long sys_set_tid_address(uaddr_t addr)
{
	task_current()->clear_tid = addr;
	return task_current()->tid;
}

long sys_set_robust_list(uaddr_t head, size_t len)
{
	if (len != 12)
		return -EINVAL;
	task_current()->robust_list = head;
	return 0;
}

long sys_get_robust_list(int pid, uaddr_t head, uaddr_t len)
{
	struct task *t = pid ? pid_task(pid) : (task_get(task_current()), task_current());
	uint32_t h, n = 12;
	long err;

	if (!t)
		return -ESRCH;
	h = (uint32_t)t->robust_list;
	err = t->process == process_current() || capable(CAP_SYS_PTRACE) ? 0 : -EPERM;
	task_put(t);
	if (!err && (user_put(len, &n) || user_put(head, &h)))
		err = -EFAULT;
	return err;
}

static long futex(uaddr_t addr, unsigned long op, unsigned val, uaddr_t timeout, uaddr_t addr2, unsigned val3, bool wide)
{
	struct futex_request r = { .op = (unsigned)op, .addr = addr, .addr2 = addr2, .val = val, .val2 = (uint32_t)timeout, .val3 = val3, .deadline = WAIT_FOREVER };
	unsigned cmd = op & 127;
	uint64_t ns;
	long err;

	if (timeout && (cmd == 0 || cmd == 6 || cmd == 9 || cmd == 11 || cmd == 13)) {
		err = time_from_user(timeout, wide, &ns);
		if (err)
			return err;
		if (cmd == 0)
			r.deadline = deadline_after(ns);
		else if (op & 256 || cmd == 6) /* FUTEX_CLOCK_REALTIME, FUTEX_LOCK_PI: an absolute wall time */
			r.deadline = ns > clock_boot_wall() ? ns - clock_boot_wall() : 1;
		else
			r.deadline = ns;
	}
	return futex_call(&r);
}

long sys_futex(uaddr_t addr, unsigned long op, unsigned val, uaddr_t t, uaddr_t addr2, unsigned val3) { return futex(addr, op, val, t, addr2, val3, false); }
long sys_futex_time64(uaddr_t addr, unsigned long op, unsigned val, uaddr_t t, uaddr_t addr2, unsigned val3) { return futex(addr, op, val, t, addr2, val3, true); }

#define WORDS_MAX 128u

/* struct futex_waitv */
struct u_word { uint64_t val, addr; uint32_t flags, reserved; };

static long words_from_user(uaddr_t from, unsigned n, struct futex_word *out)
{
	struct u_word u;

	for (unsigned i = 0; i < n; i++) {
		if (user_get(&u, from + i * sizeof(u)))
			return -EFAULT;
		if (u.flags & ~130u || u.reserved || !(u.flags & 2)) /* FUTEX_32, FUTEX_PRIVATE_FLAG */
			return -EINVAL;
		out[i] = (struct futex_word){ .addr = (uaddr_t)u.addr, .val = (uint32_t)u.val, .private = u.flags & 128 };
	}
	return 0;
}

long sys_futex_waitv(uaddr_t waiters, unsigned n, unsigned flags, uaddr_t timeout, int clock)
{
	ktime_t deadline = WAIT_FOREVER;
	struct futex_word *words;
	uint64_t ns;
	long err;

	if (flags || !n || n > WORDS_MAX || !waiters)
		return -EINVAL;
	if (timeout) {
		if (clock != 0 && clock != 1) /* CLOCK_REALTIME, CLOCK_MONOTONIC */
			return -EINVAL;
		err = time_from_user(timeout, true, &ns);
		if (err)
			return err;
		deadline = clock ? ns : ns > clock_boot_wall() ? ns - clock_boot_wall() : 1;
	}
	words = kmalloc(n * sizeof(*words), 0);
	if (!words)
		return -ENOMEM;
	err = words_from_user(waiters, n, words);
	if (!err)
		err = futex_waitv(words, n, deadline);
	kfree(words);
	return err;
}

long sys_rseq(uaddr_t area, unsigned len, int flags, unsigned signature) { return rseq_call(area, len, flags, signature); }

long sys_set_thread_area(uaddr_t desc) { return arch_tls_set(&thread_current()->arch, desc); }
long sys_get_thread_area(uaddr_t desc) { return arch_tls_get(&thread_current()->arch, desc); }

long sys_personality(unsigned long persona)
{
	struct process *p = process_current();
	long old = (long)p->personality;

	if (persona != 0xffffffffu)
		p->personality = persona;
	return old;
}
