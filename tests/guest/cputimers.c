/* SPDX-License-Identifier: MIT */
/* Timers on CPU time, one's own and that of other processes and threads: timer_create(2) with the clocks of clock_getcpuclockid(3). */
#include "guest.h"

#include <pthread.h>

#define MS 1000000ull
#define OF_PROCESS(pid, what) ((clockid_t)(~(unsigned)(pid) << 3 | (what)))
#define OF_THREAD(tid, what) ((clockid_t)(~(unsigned)(tid) << 3 | 4 | (what)))
enum { PROF, VIRT, SCHED };

static unsigned long long used(clockid_t clock)
{
	struct timespec t;

	CHECK_OK(clock_gettime(clock, &t));
	return (unsigned long long)t.tv_sec * 1000 * MS + (unsigned long long)t.tv_nsec;
}

static timer_t timer_on(clockid_t clock, int signo)
{
	struct sigevent e = {.sigev_notify = signo ? SIGEV_SIGNAL : SIGEV_NONE, .sigev_signo = signo};
	timer_t t;

	CHECK_OK(timer_create(clock, &e, &t));
	return t;
}

static int set(timer_t t, unsigned long long value, unsigned long long interval)
{
	struct itimerspec s = {{(time_t)(interval / (1000 * MS)), (long)(interval % (1000 * MS))}, {(time_t)(value / (1000 * MS)), (long)(value % (1000 * MS))}};

	return timer_settime(t, 0, &s, NULL);
}

static void block(int signo)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, signo);
	sigprocmask(SIG_BLOCK, &s, NULL);
}

/* The signal that comes within the seconds, or 0. */
static int wait_for(int signo, int seconds, siginfo_t *info)
{
	struct timespec limit = {seconds, 0};
	sigset_t s;
	int got;

	sigemptyset(&s);
	sigaddset(&s, signo);
	do {
		got = sigtimedwait(&s, info, &limit);
	} while (got < 0 && errno == EINTR);
	return got < 0 ? 0 : got;
}

static void burn(void)
{
	for (volatile int i = 0;; i++)
		if (i % 1000 == 0)
			getppid();
}

static pid_t burner(void)
{
	pid_t pid;

	FORK(pid)
		burn();
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

static void rings_after(int what)
{
	pid_t pid = burner();
	clockid_t clock = OF_PROCESS(pid, what);
	timer_t t = timer_on(clock, SIGUSR1);
	unsigned long long begin = used(clock);
	siginfo_t info;

	CHECK_OK(set(t, 30 * MS, 0));
	CHECK_EQ(wait_for(SIGUSR1, 15, &info), SIGUSR1);
	CHECK_EQ(info.si_code, SI_TIMER);
	CHECK(used(clock) - begin >= 30 * MS);
	CHECK_EQ(wait_for(SIGUSR1, 0, &info), 0); /* once */
	CHECK_OK(timer_delete(t));
	end(pid);
}

TEST(the_time_of_another_process)
{
	clockid_t clock;
	pid_t pid;

	block(SIGUSR1);
	for (int what = PROF; what <= SCHED; what++)
		rings_after(what);
	pid = burner();
	CHECK_EQ(clock_getcpuclockid(pid, &clock), 0);
	CHECK_EQ(clock, OF_PROCESS(pid, SCHED));
	end(pid);
}

TEST(intervals_and_overruns)
{
	pid_t pid;
	timer_t t;
	siginfo_t info;
	unsigned long long begin, beats = 0;

	block(SIGUSR1);
	pid = burner();
	begin = used(OF_PROCESS(pid, SCHED));
	t = timer_on(OF_PROCESS(pid, SCHED), SIGUSR1);
	CHECK_OK(set(t, 5 * MS, 5 * MS));
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(wait_for(SIGUSR1, 15, &info), SIGUSR1);
		beats += 1 + (unsigned)info.si_overrun;
		CHECK(info.si_overrun >= 0);
		CHECK_EQ(timer_getoverrun(t), info.si_overrun);
	}
	CHECK(used(OF_PROCESS(pid, SCHED)) - begin >= beats * 5 * MS);
	CHECK_OK(set(t, 0, 0));
	while (wait_for(SIGUSR1, 0, &info))
		;
	end(pid);
}

/* Time that is not used does not pass. */
TEST(a_sleeper_does_not_make_it_ring)
{
	struct itimerspec left;
	siginfo_t info;
	pid_t pid;
	timer_t t;

	block(SIGUSR1);
	FORK(pid)
		pause();
	wait_state(pid, "S");
	t = timer_on(OF_PROCESS(pid, SCHED), SIGUSR1);
	CHECK_OK(set(t, 500 * MS, 0));
	for (unsigned long long until = used(CLOCK_MONOTONIC) + 600 * MS; used(CLOCK_MONOTONIC) < until;) /* the time of this one counts for nothing */
		;
	CHECK_OK(timer_gettime(t, &left));
	CHECK(left.it_value.tv_sec == 0 && left.it_value.tv_nsec > 0);
	CHECK_EQ(wait_for(SIGUSR1, 0, &info), 0);
	end(pid);
}

TEST(timers_of_the_dead)
{
	struct itimerspec left;
	siginfo_t info;
	pid_t pid;
	timer_t t, never;

	block(SIGUSR1);
	FORK(pid)
		;
	CHECK_OK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
	t = timer_on(OF_PROCESS(pid, SCHED), SIGUSR1);
	CHECK_OK(set(t, 100 * 1000 * MS, 7 * MS)); /* a zombie still has a clock */
	CHECK(used(OF_PROCESS(pid, SCHED)) < 10 * 1000 * MS);
	reap_ok(pid);
	CHECK_ERR(set(t, 1, 0), ESRCH);
	CHECK_OK(timer_gettime(t, &left));
	CHECK(!left.it_value.tv_sec && !left.it_value.tv_nsec);
	CHECK_ERR(timer_create(OF_PROCESS(pid, SCHED), NULL, &never), EINVAL);
	CHECK_EQ(wait_for(SIGUSR1, 0, &info), 0);
	CHECK_OK(timer_delete(t));
	CHECK_ERR(set(t, 1, 0), EINVAL);
}

static volatile pid_t worker;
static volatile int work, over;

static void *worker_main(void *unused)
{
	worker = gettid();
	while (!over)
		if (!work)
			usleep(1000);
	return unused;
}

TEST(threads)
{
	struct itimerspec left;
	siginfo_t info;
	pthread_t th;
	pid_t pid;
	timer_t t;
	int early;

	block(SIGUSR1);
	CHECK_EQ(pthread_create(&th, NULL, worker_main, NULL), 0);
	while (!worker)
		usleep(1000);
	t = timer_on(OF_THREAD(worker, SCHED), SIGUSR1);
	CHECK_OK(set(t, 100 * MS, 0));
	for (unsigned long long until = used(CLOCK_THREAD_CPUTIME_ID) + 120 * MS; used(CLOCK_THREAD_CPUTIME_ID) < until;)
		;
	early = wait_for(SIGUSR1, 0, &info); /* that was this thread's time, most likely */
	CHECK(!early || used(OF_THREAD(worker, SCHED)) >= 100 * MS);
	work = 1;
	CHECK(early || wait_for(SIGUSR1, 15, &info) == SIGUSR1);
	CHECK(used(OF_THREAD(worker, SCHED)) >= 100 * MS);
	FORK(pid) { /* threads of others are nobody's business */
		CHECK_ERR(timer_create(OF_THREAD(worker, SCHED), NULL, &t), EINVAL);
		CHECK_ERR(timer_create(OF_PROCESS(worker, SCHED), NULL, &t), EINVAL);
		CHECK_ERR(timer_create(OF_THREAD(getppid(), SCHED), NULL, &t), EINVAL);
		CHECK_OK(timer_create(OF_PROCESS(getppid(), SCHED), NULL, &t));
	}
	reap_ok(pid);
	CHECK_ERR(clock_gettime(OF_PROCESS(worker, SCHED), &(struct timespec){0}), EINVAL);
	over = 1;
	pthread_join(th, NULL);
	thread_gone(worker);
	CHECK_ERR(set(t, 1, 0), ESRCH);
	CHECK_OK(timer_gettime(t, &left));
}

TEST(clocks_that_are_none)
{
	timer_t t;

	CHECK_ERR(timer_create(OF_PROCESS(getpid(), 3), NULL, &t), EOPNOTSUPP); /* that of a file */
	CHECK_ERR(timer_create(OF_THREAD(getpid(), 3), NULL, &t), EINVAL);
	CHECK_ERR(timer_create(OF_PROCESS(99999, SCHED), NULL, &t), EINVAL);
	CHECK_ERR(timer_create(OF_THREAD(99999, SCHED), NULL, &t), EINVAL);
	CHECK_OK(timer_create(OF_PROCESS(0, SCHED), NULL, &t));
	CHECK_OK(timer_create(OF_PROCESS(0, VIRT), NULL, &t));
	CHECK_OK(timer_create(OF_THREAD(0, PROF), NULL, &t));
	CHECK_OK(timer_create(OF_PROCESS(1, SCHED), NULL, &t)); /* anybody's */
}

/* User time alone does not grow in system calls: a timer on it is the later one. */
TEST(many_timers_on_one_process)
{
	enum { MANY = 100 };
	siginfo_t info;
	char seen[MANY] = {0};
	pid_t pid;

	block(SIGUSR1);
	pid = burner();
	for (int i = 0; i < MANY; i++) {
		struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = i};
		timer_t t;

		CHECK_OK(timer_create(OF_PROCESS(pid, i % 3), &e, &t));
		CHECK_OK(set(t, (1 + (unsigned)i % 7) * 5 * MS, 0));
	}
	for (int i = 0; i < MANY; i++) {
		CHECK_EQ(wait_for(SIGUSR1, 15, &info), SIGUSR1);
		CHECK_EQ(seen[info.si_value.sival_int], 0);
		seen[info.si_value.sival_int] = 1;
	}
	end(pid);
}

/* Timers come and go, their owners end and exec, and so do those whose time they count. */
TEST(owners_and_clocks_that_end)
{
	pid_t clock = burner();

	for (int i = 0; i < 60; i++) {
		pid_t pid, other = i % 3 ? 0 : burner();

		FORK(pid) {
			signal(SIGUSR1, SIG_IGN);
			for (int k = 0; k < 20; k++) {
				struct sigevent e = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
				timer_t t;

				if (timer_create(OF_PROCESS(other && k % 2 ? other : clock, SCHED), &e, &t) || set(t, 1, MS)) {
					CHECK(other && (errno == EINVAL || errno == ESRCH)); /* it has ended */
					continue;
				}
				if (k % 3 == 0)
					CHECK_OK(timer_delete(t));
			}
			if (i % 4 == 0)
				execl("/proc/self/exe", "cputimers", "@nothing", NULL);
			usleep(i % 2 * 3000);
		}
		if (other)
			end(other);
		reap_ok(pid);
	}
	end(clock);
}

HELPER(nothing) { return 0; }
