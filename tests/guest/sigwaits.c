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

static long used_us(void)
{
	struct rusage u;

	CHECK_OK(getrusage(RUSAGE_SELF, &u));
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec + u.ru_stime.tv_usec;
}

/* Waits 150 ms in each of two ways; the time on the processor. */
static long wait_twice(void)
{
	struct itimerval soon = {{0, 0}, {0, 150000}};
	long before = used_us();
	sigset_t none, alarms;

	sigemptyset(&none);
	sigemptyset(&alarms);
	sigaddset(&alarms, SIGALRM);
	CHECK_OK(sigprocmask(SIG_BLOCK, &alarms, NULL)); /* so that none comes before the wait */
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_ERR(sigsuspend(&none), EINTR);
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_ERR(ppoll(NULL, 0, NULL, &none), EINTR);
	return used_us() - before;
}

/* Waiting is sleeping: whoever waits for a signal leaves the processor to others. A processor that stands still now and then seems busy, but not always. */
TEST(waiting_takes_no_processor_time)
{
	long us;

	catch(SIGALRM, 0);
	us = wait_twice();
	for (int i = 0; i < 9 && us >= 100000; i++)
		us = wait_twice();
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
	struct itimerval soon = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}}; /* the first one may come before the wait */
	struct timespec limit = {100, 0}, start, end;
	int word = 0, status = 0;
	pid_t pid = 0;

	catch(SIGALRM, SA_RESTART);
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_ERR(syscall(SYS_futex, &word, 0, 0, &limit, NULL, 0), EINTR);
	CHECK_OK(setitimer(ITIMER_REAL, &never, NULL));
	for (long ms = 150; !WIFSTOPPED(status); ms *= 2) { /* it must not be over before it is stopped */
		FORK(pid) {
			limit = (struct timespec){ms / 1000, ms % 1000 * 1000000};
			clock_gettime(CLOCK_MONOTONIC, &start);
			CHECK_ERR(syscall(SYS_futex, &word, 0, 0, &limit, NULL, 0), ETIMEDOUT);
			clock_gettime(CLOCK_MONOTONIC, &end);
			CHECK((end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000 >= ms - 1);
		}
		wait_state(pid, "SZ");
		CHECK_OK(kill(pid, SIGSTOP));
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status) || status == 0);
	}
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
