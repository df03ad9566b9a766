/* SPDX-License-Identifier: MIT */
/* ptrace(2): what of it reads and writes the tracer's memory; the rest is in proc/ptrace. */
#include "abi/convert.h"
#include "arch/tls.h"
#include "arch/trap.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "proc/ptrace.h"
#include "proc/rseq.h"
#include "proc/signal.h"
#include "syscall_protos.h"
#include "task/pid.h"
#include "task/sigqueue.h"
#include "vm/fault.h"

enum { PTRACE_TRACEME, PTRACE_PEEKTEXT, PTRACE_PEEKDATA, PTRACE_PEEKUSR, PTRACE_POKETEXT, PTRACE_POKEDATA, PTRACE_POKEUSR, PTRACE_CONT, PTRACE_KILL,
       PTRACE_SINGLESTEP, PTRACE_GETREGS = 12, PTRACE_SETREGS, PTRACE_GETFPREGS, PTRACE_SETFPREGS, PTRACE_ATTACH, PTRACE_DETACH, PTRACE_GETFPXREGS,
       PTRACE_SETFPXREGS, PTRACE_OLDSETOPTIONS = 21, PTRACE_SYSCALL = 24, PTRACE_GET_THREAD_AREA, PTRACE_SET_THREAD_AREA, PTRACE_SYSEMU = 31,
       PTRACE_SYSEMU_SINGLESTEP, PTRACE_SETOPTIONS = 0x4200, PTRACE_GETEVENTMSG, PTRACE_GETSIGINFO, PTRACE_SETSIGINFO, PTRACE_GETREGSET, PTRACE_SETREGSET,
       PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_LISTEN, PTRACE_PEEKSIGINFO, PTRACE_GETSIGMASK, PTRACE_SETSIGMASK, PTRACE_GET_SYSCALL_INFO = 0x420e,
       PTRACE_GET_RSEQ_CONFIGURATION };

#define NT_PRSTATUS 1u
#define NT_PRFPREG 2u
#define NT_X86_XSTATE 0x202u
#define NT_PRXFPREG 0x46e62b7fu
#define IMAGE_MAX 512
#define PEEK_SHARED 1u /* PTRACE_PEEKSIGINFO_SHARED */

/* A tracee that has stopped: it stands still but for being killed, which does no harm. */
struct tracee {
	struct task *task;
	struct tracing *tr;
	struct trapframe *tf;
	uaddr_t addr, data;
};

static long peek(struct tracee *e)
{
	struct aspace *as = process_aspace_get(e->task->process);
	uint32_t v;
	ssize_t n = as ? vm_debug_read(as, e->addr, &v, sizeof(v)) : -EIO;

	if (as)
		aspace_put(as);
	return n == sizeof(v) ? user_put(e->data, &v) : -EIO;
}

static long poke(struct tracee *e)
{
	struct aspace *as = process_aspace_get(e->task->process);
	uint32_t v = (uint32_t)e->data;
	ssize_t n = as ? vm_debug_write(as, e->addr, &v, sizeof(v)) : -EIO;

	if (as)
		aspace_put(as);
	return n == sizeof(v) ? 0 : -EIO;
}

static long peek_user(struct tracee *e)
{
	unsigned long v;
	uint32_t word;
	int err = arch_user_area_get(&e->task->thread.arch, e->tf, e->addr, &v);

	word = (uint32_t)v;
	return err ? err : user_put(e->data, &word);
}

/* The debugger may have changed which system call, if any, was interrupted and is to be made again. */
static long registers_changed(struct tracee *e, int err)
{
	if (!err)
		e->task->syscall_nr = arch_regs_syscall(e->tf);
	return err;
}

/* ---- sets of registers ---- */

static size_t image_size(unsigned set)
{
	switch (set) {
	case NT_PRSTATUS: return ARCH_REGS_BYTES;
	case NT_PRFPREG: return ARCH_FPREGS_BYTES;
	case NT_PRXFPREG: return ARCH_FPXREGS_BYTES;
	default: return 0;
	}
}

static void image_get(const struct tracee *e, unsigned set, void *image)
{
	if (set == NT_PRSTATUS)
		arch_regs_get(e->tf, image);
	else if (set == NT_PRFPREG)
		arch_fpregs_get(&e->tr->fp, image);
	else
		arch_fpxregs_get(&e->tr->fp, image);
}

static long image_set(struct tracee *e, unsigned set, const void *image)
{
	int err = 0;

	if (set == NT_PRSTATUS)
		return registers_changed(e, arch_regs_set(e->tf, image));
	if (set == NT_PRFPREG)
		arch_fpregs_set(&e->tr->fp, image);
	else
		err = arch_fpxregs_set(&e->tr->fp, image);
	if (!err)
		e->tr->fp_changed = true;
	return err;
}

static long get_set(struct tracee *e, unsigned set, uaddr_t to, size_t n)
{
	uint8_t image[IMAGE_MAX];

	image_get(e, set, image);
	return user_write(to, image, n);
}

static long set_set(struct tracee *e, unsigned set, uaddr_t from, size_t n)
{
	uint8_t image[IMAGE_MAX];

	image_get(e, set, image); /* what comes may be less than all */
	if (user_read(image, from, n))
		return -EFAULT;
	return image_set(e, set, image);
}

static long regset(struct tracee *e, bool set)
{
	struct { uint32_t base, len; } iov;
	unsigned which = (unsigned)e->addr;
	size_t size = image_size(which);
	long err;

	if (user_get(&iov, e->data))
		return -EFAULT;
	if (which == NT_X86_XSTATE)
		return -ENODEV; /* this kernel uses no XSAVE */
	if (!size || iov.len % 4)
		return -EINVAL;
	iov.len = MIN(iov.len, (uint32_t)size);
	if (set && which == NT_PRXFPREG && iov.len != size)
		return -EINVAL;
	err = set ? set_set(e, which, iov.base, iov.len) : get_set(e, which, iov.base, iov.len);
	return err ? err : user_write(e->data + 4, &iov.len, sizeof(iov.len));
}

/* ---- signals, events, system calls ---- */

static long get_siginfo(struct tracee *e)
{
	unsigned char u[128];

	if (!e->tr->has_info)
		return -EINVAL;
	siginfo_to_user(&e->tr->info, u);
	return user_write(e->data, u, sizeof(u));
}

static long set_siginfo(struct tracee *e)
{
	unsigned char u[128];

	if (user_read(u, e->data, sizeof(u)))
		return -EFAULT;
	if (!e->tr->has_info)
		return -EINVAL;
	siginfo_from_user(&e->tr->info, u);
	return 0;
}

static long peek_siginfo(struct tracee *e)
{
	struct { uint64_t off; uint32_t flags; int32_t count; } a;
	struct process *p = e->task->process;
	unsigned char u[128];
	struct siginfo info;
	uint64_t place = 0;
	unsigned long irq;
	long n = 0;
	bool more;

	if (user_get(&a, e->addr))
		return -EFAULT;
	if (a.flags & ~PEEK_SHARED || a.count < 0)
		return -EINVAL;
	while (n < a.count) {
		irq = sighand_lock(p);
		more = sigpending_peek(a.flags & PEEK_SHARED ? &p->pending : &e->task->pending, &place, &info);
		sighand_unlock(p, irq);
		if (!more)
			break;
		if (a.off) {
			a.off--;
			continue;
		}
		siginfo_to_user(&info, u);
		if (user_write(e->data + (uaddr_t)n * sizeof(u), u, sizeof(u)))
			return n ? n : -EFAULT;
		n++;
		if (signal_pending_current())
			break;
	}
	return n;
}

static long get_sigmask(struct tracee *e)
{
	sigset64 mask = e->task->restore_mask ? e->task->saved_mask : e->task->sigmask;

	return e->addr != sizeof(mask) ? -EINVAL : user_put(e->data, &mask);
}

static long set_sigmask(struct tracee *e)
{
	struct process *p = e->task->process;
	sigset64 mask;
	unsigned long irq;

	if (e->addr != sizeof(mask))
		return -EINVAL;
	if (user_get(&mask, e->data))
		return -EFAULT;
	irq = sighand_lock(p);
	e->task->sigmask = mask & ~SIG_UNBLOCKABLE;
	e->task->restore_mask = false;
	signal_recalc(e->task);
	sighand_unlock(p, irq);
	return 0;
}

static long set_options(struct tracee *e)
{
	unsigned long irq;

	if (e->data & ~(uaddr_t)PTRACE_O_KNOWN)
		return -EINVAL;
	irq = sighand_lock(e->task->process);
	e->tr->options = (unsigned)e->data;
	sighand_unlock(e->task->process, irq);
	return 0;
}

static long get_message(struct tracee *e)
{
	uint32_t v = (uint32_t)e->tr->message;

	return user_put(e->data, &v);
}

/* struct ptrace_syscall_info: the length says how much of it there is. */
static long get_syscall_info(struct tracee *e)
{
	struct __packed {
		uint8_t op, pad[3];
		uint32_t arch;
		uint64_t ip, sp;
		union { struct { uint64_t nr, args[6]; } entry; struct __packed { int64_t value; uint8_t is_error; } exit; };
	} u;
	size_t n = offsetof(typeof(u), entry);
	long ret = tf_ret(e->tf);

	memset(&u, 0, sizeof(u));
	u.op = e->tr->at;
	u.arch = ARCH_AUDIT;
	u.ip = tf_ip(e->tf);
	u.sp = tf_sp(e->tf);
	if (e->tr->at == TRACE_AT_ENTRY) {
		u.entry.nr = (uint32_t)tf_syscall_nr(e->tf);
		for (unsigned i = 0; i < 6; i++)
			u.entry.args[i] = tf_arg(e->tf, i);
		n += sizeof(u.entry);
	} else if (e->tr->at == TRACE_AT_EXIT) {
		u.exit.value = ret;
		u.exit.is_error = ret < 0 && ret >= -4095;
		n += sizeof(u.exit);
	}
	return user_write(e->data, &u, MIN(n, (size_t)e->addr)) ? -EFAULT : (long)n;
}

/* struct ptrace_rseq_configuration; all 0 but the size if the thread is not registered. */
static long get_rseq(struct tracee *e)
{
	struct { uint64_t area; uint32_t bytes, signature, flags, pad; } u = { e->task->rseq.area, RSEQ_AREA_SIZE, e->task->rseq.signature, 0, 0 };

	return user_write(e->data, &u, MIN(sizeof(u), (size_t)e->addr)) ? -EFAULT : (long)sizeof(u);
}

/* ---- requests ---- */

/* What only looks at the tracee or changes it. -ENOSYS: not one of these. */
static long look(struct tracee *e, unsigned long request)
{
	switch (request) {
	case PTRACE_PEEKTEXT: case PTRACE_PEEKDATA: return peek(e);
	case PTRACE_POKETEXT: case PTRACE_POKEDATA: return poke(e);
	case PTRACE_PEEKUSR: return peek_user(e);
	case PTRACE_POKEUSR: return registers_changed(e, arch_user_area_set(&e->task->thread.arch, e->tf, e->addr, e->data));
	case PTRACE_GETREGS: return get_set(e, NT_PRSTATUS, e->data, ARCH_REGS_BYTES);
	case PTRACE_SETREGS: return set_set(e, NT_PRSTATUS, e->data, ARCH_REGS_BYTES);
	case PTRACE_GETFPREGS: return get_set(e, NT_PRFPREG, e->data, ARCH_FPREGS_BYTES);
	case PTRACE_SETFPREGS: return set_set(e, NT_PRFPREG, e->data, ARCH_FPREGS_BYTES);
	case PTRACE_GETFPXREGS: return get_set(e, NT_PRXFPREG, e->data, ARCH_FPXREGS_BYTES);
	case PTRACE_SETFPXREGS: return set_set(e, NT_PRXFPREG, e->data, ARCH_FPXREGS_BYTES);
	case PTRACE_GETREGSET: case PTRACE_SETREGSET: return regset(e, request == PTRACE_SETREGSET);
	case PTRACE_GET_THREAD_AREA: case PTRACE_SET_THREAD_AREA:
		return arch_tls_other(&e->task->thread.arch, e->addr, e->data, request == PTRACE_SET_THREAD_AREA);
	case PTRACE_GETSIGINFO: return get_siginfo(e);
	case PTRACE_SETSIGINFO: return set_siginfo(e);
	case PTRACE_PEEKSIGINFO: return peek_siginfo(e);
	case PTRACE_GETSIGMASK: return get_sigmask(e);
	case PTRACE_SETSIGMASK: return set_sigmask(e);
	case PTRACE_SETOPTIONS: case PTRACE_OLDSETOPTIONS: return set_options(e);
	case PTRACE_GETEVENTMSG: return get_message(e);
	case PTRACE_GET_SYSCALL_INFO: return get_syscall_info(e);
	case PTRACE_GET_RSEQ_CONFIGURATION: return get_rseq(e);
	default: return -ENOSYS;
	}
}

static long go_on(struct tracee *e, unsigned long request)
{
	struct resume how = { .signo = (int)e->data };

	switch (request) {
	case PTRACE_CONT: break;
	case PTRACE_SYSCALL: how.syscall = true; break;
	case PTRACE_SINGLESTEP: how.step = true; break;
	case PTRACE_SYSEMU: how.emulate = true; break;
	case PTRACE_SYSEMU_SINGLESTEP: how.emulate = how.step = true; break;
	case PTRACE_DETACH: break;
	case PTRACE_LISTEN: return ptrace_listen(e->tr, e->task) ? 0 : -EIO;
	default: return -EIO;
	}
	if (e->data > NSIG)
		return -EIO;
	if (request == PTRACE_DETACH)
		ptrace_detach(e->tr, how.signo);
	else
		ptrace_resume(e->tr, e->task, &how);
	return 0;
}

static long attach(struct task *t, unsigned long request, uaddr_t addr, uaddr_t data)
{
	bool seize = request == PTRACE_SEIZE;

	if (seize && (addr || data & ~(uaddr_t)PTRACE_O_KNOWN))
		return -EIO;
	return ptrace_attach(t, seize, seize ? (unsigned)data : 0);
}

/* For a tracee, which need not have stopped for all of it. */
static long for_tracee(struct task *t, unsigned long request, uaddr_t addr, uaddr_t data)
{
	struct tracee e = { .task = t, .addr = addr, .data = data };
	long r;

	e.tr = ptrace_tracee(t, request != PTRACE_KILL && request != PTRACE_INTERRUPT);
	if (!e.tr)
		return -ESRCH;
	e.tf = arch_thread_frame(thread_stack_top(&t->thread));
	if (request == PTRACE_KILL) {
		r = 0;
		signal_post_process(t->process, &(struct siginfo){ .signo = SIGKILL, .code = SI_KERNEL });
	} else if (request == PTRACE_INTERRUPT) {
		r = t->trace_seized ? 0 : -EIO;
		if (!r)
			ptrace_interrupt(t);
	} else {
		r = look(&e, request);
		if (r == -ENOSYS)
			r = go_on(&e, request);
	}
	tracing_put(e.tr);
	return r;
}

/* A process that is a zombie cannot be attached to any more; others with no such thread are not there. */
static long no_thread(int pid, unsigned long request)
{
	struct process *p = pid > 0 ? pid_process(pid) : NULL;

	if (!p)
		return -ESRCH;
	process_put(p);
	return request == PTRACE_ATTACH || request == PTRACE_SEIZE ? -EPERM : -ESRCH;
}

long sys_ptrace(unsigned long request, int pid, uaddr_t addr, uaddr_t data)
{
	struct task *t;
	long r;

	if (request == PTRACE_TRACEME)
		return ptrace_traceme();
	t = pid > 0 ? pid_task(pid) : NULL;
	if (!t)
		return no_thread(pid, request);
	if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
		r = attach(t, request, addr, data);
	else
		r = for_tracee(t, request, addr, data);
	task_put(t);
	return r;
}
