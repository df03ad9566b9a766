/* SPDX-License-Identifier: MIT */
/*
 * Shares of CPU time on several pretend CPUs. Threads that never sleep, and some that do, run for a simulated second, in which only the clock, the
 * ticks and the interrupts between CPUs happen: the kernel's own scheduler decides all. Equal threads must get equal shares to 5%, whatever their number
 * and that of the CPUs; others by their weights, as far as one CPU each goes; those that may only run on some CPUs not less for it than those allow.
 *
 *   sched-shares               all of it (each case is a machine of its own, in a process of its own)
 *   sched-shares CASE...       as it is printed
 */
#include "core/clock.h"
#include "lib/check.h"
#include "sched/balance.h"
#include "sched/kthread.h"
#include "sched/test/cpus.h"
#include "sched/test/machine.h"
#include "sched/times.h"
#include "sched/waitq.h"
#include "arch_target/interleave.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MS NSEC_PER_MSEC
#define MOST 64

static unsigned cpus_wanted;
static const char *case_name;

static void failed_check(const char *file, int line, const char *what)
{
	fprintf(stderr, "sched-shares %s: %s:%d: %s\n", case_name, file, line, what);
	_exit(1);
}

static void machine(void)
{
	check_panic_hook = failed_check;
	test_boot(16384, 16384, &test_kernel_traps);
	kthread_init();
	host_pause_ns = 1000;
	test_cpus_start(cpus_wanted, 1u << 30);
	host_interleave(1, 1u << 30);
}

struct job {
	int nice, policy, prio;
	uint32_t affinity;
	ktime_t run_ns, sleep_ns; /* runs for this long, then sleeps; 0: never sleeps */
	struct thread *t;
	uint64_t got, least, most; /* least and most: what it must get; 0: no matter */
};
static struct job jobs[MOST];
static unsigned njobs;
static ktime_t end_time;
static bool over;

static void work(void *p)
{
	struct job *j = p;
	ktime_t until = clock_now() + j->run_ns;

	while (!READ_ONCE(over)) {
		host_pause();
		if (j->run_ns && clock_now() >= until) {
			sched_sleep_until(clock_now() + j->sleep_ns, false);
			until = clock_now() + j->run_ns;
		}
	}
}

static void judge(void)
{
	bool bad = false;

	for (unsigned i = 0; i < njobs; i++) {
		struct job *j = &jobs[i];
		bool ok = (!j->least || j->got >= j->least) && (!j->most || j->got <= j->most);

		if (!ok || getenv("TRACE"))
			fprintf(stderr, "sched-shares %s: thread %u had %.1f ms, not %.1f to %.1f%s\n", case_name, i, (double)j->got / 1e6, (double)j->least / 1e6,
				(double)j->most / 1e6, ok ? " (it did)" : "");
		bad |= !ok;
	}
	if (getenv("TRACE"))
		for (unsigned i = 0; i < cpu_count; i++)
			fprintf(stderr, "cpu %u: %llu switches\n", i, (unsigned long long)runqs[i].switches);
	fflush(stderr);
	_exit(bad);
}

/* Lets them start and mingle, then looks at one second. */
static void director(void *unused)
{
	(void)unused;
	sched_set_policy(thread_current(), SCHED_FIFO, 99);
	for (unsigned i = 0; i < njobs; i++) {
		struct job *j = &jobs[i];

		j->t = kthread_start("job", work, j);
		if (j->affinity)
			sched_set_affinity(j->t, j->affinity);
		sched_set_nice(j->t, j->nice);
		sched_set_policy(j->t, j->policy, j->prio);
	}
	sched_sleep_until(clock_now() + 200 * MS, false);
	for (unsigned i = 0; i < njobs; i++)
		jobs[i].got = sched_thread_cpu_ns(jobs[i].t);
	end_time = clock_now() + 1000 * MS;
	sched_sleep_until(end_time, false);
	for (unsigned i = 0; i < njobs; i++)
		jobs[i].got = sched_thread_cpu_ns(jobs[i].t) - jobs[i].got;
	judge();
}

static void add(struct job j)
{
	jobs[njobs++] = j;
}

static void expect(struct job *j, double ms, double tolerance)
{
	j->least = (uint64_t)(ms * (1 - tolerance) * 1e6);
	j->most = (uint64_t)(ms * (1 + tolerance) * 1e6);
}

/* n equal threads on all CPUs. */
static void equal(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		add((struct job){ 0 });
		expect(&jobs[i], n <= cpus_wanted ? 1000 : 1000.0 * cpus_wanted / n, 0.05);
	}
}

static void mixed(const char *what)
{
	unsigned m = cpus_wanted;

	if (!strcmp(what, "weights")) { /* twice as many as CPUs, half of them with the weight 335 to 1024 */
		for (unsigned i = 0; i < 2 * m; i++) {
			add((struct job){ .nice = i < m ? 0 : 5 });
			expect(&jobs[i], 1000.0 * (i < m ? 1024 : 335) / (1024 + 335), 0.08);
		}
	} else if (!strcmp(what, "heavy")) { /* one is worth more than a CPU: it has one, the others share the rest */
		add((struct job){ .nice = -20 });
		expect(&jobs[0], 1000, 0.05);
		for (unsigned i = 0; i < 2 * m; i++) {
			add((struct job){ .nice = 0 });
			expect(&jobs[1 + i], 1000.0 * (m - 1) / (2 * m), 0.12);
		}
	} else if (!strcmp(what, "pinned")) { /* four on CPU 0 only, and as many as CPUs that may be anywhere */
		for (unsigned i = 0; i < 4; i++) {
			add((struct job){ .affinity = 1 });
			expect(&jobs[i], 250, 0.25);
		}
		for (unsigned i = 0; i < m; i++) {
			add((struct job){ 0 });
			expect(&jobs[4 + i], 1000.0 * (m - 1) / m, 0.25);
		}
	} else if (!strcmp(what, "halves")) { /* three on each half of the CPUs, which share nothing */
		for (unsigned i = 0; i < m / 2 * 6; i++) {
			add((struct job){ .affinity = (i % 2 ? CPU_BIT(m / 2) - 1 : (CPU_BIT(m / 2) - 1) << m / 2) });
			expect(&jobs[i], 1000.0 / 3, 0.05);
		}
	} else if (!strcmp(what, "sleepers")) { /* those that want little get it */
		for (unsigned i = 0; i < m * 2; i++)
			add((struct job){ 0 });
		for (unsigned i = 0; i < m; i++) {
			add((struct job){ .run_ns = MS / 2, .sleep_ns = 10 * MS });
			expect(&jobs[2 * m + i], 1000.0 / 21, 0.35);
		}
	} else if (!strcmp(what, "sleepy")) { /* those that sleep a little get no more than those that do not */
		for (unsigned i = 0; i < m * 2; i++) {
			add((struct job){ .run_ns = i % 2 ? 3 * MS : 0, .sleep_ns = MS });
			expect(&jobs[i], 500, 0.20);
		}
	} else if (!strcmp(what, "fifo")) { /* as many as CPUs, which leave 50 ms to the others */
		for (unsigned i = 0; i < m; i++) {
			add((struct job){ .policy = SCHED_FIFO, .prio = 10 });
			expect(&jobs[i], 950, 0.03);
		}
		for (unsigned i = 0; i < m; i++) {
			add((struct job){ 0 });
			expect(&jobs[m + i], 50, 0.6);
		}
	} else if (!strcmp(what, "urgent")) { /* the m most urgent ones run */
		for (unsigned i = 0; i < 2 * m; i++) {
			add((struct job){ .policy = SCHED_FIFO, .prio = 10 + (int)(i * 7 % (2 * m)) });
			if (jobs[i].prio >= 10 + (int)m)
				expect(&jobs[i], 1000, 0.05);
			else
				jobs[i].most = 50 * MS;
		}
	} else {
		fprintf(stderr, "sched-shares: no case %s\n", what);
		_exit(1);
	}
}

static __noreturn void run_case(void)
{
	char what[32];
	unsigned n;

	if (sscanf(case_name, "%u:%u", &cpus_wanted, &n) == 2)
		equal(n);
	else if (sscanf(case_name, "%u:%31s", &cpus_wanted, what) == 2)
		mixed(what);
	machine();
	host_interleaving = false; /* until it is placed */
	kthread_start("director", director, NULL);
	host_interleaving = true;
	sched_idle_loop();
}

static int failures, cases;

static void start_case(const char *name)
{
	int status;

	fflush(NULL);
	case_name = name;
	if (!fork()) {
		alarm(100);
		run_case();
	}
	wait(&status);
	cases++;
	if (status) {
		fprintf(stderr, "sched-shares %s: failed (status %#x)\n", name, (unsigned)status);
		failures++;
	}
}

static void all(void)
{
	static const unsigned counts[] = { 2, 3, 4, 5, 7, 8, 9, 12, 16, 17, 31, 33, 47, 63, 64 };
	static const char *const others[] = { "weights", "heavy", "pinned", "halves", "sleepers", "sleepy", "fifo", "urgent" };
	char name[48];

	for (unsigned cpus = 2; cpus <= 8; cpus++)
		for (size_t i = 0; i < ARRAY_SIZE(counts); i++) {
			snprintf(name, sizeof(name), "%u:%u", cpus, counts[i]);
			start_case(name);
		}
	for (unsigned cpus = 2; cpus <= 8; cpus *= 2)
		for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
			snprintf(name, sizeof(name), "%u:%s", cpus, others[i]);
			start_case(name);
		}
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		start_case(argv[i]);
	if (argc == 1)
		all();
	printf("sched-shares: %d cases, %d failed\n", cases, failures);
	return failures != 0;
}
