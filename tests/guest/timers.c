/* SPDX-License-Identifier: MIT */
/*
 * POSIX timers: timer_create and what goes with it, by the system calls themselves.
 */
#include "guest.h"

#include <pthread.h>
#include <sys/signalfd.h>

#define MS 1000000L

struct setting {
	long i_sec, i_nsec, sec, nsec;
};

static int create(clockid_t clock, int notify, int signo, int value)
{
	struct sigevent ev = {.sigev_notify = notify, .sigev_signo = signo, .sigev_value.sival_int = value};
	int id = -1;

	CHECK_OK(syscall(SYS_timer_create, clock, &ev, &id));
	CHECK(id >= 0);
	return id;
}

static void arm(int id, long value_ms, long interval_ms)
{
	struct setting s = {interval_ms / 1000, interval_ms % 1000 * MS, value_ms / 1000, value_ms % 1000 * MS};

	CHECK_OK(syscall(SYS_timer_settime, id, 0, &s, NULL));
}

static struct setting left(int id)
{
	struct setting s = {9, 9, 9, 9};

	CHECK_OK(syscall(SYS_timer_gettime, id, &s));
	return s;
}

static sigset_t block(int signo)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, signo);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	return set;
}

static siginfo_t await(const sigset_t *set)
{
	siginfo_t info;
	int sig;

	do {
		sig = sigwaitinfo(set, &info);
	} while (sig < 0 && errno == EINTR);
	CHECK(sig > 0);
	return info;
}

static bool nothing_pending(void)
{
	sigset_t set;

	CHECK_OK(sigpending(&set));
	return sigisemptyset(&set);
}

TEST(once)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
	sigset_t set = block(SIGRTMIN);

	for (int i = 0; i < 3; i++) {
		int id = create(clocks[i], SIGEV_SIGNAL, SIGRTMIN, 40 + i);
		siginfo_t info;

		arm(id, 20, 0);
		info = await(&set);
		CHECK_EQ(info.si_signo, SIGRTMIN);
		CHECK_EQ(info.si_code, SI_TIMER);
		CHECK_EQ(info.si_value.sival_int, 40 + i);
		CHECK_EQ(info.si_timerid, id);
		CHECK_EQ(info.si_overrun, 0);
		CHECK_EQ(left(id).sec | left(id).nsec, 0);
		CHECK_EQ(syscall(SYS_timer_getoverrun, id), 0);
		CHECK_OK(syscall(SYS_timer_delete, id));
	}
}

TEST(default_event)
{
	sigset_t set = block(SIGALRM);
	siginfo_t info;
	int id;

	CHECK_OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, &id));
	arm(id, 10, 0);
	info = await(&set);
	CHECK_EQ(info.si_signo, SIGALRM);
	CHECK_EQ(info.si_value.sival_int, id);
}

static volatile int ticks;

static void on_tick(int sig UNUSED, siginfo_t *info, void *context UNUSED)
{
	ticks += 1 + info->si_overrun;
}

TEST(periodic)
{
	struct sigaction act = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO};
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
	struct timespec from, to;
	sigset_t none;

	CHECK_OK(sigaction(SIGUSR1, &act, NULL));
	block(SIGUSR1);
	sigemptyset(&none);
	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &from));
	arm(id, 5, 5);
	while (ticks < 20)
		sigsuspend(&none);
	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &to));
	CHECK((to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / MS >= 99);
}

/* The beats while the signal is pending are its overrun. */
TEST(overrun)
{
	sigset_t set = block(SIGRTMIN + 1);
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1, 0);
	siginfo_t info;

	arm(id, 10, 10);
	sleep_ms(105);
	info = await(&set);
	CHECK(info.si_overrun >= 9 && info.si_overrun < 2000);
	CHECK_EQ(syscall(SYS_timer_getoverrun, id), info.si_overrun);
	CHECK(nothing_pending());
	info = await(&set);
	CHECK(info.si_overrun < 2000);
}

TEST(no_signal)
{
	int id = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
	struct setting s;

	arm(id, 100500, 0);
	s = left(id);
	CHECK(s.sec >= 80 && s.sec <= 100 && (s.sec < 100 || s.nsec <= 500 * MS));
	arm(id, 10, 0);
	s = left(id);
	CHECK(s.sec == 0 && s.nsec <= 10 * MS);
	sleep_ms(20);
	s = left(id);
	CHECK_EQ(s.sec | s.nsec, 0);
	arm(id, 10, 1000);
	sleep_ms(20);
	s = left(id);
	CHECK_EQ(s.i_sec, 1);
	CHECK(s.sec == 0 && s.nsec > 0);
	CHECK(nothing_pending());
}

TEST(left_and_stopped)
{
	int id = create(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1, 0);
	struct setting s = {3, 0, 100, 0}, was = {9, 9, 9, 9};

	CHECK_OK(syscall(SYS_timer_settime, id, 0, &s, &was));
	CHECK_EQ(was.i_sec | was.i_nsec | was.sec | was.nsec, 0);
	s = left(id);
	CHECK_EQ(s.i_sec, 3);
	CHECK(s.sec >= 80 && s.sec <= 100);
	memset(&s, 0, sizeof(s));
	CHECK_OK(syscall(SYS_timer_settime, id, 0, &s, &was));
	CHECK(was.sec >= 80 && was.sec <= 100);
	s = left(id);
	CHECK_EQ(s.i_sec | s.i_nsec | s.sec | s.nsec, 0);
}

TEST(absolute)
{
	sigset_t set = block(SIGRTMIN);
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};

	for (int i = 0; i < 2; i++) {
		int id = create(clocks[i], SIGEV_SIGNAL, SIGRTMIN, 0);
		struct timespec now;
		struct setting s = {0, 0, 0, 1};

		CHECK_OK(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &s, NULL));
		await(&set);
		CHECK_OK(clock_gettime(clocks[i], &now));
		s = (struct setting){0, 0, now.tv_sec + 1, now.tv_nsec};
		CHECK_OK(syscall(SYS_timer_settime, id, TIMER_ABSTIME, &s, NULL));
		s = left(id);
		CHECK(s.sec == 0 || (s.sec == 1 && s.nsec == 0));
		await(&set);
		CHECK_OK(syscall(SYS_timer_delete, id));
	}
}

TEST(errors)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct setting s = {0, 0, 1, 0};
	int id, good = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);

	CHECK_ERR(syscall(SYS_timer_create, 77, &ev, &id), EINVAL);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC_RAW, &ev, &id), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC_COARSE, &ev, &id), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, map_edge(), &id), EFAULT);
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, map_edge()), EFAULT);
	ev.sigev_signo = 0;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev.sigev_signo = 65;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev.sigev_signo = SIGUSR1;
	ev.sigev_notify = 3;
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev._sigev_un._tid = getppid();
	CHECK_ERR(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, 12345, 0, &s, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, good, 0, NULL, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_timer_settime, good, 0, map_edge(), NULL), EFAULT);
	CHECK_ERR(syscall(SYS_timer_gettime, 12345, &s), EINVAL);
	CHECK_ERR(syscall(SYS_timer_gettime, good, map_edge()), EFAULT);
	CHECK_ERR(syscall(SYS_timer_getoverrun, 12345), EINVAL);
	CHECK_ERR(syscall(SYS_timer_delete, 12345), EINVAL);
	CHECK_ERR(syscall(SYS_timer_delete, -1), EINVAL);
	s.nsec = 1000 * MS;
	CHECK_ERR(syscall(SYS_timer_settime, good, 0, &s, NULL), EINVAL);
	s = (struct setting){-1, 0, 1, 0};
	CHECK_ERR(syscall(SYS_timer_settime, good, 0, &s, NULL), EINVAL);
	CHECK_OK(syscall(SYS_timer_delete, good));
	CHECK_ERR(syscall(SYS_timer_delete, good), EINVAL);
}

TEST(wide_forms)
{
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
	struct { int64_t i_sec, i_nsec, sec, nsec; } s = {1, 0, 5000000000LL, 0}, now;

	CHECK_OK(syscall(409, id, 0, &s, &now));
	CHECK_EQ(now.sec | now.nsec, 0);
	CHECK_OK(syscall(408, id, &now));
	CHECK(now.sec >= 4999999990LL && now.sec <= 5000000000LL && now.i_sec == 1);
}

static long burn(clockid_t clock, long ms)
{
	struct timespec ts;
	volatile long x = 0;

	do {
		for (int i = 0; i < 1000; i++)
			x++;
		clock_gettime(clock, &ts);
	} while (ts.tv_sec * 1000 + ts.tv_nsec / MS < ms);
	return x;
}

static long ms_of(clockid_t clock)
{
	struct timespec ts;

	CHECK_OK(clock_gettime(clock, &ts));
	return ts.tv_sec * 1000 + ts.tv_nsec / MS;
}

/* The interrupt that looks at the clocks may be late: the machine under the processor may have stopped it for long. */
static void burn_until(clockid_t clock, bool (*cond)(void))
{
	for (long ms = ms_of(clock) + 10, limit = ms + LATE_MS; !cond(); ms += 10) {
		CHECK(ms < limit);
		burn(clock, ms);
	}
}

static bool something_pending(void) { return !nothing_pending(); }

TEST(cpu_time)
{
	static const clockid_t clocks[] = {CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID};
	sigset_t set = block(SIGRTMIN);

	for (int i = 0; i < 2; i++) {
		int id = create(clocks[i], SIGEV_SIGNAL, SIGRTMIN, 0);
		long from = ms_of(clocks[i]);
		bool early;

		arm(id, 50, 0);
		sleep_ms(80); /* costs none */
		early = nothing_pending();
		CHECK(early || ms_of(clocks[i]) >= from + 49);
		burn(clocks[i], from + 30);
		early = nothing_pending();
		CHECK(early || ms_of(clocks[i]) >= from + 49);
		burn_until(clocks[i], something_pending);
		CHECK_EQ(await(&set).si_timerid, id);
		CHECK_OK(syscall(SYS_timer_delete, id));
	}
}

static bool ten_ticks(void) { return ticks >= 10; }

TEST(cpu_time_periodic)
{
	struct sigaction act = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO};
	int id = create(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 0);
	long from = ms_of(CLOCK_PROCESS_CPUTIME_ID);
	int n;

	CHECK_OK(sigaction(SIGUSR1, &act, NULL));
	arm(id, 20, 20);
	burn_until(CLOCK_PROCESS_CPUTIME_ID, ten_ticks);
	n = ticks;
	CHECK(n * 20 <= ms_of(CLOCK_PROCESS_CPUTIME_ID) - from + 1);
}

static void *waiter(void *arg)
{
	sigset_t *set = arg;
	siginfo_t info = await(set);

	return (void *)(intptr_t)info.si_value.sival_int;
}

TEST(to_a_thread)
{
	struct sigevent ev = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGRTMIN + 2, .sigev_value.sival_int = 77};
	sigset_t set = block(SIGRTMIN + 2);
	int id;

	ev._sigev_un._tid = (int)syscall(SYS_gettid);
	CHECK_OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id));
	pthread_t t;
	void *got;

	CHECK_EQ(pthread_create(&t, NULL, waiter, &set), 0);
	arm(id, 10, 0);
	CHECK_EQ(await(&set).si_value.sival_int, 77); /* not the other thread's */
	CHECK_OK(sigqueue(getpid(), SIGRTMIN + 2, (union sigval){.sival_int = 5}));
	CHECK_EQ(pthread_join(t, &got), 0);
	CHECK_EQ((intptr_t)got, 5);
}

TEST(not_inherited)
{
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
	sigset_t set = block(SIGUSR1);
	struct setting s;
	pid_t pid;

	arm(id, 30, 0);
	FORK(pid) {
		CHECK_ERR(syscall(SYS_timer_gettime, id, &s), EINVAL);
		sleep_ms(50);
		CHECK(nothing_pending());
	}
	reap_ok(pid);
	CHECK_EQ(await(&set).si_timerid, id);
}

enum { RANG_BEFORE = 3 };

/* after_exec TIMER END: until then the timer would have rung; exits with RANG_BEFORE when that was before the program began. */
HELPER(after_exec)
{
	struct setting s;
	long end = atol(argv[3]), late = ms_of(CLOCK_MONOTONIC) >= end;

	CHECK_ERR(syscall(SYS_timer_gettime, atoi(argv[2]), &s), EINVAL);
	if (late)
		return RANG_BEFORE;
	while (ms_of(CLOCK_MONOTONIC) < end + 50)
		sleep_ms(50);
	CHECK(nothing_pending());
	return 0;
}

static int rings_after_exec(long ms)
{
	char text[16], end[16];
	pid_t pid;

	FORK(pid) {
		int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);

		block(SIGUSR1);
		snprintf(end, sizeof(end), "%ld", ms_of(CLOCK_MONOTONIC) + ms);
		arm(id, ms, 0);
		snprintf(text, sizeof(text), "%d", id);
		execl("/proc/self/exe", "timers", "@after_exec", text, end, NULL);
		FAIL("exec: %s", strerror(errno));
	}
	return reap(pid);
}

TEST(gone_at_exec)
{
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0), status = RANG_BEFORE << 8;

	(void)id;
	for (long ms = 500; status == RANG_BEFORE << 8; ms *= 2)
		status = rings_after_exec(ms);
	CHECK_EQ(status, 0);
}

TEST(ignored_signal)
{
	sigset_t set;
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2, 0);

	signal(SIGUSR2, SIG_IGN);
	arm(id, 5, 5);
	sleep_ms(30);
	set = block(SIGUSR2);
	CHECK_EQ(await(&set).si_timerid, id);
}

TEST(limit)
{
	struct rlimit few = {8, 8};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	int id, made = 0;

	CHECK_OK(setuid(1234)); /* the limit counts for a user, on Linux */
	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &few));
	while (made < 20 && syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id) == 0)
		made++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(made, 8);
	CHECK_OK(syscall(SYS_timer_delete, id));
	CHECK_OK(syscall(SYS_timer_create, CLOCK_MONOTONIC, &ev, &id));
}

/* Set, fired, taken and deleted at the same time by several threads. */
static void *racer(void *arg)
{
	int id = (int)(intptr_t)arg;
	struct setting s = {0, 50000, 0, 50000}, was;

	for (int i = 0; i < 2000; i++) {
		CHECK_OK(syscall(SYS_timer_settime, id, 0, &s, &was));
		CHECK_OK(syscall(SYS_timer_gettime, id, &was));
		if (i % 50 == 0) {
			int own = create(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1, 0);

			CHECK_OK(syscall(SYS_timer_settime, own, 0, &s, NULL));
			CHECK_OK(syscall(SYS_timer_delete, own));
		}
	}
	return NULL;
}

TEST(threads)
{
	struct sigaction act = {.sa_sigaction = on_tick, .sa_flags = SA_SIGINFO | SA_RESTART};
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
	pthread_t t[3];

	CHECK_OK(sigaction(SIGUSR1, &act, NULL));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, racer, (void *)(intptr_t)id), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_SOON(ticks > 0);
	CHECK_OK(syscall(SYS_timer_delete, id));
}
