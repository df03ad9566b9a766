/* SPDX-License-Identifier: MIT */
/* ptrace(2): stops for signals, of whole processes, before and after system calls. */
#include "tracing.h"

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

TEST(waiting_signals_are_looked_at)
{
	struct __ptrace_peeksiginfo_args a = {.nr = 5};
	siginfo_t info[5];
	pid_t pid;

	TRACED_CHILD(pid) {
		sigset_t all;

		sigfillset(&all);
		sigprocmask(SIG_BLOCK, &all, NULL);
		for (int i = 0; i < 3; i++)
			sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 40 + i});
		sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 50});
		sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = 43});
		raise(SIGUSR1);
		syscall(SYS_getppid);
	}
	do {
		RESUME(PTRACE_SYSCALL, pid, 0);
		CHECK_STOP(pid, SIGTRAP);
	} while (regs_of(pid).orig_eax != SYS_getppid);
	CHECK_EQ(trace(PTRACE_PEEKSIGINFO, pid, (uintptr_t)&a, (uintptr_t)info), 1);
	CHECK_EQ(info[0].si_signo, SIGUSR1);
	a.flags = PTRACE_PEEKSIGINFO_SHARED;
	CHECK_EQ(trace(PTRACE_PEEKSIGINFO, pid, (uintptr_t)&a, (uintptr_t)info), 5);
	CHECK_EQ(info[2].si_value.sival_int, 42);
	CHECK_EQ(info[3].si_value.sival_int, 50); /* as they came, whatever their numbers */
	CHECK_EQ(info[4].si_value.sival_int, 43);
	a.off = 2;
	CHECK_EQ(trace(PTRACE_PEEKSIGINFO, pid, (uintptr_t)&a, (uintptr_t)info), 3);
	CHECK_EQ(info[0].si_value.sival_int, 42);
	CHECK_EQ(info[1].si_value.sival_int, 50);
	CHECK_ERR(trace(PTRACE_PEEKSIGINFO, pid, (uintptr_t)&a, 8), EFAULT);
	CHECK_ERR(trace(PTRACE_PEEKSIGINFO, pid, 8, (uintptr_t)info), EFAULT);
	a.off = ~0ull;
	CHECK_EQ(trace(PTRACE_PEEKSIGINFO, pid, (uintptr_t)&a, (uintptr_t)info), 0);
	a.flags = 2;
	CHECK_ERR(trace(PTRACE_PEEKSIGINFO, pid, (uintptr_t)&a, (uintptr_t)info), EINVAL);
	a.flags = 0;
	a.nr = -1;
	CHECK_ERR(trace(PTRACE_PEEKSIGINFO, pid, (uintptr_t)&a, (uintptr_t)info), EINVAL);
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

TEST(the_parent_of_anothers_tracee_is_told_of_stops)
{
	struct gate a = gate_make(), b = gate_make();
	pid_t pid, tracer;
	int status;

	FORK(pid)
		for (;;)
			pause();
	FORK(tracer) {
		CHECK_OK(trace(PTRACE_SEIZE, pid, 0, 0));
		gate_open(&a);
		CHECK_STOP(pid, SIGSTOP);
		RESUME(PTRACE_CONT, pid, SIGSTOP);
		CHECK_STOP(pid, SIGSTOP | PTRACE_EVENT_STOP << 8);
		CHECK_OK(trace(PTRACE_LISTEN, pid, 0, 0));
		gate_wait(&b);
		CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_STOP << 8);
		RESUME(PTRACE_CONT, pid, 0);
		CHECK_STOP(pid, SIGCONT);
		RESUME(PTRACE_CONT, pid, SIGCONT);
		gate_open(&a);
		CHECK_EQ(waitpid(pid, &status, __WALL), pid);
		CHECK_EQ(status, SIGKILL);
	}
	gate_wait(&a);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(status, SIGSTOP << 8 | 0x7f);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
	kill(pid, SIGCONT);
	gate_open(&b);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK_EQ(status, 0xffff);
	gate_wait(&a);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
	reap_ok(tracer);
}

TEST(emulated_calls_are_not_made)
{
	pid_t pid;

	TRACED_CHILD(pid) {
		CHECK_EQ(syscall(SYS_getppid), 4711);
		_exit(1);
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, SYSGOOD));
	RESUME(PTRACE_SYSEMU, pid, 0);
	CHECK_STOP(pid, SIGTRAP | 0x80);
	while (regs_of(pid).orig_eax != SYS_getppid) {
		CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.eax), 0));
		RESUME(PTRACE_SYSEMU, pid, 0);
		CHECK_STOP(pid, SIGTRAP | 0x80);
	}
	CHECK_EQ(regs_of(pid).eax, -ENOSYS);
	CHECK_OK(trace(PTRACE_POKEUSER, pid, offsetof(struct user, regs.eax), 4711));
	RESUME(PTRACE_SYSEMU, pid, 0);
	CHECK_STOP(pid, SIGTRAP | 0x80); /* one stop for each call */
	CHECK_EQ(regs_of(pid).orig_eax, SYS_exit_group);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}
