/* SPDX-License-Identifier: MIT */
/*
 * RLIMIT_RTTIME: how long a thread that goes before all common ones may run without sleeping.
 */
#include "guest.h"

#include <sched.h>

static volatile int told;

static void on_signal(int sig UNUSED)
{
	told++;
}

static long long thread_ns(void)
{
	struct timespec ts;

	CHECK_OK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts));
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void spin_ms(int ms)
{
	long long end = thread_ns() + ms * 1000000LL;

	while (thread_ns() < end)
		;
}

static void be(int policy)
{
	struct sched_param param = {.sched_priority = policy == SCHED_OTHER ? 0 : 1};

	CHECK_OK(sched_setscheduler(0, policy, &param));
}

static void limit_us(rlim_t soft, rlim_t hard)
{
	struct rlimit r = {soft, hard};

	CHECK_OK(setrlimit(RLIMIT_RTTIME, &r));
}

static rlim_t soft_us(void)
{
	struct rlimit r;

	CHECK_OK(getrlimit(RLIMIT_RTTIME, &r));
	return r.rlim_cur;
}

/* A signal at the soft limit, which moves on by a second; the end at the hard one. */
static void both_limits(int policy)
{
	long long began;
	pid_t pid;

	FORK(pid) {
		signal(SIGXCPU, on_signal);
		limit_us(60000, 250000);
		be(policy);
		began = thread_ns();
		while (!told && thread_ns() - began < 5000000000LL)
			;
		CHECK_EQ(told, 1);
		CHECK(thread_ns() - began >= 30000000);
		CHECK_EQ(soft_us(), 1060000);
		spin_ms(5000);
		FAIL("it lives");
	}
	reap_signal(pid, SIGKILL);
}

TEST(first_come) { both_limits(SCHED_FIFO); }
TEST(round_robin) { both_limits(SCHED_RR); }

TEST(without_a_handler)
{
	pid_t pid;

	FORK(pid) {
		struct rlimit none = {0, 0};

		CHECK_OK(setrlimit(RLIMIT_CORE, &none));
		limit_us(30000, RLIM_INFINITY);
		be(SCHED_FIFO);
		spin_ms(5000);
	}
	reap_signal(pid, SIGXCPU);
}

TEST(sleep_begins_anew)
{
	limit_us(80000, 80000);
	signal(SIGXCPU, on_signal);
	be(SCHED_FIFO);
	for (int i = 0; i < 12; i++) {
		spin_ms(20);
		sleep_ms(1);
	}
	CHECK_EQ(told, 0);
}

TEST(yielding_does_not)
{
	pid_t pid;

	FORK(pid) {
		long long began = thread_ns();

		limit_us(30000, 60000);
		signal(SIGXCPU, SIG_IGN);
		be(SCHED_FIFO);
		while (thread_ns() - began < 5000000000LL)
			sched_yield();
	}
	reap_signal(pid, SIGKILL);
}

TEST(common_threads_have_none)
{
	signal(SIGXCPU, on_signal);
	limit_us(10000, 20000);
	spin_ms(150);
	CHECK_EQ(told, 0);
	CHECK_EQ(soft_us(), 10000);
}

/* The limit is inherited, the time that was used is not. */
TEST(children)
{
	pid_t pid;

	limit_us(60000, 120000);
	signal(SIGXCPU, on_signal);
	be(SCHED_FIFO);
	spin_ms(15);
	FORK(pid) {
		spin_ms(15);
		CHECK_EQ(told, 0);
		CHECK_EQ(sched_getscheduler(0), SCHED_FIFO);
		spin_ms(5000);
	}
	reap_signal(pid, SIGKILL);
}

TEST(what_ran_before_does_not_count)
{
	signal(SIGXCPU, on_signal);
	be(SCHED_FIFO);
	spin_ms(120);
	limit_us(80000, 80000);
	spin_ms(20);
	CHECK_EQ(told, 0);
	CHECK_EQ(soft_us(), 80000);
}
