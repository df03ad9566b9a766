/* SPDX-License-Identifier: MIT */
/*
 * Process groups and sessions: who may move whom, and what orphaned groups are told.
 */
#include "guest.h"

#include <sys/ioctl.h>

static volatile int handled;

static void on_signal(int sig)
{
	handled = handled * 100 + sig;
}

static pid_t sleeper(void)
{
	pid_t pid;

	FORK(pid)
		for (;;)
			pause();
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

TEST(own_group)
{
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setpgid(0, 0));
		CHECK_EQ(getpgrp(), getpid());
		CHECK_OK(setpgid(getpid(), getpid()));
		CHECK_EQ(getpgid(0), getpid());
		CHECK_EQ(getpgid(getpid()), getpid());
	}
	reap_ok(pid);
}

TEST(parent_moves_child)
{
	pid_t a = sleeper(), b = sleeper();

	CHECK_OK(setpgid(a, 0));
	CHECK_EQ(getpgid(a), a);
	CHECK_OK(setpgid(b, a));
	CHECK_EQ(getpgid(b), a);
	CHECK_OK(setpgid(b, getpgrp()));
	CHECK_EQ(getpgid(b), getpgrp());
	end(a);
	end(b);
}

TEST(setpgid_errors)
{
	pid_t a = sleeper(), leader;
	struct gate ready = gate_make();

	CHECK_ERR(setpgid(a, -1), EINVAL);
	CHECK_ERR(setpgid(-1, 0), EINVAL);
	CHECK_ERR(setpgid(0x3fffffff, 0), ESRCH);
	CHECK_ERR(setpgid(1, 0), ESRCH);
	CHECK_ERR(setpgid(getppid(), 0), ESRCH);
	CHECK_ERR(setpgid(a, 0x3fffffff), EPERM);
	CHECK_ERR(setpgid(a, 1), EPERM);
	FORK(leader) {
		CHECK_OK(setsid());
		CHECK_ERR(setpgid(0, 0), EPERM);
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_wait(&ready);
	CHECK_ERR(setpgid(leader, 0), EPERM);
	CHECK_ERR(setpgid(leader, getpgrp()), EPERM);
	CHECK_ERR(setpgid(a, leader), EPERM); /* a group of another session */
	end(leader);
	end(a);
}

HELPER(tell_and_wait)
{
	(void)!write(atoi(argv[2]), "x", 1);
	for (;;)
		pause();
	return 0;
}

TEST(child_that_has_execed)
{
	int fd[2];
	char number[12], c;
	pid_t pid;

	CHECK_OK(pipe(fd));
	snprintf(number, sizeof(number), "%d", fd[1]);
	FORK(pid)
		execl("/proc/self/exe", "jobs", "@tell_and_wait", number, NULL);
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_ERR(setpgid(pid, 0), EACCES);
	end(pid);
}

TEST(sessions)
{
	pid_t pid, me = getpid();

	CHECK_ERR(setsid(), EPERM); /* it leads a group */
	CHECK_EQ(getsid(0), getsid(me));
	CHECK_ERR(getsid(0x3fffffff), ESRCH);
	CHECK_ERR(getsid(-1), ESRCH);
	CHECK_ERR(getpgid(0x3fffffff), ESRCH);
	CHECK_ERR(getpgid(-1), ESRCH);
	FORK(pid) {
		CHECK_EQ(setsid(), getpid());
		CHECK_EQ(getsid(0), getpid());
		CHECK_EQ(getpgrp(), getpid());
		CHECK_ERR(setsid(), EPERM);
		CHECK(getsid(me) != getpid());
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	}
	reap_ok(pid);
}

TEST(setsid_when_the_number_is_a_group_of_others)
{
	pid_t leader, member;

	leader = sleeper();
	CHECK_OK(setpgid(leader, leader));
	member = sleeper();
	CHECK_OK(setpgid(member, leader));
	end(leader);
	CHECK_OK(kill(-leader, 0)); /* the group lives on without its leader */
	CHECK_EQ(getpgid(member), leader);
	end(member);
	CHECK_ERR(kill(-leader, 0), ESRCH);
}

/* A child in a new session starts a stopped grandchild in its own group, then exits: the group becomes an orphan. */
TEST(orphaned_stopped_group_gets_hup_and_cont)
{
	struct gate ready = gate_make(), done = gate_make();
	int result[2];
	pid_t pid;

	CHECK_OK(pipe(result));
	FORK(pid) {
		pid_t inner;

		CHECK_OK(setsid());
		FORK(inner) {
			setpgid(0, 0);
			signal(SIGHUP, on_signal);
			signal(SIGCONT, on_signal);
			gate_open(&ready);
			raise(SIGSTOP);
			for (int i = 0; i < LATE_MS && handled < 100; i++)
				sleep_ms(1);
			CHECK_EQ(write(result[1], (void *)&handled, sizeof(handled)), sizeof(handled));
			gate_open(&done);
			_exit(0);
		}
		gate_wait(&ready);
		wait_state(inner, "T");
	}
	reap_ok(pid);
	int got;
	CHECK_EQ(read(result[0], &got, sizeof(got)), sizeof(got));
	CHECK(got == SIGHUP * 100 + SIGCONT || got == SIGCONT * 100 + SIGHUP);
}

TEST(orphaned_group_does_not_stop_by_terminal_signals)
{
	static const int signals[] = {SIGTSTP, SIGTTIN, SIGTTOU};
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setsid()); /* its parent is in another session: orphaned */
		for (int i = 0; i < 3; i++)
			raise(signals[i]);
	}
	reap_ok(pid);
}

TEST(stop_signals_stop)
{
	static const int signals[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

	for (int i = 0; i < 4; i++) {
		pid_t pid = sleeper();
		int status;

		CHECK_OK(setpgid(pid, 0));
		CHECK_OK(kill(-pid, signals[i]));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK_EQ(WSTOPSIG(status), signals[i]);
		CHECK_EQ(proc_state(pid), 'T');
		CHECK_OK(kill(-pid, SIGCONT));
		wait_state(pid, "S");
		end(pid);
	}
}

TEST(sigcont_handler_runs_and_blocked_cont_continues)
{
	struct gate ready = gate_make();
	int status;
	pid_t pid;

	FORK(pid) {
		sigset_t set;

		sigemptyset(&set);
		sigaddset(&set, SIGCONT);
		sigprocmask(SIG_BLOCK, &set, NULL);
		gate_open(&ready);
		raise(SIGSTOP);
		_exit(33);
	}
	gate_wait(&ready);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGCONT);
	reap_exit(pid, 33);
}

TEST(no_terminal)
{
	pid_t pid;

	FORK(pid) {
		int fd = CHECK_OK(open("/dev/null", O_RDWR));

		CHECK_OK(setsid());
		CHECK_ERR(tcgetpgrp(fd), ENOTTY);
		CHECK_ERR(tcsetpgrp(fd, getpgrp()), ENOTTY);
		CHECK_ERR(ioctl(fd, TIOCSCTTY, 0), ENOTTY);
		CHECK_ERR(tcgetpgrp(-1), EBADF);
	}
	reap_ok(pid);
}
