/* SPDX-License-Identifier: MIT */
/* RLIMIT_SIGPENDING: how many signals may wait for a user, in all of his processes, timers included. */
#include "guest.h"

#define USER 4321

static void limit(rlim_t n)
{
	struct rlimit l = {n, n};

	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &l));
}

static void block_all(void)
{
	sigset_t s;

	sigfillset(&s);
	sigprocmask(SIG_BLOCK, &s, NULL);
}

/* Signals that could be queued to a process before there were too many. */
static int fill(pid_t pid, int most)
{
	int n = 0;

	while (n < most && sigqueue(pid, SIGRTMIN, (union sigval){0}) == 0)
		n++;
	if (n < most)
		CHECK_EQ(errno, EAGAIN);
	return n;
}

static int take_all(void)
{
	struct timespec none = {0, 0};
	sigset_t s;
	int n = 0;

	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN);
	while (sigtimedwait(&s, NULL, &none) > 0)
		n++;
	return n;
}

/* The first number of SigQ in /proc/self/status. */
static int waiting(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[200];
	int n = -1;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "SigQ: %d/", &n) == 1)
			break;
	fclose(f);
	return n;
}

TEST(all_processes_of_a_user_count)
{
	struct gate full = gate_make(), go = gate_make();
	pid_t pid, holder;

	block_all();
	FORK(pid) {
		limit(20);
		CHECK_OK(setuid(USER));
		FORK(holder) {
			CHECK_EQ(fill(getpid(), 15), 15);
			gate_open(&full);
			gate_wait(&go);
		}
		gate_wait(&full);
		CHECK_EQ(waiting(), 15);
		CHECK_EQ(fill(getpid(), 100), 5);
		CHECK_EQ(waiting(), 20);
		CHECK_OK(kill(getpid(), SIGUSR1)); /* that there is one can always be said */
		CHECK_ERR(sigqueue(holder, SIGRTMIN + 1, (union sigval){0}), EAGAIN);
		CHECK_EQ(take_all(), 5);
		CHECK_EQ(fill(getpid(), 100), 4); /* SIGUSR1 waits, too */
		gate_open(&go);
		reap_ok(holder);
		CHECK_EQ(waiting(), 5 + 1); /* with the holder's SIGCHLD */
		CHECK_EQ(fill(getpid(), 100), 14);
	}
	reap_ok(pid);
}

TEST(users_do_not_count_for_each_other)
{
	struct gate full = gate_make(), go = gate_make();
	pid_t pid, holder;

	block_all();
	limit(20);
	FORK(holder) {
		CHECK_OK(setuid(USER));
		CHECK_EQ(fill(getpid(), 100), 20);
		gate_open(&full);
		gate_wait(&go);
	}
	gate_wait(&full);
	FORK(pid) {
		CHECK_OK(setuid(USER + 1));
		CHECK_EQ(waiting(), 0);
		CHECK_EQ(fill(getpid(), 100), 20);
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(setuid(USER));
		CHECK_EQ(fill(getpid(), 100), 0);
	}
	reap_ok(pid);
	gate_open(&go);
	reap_ok(holder);
	FORK(pid) {
		CHECK_OK(setuid(USER));
		CHECK_EQ(fill(getpid(), 100), 20);
	}
	reap_ok(pid);
}

/* Whose signal it was when it was sent is who has it back. */
TEST(signals_that_wait_while_their_receiver_changes_user)
{
	pid_t pid, other;

	block_all();
	FORK(pid) {
		limit(20);
		CHECK_OK(setresuid(USER, 0, 0));
		CHECK_EQ(fill(getpid(), 10), 10);
		CHECK_OK(setresuid(USER + 1, 0, 0));
		CHECK_EQ(waiting(), 0);
		CHECK_EQ(fill(getpid(), 100), 20);
		FORK(other) {
			CHECK_OK(setresuid(USER, USER, USER));
			CHECK_EQ(fill(getpid(), 100), 10);
		}
		reap_ok(other);
		CHECK_EQ(take_all(), 30);
		FORK(other) {
			CHECK_OK(setresuid(USER, USER, USER));
			CHECK_EQ(fill(getpid(), 100), 20);
		}
		reap_ok(other);
	}
	reap_ok(pid);
}

TEST(timers_count)
{
	timer_t t[20];
	pid_t pid, other;

	block_all();
	FORK(pid) {
		limit(12);
		CHECK_OK(setuid(USER));
		for (int i = 0; i < 8; i++)
			CHECK_OK(timer_create(CLOCK_MONOTONIC, NULL, &t[i]));
		FORK(other) {
			CHECK_EQ(waiting(), 8);
			for (int i = 0; i < 4; i++)
				CHECK_OK(timer_create(CLOCK_MONOTONIC, NULL, &t[i]));
			CHECK_ERR(timer_create(CLOCK_MONOTONIC, NULL, &t[4]), EAGAIN);
			CHECK_EQ(fill(getpid(), 100), 0);
		}
		reap_ok(other);
		CHECK_OK(timer_delete(t[0]));
		CHECK_EQ(waiting(), 7 + 1);
		FORK(other)
			execl("/proc/self/exe", "sigpending", "@count", NULL);
		reap_exit(other, 8);
	}
	reap_ok(pid);
}

HELPER(count) { return waiting(); }

/* Many users at once, each of whom comes and goes. */
TEST(users_that_come_and_go)
{
	pid_t pid[40];

	block_all();
	for (int i = 0; i < 40; i++)
		FORK(pid[i]) {
			for (int k = 0; k < 20; k++) {
				CHECK_OK(setresuid((uid_t)(USER + i % 7), 0, 0));
				fill(getpid(), 3);
				CHECK_OK(setresuid((uid_t)(USER + k), 0, 0));
				if (k % 3)
					take_all();
			}
		}
	for (int i = 0; i < 40; i++)
		reap_ok(pid[i]);
}

#define CROWD 5000

/* Who has seen a process end may have as many signals wait as before it: of the process, and of its thread. */
TEST(crowds_that_nobody_took)
{
	sigset_t s;
	pid_t pid;

	sigemptyset(&s);
	sigaddset(&s, SIGRTMIN); /* and not SIGCHLD */
	sigprocmask(SIG_BLOCK, &s, NULL);
	limit(CROWD);
	for (int i = 0; i < 4; i++) {
		FORK(pid) {
			siginfo_t info = {.si_code = SI_QUEUE};

			if (i & 1)
				CHECK_EQ(fill(getpid(), CROWD), CROWD);
			else
				for (int k = 0; k < CROWD; k++)
					CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), SIGRTMIN, &info));
			CHECK_EQ(waiting(), CROWD);
		}
		reap_ok(pid);
		CHECK_EQ(waiting(), 0);
	}
	CHECK_EQ(fill(getpid(), CROWD), CROWD);
}

/* Blocks SIGRTMIN and the two after it. */
static sigset_t block_three(void)
{
	sigset_t s;

	sigemptyset(&s);
	for (int i = 0; i < 3; i++)
		sigaddset(&s, SIGRTMIN + i);
	sigprocmask(SIG_BLOCK, &s, NULL);
	return s;
}

static void send(int signo, int value, bool to_thread)
{
	siginfo_t info = {.si_code = SI_QUEUE, .si_value = {.sival_int = value}};

	if (to_thread)
		CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), getpid(), signo, &info));
	else
		CHECK_OK(sigqueue(getpid(), signo, info.si_value));
}

/* A number that becomes ignored is forgotten, however many signals of it wait; others stay. */
TEST(crowds_that_are_ignored)
{
	sigset_t s = block_three();
	siginfo_t info;

	limit(3 * CROWD);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < CROWD; i++) {
			send(SIGRTMIN, i, false);
			send(SIGRTMIN, i, true);
		}
		send(SIGRTMIN + 1, 77, round);
		CHECK_EQ(waiting(), 2 * CROWD + 1);
		CHECK(signal(SIGRTMIN, round ? SIG_IGN : SIG_DFL) != SIG_ERR);
		CHECK_EQ(waiting(), round ? 1 : 2 * CROWD + 1);
		CHECK(signal(SIGRTMIN, SIG_IGN) != SIG_ERR);
		CHECK_EQ(waiting(), 1);
		CHECK_EQ(sigwaitinfo(&s, &info), SIGRTMIN + 1);
		CHECK_EQ(info.si_value.sival_int, 77);
		CHECK(signal(SIGRTMIN, SIG_DFL) != SIG_ERR);
	}
}

/* Each number has its own order, and is found behind a crowd of others. */
TEST(crowds_of_several_numbers)
{
	struct timespec none = {0, 0};
	sigset_t s = block_three(), last;
	siginfo_t info;

	sigemptyset(&last);
	sigaddset(&last, SIGRTMIN + 2);
	limit(3 * CROWD);
	for (int i = 0; i < CROWD; i++) {
		send(SIGRTMIN, i, false);
		send(SIGRTMIN + 1, i, false);
		if (i % 50 == 0)
			send(SIGRTMIN + 2, i, false);
	}
	for (int i = 0; i < CROWD; i += 50) {
		CHECK_EQ(sigtimedwait(&last, &info, &none), SIGRTMIN + 2);
		CHECK_EQ(info.si_value.sival_int, i);
	}
	CHECK_ERR(sigtimedwait(&last, &info, &none), EAGAIN);
	for (int i = 0; i < 2 * CROWD; i++) {
		CHECK_EQ(sigtimedwait(&s, &info, &none), SIGRTMIN + i / CROWD);
		CHECK_EQ(info.si_value.sival_int, i % CROWD);
	}
	CHECK_ERR(sigtimedwait(&s, &info, &none), EAGAIN);
	CHECK_EQ(waiting(), 0);
}
