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
		while (!told && thread_ns() - began < LATE_MS * 1000000LL)
			;
		CHECK_EQ(told, 1);
		CHECK(thread_ns() - began >= 30000000);
		CHECK_EQ(soft_us(), 1060000);
		spin_ms(LATE_MS);
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
		spin_ms(LATE_MS);
	}
	reap_signal(pid, SIGXCPU);
}

/* A processor that stands still makes who runs on it run for long: only where each stretch was short no signal may have come. */
static bool stretches_with_sleep(void)
{
	long long longest = 0, from = thread_ns();

	told = 0;
	limit_us(80000, RLIM_INFINITY);
	for (int i = 0; i < 12; i++) {
		long long began = from;

		spin_ms(20);
		sleep_ms(1);
		from = thread_ns();
		longest = from - began > longest ? from - began : longest;
	}
	CHECK(!told || longest >= 60000000);
	return !told;
}

TEST(sleep_begins_anew)
{
	signal(SIGXCPU, on_signal);
	be(SCHED_FIFO);
	while (!stretches_with_sleep())
		;
}

TEST(yielding_does_not)
{
	pid_t pid;

	FORK(pid) {
		long long began = thread_ns();

		limit_us(30000, 60000);
		signal(SIGXCPU, SIG_IGN);
		be(SCHED_FIFO);
		while (thread_ns() - began < LATE_MS * 1000000LL)
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

	limit_us(60000, RLIM_INFINITY);
	signal(SIGXCPU, on_signal);
	be(SCHED_FIFO);
	spin_ms(40);
	FORK(pid) {
		rlim_t soft = soft_us();

		told = 0;
		spin_ms(30);
		CHECK(!told || thread_ns() >= 50000000);
		CHECK_EQ(sched_getscheduler(0), SCHED_FIFO);
		limit_us(soft, 120000);
		spin_ms(LATE_MS);
	}
	reap_signal(pid, SIGKILL);
}

TEST(what_ran_before_does_not_count)
{
	long long from;

	signal(SIGXCPU, on_signal);
	be(SCHED_FIFO);
	spin_ms(120);
	from = thread_ns();
	limit_us(80000, RLIM_INFINITY);
	spin_ms(20);
	if (thread_ns() - from < 60000000) {
		CHECK_EQ(told, 0);
		CHECK_EQ(soft_us(), 80000);
	}
}
