/* SPDX-License-Identifier: MIT */
/* Who runs, and where: affinity and policies. */
#include "guest.h"

#include <pthread.h>
#include <sched.h>

/* The C library has none of its own. */
struct sched_attr {
	uint32_t size, sched_policy;
	uint64_t sched_flags;
	int32_t sched_nice;
	uint32_t sched_priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
#define SCHED_FLAG_RESET_ON_FORK 1

static int cpus(void)
{
	cpu_set_t all;

	CHECK_OK(sched_getaffinity(0, sizeof(all), &all));
	return CPU_COUNT(&all);
}

static void only(pid_t pid, int cpu)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	CHECK_OK(sched_setaffinity(pid, sizeof(one), &one));
}

TEST(the_caller_moves_at_once)
{
	int n = cpus();

	for (int i = 0; i < 50; i++) {
		only(0, i % n);
		CHECK_EQ(sched_getcpu(), i % n);
	}
}

static int where_is(pid_t pid)
{
	char path[64], text[1024], *p;
	int fd, cpu;
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = CHECK_OK(open(path, O_RDONLY));
	n = CHECK_OK(read(fd, text, sizeof(text) - 1));
	close(fd);
	text[n] = 0;
	p = strrchr(text, ')');
	for (int field = 2; field < 39; field++)
		p = strchr(p + 1, ' ');
	CHECK_EQ(sscanf(p, "%d", &cpu), 1);
	return cpu;
}

/* One that runs, one that sleeps: both are where they may be, soon. */
TEST(others_move)
{
	int n = cpus();
	pid_t hog = fork(), sleeper;

	if (hog == 0)
		for (;;)
			;
	sleeper = CHECK_OK(fork());
	if (sleeper == 0)
		for (;;)
			usleep(500);
	for (int i = 0; i < 20; i++) {
		only(hog, i % n);
		only(sleeper, i % n);
		usleep(20000);
		for (int tries = 0; where_is(hog) != i % n && tries < LATE_MS / 20; tries++)
			usleep(20000);
		CHECK_EQ(where_is(hog), i % n);
		for (int tries = 0; where_is(sleeper) != i % n && tries < LATE_MS / 20; tries++)
			usleep(20000);
		CHECK_EQ(where_is(sleeper), i % n);
	}
	CHECK_OK(kill(hog, SIGKILL));
	CHECK_OK(kill(sleeper, SIGKILL));
}

TEST(masks_that_are_not_taken)
{
	cpu_set_t set;
	unsigned long word = ~0ul;

	CPU_ZERO(&set);
	CHECK_ERR(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CPU_SET(cpus() + 64, &set); /* not there */
	CHECK_ERR(sched_setaffinity(0, sizeof(set), &set), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setaffinity, 0, 0, &word), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setaffinity, 0, sizeof(word), 16), EFAULT);
	CHECK_ERR(syscall(SYS_sched_setaffinity, 0x3fffffff, sizeof(word), &word), ESRCH);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 3, &word), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 6, &word), EINVAL);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0, sizeof(word), 16), EFAULT);
	CHECK_ERR(syscall(SYS_sched_getaffinity, 0x3fffffff, sizeof(word), &word), ESRCH);
	CHECK_OK(syscall(SYS_sched_setaffinity, 0, sizeof(word), &word)); /* more than there are: those that are */
	CHECK(CPU_COUNT_S(sizeof(word), (cpu_set_t *)&word) == 32);
}

static void *cpu_of_thread(void *p)
{
	cpu_set_t set;

	CHECK_OK(sched_getaffinity(0, sizeof(set), &set));
	CHECK_EQ(CPU_COUNT(&set), 1);
	*(int *)p = sched_getcpu();
	return NULL;
}

TEST(affinity_is_inherited)
{
	int n = cpus(), cpu;
	pthread_t t;

	for (int i = 0; i < n; i++) {
		pid_t pid;

		only(0, i);
		pid = CHECK_OK(fork());
		if (pid == 0) {
			cpu_of_thread(&cpu);
			CHECK_EQ(cpu, i);
			_exit(0);
		}
		reap_ok(pid);
		CHECK_EQ(pthread_create(&t, NULL, cpu_of_thread, &cpu), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
		CHECK_EQ(cpu, i);
	}
}

/* Pinned here and there by others all the time, it goes on, and always is where it said it was. */
TEST(pinned_to_and_fro)
{
	int n = cpus();
	volatile long *count = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[3];

	for (int i = 0; i < 3; i++) {
		pid[i] = CHECK_OK(fork());
		if (pid[i] == 0)
			for (;;) {
				count[i]++;
				if (i == 1)
					sched_yield();
				else if (i == 2)
					usleep(100);
			}
	}
	for (int i = 0; i < 300; i++) {
		for (int k = 0; k < 3; k++)
			only(pid[k], (i + k) % n);
		if (i % 10 == 0)
			usleep(1000);
	}
	for (int k = 0; k < 3; k++) {
		long was = count[k];

		for (int tries = 0; count[k] == was && tries < LATE_MS / 10; tries++)
			usleep(10000);
		CHECK(count[k] != was);
		CHECK_OK(kill(pid[k], SIGKILL));
	}
}

HELPER(where)
{
	(void)argc, (void)argv;
	return sched_getcpu();
}

/* Of n programs that start on the first CPU, how many find themselves on another one. */
static int programs_away(int n, const cpu_set_t *all)
{
	int away = 0;

	for (int i = 0; i < n; i++) {
		pid_t pid = CHECK_OK(fork());
		int status;

		if (pid == 0) {
			only(0, 0);
			usleep(1000); /* who sleeps goes first when it wakes up: it has the CPU for a while */
			CHECK_OK(sched_setaffinity(0, sizeof(*all), all));
			execl("/proc/self/exe", "sched", "@where", NULL);
			FAIL("exec: %s", strerror(errno));
		}
		CHECK_OK(waitpid(pid, &status, 0));
		CHECK(WIFEXITED(status));
		away += WEXITSTATUS(status) != 0;
	}
	return away;
}

/*
 * Somebody else computes on the CPU where the program starts, and another CPU has nothing to do. That a tick moves it now and then is not enough. Where
 * the host stops CPUs, the other one may seem to be busy for a while.
 */
TEST(exec_goes_to_an_idle_cpu)
{
	cpu_set_t all;
	pid_t busy;
	int away = 0;

	CHECK_OK(sched_getaffinity(0, sizeof(all), &all));
	if (CPU_COUNT(&all) < 2)
		SKIP("one CPU");
	busy = CHECK_OK(fork());
	if (busy == 0) {
		only(0, 0);
		for (;;)
			;
	}
	for (int i = 0; i < 6 && away < 30; i++)
		away = programs_away(40, &all);
	CHECK_OK(kill(busy, SIGKILL));
	CHECK(away >= 30);
}

/* ---- policies ---- */

TEST(attributes)
{
	struct sched_attr a = { .size = sizeof(a), .sched_policy = SCHED_BATCH, .sched_nice = 7 }, b;
	char big[256] = {0};
	struct timespec slice;

	CHECK_OK(syscall(SYS_sched_setattr, 0, &a, 0));
	CHECK_OK(syscall(SYS_sched_getattr, 0, &b, sizeof(b), 0));
	CHECK_EQ(b.sched_policy, SCHED_BATCH);
	CHECK_EQ(b.sched_nice, 7);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 7);
	CHECK_EQ(sched_getscheduler(0), SCHED_BATCH);
	a = (struct sched_attr){ .size = 48, .sched_policy = SCHED_RR, .sched_priority = 3, .sched_flags = SCHED_FLAG_RESET_ON_FORK };
	CHECK_OK(syscall(SYS_sched_setattr, 0, &a, 0));
	CHECK_EQ(sched_getscheduler(0), SCHED_RR | SCHED_RESET_ON_FORK);
	CHECK_OK(syscall(SYS_sched_getattr, 0, &b, 48, 0));
	CHECK_EQ(b.size, 48);
	CHECK_EQ(b.sched_priority, 3);
	CHECK_EQ(b.sched_flags, SCHED_FLAG_RESET_ON_FORK);
	CHECK_OK(syscall(SYS_sched_rr_get_interval, 0, &slice));
	CHECK_EQ(slice.tv_nsec, 100000000);
	a.sched_priority = 100;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a = (struct sched_attr){ .size = 48, .sched_policy = 4 };
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 1), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, -1, &a, 0), EINVAL);
	CHECK_ERR(syscall(SYS_sched_setattr, 0x3fffffff, &b, 0), ESRCH);
	CHECK_ERR(syscall(SYS_sched_getattr, 0, &b, 47, 0), EINVAL);
	a.size = 47;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), E2BIG);
	CHECK(a.size >= 48);
	((struct sched_attr *)big)->size = sizeof(big);
	CHECK_OK(syscall(SYS_sched_setattr, 0, big, 0)); /* more than is known, and zero */
	CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
	big[200] = 1;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, big, 0), E2BIG);
}

TEST(reset_on_fork)
{
	struct sched_param p = { .sched_priority = 5 };
	pid_t pid;

	CHECK_OK(sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &p));
	pid = CHECK_OK(fork());
	if (pid == 0) {
		CHECK_EQ(sched_getscheduler(0), SCHED_OTHER);
		_exit(0);
	}
	reap_ok(pid);
	CHECK_EQ(sched_getscheduler(0), SCHED_FIFO | SCHED_RESET_ON_FORK);
}

/* Programs that never sleep, more urgent than all else and one for each CPU, leave enough for others to stop them. */
TEST(real_time_leaves_a_little)
{
	struct sched_param p = { .sched_priority = 50 };
	int n = cpus();
	pid_t pid[32];

	for (int i = 0; i < n; i++) {
		pid[i] = CHECK_OK(fork());
		if (pid[i] == 0) {
			CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &p));
			for (;;)
				;
		}
	}
	usleep(1500000);
	for (int i = 0; i < n; i++)
		CHECK_OK(kill(pid[i], SIGKILL));
}

/* The most urgent ones run, one on each CPU, wherever they were started. */
TEST(the_most_urgent_run)
{
	struct sched_param high = { .sched_priority = 30 }, low = { .sched_priority = 20 }, top = { .sched_priority = 60 };
	int n = cpus();
	volatile long *count = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t pid[64];
	long was[64];

	CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &top));
	for (int i = 0; i < 2 * n; i++) {
		pid[i] = CHECK_OK(fork());
		if (pid[i] == 0) {
			CHECK_OK(sched_setscheduler(0, SCHED_FIFO, i < n ? &low : &high));
			for (;;)
				count[i]++;
		}
	}
	usleep(100000);
	for (int i = 0; i < 2 * n; i++)
		was[i] = count[i];
	usleep(200000);
	for (int i = n; i < 2 * n; i++)
		CHECK_SOON(count[i] != was[i]);
	for (int i = 0; i < 2 * n; i++)
		CHECK_OK(kill(pid[i], SIGKILL));
}
