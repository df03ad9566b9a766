/* SPDX-License-Identifier: MIT */
/*
 * Waiting for children: what status says, who is waited for, what interrupts, and when zombies go by themselves.
 */
#include "guest.h"

#include <sys/prctl.h>

static volatile int handled;

static void on_signal(int sig UNUSED)
{
	handled++;
}

static pid_t sleeper(void)
{
	pid_t pid;

	FORK(pid)
		for (;;)
			pause();
	return pid;
}

TEST(exit_codes)
{
	static const int codes[] = {0, 1, 42, 127, 128, 255, 256, 0x1234, -1};
	int status;
	pid_t pid;

	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		FORK(pid)
			_exit(codes[i]);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, (codes[i] & 0xff) << 8);
	}
}

TEST(killed_by_each_signal)
{
	for (int sig = 1; sig < 32; sig++) {
		struct rlimit none = {0, 0};
		pid_t pid;

		if (sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH || sig == SIGSTOP ||
		    sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU)
			continue;
		FORK(pid) {
			setrlimit(RLIMIT_CORE, &none);
			kill(getpid(), sig);
			FAIL("alive after signal %d", sig);
		}
		CHECK_EQ(reap(pid), sig);
	}
}

TEST(killed_by_realtime_signals)
{
	for (int sig = 34; sig <= 64; sig += 15) {
		pid_t pid;

		FORK(pid)
			kill(getpid(), sig);
		CHECK_EQ(reap(pid), sig);
	}
}

TEST(ignored_by_default)
{
	static const int signals[] = {SIGCHLD, SIGCONT, SIGURG, SIGWINCH};
	pid_t pid;

	FORK(pid)
		for (int i = 0; i < 4; i++)
			raise(signals[i]);
	reap_ok(pid);
}

TEST(nohang)
{
	int status = 77;
	pid_t pid = sleeper();

	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(status, 77);
	CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(-1, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
	CHECK_ERR(waitpid(-1, &status, WNOHANG), ECHILD);
}

TEST(errors)
{
	pid_t pid = sleeper();

	CHECK_ERR(waitpid(1, NULL, 0), ECHILD);
	CHECK_ERR(waitpid(getpid(), NULL, 0), ECHILD);
	CHECK_ERR(waitpid(-pid, NULL, 0), ECHILD);
	CHECK_ERR(waitpid(INT_MIN, NULL, 0), ESRCH);
	CHECK_ERR(waitpid(pid, NULL, 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_waitid, 77, 0, NULL, WEXITED, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_waitid, P_PID, pid, NULL, 0, NULL), EINVAL);
	kill(pid, SIGKILL);
	CHECK_ERR(waitpid(pid, (int *)8, 0), EFAULT);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD); /* it was reaped all the same */
}

TEST(stopped_and_continued)
{
	int status;
	pid_t pid = sleeper();

	CHECK_OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status));
	CHECK_EQ(status, SIGSTOP << 8 | 0x7f);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0); /* told once only */
	CHECK_EQ(proc_state(pid), 'T');
	CHECK_OK(kill(pid, SIGTERM)); /* waits until it is continued */
	sleep_ms(20);
	CHECK_EQ(waitpid(pid, &status, WNOHANG), 0);
	CHECK_EQ(proc_state(pid), 'T');
	CHECK_OK(kill(pid, SIGCONT));
	do
		CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	while (status == 0xffff);
	CHECK_EQ(status, SIGTERM);
}

TEST(continued_is_reported)
{
	int status;
	pid_t pid = sleeper();

	CHECK_OK(kill(pid, SIGTSTP));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(WSTOPSIG(status), SIGTSTP);
	CHECK_OK(kill(pid, SIGCONT));
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK_EQ(status, 0xffff);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED | WUNTRACED | WNOHANG), 0);
	kill(pid, SIGKILL);
	CHECK_EQ(reap(pid), SIGKILL);
}

TEST(killed_while_stopped)
{
	int status;
	pid_t pid = sleeper();

	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGKILL);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, SIGKILL);
}

TEST(by_group)
{
	pid_t a, b, c;
	int status;

	FORK(a) {
		setpgid(0, 0);
		_exit(1);
	}
	setpgid(a, a);
	FORK(b)
		_exit(2);
	setpgid(b, a);
	FORK(c)
		_exit(3);
	CHECK(waitpid(-a, &status, 0) > 0);
	CHECK(waitpid(-a, &status, 0) > 0);
	CHECK_ERR(waitpid(-a, &status, 0), ECHILD);
	CHECK_EQ(waitpid(0, &status, 0), c);
	CHECK_EQ(status, 3 << 8);
	CHECK_ERR(waitpid(0, &status, 0), ECHILD);
}

TEST(orphans_go_to_init)
{
	struct gate ready = gate_make(), orphaned = gate_make(), done = gate_make();
	pid_t pid;

	FORK(pid) {
		pid_t inner;

		FORK(inner) {
			gate_open(&ready);
			gate_wait(&orphaned);
			CHECK_EQ(getppid(), 1);
			gate_open(&done);
		}
		gate_wait(&ready);
	}
	reap_ok(pid);
	gate_open(&orphaned);
	gate_wait(&done);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}

TEST(orphaned_zombies_are_reaped_by_init)
{
	int fd[2];
	pid_t pid, inner;

	CHECK_OK(pipe(fd));
	FORK(pid) {
		FORK(inner)
			_exit(5);
		wait_state(inner, "Z");
		CHECK_EQ(write(fd[1], &inner, sizeof(inner)), sizeof(inner));
	}
	CHECK_EQ(read(fd[0], &inner, sizeof(inner)), sizeof(inner));
	reap_ok(pid);
	for (int i = 0; i < LATE_MS && kill(inner, 0) == 0; i++)
		sleep_ms(1);
	CHECK_ERR(kill(inner, 0), ESRCH);
}

TEST(zombie_can_be_signalled_until_reaped)
{
	pid_t pid;

	FORK(pid)
		_exit(9);
	wait_state(pid, "Z");
	CHECK_OK(kill(pid, 0));
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(getpgid(pid), getpgrp());
	reap_exit(pid, 9);
	CHECK_ERR(kill(pid, 0), ESRCH);
}

static volatile siginfo_t child_info;

static void on_child(int sig UNUSED, siginfo_t *info, void *context UNUSED)
{
	handled++;
	memcpy((void *)&child_info, info, sizeof(*info));
}

static void catch_child(int flags)
{
	struct sigaction action = {.sa_sigaction = on_child, .sa_flags = SA_SIGINFO | flags};

	CHECK_OK(sigaction(SIGCHLD, &action, NULL));
}

TEST(sigchld_tells_of_exit)
{
	pid_t pid;

	catch_child(0);
	FORK(pid)
		_exit(11);
	reap_exit(pid, 11);
	CHECK_EQ(handled, 1);
	CHECK_EQ(child_info.si_signo, SIGCHLD);
	CHECK_EQ(child_info.si_code, CLD_EXITED);
	CHECK_EQ(child_info.si_pid, pid);
	CHECK_EQ(child_info.si_status, 11);
	CHECK_EQ(child_info.si_uid, 0);
	pid = sleeper();
	kill(pid, SIGTERM);
	reap_signal(pid, SIGTERM);
	CHECK_EQ(child_info.si_code, CLD_KILLED);
	CHECK_EQ(child_info.si_status, SIGTERM);
}

TEST(sigchld_tells_of_stop_unless_nocldstop)
{
	pid_t pid = sleeper();
	int status;

	catch_child(SA_RESTART);
	kill(pid, SIGSTOP);
	/* Only then wait: who takes the status before the signal is made may take it out of the signal. */
	CHECK_SOON(handled == 1);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(child_info.si_code, CLD_STOPPED);
	CHECK_EQ(child_info.si_status, SIGSTOP);
	kill(pid, SIGCONT);
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK_SOON(handled == 2);
	CHECK_EQ(child_info.si_code, CLD_CONTINUED);
	catch_child(SA_RESTART | SA_NOCLDSTOP);
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_EQ(handled, 2);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
	CHECK_EQ(handled, 3);
}

TEST(ignored_sigchld_reaps)
{
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	FORK(pid)
		_exit(3);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD); /* returns after the child's end; on Linux it still has a moment to go then */
	CHECK_SOON(kill(pid, 0) < 0);
	CHECK_ERR(kill(pid, 0), ESRCH);
}

TEST(nocldwait_reaps_and_still_signals)
{
	pid_t pid;

	catch_child(SA_NOCLDWAIT);
	FORK(pid)
		_exit(3);
	errno = 0;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	CHECK_EQ(errno, ECHILD);
	CHECK_EQ(handled, 1);
}

TEST(interrupted_by_a_handler)
{
	struct sigaction action = {.sa_handler = on_signal};
	pid_t pid = sleeper(), parent = getpid(), killer;

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	FORK(killer) {
		wait_state(parent, "S");
		kill(parent, SIGUSR1);
	}
	CHECK_ERR(waitpid(pid, NULL, 0), EINTR);
	CHECK_EQ(handled, 1);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
	reap_ok(killer);
}

TEST(restarted_after_a_handler)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	pid_t pid = sleeper(), parent = getpid(), killer;

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	FORK(killer) {
		wait_state(parent, "S");
		kill(parent, SIGUSR1);
		sleep_ms(20);
		kill(pid, SIGTERM);
	}
	CHECK_EQ(waitpid(pid, NULL, 0), pid);
	CHECK_EQ(handled, 1);
	reap_ok(killer);
}

TEST(usage_is_added_up)
{
	struct rusage usage, before, after;
	int status;
	pid_t pid;

	getrusage(RUSAGE_CHILDREN, &before);
	FORK(pid) {
		char *p = map_rw(50 * PAGE);
		struct timespec start, now;

		madvise(p, 50 * PAGE, MADV_NOHUGEPAGE); /* a fault for each */
		memset(p, 1, 50 * PAGE);
		clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
		do
			clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
		while ((now.tv_sec - start.tv_sec) * 1000000000LL + now.tv_nsec - start.tv_nsec < 50000000);
	}
	CHECK_EQ(wait4(pid, &status, 0, &usage), pid);
	CHECK_EQ(status, 0);
	CHECK(usage.ru_minflt >= 50);
	CHECK((usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec >=
	      20000);
	getrusage(RUSAGE_CHILDREN, &after);
	CHECK(after.ru_minflt >= before.ru_minflt + 50);
}

TEST(waitid_leaves_or_takes)
{
	siginfo_t info;
	pid_t pid;

	FORK(pid)
		_exit(21);
	memset(&info, 0, sizeof(info));
	CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_signo, SIGCHLD);
	CHECK_EQ(info.si_code, CLD_EXITED);
	CHECK_EQ(info.si_status, 21);
	CHECK_OK(waitid(P_ALL, 0, &info, WEXITED));
	CHECK_EQ(info.si_pid, pid);
	CHECK_ERR(waitid(P_ALL, 0, &info, WEXITED), ECHILD);
	pid = sleeper();
	info.si_pid = 5;
	CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG));
	CHECK_EQ(info.si_pid, 0);
	kill(pid, SIGKILL);
	CHECK_OK(waitid(P_PGID, (id_t)getpgrp(), &info, WEXITED));
	CHECK_EQ(info.si_code, CLD_KILLED);
	CHECK_EQ(info.si_status, SIGKILL);
}

TEST(many_at_once)
{
	bool seen[100] = {false};
	pid_t first = 0, pid;
	int status;

	for (int i = 0; i < 100; i++) {
		FORK(pid)
			_exit(i);
		first = first ?: pid;
	}
	for (int i = 0; i < 100; i++) {
		CHECK(wait(&status) > 0);
		CHECK(WIFEXITED(status) && !seen[WEXITSTATUS(status)]);
		seen[WEXITSTATUS(status)] = true;
	}
	CHECK_ERR(wait(&status), ECHILD);
}

/* A zombie that comes to a parent which wants none is gone at once. */
TEST(zombies_of_a_parent_that_ignores_them)
{
	pid_t *inner = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED), pid;

	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	signal(SIGCHLD, SIG_IGN);
	FORK(pid) {
		struct gate go = gate_make();

		pid_t mine;

		FORK(mine)
			gate_wait(&go);
		*inner = mine;
		signal(SIGCHLD, SIG_DFL);
		gate_open(&go);
		wait_state(*inner, "Z");
	}
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
	CHECK_SOON(kill(*inner, 0) < 0);
	CHECK_ERR(kill(*inner, 0), ESRCH);
}

/* A zombie is still its user's: so say wait and /proc, and it counts for the limit of processes. */
TEST(zombies_belong_to_their_user)
{
	struct rlimit two = {2, 2};
	pid_t pid, inner;
	char name[64];
	siginfo_t info;
	struct stat st;

	FORK(pid) {
		CHECK_OK(setresuid(54321, 54321, 54321));
		CHECK_OK(setrlimit(RLIMIT_NPROC, &two));
		FORK(inner)
			_exit(3);
		CHECK_OK(waitid(P_PID, inner, &info, WEXITED | WNOWAIT));
		CHECK_EQ(info.si_uid, 54321);
		CHECK_ERR(fork(), EAGAIN);
		snprintf(name, sizeof(name), "/proc/%d", inner);
		CHECK_OK(stat(name, &st));
		CHECK_EQ(st.st_uid, 54321);
		reap_exit(inner, 3);
		FORK(inner)
			_exit(4);
		reap_exit(inner, 4);
	}
	reap_ok(pid);
}

/* What wait4 says a child has used is with what the child's own children have. */
TEST(usage_with_grandchildren)
{
	struct rusage usage;
	pid_t pid, inner;

	FORK(pid) {
		FORK(inner) {
			struct timespec used;

			do
				clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
			while (used.tv_sec == 0 && used.tv_nsec < 100000000);
		}
		reap_ok(inner);
	}
	CHECK_EQ(wait4(pid, NULL, 0, &usage), pid);
	CHECK(usage.ru_utime.tv_sec * 1000000 + usage.ru_utime.tv_usec + usage.ru_stime.tv_sec * 1000000 + usage.ru_stime.tv_usec >= 80000);
}
