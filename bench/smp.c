/* SPDX-License-Identifier: MIT */
/*
 * smp: how much more a second CPU brings. Each benchmark is a loop that one worker runs alone, and then N workers at once that have
 * nothing to do with each other; they run for a fixed wall time, and what they did together is counted. Runs of one and of N workers
 * take turns. A static Linux program, so that the same binary runs on any Linux-ABI kernel in the same virtual machine.
 *
 *   smp [only=NAME] [workers=N] [ms=N] [repeats=N] [pin=0|1] [first=N]
 *
 * N workers take turns with `first` workers (1).
 *
 * Prints, for the program that watches from outside (bench/smp.py):
 *     begin NAME WORKERS            and, after the wall time,
 *     end NAME WORKERS OPERATIONS NANOSECONDS
 * `spin` computes only: its ratio is what the host has to give.
 */
#define _GNU_SOURCE
#include "program.h"
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define MAX_WORKERS 32
#define FAULT_PAGES 256
#define SPIN_STEPS 10000

/* What the workers and the process that starts and stops them share; each worker's count has a cache line of its own. */
struct shared {
	volatile int go, stop;
	struct {
		volatile int ready;
		volatile long done;
		char rest[120];
	} at[MAX_WORKERS];
};

struct bench {
	const char *name;
	long (*run)(int worker);        /* until stop(); operations done */
	bool threads;                   /* the workers are threads of one process */
};

static struct shared *shared;
static const char *only = "", *self = "/proc/self/exe";
static int workers = 2, first = 1, ms = 300, repeats = 5, pin;

static bool stop(void)
{
	return shared->stop;
}

static long run_spin(int worker)
{
	volatile uint32_t x = worker;
	long n = 0;

	for (; !stop(); n++)
		for (int i = 0; i < SPIN_STEPS; i++)
			x = x * 1664525 + 1013904223;
	return n;
}

static long run_call(int worker)
{
	long n = 0;

	(void)worker;
	for (; !stop(); n++)
		syscall(SYS_getppid);
	return n;
}

/* The same by an exception, as every page fault is one: what the machine itself needs to deliver it is most of this. */
static long run_trap(int worker)
{
	long n = 0, r;

	(void)worker;
	for (; !stop(); n++)
		__asm__ volatile("int $0x80" : "=a"(r) : "0"(SYS_getppid) : "memory");
	return n;
}

static void reap(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		die("a child");
}

static long run_children(void (*child)(void))
{
	long n = 0;
	pid_t pid;

	for (; !stop(); n++) {
		pid = fork();
		if (pid < 0)
			die("fork");
		if (!pid) {
			child();
			_exit(0);
		}
		reap(pid);
	}
	return n;
}

static void nothing(void)
{
}

static void execute(void)
{
	execl(self, "smp", "--exit", (char *)NULL);
	_exit(127);
}

static long run_fork(int worker)
{
	(void)worker;
	return run_children(nothing);
}

static long run_exec(int worker)
{
	(void)worker;
	return run_children(execute);
}

static long run_fault(int worker)
{
	long page = sysconf(_SC_PAGESIZE), n = 0;

	(void)worker;
	while (!stop()) {
		char *p = mmap(NULL, FAULT_PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (p == MAP_FAILED)
			die("mmap");
		for (int i = 0; i < FAULT_PAGES; i++)
			p[i * page] = 1;
		munmap(p, FAULT_PAGES * page);
		n += FAULT_PAGES;
	}
	return n;
}

/* One region for good, whose pages are given back and faulted in again: no mapping is changed, as in a heap that breathes. */
static long run_refault(int worker)
{
	long page = sysconf(_SC_PAGESIZE), n = 0;
	char *p = mmap(NULL, FAULT_PAGES * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	(void)worker;
	if (p == MAP_FAILED)
		die("mmap");
	while (!stop()) {
		for (int i = 0; i < FAULT_PAGES; i++)
			p[i * page] = 1;
		if (madvise(p, FAULT_PAGES * page, MADV_DONTNEED))
			die("madvise");
		n += FAULT_PAGES;
	}
	munmap(p, FAULT_PAGES * page);
	return n;
}

static long run_create(int worker)
{
	char folder[32], path[64];
	long n = 0;

	snprintf(folder, sizeof(folder), "/tmp/smp.%d", worker);
	if (mkdir(folder, 0700) && errno != EEXIST)
		die("mkdir");
	for (; !stop(); n++) {
		int fd;

		snprintf(path, sizeof(path), "%s/%ld", folder, n & 63);
		fd = open(path, O_CREAT | O_EXCL | O_RDWR, 0600);
		if (fd < 0)
			die("open");
		close(fd);
		if (unlink(path))
			die("unlink");
	}
	rmdir(folder);
	return n;
}

static void echo(int from, int to)
{
	char c;

	while (read(from, &c, 1) == 1)
		if (write(to, &c, 1) != 1)
			_exit(1);
	_exit(0);
}

static long run_pipe(int worker)
{
	int there[2], back[2];
	char c = 0;
	long n = 0;
	pid_t pid;

	(void)worker;
	if (pipe(there) || pipe(back))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		close(there[1]);
		close(back[0]);
		echo(there[0], back[1]);
	}
	for (; !stop(); n++)
		if (write(there[1], &c, 1) != 1 || read(back[0], &c, 1) != 1)
			die("pipe pair");
	close(there[1]);
	reap(pid);
	close(there[0]);
	close(back[0]);
	close(back[1]);
	return n;
}

static const struct bench benches[] = {
	{"spin", run_spin, false},
	{"call", run_call, false},
	{"trap", run_trap, false},
	{"fork_exit", run_fork, false},
	{"fork_exec", run_exec, false},
	{"fault", run_fault, false},
	{"create", run_create, false},
	{"pipe_pair", run_pipe, false},
	{"thread_fault", run_fault, true},
	{"thread_refault", run_refault, true},
};

static void pin_to(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		die("sched_setaffinity");
}

static void work(const struct bench *bench, int worker)
{
	if (pin)
		pin_to(worker);
	shared->at[worker].ready = 1;
	while (!shared->go)
		sched_yield();
	shared->at[worker].done = bench->run(worker);
}

struct thread_start {
	const struct bench *bench;
	int worker;
};

static void *thread_main(void *arg)
{
	struct thread_start *start = arg;

	work(start->bench, start->worker);
	return NULL;
}

static void run_threads(const struct bench *bench, int count)
{
	struct thread_start start[MAX_WORKERS];
	pthread_t thread[MAX_WORKERS];

	for (int i = 0; i < count; i++) {
		start[i] = (struct thread_start){bench, i};
		if (pthread_create(&thread[i], NULL, thread_main, &start[i]))
			die("pthread_create");
	}
	for (int i = 0; i < count; i++)
		pthread_join(thread[i], NULL);
}

static int start_workers(const struct bench *bench, int count, pid_t *pids)
{
	int processes = bench->threads ? 1 : count;

	for (int i = 0; i < processes; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork");
		if (pids[i])
			continue;
		if (bench->threads)
			run_threads(bench, count);
		else
			work(bench, i);
		_exit(0);
	}
	return processes;
}

static void sleep_ms(int n)
{
	struct timespec t = {n / 1000, n % 1000 * 1000000L};

	while (nanosleep(&t, &t))
		;
}

static void round_of(const struct bench *bench, int count)
{
	pid_t pids[MAX_WORKERS];
	uint64_t start, end;
	int processes;
	long done = 0;

	memset(shared, 0, sizeof(*shared));
	processes = start_workers(bench, count, pids);
	for (int i = 0; i < count; i++)
		while (!shared->at[i].ready)
			sleep_ms(1);
	printf("begin %s %d\n", bench->name, count);
	fflush(stdout);
	start = now();
	shared->go = 1;
	sleep_ms(ms);
	shared->stop = 1;
	end = now();
	for (int i = 0; i < processes; i++)
		reap(pids[i]);
	for (int i = 0; i < count; i++)
		done += shared->at[i].done;
	printf("end %s %d %ld %llu\n", bench->name, count, done, (unsigned long long)(end - start));
	fflush(stdout);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--exit"))
		return 0;
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "only=", 5))
			only = argv[i] + 5;
		if (!strncmp(argv[i], "workers=", 8))
			workers = atoi(argv[i] + 8);
		if (!strncmp(argv[i], "ms=", 3))
			ms = atoi(argv[i] + 3);
		if (!strncmp(argv[i], "repeats=", 8))
			repeats = atoi(argv[i] + 8);
		if (!strncmp(argv[i], "pin=", 4))
			pin = atoi(argv[i] + 4);
		if (!strncmp(argv[i], "first=", 6))
			first = atoi(argv[i] + 6);
	}
	if (workers < 1 || workers > MAX_WORKERS || first < 1 || first > MAX_WORKERS)
		die("workers");
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		die("mmap");
	for (size_t b = 0; b < sizeof(benches) / sizeof(benches[0]); b++)
		for (int i = 0; (!*only || !strcmp(benches[b].name, only)) && i < repeats; i++) {
			round_of(&benches[b], first);
			round_of(&benches[b], workers);
		}
	printf("done\n");
	return 0;
}
