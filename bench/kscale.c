/* SPDX-License-Identifier: MIT */
/* kscale: what costs come to when there is much of something, and three pieces of real work. The same static program for any Linux-ABI kernel.
 * Prints a line for each: name <tab> nanoseconds for one operation (or KiB, where the name says so) <tab> operations timed.
 * Every row does the same number of operations on every kernel. Arguments: only=GROUP, a part of a group's name, or a name that begins with it;
 * long=1 for as many children as are named where a kernel that copies page tables needs minutes, and more memory.
 * A line `begin <tab> group` says what takes so long. */
#define _GNU_SOURCE
#include "program.h"
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define PAGE 4096
#define MIB (1024 * 1024)

static const char *only;
static int all;             /* long=1 */

/* only= may name a row of a group. */
static void row(const char *format, long number, double figure, long operations)
{
	char name[64];
	snprintf(name, sizeof(name), format, number);
	if (only && !strstr(name, only))
		return;
	printf("%s\t%.1f\t%ld\n", name, figure, operations);
	fflush(stdout);
}

static double since(uint64_t start, long operations)
{
	return (double)(now() - start) / operations;
}

static char *resident(size_t length)
{
	char *p = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	madvise(p, length, MADV_NOHUGEPAGE);    /* pages of 4 KiB on both; a kernel without huge pages may refuse */
	for (size_t i = 0; i < length; i += PAGE)
		p[i] = 1;
	return p;
}

static pid_t start(void)
{
	pid_t child = fork();
	if (child < 0)
		die("fork");
	return child;
}

static void wait_for(pid_t child)
{
	int status;
	if (waitpid(child, &status, 0) != child || status)
		die("a child failed");
}

static void fork_wait(void)
{
	pid_t child = start();
	if (!child)
		_exit(0);
	wait_for(child);
}

/* Waits until the other end of a pipe is closed by everyone. */
static void wait_for_end(int fd)
{
	char c;
	while (read(fd, &c, 1) > 0)
		;
}

/* --- many processes --------------------------------------------------- */

/* A child that answers each byte: a round trip is two wake-ups. */
struct echo {
	int there[2], back[2];
	pid_t child;
};

static void echo_start(struct echo *e)
{
	char c;
	if (pipe(e->there) || pipe(e->back))
		die("pipe");
	e->child = start();
	if (e->child)
		return;
	close(e->there[1]);
	while (read(e->there[0], &c, 1) == 1 && write(e->back[1], &c, 1) == 1)
		;
	_exit(0);
}

static void echo_trips(const struct echo *e, long trips)
{
	char c = 0;
	while (trips--)
		if (write(e->there[1], &c, 1) != 1 || read(e->back[0], &c, 1) != 1)
			die("echo");
}

static void echo_end(struct echo *e)
{
	close(e->there[1]);
	wait_for(e->child);
	close(e->there[0]);
	close(e->back[0]);
	close(e->back[1]);
}

static void wake_one(long live)
{
	enum { N = 200 };
	struct echo e;
	echo_start(&e);
	uint64_t begin = now();
	echo_trips(&e, N);
	row("live_%ld_wake", live, since(begin, N), N);
	echo_end(&e);
}

/* Children that wait until the pipe is closed; then each does body(each). */
static void start_held(long processes, int hold[2], void (*body)(long each), long each)
{
	if (pipe(hold))
		die("pipe");
	for (long i = 0; i < processes; i++) {
		if (start())
			continue;
		close(hold[1]);
		wait_for_end(hold[0]);
		if (body)
			body(each);
		_exit(0);
	}
}

static void live(long processes)
{
	enum { N = 100 };
	int hold[2];
	start_held(processes, hold, NULL, 0);
	uint64_t begin = now();
	for (int i = 0; i < N; i++)
		fork_wait();
	row("live_%ld_fork_exit_wait", processes, since(begin, N), N);
	wake_one(processes);
	begin = now();
	close(hold[1]);
	for (long i = 0; i < processes; i++)
		if (wait(NULL) < 0)
			die("wait");
	row("live_%ld_exit", processes, since(begin, processes), processes);
}

static struct echo partner;     /* of a process that wakes another */

static void yields(long each)
{
	while (each--)
		sched_yield();
}

static void forks(long each)
{
	while (each--)
		fork_wait();
}

static void wakes(long each)
{
	echo_trips(&partner, each);
}

static void crowd_member(const int begin[2], const int told[2], const int hold[2], long *left, void (*body)(long each), long each)
{
	char c = 0;
	close(begin[1]);
	close(hold[1]);
	if (body == wakes)
		echo_start(&partner);
	if (write(told[1], &c, 1) != 1)
		die("crowd");
	wait_for_end(begin[0]);
	body(each);
	if (!__atomic_sub_fetch(left, 1, __ATOMIC_SEQ_CST) && write(told[1], &c, 1) != 1)
		die("crowd");
	wait_for_end(hold[0]);
	if (body == wakes)
		echo_end(&partner);
	_exit(0);
}

/* Processes that all do a part of the operations, at once. From when the first may begin until the last is done; their own starts and exits do not count. */
static void crowd(const char *format, long processes, void (*body)(long each), long operations)
{
	int begin[2], told[2], hold[2];
	char c;
	long *left = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (left == MAP_FAILED || pipe(begin) || pipe(told) || pipe(hold))
		die("crowd");
	*left = processes;
	for (long i = 0; i < processes; i++) {
		if (!start())
			crowd_member(begin, told, hold, left, body, operations / processes);
		if (read(told[0], &c, 1) != 1)
			die("crowd");
	}
	uint64_t from = now();
	close(begin[1]);
	if (read(told[0], &c, 1) != 1)
		die("crowd");
	row(format, processes, since(from, operations), operations);
	close(hold[1]);
	while (wait(NULL) > 0)
		;
	close(begin[0]);
	close(hold[0]);
	close(told[0]);
	close(told[1]);
	munmap(left, PAGE);
}

static void runnable(long processes)
{
	crowd("runnable_%ld_yield", processes, yields, 200000);
	crowd("runnable_%ld_fork_exit_wait", processes, forks, 5000);
	crowd("runnable_%ld_wake", processes, wakes, 20000);
}

/* --- many regions, files, descriptors ---------------------------------- */

static void regions(long number)
{
	enum { N = 200 };
	char *p = mmap(NULL, (size_t)number * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("mmap");
	uint64_t begin = now();
	for (long i = 0; i < number; i += 2)
		if (mprotect(p + i * PAGE, PAGE, PROT_READ))
			die("mprotect");
	row("regions_%ld_split", number, since(begin, number / 2), number / 2);
	begin = now();
	for (int i = 0; i < N; i++) {
		char *q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (q == MAP_FAILED)
			die("mmap");
		*q = 1;
		munmap(q, PAGE);
	}
	row("regions_%ld_mmap_fault_munmap", number, since(begin, N), N);
	begin = now();
	for (int i = 0; i < 20; i++)
		fork_wait();
	row("regions_%ld_fork_exit_wait", number, since(begin, 20), 20);
	munmap(p, (size_t)number * PAGE);
}

static const char *file_name(long i)
{
	static char path[64];
	snprintf(path, sizeof(path), "/tmp/many/file.%ld", i);
	return path;
}

static void directory(long entries)
{
	enum { N = 1000 };
	struct stat s;
	if (mkdir("/tmp/many", 0700))
		die("mkdir");
	uint64_t begin = now();
	for (long i = 0; i < entries; i++) {
		int fd = open(file_name(i), O_CREAT | O_WRONLY | O_EXCL, 0600);
		if (fd < 0)
			die("create");
		close(fd);
	}
	row("directory_%ld_create", entries, since(begin, entries), entries);
	begin = now();
	for (long i = 0; i < N; i++)
		if (stat(file_name(i * 7919 % entries), &s))
			die("stat");
	row("directory_%ld_stat", entries, since(begin, N), N);
	begin = now();
	for (long i = 0; i < entries; i++)
		if (unlink(file_name(i)))
			die("unlink");
	row("directory_%ld_unlink", entries, since(begin, entries), entries);
	rmdir("/tmp/many");
}

static void poll_many(long number)
{
	enum { N = 100 };
	struct rlimit limit = {4096, 4096};
	struct pollfd *fds = calloc(number, sizeof(*fds));
	if (!fds || setrlimit(RLIMIT_NOFILE, &limit))
		die("setrlimit");
	for (long i = 0; i < number; i++) {
		int p[2];
		if (pipe(p))
			die("pipe");
		fds[i] = (struct pollfd){.fd = p[0], .events = POLLIN};
	}
	uint64_t begin = now();
	for (int i = 0; i < N; i++)
		if (poll(fds, number, 0))
			die("poll");
	row("poll_%ld_pipes", number, since(begin, N), N);
	free(fds);
}

static void sparse(long mib)
{
	static char buffer[65536];
	long blocks = mib * 16;
	int fd = open("/tmp/sparse", O_CREAT | O_RDWR | O_TRUNC, 0600);
	if (fd < 0 || ftruncate(fd, (off_t)mib * MIB))
		die("sparse");
	uint64_t begin = now();
	for (long i = 0; i < mib; i++)
		if (pwrite(fd, "x", 1, (off_t)i * MIB) != 1)
			die("pwrite");
	row("sparse_%ldMiB_write_each_MiB", mib, since(begin, mib), mib);
	begin = now();
	for (long i = 0; i < blocks; i++)
		if (pread(fd, buffer, sizeof(buffer), (off_t)i * sizeof(buffer)) != (ssize_t)sizeof(buffer))
			die("pread");
	row("sparse_%ldMiB_read_64KiB", mib, since(begin, blocks), blocks);
	begin = now();
	close(fd);
	unlink("/tmp/sparse");
	row("sparse_%ldMiB_unlink", mib, since(begin, 1), 1);
}

/* --- forks of all kinds ------------------------------------------------ */

static void chain(long length)
{
	char *p = resident(16 * MIB);
	uint64_t begin = now();
	for (long i = 0; i < length; i++) {
		pid_t child = start();
		if (child) {
			wait_for(child);
			if (i)
				_exit(0);
			row("chain_%ld_forks_writing_a_page", length, since(begin, length), length);
			return;
		}
		p[i * PAGE] = 2;
	}
	_exit(0);
}

static void snapshots(long mib)
{
	resident((size_t)mib * MIB);
	long many = all ? 1000 : 50;
	uint64_t begin = now();
	for (long i = 0; i < many; i++)
		fork_wait();
	row("snapshot_%ldMB_fork_exit_wait", mib, since(begin, many), many);
}

/* A figure of /proc/meminfo, in KiB. */
static long meminfo(const char *name)
{
	static char text[8192];
	int fd = open("/proc/meminfo", O_RDONLY);
	ssize_t n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = 0;
	char *at = strstr(text, name);
	if (!at)
		die(name);
	return atol(at + strlen(name));
}

/* Waits until free memory stays the same: a kernel may still be giving back what those before had. */
static void settle(void)
{
	struct timespec pause = {0, 50000000};
	long was = -1;

	for (int i = 0; i < 100 && was != meminfo("MemFree:"); i++) {
		was = meminfo("MemFree:");
		nanosleep(&pause, NULL);
	}
}

/* Children that each write some pages of what they share with their parent and then wait: time to have one, memory that it takes, and how much of
 * that is not pages of its own or its parent's that were written: the kernel's for it. */
static void alive(const char *name, size_t mib, long children, int pages)
{
	int hold[2], ready[2];
	char c = 0, *p = resident(mib * MIB), format[64];
	if (pipe(hold) || pipe(ready))
		die("pipe");
	fork_wait();
	settle();
	long before = meminfo("MemFree:"), written = meminfo("AnonPages:");
	uint64_t begin = now();
	for (long i = 0; i < children; i++) {
		if (!start()) {
			close(hold[1]);
			for (int k = 0; k < pages; k++)
				p[(size_t)k * (mib * MIB / 16)] = 3;
			if (write(ready[1], &c, 1) != 1)
				_exit(1);
			wait_for_end(hold[0]);
			_exit(0);
		}
		if (read(ready[0], &c, 1) != 1)
			die("a child");
	}
	double each = since(begin, children), kib = (double)(before - meminfo("MemFree:")) / children;
	double own = (double)(meminfo("AnonPages:") - written) / children;
	snprintf(format, sizeof(format), "%s_%%ld_fork_and_write", name);
	row(format, children, each, children);
	snprintf(format, sizeof(format), "%s_%%ld_KiB_each", name);
	row(format, children, kib, children);
	snprintf(format, sizeof(format), "%s_%%ld_KiB_each_not_written", name);
	row(format, children, kib - own, children);
	close(hold[1]);
	while (wait(NULL) > 0)
		;
}

/* --- real work ---------------------------------------------------------- */

static void run(const char *file, char *const *words)
{
	pid_t child = start();
	if (!child) {
		execv(file, words);
		_exit(127);
	}
	wait_for(child);
}

static void script(long processes)
{
	FILE *file = fopen("/tmp/script", "w");
	if (!file)
		die("script");
	for (long i = 0; i < processes; i++)
		fprintf(file, "x=$((x + %ld)); case $x in *7) y=$x ;; *) y=1 ;; esac\n/bin/busybox true $x $y\n", i);
	fclose(file);
	uint64_t begin = now();
	run("/bin/sh", (char *[]){"sh", "/tmp/script", NULL});
	row("real_script_%ld_processes", processes, since(begin, 1), 1);
	unlink("/tmp/script");
}

static void archive(long mib)
{
	char path[64], line[80];
	uint32_t word = 1;
	if (mkdir("/tmp/tree", 0700))
		die("mkdir");
	for (long i = 0; i < mib * 4; i++) {
		snprintf(path, sizeof(path), "/tmp/tree/file.%ld", i);
		FILE *file = fopen(path, "w");
		for (long size = 0; file && size < MIB / 4; size += strlen(line)) {
			word = word * 1664525 + 1013904223;
			snprintf(line, sizeof(line), "%ld: the word is %u and the next one comes\n", size, word >> 20);
			fputs(line, file);
		}
		if (!file || fclose(file))
			die("tree");
	}
	uint64_t begin = now();
	run("/bin/busybox", (char *[]){"tar", "cf", "/tmp/tree.tar", "-C", "/tmp", "tree", NULL});
	row("real_archive_tar_%ldMB", mib, since(begin, 1), 1);
	begin = now();
	run("/bin/busybox", (char *[]){"gzip", "/tmp/tree.tar", NULL});
	row("real_archive_gzip_%ldMB", mib, since(begin, 1), 1);
	begin = now();
	run("/bin/busybox", (char *[]){"rm", "-r", "/tmp/tree", "/tmp/tree.tar.gz", NULL});
	row("real_archive_rm_%ldMB", mib, since(begin, 1), 1);
}

/* What a fuzzer does: a prepared process is forked for each input, and the child writes a little. */
static void fork_server(long mib)
{
	enum { N = 200 };
	char *p = resident((size_t)mib * MIB);
	uint64_t begin = now();
	for (int i = 0; i < N; i++) {
		pid_t child = start();
		if (!child) {
			for (int k = 0; k < 10; k++)
				p[(size_t)(i + k * 97) * 16 * PAGE] = 4;
			_exit(0);
		}
		wait_for(child);
	}
	row("real_fork_server_%ldMB", mib, since(begin, N), N);
}

/* --- all of it ----------------------------------------------------------- */

static void alive_thousand(long children)
{
	alive("alive", 128, children, 10);
}

/* A kernel that copies page tables needs 1.5 GiB for it. */
static void alive_large(long children)
{
	if (all)
		alive("alive_700MB", 700, children, 10);
}

static void idle_child(long children)
{
	alive("idle_child_256MB", 256, children, 0);
}

static const struct group {
	const char *name;
	void (*run)(long number);
	long number;
} groups[] = {
	{"live_10", live, 10}, {"live_1000", live, 1000}, {"live_10000", live, 10000},
	{"runnable_10", runnable, 10}, {"runnable_1000", runnable, 1000},
	{"regions_10", regions, 10}, {"regions_10000", regions, 10000},
	{"directory_100", directory, 100}, {"directory_100000", directory, 100000},
	{"poll_1000", poll_many, 1000}, {"sparse", sparse, 1024},
	{"chain", chain, 64}, {"snapshot", snapshots, 700}, {"alive", alive_thousand, 1000}, {"idle_child", idle_child, 20},
	{"alive_700MB", alive_large, 1000},
	{"real_script", script, 1000}, {"real_archive", archive, 20}, {"real_fork_server", fork_server, 200},
};

static int wanted(const struct group *g)
{
	size_t length = strlen(g->name);
	return !only || strstr(g->name, only) || (!strncmp(only, g->name, length) && only[length] == '_');
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "only=", 5))
			only = argv[i] + 5;
		if (!strcmp(argv[i], "long=1"))
			all = 1;
	}
	mkdir("/tmp", 0777);
	for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
		if (!wanted(&groups[i]))
			continue;
		printf("begin\t%s\n", groups[i].name);
		fflush(stdout);
		/* In a process of its own, which takes with it what it holds. */
		pid_t child = start();
		if (!child) {
			groups[i].run(groups[i].number);
			_exit(0);
		}
		int status;
		if (waitpid(child, &status, 0) != child || status)
			printf("FAIL\t%s\tstatus %d\n", groups[i].name, status);
	}
	printf("kscale\tdone\t0\n");
	return 0;
}
