/* SPDX-License-Identifier: MIT */
/*
 * Waiting and being interrupted: it takes no time, has its limits, and ends when it should.
 */
#include "guest.h"

#include <poll.h>

static void on_signal(int sig UNUSED)
{
}

static void catch(int sig, int flags)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};

	CHECK_OK(sigaction(sig, &action, NULL));
}

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_OK(sigprocmask(how, &set, NULL));
}

/* Waiting is sleeping: whoever waits for a signal leaves the processor to others. */
TEST(waiting_takes_no_processor_time)
{
	struct itimerval soon = {{0, 0}, {0, 150000}};
	struct rusage before, after;
	sigset_t none;
	long us;

	catch(SIGALRM, 0);
	sigemptyset(&none);
	CHECK_OK(getrusage(RUSAGE_SELF, &before));
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_ERR(sigsuspend(&none), EINTR);
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_ERR(ppoll(NULL, 0, NULL, &none), EINTR);
	CHECK_OK(getrusage(RUSAGE_SELF, &after));
	us = (after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) * 1000000;
	us += after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec;
	CHECK(us < 100000);
}

TEST(queue_has_a_limit)
{
	struct rlimit l = {50, 50};
	union sigval value = {.sival_int = 1};
	int n = 0;

	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &l));
	block(SIG_BLOCK, SIGRTMIN);
	block(SIG_BLOCK, SIGUSR1);
	while (n < 1000 && sigqueue(getpid(), SIGRTMIN, value) == 0)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK(n <= 50);
	CHECK_OK(kill(getpid(), SIGRTMIN)); /* comes without a queue entry if need be */
	CHECK_OK(kill(getpid(), SIGUSR1));
	for (int i = 0; i < n; i++) {
		sigset_t set;
		siginfo_t info;

		sigemptyset(&set);
		sigaddset(&set, SIGRTMIN);
		CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
		CHECK_EQ(info.si_code, SI_QUEUE);
	}
	CHECK_OK(sigqueue(getpid(), SIGRTMIN, value));
}

/* A wait with a limit that a handler interrupts is not begun anew, whatever SA_RESTART says; one that was only stopped goes on to its moment. */
TEST(futex_with_a_limit_interrupted)
{
	struct itimerval soon = {{0, 0}, {0, 20000}};
	struct timespec limit = {5, 0}, start, end;
	struct gate ready = gate_make();
	int word = 0, status;
	pid_t pid;

	catch(SIGALRM, SA_RESTART);
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_ERR(syscall(SYS_futex, &word, 0, 0, &limit, NULL, 0), EINTR);
	FORK(pid) {
		limit = (struct timespec){0, 150000000};
		clock_gettime(CLOCK_MONOTONIC, &start);
		gate_open(&ready);
		CHECK_ERR(syscall(SYS_futex, &word, 0, 0, &limit, NULL, 0), ETIMEDOUT);
		clock_gettime(CLOCK_MONOTONIC, &end);
		CHECK((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 >= 149);
	}
	gate_wait(&ready);
	sleep_ms(20);
	CHECK_OK(kill(pid, SIGSTOP));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK_OK(kill(pid, SIGCONT));
	reap_ok(pid);
}

/* A signal that would have been fatal becomes ignored while the call that says so is under way: life goes on, or ends, but does not hang. */
TEST(fatal_signal_ignored_at_the_last_moment)
{
	for (int i = 0; i < 60; i++) {
		struct itimerval soon = {{0, 0}, {0, 500 + i * 37}};
		int status;
		pid_t pid;

		FORK(pid) {
			struct itimerval left = {{0, 0}, {0, 1}};

			CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
			while (left.it_value.tv_usec) {
				signal(SIGALRM, SIG_IGN);
				getitimer(ITIMER_REAL, &left);
				signal(SIGALRM, SIG_DFL);
			}
		}
		status = reap(pid);
		CHECK(status == 0 || status == SIGALRM);
	}
}
