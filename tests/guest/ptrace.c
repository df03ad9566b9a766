/* SPDX-License-Identifier: MIT */
/* ptrace(2): stops, registers, memory, signals, system calls, children, and what happens when either side ends. */
#include "guest.h"

#include <elf.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/user.h>

/* Options as the kernel's headers have them. */
#define SYSGOOD PTRACE_O_TRACESYSGOOD

static long trace(long request, pid_t pid, unsigned long addr, unsigned long data)
{
	return syscall(SYS_ptrace, request, pid, addr, data);
}

static int wait_stop(pid_t pid)
{
	int status = 0;
	pid_t got;

	do {
		got = waitpid(pid, &status, __WALL);
	} while (got < 0 && errno == EINTR);
	CHECK_EQ(got, pid);
	if (!WIFSTOPPED(status))
		FAIL("status %#x is no stop", status);
	return status >> 8;
}

#define CHECK_STOP(pid, want) CHECK_EQ(wait_stop(pid), want)
static void first_stop(pid_t pid)
{
	CHECK_STOP(pid, SIGSTOP);
}

#define RESUME(request, pid, sig) CHECK_OK(trace(request, pid, 0, sig))

/* A child that asked to be traced and has stopped itself. */
#define TRACED_CHILD(pid)                                                                                              \
	for (bool first_ = true; first_; first_stop(pid), first_ = false)                                              \
		FORK(pid)                                                                                              \
			for (bool in_ = (CHECK_OK(trace(PTRACE_TRACEME, 0, 0, 0)), raise(SIGSTOP), true); in_; in_ = false)

static long word_of(pid_t pid, void *addr)
{
	long v;

	CHECK_OK(trace(PTRACE_PEEKDATA, pid, (uintptr_t)addr, (uintptr_t)&v));
	return v;
}

static struct user_regs_struct regs_of(pid_t pid)
{
	struct user_regs_struct r;

	CHECK_OK(trace(PTRACE_GETREGS, pid, 0, (uintptr_t)&r));
	return r;
}

static long status_number(pid_t pid, const char *name)
{
	char path[40], text[4096], *at;
	int fd;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	fd = CHECK_OK(open(path, O_RDONLY | O_CLOEXEC));
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	CHECK(n > 0);
	text[n] = 0;
	at = strstr(text, name);
	CHECK(at);
	return atol(at + strlen(name) + 1);
}

/* ---- beginning and ending ---- */

TEST(a_stop_is_told_and_ends)
{
	siginfo_t info = {0};
	pid_t pid;

	TRACED_CHILD(pid)
		_exit(7);
	CHECK_EQ(proc_state(pid), 't');
	CHECK_EQ(status_number(pid, "TracerPid:"), getpid());
	CHECK_EQ(waitpid(pid, NULL, WNOHANG | __WALL), 0);
	CHECK_OK(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info));
	CHECK_EQ(info.si_signo, SIGSTOP);
	CHECK_EQ(info.si_code, SI_TKILL);
	CHECK_EQ(info.si_pid, pid);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 7);
}

TEST(waitid_tells_of_a_trap)
{
	siginfo_t info = {0};
	pid_t pid;

	TRACED_CHILD(pid)
		raise(SIGUSR1);
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_OK(waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT));
	CHECK_EQ(info.si_code, CLD_TRAPPED);
	CHECK_EQ(info.si_status, SIGUSR1);
	CHECK_OK(waitid(P_PID, pid, &info, WEXITED | WSTOPPED));
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 0);
}

TEST(refusals)
{
	pid_t pid, other;
	struct gate g = gate_make();

	CHECK_ERR(trace(PTRACE_ATTACH, getpid(), 0, 0), EPERM);
	CHECK_ERR(trace(PTRACE_ATTACH, 0x3fffffff, 0, 0), ESRCH);
	CHECK_ERR(trace(PTRACE_CONT, getppid(), 0, 0), ESRCH);
	CHECK_ERR(trace(PTRACE_SEIZE, getppid(), 0, 0x40000000), EIO);
	TRACED_CHILD(pid) {
		CHECK_ERR(trace(PTRACE_TRACEME, 0, 0, 0), EPERM);
		gate_wait(&g);
	}
	CHECK_ERR(trace(PTRACE_ATTACH, pid, 0, 0), EPERM);
	FORK(other) {
		CHECK_ERR(trace(PTRACE_ATTACH, pid, 0, 0), EPERM);
		CHECK_ERR(trace(PTRACE_CONT, pid, 0, 0), ESRCH);
	}
	reap_ok(other);
	CHECK_ERR(trace(PTRACE_CONT, pid, 0, 65), EIO);
	CHECK_ERR(trace(PTRACE_CONT, pid, 0, -1ul), EIO);
	CHECK_ERR(trace(0x7777, pid, 0, 0), EIO);
	CHECK_ERR(trace(PTRACE_LISTEN, pid, 0, 0), EIO);
	CHECK_ERR(trace(PTRACE_INTERRUPT, pid, 0, 0), EIO);
	CHECK_ERR(trace(PTRACE_SETOPTIONS, pid, 0, 0x40000000), EINVAL);
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_ERR(trace(PTRACE_PEEKDATA, pid, (uintptr_t)&g, (uintptr_t)&other), ESRCH);
	gate_open(&g);
	reap_ok(pid);
	CHECK_ERR(trace(PTRACE_CONT, pid, 0, 0), ESRCH);
}

TEST(a_stranger_may_not)
{
	pid_t pid, other;

	FORK(pid)
		pause();
	FORK(other) {
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK_ERR(trace(PTRACE_ATTACH, pid, 0, 0), EPERM);
		CHECK_ERR(trace(PTRACE_SEIZE, pid, 0, 0), EPERM);
	}
	reap_ok(other);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

TEST(attach_and_detach)
{
	pid_t pid;

	FORK(pid)
		for (;;)
			pause();
	wait_state(pid, "S");
	CHECK_OK(trace(PTRACE_ATTACH, pid, 0, 0));
	CHECK_STOP(pid, SIGSTOP);
	CHECK_EQ(status_number(pid, "TracerPid:"), getpid());
	RESUME(PTRACE_DETACH, pid, 0);
	wait_state(pid, "S");
	CHECK_EQ(status_number(pid, "TracerPid:"), 0);
	CHECK_ERR(trace(PTRACE_DETACH, pid, 0, 0), ESRCH);
	CHECK_OK(trace(PTRACE_ATTACH, pid, 0, 0));
	CHECK_STOP(pid, SIGSTOP);
	RESUME(PTRACE_DETACH, pid, SIGTERM);
	reap_signal(pid, SIGTERM);
}

TEST(attach_to_what_has_stopped)
{
	int status;
	pid_t pid;

	FORK(pid)
		for (;;)
			pause();
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(proc_state(pid), 'T');
	CHECK_OK(trace(PTRACE_SEIZE, pid, 0, 0));
	CHECK_STOP(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
	CHECK_EQ(proc_state(pid), 't');
	RESUME(PTRACE_DETACH, pid, 0);
	wait_state(pid, "T");
	kill(pid, SIGCONT);
	wait_state(pid, "S");
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

TEST(killed_in_a_stop)
{
	pid_t pid;

	TRACED_CHILD(pid)
		_exit(3);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
	TRACED_CHILD(pid)
		_exit(3);
	CHECK_OK(trace(PTRACE_KILL, pid, 0, 0));
	reap_signal(pid, SIGKILL);
}

static pid_t tracer_of(pid_t pid, unsigned long options, struct gate *seized, struct gate *end)
{
	pid_t tracer;

	FORK(tracer) {
		CHECK_OK(trace(PTRACE_SEIZE, pid, 0, options));
		CHECK_OK(trace(PTRACE_INTERRUPT, pid, 0, 0));
		CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_STOP << 8);
		gate_open(seized);
		gate_wait(end);
	}
	gate_wait(seized);
	return tracer;
}

TEST(the_tracer_ends)
{
	struct gate a = gate_make(), b = gate_make(), go = gate_make();
	pid_t pid, tracer;

	FORK(pid) {
		gate_wait(&go);
		_exit(5);
	}
	tracer = tracer_of(pid, 0, &a, &b);
	CHECK_EQ(proc_state(pid), 't');
	gate_open(&b);
	reap_ok(tracer);
	gate_open(&go);
	reap_exit(pid, 5);
	FORK(pid) {
		gate_wait(&go);
		_exit(5);
	}
	tracer = tracer_of(pid, PTRACE_O_EXITKILL, &a, &b);
	kill(tracer, SIGKILL);
	reap_signal(tracer, SIGKILL);
	reap_signal(pid, SIGKILL);
}

TEST(the_tracer_is_told_before_the_parent)
{
	struct gate a = gate_make(), b = gate_make(), ended = gate_make();
	pid_t pid, tracer;
	int status;

	FORK(pid)
		gate_wait(&b);
	FORK(tracer) {
		CHECK_OK(trace(PTRACE_SEIZE, pid, 0, 0));
		gate_open(&a);
		CHECK_OK(waitid(P_PID, pid, &(siginfo_t){0}, WEXITED | WNOWAIT | __WALL));
		gate_open(&a);
		gate_wait(&ended);
		CHECK_EQ(waitpid(pid, &status, __WALL), pid);
		CHECK_EQ(status, 0);
		CHECK_ERR(waitpid(pid, &status, __WALL), ECHILD);
	}
	gate_wait(&a);
	gate_open(&b);
	gate_wait(&a);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	gate_open(&ended);
	reap_ok(pid);
	reap_ok(tracer);
}

TEST(the_tracer_ends_before_it_waits)
{
	struct gate a = gate_make(), b = gate_make();
	pid_t pid, tracer;

	FORK(pid)
		gate_wait(&b);
	FORK(tracer) {
		CHECK_OK(trace(PTRACE_SEIZE, pid, 0, 0));
		gate_open(&a);
		CHECK_OK(waitid(P_PID, pid, &(siginfo_t){0}, WEXITED | WNOWAIT | __WALL));
	}
	gate_wait(&a);
	gate_open(&b);
	reap_ok(tracer);
	reap_ok(pid);
}

/* ---- memory and registers ---- */

static volatile int plain = 0x1234;
static const volatile int constant = 0x5678;

static long __attribute__((noinline)) seven(void)
{
	__asm__ volatile("" ::: "memory");
	return 7;
}

TEST(memory)
{
	char *edge = map_edge();
	long v;
	pid_t pid;

	TRACED_CHILD(pid) {
		CHECK_EQ(plain, 0x4321);
		CHECK_EQ(constant, 0x8765);
		_exit(9);
	}
	CHECK_EQ(word_of(pid, (void *)&plain), 0x1234);
	CHECK_OK(trace(PTRACE_POKEDATA, pid, (uintptr_t)&plain, 0x4321));
	CHECK_OK(trace(PTRACE_POKETEXT, pid, (uintptr_t)&constant, 0x8765));
	CHECK_EQ(plain, 0x1234);
	CHECK_EQ(constant, 0x5678);
	CHECK_EQ(word_of(pid, (void *)&constant), 0x8765);
	CHECK_ERR(trace(PTRACE_PEEKDATA, pid, (uintptr_t)edge - 2, (uintptr_t)&v), EIO);
	CHECK_ERR(trace(PTRACE_PEEKDATA, pid, 0xfffffffc, (uintptr_t)&v), EIO);
	CHECK_ERR(trace(PTRACE_PEEKDATA, pid, 0xbffffffe, (uintptr_t)&v), EIO);
	CHECK_ERR(trace(PTRACE_POKEDATA, pid, 8, 1), EIO);
	CHECK_ERR(trace(PTRACE_PEEKDATA, pid, (uintptr_t)&plain, 8), EFAULT);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 9);
}

TEST(a_breakpoint)
{
	struct user_regs_struct r;
	long code;
	pid_t pid;

	TRACED_CHILD(pid)
		_exit((int)seven());
	code = word_of(pid, (void *)seven);
	CHECK_OK(trace(PTRACE_POKETEXT, pid, (uintptr_t)seven, (code & ~0xffl) | 0xcc));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP);
	r = regs_of(pid);
	CHECK_EQ(r.eip, (uintptr_t)seven + 1);
	CHECK_EQ(r.orig_eax, -1);
	CHECK_OK(trace(PTRACE_POKETEXT, pid, (uintptr_t)seven, code));
	r.eip--;
	CHECK_OK(trace(PTRACE_SETREGS, pid, 0, (uintptr_t)&r));
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 7);
	CHECK_EQ(seven(), 7);
}

TEST(steps)
{
	struct user_regs_struct r;
	siginfo_t info;
	int n = 0;
	pid_t pid;

	TRACED_CHILD(pid) {
		__asm__ volatile("movl $0x11111111, %%ebx; nop; movl $0x22222222, %%ebx; movl $0x33333333, %%ebx" ::: "ebx");
		_exit(4);
	}
	do {
		RESUME(PTRACE_SINGLESTEP, pid, 0);
		CHECK_STOP(pid, SIGTRAP);
		r = regs_of(pid);
		CHECK(++n < 20000);
	} while (r.ebx != 0x11111111);
	CHECK_EQ(r.eflags & 0x100, 0);
	CHECK_OK(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info));
	CHECK_EQ(info.si_code, TRAP_TRACE);
	CHECK_EQ((uintptr_t)info.si_addr, r.eip);
	RESUME(PTRACE_SINGLESTEP, pid, 0);
	CHECK_STOP(pid, SIGTRAP);
	CHECK_EQ(regs_of(pid).ebx, 0x11111111);
	CHECK_EQ(regs_of(pid).eip, r.eip + 1);
	RESUME(PTRACE_SINGLESTEP, pid, 0);
	CHECK_STOP(pid, SIGTRAP);
	CHECK_EQ(regs_of(pid).ebx, 0x22222222);
	RESUME(PTRACE_SINGLESTEP, pid, 0);
	CHECK_STOP(pid, SIGTRAP);
	CHECK_EQ(regs_of(pid).ebx, 0x33333333);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 4);
}

TEST(a_step_over_a_call)
{
	struct user_regs_struct r;
	int n = 0;
	pid_t pid;

	TRACED_CHILD(pid) {
		__asm__ volatile("movl $0x11111111, %%ecx; movl $20, %%eax; int $0x80; nop; nop" ::: "eax", "ecx");
		_exit(4);
	}
	do {
		RESUME(PTRACE_SINGLESTEP, pid, 0);
		CHECK_STOP(pid, SIGTRAP);
		CHECK(++n < 20000);
	} while (regs_of(pid).ecx != 0x11111111);
	RESUME(PTRACE_SINGLESTEP, pid, 0);
	CHECK_STOP(pid, SIGTRAP);
	r = regs_of(pid);
	CHECK_EQ(r.eax, 20);
	RESUME(PTRACE_SINGLESTEP, pid, 0);
	CHECK_STOP(pid, SIGTRAP);
	CHECK_EQ(regs_of(pid).eax, pid);
	CHECK_EQ(regs_of(pid).eip, r.eip + 2);
	RESUME(PTRACE_SINGLESTEP, pid, 0);
	CHECK_STOP(pid, SIGTRAP);
	CHECK_EQ(regs_of(pid).eip, r.eip + 3);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 4);
}

TEST(registers)
{
	struct user_regs_struct r, again;
	struct iovec iov = {&again, sizeof(again)};
	long v;
	pid_t pid;

	TRACED_CHILD(pid)
		_exit(0);
	r = regs_of(pid);
	CHECK_EQ(r.xcs, 0x73);
	CHECK_EQ(r.xss, 0x7b);
	CHECK_OK(trace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.eip), (uintptr_t)&v));
	CHECK_EQ(v, r.eip);
	CHECK_OK(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (uintptr_t)&iov));
	CHECK_EQ(iov.iov_len, sizeof(r));
	CHECK(!memcmp(&r, &again, sizeof(r)));
	iov.iov_len = 8;
	CHECK_OK(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (uintptr_t)&iov));
	CHECK_EQ(iov.iov_len, 8);
	iov.iov_len = 7;
	CHECK_ERR(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, (uintptr_t)&iov), EINVAL);
	CHECK_ERR(trace(PTRACE_GETREGSET, pid, 0x7777, (uintptr_t)&iov), EINVAL);
	CHECK_ERR(trace(PTRACE_GETREGSET, pid, NT_PRSTATUS, 8), EFAULT);
	CHECK_ERR(trace(PTRACE_GETREGS, pid, 0, 8), EFAULT);
	CHECK_ERR(trace(PTRACE_PEEKUSER, pid, 1, (uintptr_t)&v), EIO);
	CHECK_ERR(trace(PTRACE_PEEKUSER, pid, sizeof(struct user), (uintptr_t)&v), EIO);
	CHECK_ERR(trace(PTRACE_PEEKUSER, pid, -4ul, (uintptr_t)&v), EIO);
	/* no selector of the kernel's, no flags of its own */
	CHECK_ERR(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.xcs), 0x60), EIO);
	CHECK_ERR(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.xss), 0), EIO);
	CHECK_ERR(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.xds), 0x68), EIO);
	CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.eflags), ~0x100ul));
	CHECK_OK(trace(PTRACE_PEEKUSER, pid, offsetof(struct user, regs.eflags), (uintptr_t)&v));
	CHECK_EQ(v & 0x23000, r.eflags & 0x23000);
	CHECK_EQ(v & 0x200, 0x200);
	CHECK_OK(trace(PTRACE_SETREGS, pid, 0, (uintptr_t)&r));
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 0);
}

TEST(a_selector_that_is_none)
{
	pid_t pid;

	TRACED_CHILD(pid)
		_exit(0);
	CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.xcs), 0xfff3));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGILL);
	RESUME(PTRACE_CONT, pid, SIGILL);
	CHECK_EQ(reap(pid) & 0x7f, SIGILL);
}

TEST(floating_point)
{
	struct user_fpregs_struct f;
	struct user_fpxregs_struct x;
	struct iovec iov = {&f, sizeof(f)};
	pid_t pid;

	TRACED_CHILD(pid) {
		double d = 0;

		__asm__ volatile("fninit; fldpi; int3; fstpl %0" : "=m"(d));
		_exit(d == 8.0 ? 8 : 1);
	}
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP);
	CHECK_OK(trace(PTRACE_GETFPREGS, pid, 0, (uintptr_t)&f));
	CHECK_EQ(f.cwd & 0xffff, 0x37f);
	CHECK_EQ((f.swd >> 11) & 7, 7);
	CHECK_EQ(f.twd & 0xffff, 0x3fff);
	CHECK_OK(trace(PTRACE_GETFPXREGS, pid, 0, (uintptr_t)&x));
	CHECK_EQ(x.cwd, 0x37f);
	CHECK(!memcmp(x.st_space, f.st_space, 10));
	CHECK_OK(trace(PTRACE_GETREGSET, pid, NT_PRFPREG, (uintptr_t)&iov));
	CHECK_EQ(iov.iov_len, sizeof(f));
	/* 8.0 as the processor has it */
	memcpy(f.st_space, (unsigned char[10]){0, 0, 0, 0, 0, 0, 0, 0x80, 2, 0x40}, 10);
	CHECK_OK(trace(PTRACE_SETFPREGS, pid, 0, (uintptr_t)&f));
	x.mxcsr = ~0;
	CHECK(trace(PTRACE_SETFPXREGS, pid, 0, (uintptr_t)&x) == -1);
	CHECK_ERR(trace(PTRACE_SETFPREGS, pid, 0, 8), EFAULT);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 8);
}

static volatile int watched, unwatched;

static long debug_register(pid_t pid, int n)
{
	long v;

	CHECK_OK(trace(PTRACE_PEEKUSER, pid, offsetof(struct user, u_debugreg[n]), (uintptr_t)&v));
	return v;
}

static long set_debug_register(pid_t pid, int n, unsigned long v)
{
	return trace(PTRACE_POKEUSER, pid, offsetof(struct user, u_debugreg[n]), v);
}

TEST(a_watched_variable)
{
	siginfo_t info;
	pid_t pid;

	TRACED_CHILD(pid) {
		unwatched = 1;
		watched = 5;
		unwatched = watched;
		sched_yield();
		watched = 6;
		CHECK_EQ(read(open("/dev/zero", O_RDONLY), (void *)&watched, 4), 4); /* the kernel's doing is not told */
		_exit(watched + 17);
	}
	CHECK_OK(set_debug_register(pid, 1, (uintptr_t)&watched));
	CHECK_OK(set_debug_register(pid, 7, 1 << 2 | 0xdu << 20)); /* four bytes, written */
	for (int value = 5; value <= 6; value++) {
		RESUME(PTRACE_CONT, pid, 0);
		CHECK_STOP(pid, SIGTRAP);
		CHECK_EQ(word_of(pid, (void *)&watched), value);
		CHECK_EQ(debug_register(pid, 6) & 0x400f, 2);
		CHECK_OK(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info));
		CHECK_EQ(info.si_code, TRAP_HWBKPT);
		CHECK_OK(set_debug_register(pid, 6, 0));
	}
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 17);
	watched = 1; /* this process was never watched */
}

TEST(a_watched_instruction)
{
	pid_t pid;

	TRACED_CHILD(pid) {
		long n = seven();

		_exit((int)(n + seven()));
	}
	CHECK_OK(set_debug_register(pid, 0, (uintptr_t)seven));
	CHECK_OK(set_debug_register(pid, 7, 1));
	for (int i = 0; i < 2; i++) {
		RESUME(PTRACE_CONT, pid, 0);
		CHECK_STOP(pid, SIGTRAP);
		CHECK_EQ(regs_of(pid).eip, (uintptr_t)seven);
	}
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 14);
}

TEST(what_cannot_be_watched)
{
	pid_t pid;

	TRACED_CHILD(pid) {
		watched = 7;
		_exit(3);
	}
	CHECK_OK(set_debug_register(pid, 0, (uintptr_t)&watched + 1));
	CHECK_ERR(set_debug_register(pid, 7, 1 | 0xdu << 16), EINVAL); /* not aligned */
	CHECK_ERR(set_debug_register(pid, 7, 1 | 0x4u << 16), EINVAL); /* two bytes of an instruction */
	CHECK_ERR(set_debug_register(pid, 4, 1), EIO);
	CHECK_EQ(debug_register(pid, 7), 0);
	CHECK(set_debug_register(pid, 0, 0xffffff00) == -1);
	CHECK_OK(set_debug_register(pid, 7, 0x2000)); /* not the registers themselves */
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 3);
}

/* ---- signals ---- */

static volatile sig_atomic_t handled, handled_value;

static void on_signal(int sig, siginfo_t *info, void *context UNUSED)
{
	handled = sig;
	handled_value = info->si_value.sival_int;
}

TEST(a_signal_is_taken_away_or_changed)
{
	struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	siginfo_t info;
	pid_t pid;

	TRACED_CHILD(pid) {
		CHECK_OK(sigaction(SIGUSR2, &a, NULL));
		CHECK_OK(sigaction(SIGUSR1, &a, NULL));
		raise(SIGTERM);
		CHECK_EQ(handled, 0);
		raise(SIGTERM);
		CHECK_EQ(handled, SIGUSR2);
		CHECK_OK(sigqueue(getpid(), SIGUSR1, (union sigval){.sival_int = 5}));
		CHECK_EQ(handled, SIGUSR1);
		CHECK_EQ(handled_value, 6);
	}
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTERM);
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTERM);
	RESUME(PTRACE_CONT, pid, SIGUSR2);
	CHECK_STOP(pid, SIGUSR1);
	CHECK_OK(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info));
	CHECK_EQ(info.si_code, SI_QUEUE);
	CHECK_EQ(info.si_value.sival_int, 5);
	info.si_value.sival_int = 6;
	CHECK_OK(trace(PTRACE_SETSIGINFO, pid, 0, (uintptr_t)&info));
	CHECK_ERR(trace(PTRACE_SETSIGINFO, pid, 0, 8), EFAULT);
	RESUME(PTRACE_CONT, pid, SIGUSR1);
	reap_exit(pid, 0);
}

TEST(ignored_signals_are_seen)
{
	pid_t pid;

	TRACED_CHILD(pid) {
		signal(SIGUSR1, SIG_IGN);
		raise(SIGUSR1);
		raise(SIGCHLD);
	}
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGUSR1);
	RESUME(PTRACE_CONT, pid, SIGUSR1);
	CHECK_STOP(pid, SIGCHLD);
	RESUME(PTRACE_CONT, pid, SIGCHLD);
	reap_exit(pid, 0);
}

TEST(a_fatal_signal_is_seen_first)
{
	struct gate g = gate_make();
	pid_t pid;

	TRACED_CHILD(pid) {
		gate_wait(&g);
		_exit(11);
	}
	RESUME(PTRACE_CONT, pid, 0);
	kill(pid, SIGTERM);
	CHECK_STOP(pid, SIGTERM);
	RESUME(PTRACE_CONT, pid, 0);
	gate_open(&g);
	reap_exit(pid, 11);
}

TEST(masks)
{
	uint64_t mask = 0, set = 1ull << (SIGUSR1 - 1) | 1ull << (SIGKILL - 1);
	pid_t pid;

	TRACED_CHILD(pid) {
		sigset_t now;

		CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &now));
		CHECK(sigismember(&now, SIGUSR1) && !sigismember(&now, SIGKILL) && !sigismember(&now, SIGUSR2));
		raise(SIGUSR1);
	}
	CHECK_ERR(trace(PTRACE_GETSIGMASK, pid, 4, (uintptr_t)&mask), EINVAL);
	CHECK_OK(trace(PTRACE_GETSIGMASK, pid, 8, (uintptr_t)&mask));
	CHECK_EQ(mask, 0);
	CHECK_ERR(trace(PTRACE_SETSIGMASK, pid, 8, 8), EFAULT);
	CHECK_OK(trace(PTRACE_SETSIGMASK, pid, 8, (uintptr_t)&set));
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 0);
}

TEST(a_step_into_a_handler)
{
	struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	pid_t pid;

	TRACED_CHILD(pid) {
		CHECK_OK(sigaction(SIGUSR1, &a, NULL));
		raise(SIGUSR1);
		_exit(handled == SIGUSR1 ? 12 : 1);
	}
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGUSR1);
	RESUME(PTRACE_SINGLESTEP, pid, SIGUSR1);
	CHECK_STOP(pid, SIGTRAP);
	CHECK_EQ(regs_of(pid).eip, (uintptr_t)on_signal);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 12);
}

/* ---- stops of the whole process ---- */

TEST(group_stop)
{
	siginfo_t info;
	pid_t pid;

	TRACED_CHILD(pid) {
		raise(SIGTSTP);
		_exit(2);
	}
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTSTP);
	CHECK_OK(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info));
	RESUME(PTRACE_CONT, pid, SIGSTOP);
	CHECK_STOP(pid, SIGSTOP);
	CHECK_ERR(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info), EINVAL);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 2);
}

TEST(listening)
{
	struct gate g = gate_make();
	pid_t pid;

	FORK(pid) {
		gate_wait(&g);
		_exit(6);
	}
	CHECK_OK(trace(PTRACE_SEIZE, pid, 0, 0));
	kill(pid, SIGSTOP);
	CHECK_STOP(pid, SIGSTOP);
	CHECK_ERR(trace(PTRACE_LISTEN, pid, 0, 0), EIO);
	RESUME(PTRACE_CONT, pid, SIGSTOP);
	CHECK_STOP(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
	CHECK_OK(trace(PTRACE_LISTEN, pid, 0, 0));
	CHECK_EQ(waitpid(pid, NULL, WNOHANG | __WALL), 0);
	CHECK_ERR(trace(PTRACE_CONT, pid, 0, 0), ESRCH);
	CHECK_OK(trace(PTRACE_INTERRUPT, pid, 0, 0));
	CHECK_STOP(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
	CHECK_OK(trace(PTRACE_LISTEN, pid, 0, 0));
	kill(pid, SIGCONT);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_STOP << 8);
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGCONT);
	RESUME(PTRACE_CONT, pid, SIGCONT);
	gate_open(&g);
	reap_exit(pid, 6);
}

TEST(interrupt)
{
	struct gate g = gate_make();
	siginfo_t info;
	pid_t pid;

	FORK(pid) {
		gate_wait(&g);
		_exit(6);
	}
	CHECK_OK(trace(PTRACE_SEIZE, pid, 0, 0));
	wait_state(pid, "S");
	CHECK_OK(trace(PTRACE_INTERRUPT, pid, 0, 0));
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_STOP << 8);
	CHECK_OK(trace(PTRACE_GETSIGINFO, pid, 0, (uintptr_t)&info));
	CHECK_EQ(info.si_code, SIGTRAP | PTRACE_EVENT_STOP << 8);
	RESUME(PTRACE_CONT, pid, 0); /* the read goes on */
	gate_open(&g);
	reap_exit(pid, 6);
	FORK(pid)
		for (;;)
			;
	CHECK_OK(trace(PTRACE_SEIZE, pid, 0, 0));
	CHECK_OK(trace(PTRACE_INTERRUPT, pid, 0, 0)); /* runs, maybe on another CPU */
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_STOP << 8);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

/* ---- system calls ---- */

struct call_info {
	uint8_t op, pad[3];
	uint32_t arch;
	uint64_t ip, sp;
	union {
		struct { uint64_t nr, args[6]; } entry;
		struct __attribute__((packed)) { int64_t value; uint8_t is_error; } exit;
	};
} __attribute__((packed));

TEST(system_calls)
{
	struct call_info c;
	pid_t pid;

	TRACED_CHILD(pid) {
		syscall(SYS_dup2, 1000, 2001);
		_exit(0);
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, SYSGOOD));
	CHECK_EQ(trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(c), (uintptr_t)&c), 24);
	CHECK_EQ(c.op, 0);
	CHECK_EQ(c.arch, 0x40000003);
	do {
		RESUME(PTRACE_SYSCALL, pid, 0);
		CHECK_STOP(pid, SIGTRAP | 0x80);
	} while (regs_of(pid).orig_eax != SYS_dup2);
	CHECK_EQ(regs_of(pid).eax, -ENOSYS);
	CHECK_EQ(trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(c), (uintptr_t)&c), 80);
	CHECK_EQ(c.op, 1);
	CHECK_EQ(c.entry.nr, SYS_dup2);
	CHECK_EQ(c.entry.args[1], 2001);
	CHECK_EQ(c.ip, (unsigned long)regs_of(pid).eip);
	CHECK_EQ(c.sp, (unsigned long)regs_of(pid).esp);
	RESUME(PTRACE_SYSCALL, pid, 0);
	CHECK_STOP(pid, SIGTRAP | 0x80);
	CHECK_EQ(trace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(c), (uintptr_t)&c), 33);
	CHECK_EQ(c.op, 2);
	CHECK_EQ(c.exit.value, -EBADF);
	CHECK_EQ(c.exit.is_error, 1);
	CHECK_EQ(trace(PTRACE_GET_SYSCALL_INFO, pid, 4, (uintptr_t)&c), 33);
	CHECK_ERR(trace(PTRACE_GET_SYSCALL_INFO, pid, 8, 8), EFAULT);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 0);
}

static void to_call(pid_t pid, long nr)
{
	do {
		RESUME(PTRACE_SYSCALL, pid, 0);
		CHECK_STOP(pid, SIGTRAP | 0x80);
	} while (regs_of(pid).orig_eax != nr);
}

TEST(a_call_is_changed_or_left_out)
{
	pid_t pid;

	TRACED_CHILD(pid) {
		CHECK_EQ(syscall(SYS_getppid), getpid()); /* becomes getpid */
		CHECK_EQ(syscall(SYS_umask, 0), 77); /* is not made */
		CHECK_EQ(syscall(SYS_alarm, 0), -1);
		CHECK_EQ(errno, EDOM); /* made, with another result */
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, SYSGOOD));
	to_call(pid, SYS_getppid);
	CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_eax), SYS_getpid));
	to_call(pid, SYS_umask);
	CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.orig_eax), -1));
	RESUME(PTRACE_SYSCALL, pid, 0);
	CHECK_STOP(pid, SIGTRAP | 0x80);
	CHECK_EQ(regs_of(pid).eax, -ENOSYS);
	CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.eax), 77));
	to_call(pid, SYS_alarm);
	RESUME(PTRACE_SYSCALL, pid, 0);
	CHECK_STOP(pid, SIGTRAP | 0x80);
	CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.eax), -EDOM));
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 0);
}

TEST(an_interrupted_call_is_made_again)
{
	struct gate g = gate_make();
	pid_t pid;

	TRACED_CHILD(pid) {
		gate_wait(&g);
		_exit(3);
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, SYSGOOD));
	to_call(pid, SYS_read);
	RESUME(PTRACE_SYSCALL, pid, 0);
	wait_state(pid, "S");
	kill(pid, SIGTERM);
	CHECK_STOP(pid, SIGTRAP | 0x80);
	CHECK_EQ(regs_of(pid).eax, -512); /* ERESTARTSYS, which only tracers see */
	RESUME(PTRACE_SYSCALL, pid, 0);
	CHECK_STOP(pid, SIGTERM);
	RESUME(PTRACE_SYSCALL, pid, 0);
	CHECK_STOP(pid, SIGTRAP | 0x80);
	CHECK_EQ(regs_of(pid).orig_eax, SYS_read);
	gate_open(&g);
	RESUME(PTRACE_SYSCALL, pid, 0);
	CHECK_STOP(pid, SIGTRAP | 0x80);
	CHECK_EQ(regs_of(pid).eax, 1);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 3);
}

TEST(a_debugger_calls_a_function)
{
	struct gate g = gate_make();
	struct user_regs_struct r, call;
	pid_t pid;

	TRACED_CHILD(pid) {
		gate_wait(&g);
		_exit(plain == 0x1234 ? 3 : 1);
	}
	RESUME(PTRACE_CONT, pid, 0);
	wait_state(pid, "S");
	kill(pid, SIGUSR1);
	CHECK_STOP(pid, SIGUSR1);
	r = call = regs_of(pid);
	CHECK_EQ(r.eax, -512);
	call.eip = (uintptr_t)seven;
	call.orig_eax = -1;
	call.eax = 0;
	call.esp -= 256;
	CHECK_OK(trace(PTRACE_POKEDATA, pid, call.esp, 0xdead0000)); /* where it returns to */
	CHECK_OK(trace(PTRACE_SETREGS, pid, 0, (uintptr_t)&call));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGSEGV);
	CHECK_EQ((unsigned long)regs_of(pid).eip, 0xdead0000);
	CHECK_EQ(regs_of(pid).eax, 7);
	CHECK_OK(trace(PTRACE_SETREGS, pid, 0, (uintptr_t)&r));
	RESUME(PTRACE_CONT, pid, 0); /* and the read goes on */
	gate_open(&g);
	reap_exit(pid, 3);
}

/* ---- children, programs, threads ---- */

static unsigned long message_of(pid_t pid)
{
	unsigned long v;

	CHECK_OK(trace(PTRACE_GETEVENTMSG, pid, 0, (uintptr_t)&v));
	return v;
}

TEST(children_are_traced)
{
	pid_t pid, child;

	TRACED_CHILD(pid) {
		pid_t c = CHECK_OK(fork());

		if (!c)
			_exit(21);
		reap_exit(c, 21);
		_exit(22);
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_FORK << 8);
	child = (pid_t)message_of(pid);
	CHECK_STOP(child, SIGSTOP);
	CHECK_EQ(status_number(child, "PPid:"), pid);
	CHECK_EQ(status_number(child, "TracerPid:"), getpid());
	RESUME(PTRACE_CONT, pid, 0);
	RESUME(PTRACE_CONT, child, 0);
	CHECK_STOP(child, SIGTRAP | PTRACE_EVENT_EXIT << 8);
	CHECK_EQ(message_of(child), 21 << 8);
	RESUME(PTRACE_CONT, child, 0);
	CHECK_EQ(reap(child), 21 << 8);
	CHECK_STOP(pid, SIGCHLD);
	RESUME(PTRACE_CONT, pid, SIGCHLD);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_EXIT << 8);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 22);
}

TEST(vfork_is_told_twice)
{
	pid_t pid, child;

	TRACED_CHILD(pid) {
		pid_t c = vfork();

		if (!c)
			_exit(21);
		reap_exit(c, 21);
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_VFORK << 8);
	child = (pid_t)message_of(pid);
	CHECK_STOP(child, SIGSTOP);
	RESUME(PTRACE_DETACH, child, 0);
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_VFORK_DONE << 8);
	CHECK_EQ(message_of(pid), child);
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGCHLD);
	RESUME(PTRACE_CONT, pid, SIGCHLD);
	reap_exit(pid, 0);
}

HELPER(exits)
{
	return 33;
}

TEST(a_new_program)
{
	pid_t pid;

	for (int option = 0; option < 2; option++) {
		TRACED_CHILD(pid) {
			execl("/proc/self/exe", "x", "@exits", NULL);
			_exit(1);
		}
		if (option)
			CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC));
		RESUME(PTRACE_CONT, pid, 0);
		CHECK_STOP(pid, option ? SIGTRAP | PTRACE_EVENT_EXEC << 8 : SIGTRAP);
		if (option)
			CHECK_EQ(message_of(pid), pid);
		RESUME(PTRACE_CONT, pid, 0);
		reap_exit(pid, 33);
	}
}

static void *ends(void *arg)
{
	return arg;
}

TEST(threads_are_traced)
{
	pid_t pid, tid;
	int status;

	TRACED_CHILD(pid) {
		pthread_t t;

		if (pthread_create(&t, NULL, ends, NULL) || pthread_join(t, NULL))
			_exit(1);
		_exit(44);
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_CLONE << 8);
	tid = (pid_t)message_of(pid);
	CHECK(tid != pid);
	CHECK_STOP(tid, SIGSTOP);
	RESUME(PTRACE_CONT, pid, 0);
	RESUME(PTRACE_CONT, tid, 0);
	CHECK_EQ(waitpid(tid, &status, __WALL), tid);
	CHECK(status == 0 || status == 44 << 8); /* joined before it was gone, it may end with the process */
	CHECK_ERR(waitpid(tid, &status, __WALL), ECHILD);
	reap_exit(pid, 44);
}

static void *execs(void *arg UNUSED)
{
	execl("/proc/self/exe", "x", "@exits", NULL);
	return NULL;
}

TEST(a_thread_begins_a_program)
{
	pid_t pid, tid;

	TRACED_CHILD(pid) {
		pthread_t t;

		pthread_create(&t, NULL, execs, NULL);
		for (;;)
			pause();
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_CLONE << 8);
	tid = (pid_t)message_of(pid);
	CHECK_STOP(tid, SIGSTOP);
	RESUME(PTRACE_CONT, pid, 0);
	RESUME(PTRACE_CONT, tid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_EXEC << 8);
	CHECK_EQ(message_of(pid), tid);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 33);
}

/* The end of a process whose threads are all traced, by a signal that comes while they are stopped or run. */
TEST(threads_are_killed)
{
	pid_t pid, tid[4];

	TRACED_CHILD(pid) {
		for (int i = 0; i < 4; i++) {
			pthread_t t;

			pthread_create(&t, NULL, i & 1 ? execs : ends, NULL);
		}
		pause();
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
	for (int i = 0; i < 4; i++) {
		RESUME(PTRACE_CONT, pid, 0);
		CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_CLONE << 8);
		tid[i] = (pid_t)message_of(pid);
		CHECK_STOP(tid[i], SIGSTOP);
	}
	RESUME(PTRACE_CONT, tid[0], 0);
	kill(pid, SIGKILL);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(waitpid(tid[i], NULL, __WALL), tid[i]);
	reap_signal(pid, SIGKILL);
}

/* ---- both at once ---- */

TEST(storms)
{
	pid_t pid, tracer[3];

	FORK(pid)
		for (;;)
			getppid();
	for (int n = 0; n < 3; n++)
		FORK(tracer[n])
			for (int i = 0; i < 100; i++) {
				int status;

				if (trace(PTRACE_SEIZE, pid, 0, 0) < 0) {
					CHECK_EQ(errno, EPERM);
					sched_yield();
					continue;
				}
				CHECK_OK(trace(PTRACE_INTERRUPT, pid, 0, 0));
				CHECK_EQ(waitpid(pid, &status, __WALL), pid);
				CHECK_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_STOP << 8);
				if (i & 1)
					RESUME(PTRACE_SINGLESTEP, pid, 0);
				else
					RESUME(PTRACE_DETACH, pid, 0);
				if (i & 1) {
					CHECK_STOP(pid, SIGTRAP);
					RESUME(PTRACE_DETACH, pid, 0);
				}
			}
	for (int n = 0; n < 3; n++)
		reap_ok(tracer[n]);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

TEST(tracers_are_killed)
{
	pid_t pid, tracer;

	FORK(pid)
		for (;;)
			getppid();
	for (int i = 0; i < 40; i++) {
		FORK(tracer) {
			CHECK_OK(trace(PTRACE_SEIZE, pid, 0, SYSGOOD));
			CHECK_OK(trace(PTRACE_INTERRUPT, pid, 0, 0));
			wait_stop(pid);
			for (;;) {
				RESUME(PTRACE_SYSCALL, pid, 0);
				wait_stop(pid);
			}
		}
		sleep_ms(i % 5);
		kill(tracer, SIGKILL);
		reap_signal(tracer, SIGKILL);
		CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	}
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}
