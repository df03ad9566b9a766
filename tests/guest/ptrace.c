/* SPDX-License-Identifier: MIT */
/* ptrace(2): how it begins and ends, memory, registers, watched addresses. */
#include "tracing.h"

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

TEST(who_may_trace_can_be_said)
{
	CHECK_OK(prctl(PR_SET_PTRACER, 0, 0, 0, 0));
	CHECK_OK(prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0));
	CHECK_OK(prctl(PR_SET_PTRACER, getppid(), 0, 0, 0));
	CHECK_ERR(prctl(PR_SET_PTRACER, 0x3fffffff, 0, 0, 0), EINVAL);
}

/* A program of another's rights does not get them under a tracer that has none over all. */
TEST(rights_of_files_are_not_given)
{
	pid_t tracer, pid;
	int fd = CHECK_OK(open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), to;
	static char text[1 << 20];
	ssize_t n;

	to = CHECK_OK(open("setuid", O_WRONLY | O_CREAT, 0755));
	while ((n = read(fd, text, sizeof(text))) > 0)
		CHECK_EQ(write(to, text, n), n);
	close(to);
	CHECK_OK(chmod("setuid", 04755));
	CHECK_OK(chmod(".", 0755));
	FORK(tracer) {
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		for (int traced = 0; traced < 2; traced++) {
			FORK(pid) {
				if (traced)
					CHECK_OK(trace(PTRACE_TRACEME, 0, 0, 0));
				execl("setuid", "x", "@euid", NULL);
				_exit(9);
			}
			if (traced) {
				CHECK_STOP(pid, SIGTRAP);
				RESUME(PTRACE_CONT, pid, 0);
			}
			reap_exit(pid, traced ? 1 : 0);
		}
	}
	reap_ok(tracer);
}

HELPER(euid)
{
	return geteuid() != 0;
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

/* Sees it end, and leaves it to be waited for. */
static void seize_and_see_end(pid_t pid, struct gate *seized)
{
	CHECK_OK(trace(PTRACE_SEIZE, pid, 0, 0));
	gate_open(seized);
	CHECK_OK(waitid(P_PID, pid, &(siginfo_t){0}, WEXITED | WNOWAIT | __WALL));
}

TEST(the_tracer_is_told_before_the_parent)
{
	struct gate a = gate_make(), b = gate_make(), ended = gate_make();
	pid_t pid, tracer;
	int status;

	FORK(pid)
		gate_wait(&b);
	FORK(tracer) {
		seize_and_see_end(pid, &a);
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
	FORK(tracer)
		seize_and_see_end(pid, &a);
	gate_wait(&a);
	gate_open(&b);
	reap_ok(tracer);
	reap_ok(pid);
}

/* ---- memory and registers ---- */

static const volatile int constant = 0x5678;

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
