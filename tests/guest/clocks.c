/* SPDX-License-Identifier: MIT */
/*
 * Time: clocks that run forward, sleeps that last, timers that ring.
 */
#include "guest.h"

#include <sys/times.h>
#include <sys/timex.h>

static volatile int handled;

static void on_signal(int sig UNUSED)
{
	handled++;
}

static long long ns_of(struct timespec ts)
{
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static long long now(clockid_t clock)
{
	struct timespec ts;

	CHECK_OK(clock_gettime(clock, &ts));
	CHECK(ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
	return ns_of(ts);
}

TEST(monotonic_runs_forward)
{
	long long last = now(CLOCK_MONOTONIC);

	for (int i = 0; i < 20000; i++) {
		long long t = now(CLOCK_MONOTONIC);

		CHECK(t >= last);
		last = t;
	}
}

TEST(clocks_agree)
{
	struct timeval tv;
	long long real, coarse, us;
	time_t seconds;

	real = now(CLOCK_REALTIME);
	CHECK_OK(gettimeofday(&tv, NULL));
	us = tv.tv_sec * 1000000LL + tv.tv_usec;
	CHECK(us >= real / 1000 && us <= now(CLOCK_REALTIME) / 1000);
	coarse = now(CLOCK_REALTIME_COARSE); /* time() goes by this one */
	seconds = time(NULL);
	CHECK(seconds >= coarse / 1000000000 && seconds <= now(CLOCK_REALTIME_COARSE) / 1000000000);
	CHECK(real > 1500000000LL * 1000000000LL);
	CHECK(now(CLOCK_BOOTTIME) > 0);
	coarse = now(CLOCK_MONOTONIC_COARSE);
	CHECK(coarse <= now(CLOCK_MONOTONIC));
	coarse = now(CLOCK_REALTIME_COARSE);
	CHECK(coarse <= now(CLOCK_REALTIME));
	CHECK(now(CLOCK_MONOTONIC_RAW) > 0);
}

TEST(clock_errors)
{
	struct timespec ts = {0, 0};

	CHECK_ERR(syscall(SYS_clock_gettime, 77, &ts), EINVAL);
	CHECK_ERR(syscall(SYS_clock_getres, 77, &ts), EINVAL);
	CHECK_OK(clock_getres(CLOCK_MONOTONIC, &ts));
	CHECK(ts.tv_sec == 0 && ts.tv_nsec >= 1 && ts.tv_nsec <= 10000000);
	CHECK_OK(syscall(SYS_clock_getres, CLOCK_MONOTONIC, NULL));
}

TEST(sleeping_lasts)
{
	static const long times_ms[] = {0, 1, 5, 20, 50};

	for (int i = 0; i < 5; i++) {
		struct timespec ts = {0, times_ms[i] * 1000000};
		long long start = now(CLOCK_MONOTONIC), slept;

		CHECK_OK(nanosleep(&ts, NULL));
		slept = now(CLOCK_MONOTONIC) - start;
		CHECK(slept >= times_ms[i] * 1000000);
		CHECK(slept < (times_ms[i] + LATE_MS) * 1000000LL);
	}
}

TEST(sleep_errors)
{
	struct timespec negative = {-1, 0}, big = {0, 1000000000}, minus = {0, -1};

	CHECK_ERR(nanosleep(&negative, NULL), EINVAL);
	CHECK_ERR(nanosleep(&big, NULL), EINVAL);
	CHECK_ERR(nanosleep(&minus, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(77, 0, &(struct timespec){0, 0}, NULL), EINVAL);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, 0, &big, NULL), EINVAL);
}

TEST(interrupted_sleep_tells_the_rest)
{
	struct itimerval timer = {.it_value = {0, 30000}};
	struct timespec ts = {100, 0}, rest = {-1, -1};

	signal(SIGALRM, on_signal);
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	CHECK_ERR(nanosleep(&ts, &rest), EINTR);
	CHECK_EQ(handled, 1);
	CHECK(ns_of(rest) > 80000000000LL && ns_of(rest) <= 99975000000LL);
}

TEST(stopped_sleep_goes_on)
{
	int status = 0;
	pid_t pid = 0;

	for (long ms = 100; !WIFSTOPPED(status); ms *= 2) { /* it must not be over before it is stopped */
		FORK(pid) {
			struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
			long long end = now(CLOCK_MONOTONIC) + ms * 1000000LL;

			CHECK_OK(nanosleep(&ts, NULL));
			CHECK(now(CLOCK_MONOTONIC) >= end);
		}
		wait_state(pid, "SZ");
		kill(pid, SIGSTOP);
		CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
		CHECK(WIFSTOPPED(status) || status == 0);
	}
	kill(pid, SIGCONT);
	reap_ok(pid);
}

TEST(absolute_sleep)
{
	struct timespec ts;
	long long until = now(CLOCK_MONOTONIC) + 30000000;

	ts = (struct timespec){(time_t)(until / 1000000000), (long)(until % 1000000000)};
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
	CHECK(now(CLOCK_MONOTONIC) >= until);
	CHECK_EQ(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0); /* long past */
	until = now(CLOCK_REALTIME) + 20000000;
	ts = (struct timespec){(time_t)(until / 1000000000), (long)(until % 1000000000)};
	CHECK_EQ(clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL), 0);
	CHECK(now(CLOCK_REALTIME) >= until);
}

TEST(interval_timer)
{
	struct itimerval timer = {{0, 10000}, {0, 20000}}, old;

	signal(SIGALRM, on_signal);
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	CHECK_OK(getitimer(ITIMER_REAL, &old));
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	CHECK(old.it_value.tv_sec == 0 && old.it_value.tv_usec <= 20000);
	while (handled < 5)
		pause();
	memset(&timer, 0, sizeof(timer));
	CHECK_OK(setitimer(ITIMER_REAL, &timer, &old));
	CHECK_EQ(old.it_interval.tv_usec, 10000);
	int seen = handled;
	sleep_ms(40);
	CHECK(handled <= seen + 1);
}

TEST(timer_errors)
{
	struct itimerval bad = {{0, 1000000}, {0, 0}}, negative = {{0, 0}, {-1, 0}}, ok = {{0, 0}, {0, 0}};

	CHECK_ERR(setitimer(ITIMER_REAL, &bad, NULL), EINVAL);
	CHECK_ERR(setitimer(ITIMER_REAL, &negative, NULL), EINVAL);
	CHECK_ERR(setitimer(7, &ok, NULL), EINVAL);
	CHECK_ERR(getitimer(7, &ok), EINVAL);
}

TEST(alarm_counts_seconds)
{
	CHECK_EQ(alarm(100), 0);
	unsigned rest = alarm(50);
	CHECK(rest <= 100 && rest >= 80);
	rest = alarm(0);
	CHECK(rest <= 50 && rest >= 30);
	CHECK_EQ(alarm(0), 0);
}

TEST(processor_time)
{
	struct tms a, b;
	long long start, used, passed;

	CHECK(times(&a) != -1);
	start = now(CLOCK_PROCESS_CPUTIME_ID);
	while (now(CLOCK_PROCESS_CPUTIME_ID) - start < 60000000)
		;
	times(&b);
	CHECK(b.tms_utime + b.tms_stime > a.tms_utime + a.tms_stime);
	passed = now(CLOCK_MONOTONIC);
	used = now(CLOCK_PROCESS_CPUTIME_ID);
	sleep_ms(200); /* is none of it; but while its processor stands still, a program seems to run */
	used = now(CLOCK_PROCESS_CPUTIME_ID) - used;
	passed = now(CLOCK_MONOTONIC) - passed;
	CHECK(used < passed - 160000000);
	CHECK(now(CLOCK_THREAD_CPUTIME_ID) > 0);
}

TEST(profiling_timers)
{
	struct itimerval timer = {.it_value = {0, 20000}};
	long long start = now(CLOCK_PROCESS_CPUTIME_ID);

	signal(SIGPROF, on_signal);
	CHECK_OK(setitimer(ITIMER_PROF, &timer, NULL));
	while (!handled && now(CLOCK_PROCESS_CPUTIME_ID) - start < LATE_MS * 1000000LL)
		;
	CHECK_EQ(handled, 1);
	CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - start >= 15000000);
}

TEST(setting_the_clock_needs_root)
{
	struct timespec ts;
	struct timeval tv;
	pid_t pid;

	clock_gettime(CLOCK_REALTIME, &ts);
	gettimeofday(&tv, NULL);
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_ERR(clock_settime(CLOCK_REALTIME, &ts), EPERM);
		CHECK_ERR(settimeofday(&tv, NULL), EPERM);
	}
	reap_ok(pid);
	CHECK_ERR(clock_settime(CLOCK_MONOTONIC, &ts), EINVAL);
}

TEST(many_sleepers)
{
	pid_t pid[50];

	for (int i = 0; i < 50; i++)
		FORK(pid[i]) {
			long long start = now(CLOCK_MONOTONIC);

			for (int k = 0; k < 5; k++)
				sleep_ms(1 + (i + k) % 7);
			CHECK(now(CLOCK_MONOTONIC) - start >= 5000000);
		}
	for (int i = 0; i < 50; i++)
		reap_ok(pid[i]);
}

static volatile sig_atomic_t ticks_seen;

static void on_tick(int sig UNUSED)
{
	ticks_seen++;
}

TEST(virtual_timer_counts_user_time_only)
{
	struct itimerval timer = {{0, 20000}, {0, 400000}}, left;
	long long start = now(CLOCK_PROCESS_CPUTIME_ID);

	signal(SIGVTALRM, on_tick);
	CHECK_ERR(setitimer(3, &timer, NULL), EINVAL);
	CHECK_ERR(setitimer(-1, &timer, NULL), EINVAL);
	CHECK_OK(setitimer(ITIMER_VIRTUAL, &timer, NULL));
	sleep_ms(100); /* takes no processor time */
	CHECK(ticks_seen == 0 || now(CLOCK_PROCESS_CPUTIME_ID) - start >= 390000000);
	CHECK_OK(getitimer(ITIMER_VIRTUAL, &left));
	CHECK(left.it_value.tv_usec > 0 && left.it_value.tv_usec <= 404000); /* Linux rounds up to its tick */
	CHECK_EQ(left.it_interval.tv_usec, 20000);
	while (ticks_seen < 3 && now(CLOCK_PROCESS_CPUTIME_ID) - start < LATE_MS * 1000000LL)
		for (volatile int i = 0; i < 100000; i++)
			;
	CHECK(ticks_seen >= 3);
	CHECK(now(CLOCK_PROCESS_CPUTIME_ID) - start >= 430000000);
	memset(&timer, 0, sizeof(timer));
	CHECK_OK(setitimer(ITIMER_VIRTUAL, &timer, &left));
	CHECK_EQ(left.it_interval.tv_usec, 20000);
	CHECK_OK(getitimer(ITIMER_VIRTUAL, &left));
	CHECK_EQ(left.it_value.tv_usec, 0);
}

TEST(timers_are_not_inherited)
{
	struct itimerval timer = {{0, 0}, {100, 0}}, left;
	pid_t pid;

	for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++)
		CHECK_OK(setitimer(which, &timer, NULL));
	FORK(pid) {
		for (int which = ITIMER_REAL; which <= ITIMER_PROF; which++) {
			CHECK_OK(getitimer(which, &left));
			CHECK_EQ(left.it_value.tv_sec, 0);
		}
	}
	reap_ok(pid);
}

TEST(limit_of_processor_time)
{
	struct rlimit l = {1, 2};
	pid_t pid;

	FORK(pid) {
		signal(SIGXCPU, on_tick);
		CHECK_OK(setrlimit(RLIMIT_CPU, &l));
		while (!ticks_seen)
			;
		CHECK(now(CLOCK_PROCESS_CPUTIME_ID) >= 900000000LL);
		for (;;)
			;
	}
	reap_signal(pid, SIGKILL);
	FORK(pid) {
		l.rlim_max = 10;
		CHECK_OK(setrlimit(RLIMIT_CPU, &l));
		for (;;)
			;
	}
	reap_signal(pid, SIGXCPU);
}

/* An alarm that rings all the time leaves something of the processor to the program. */
TEST(shortest_interval)
{
	struct itimerval timer = {{0, 1}, {0, 1}};

	signal(SIGALRM, SIG_IGN);
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	for (volatile int i = 0; i < 3000000; i++)
		;
	memset(&timer, 0, sizeof(timer));
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
}
