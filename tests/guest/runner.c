/* SPDX-License-Identifier: MIT */
/*
 * The first process of a machine that runs the guest tests: mounts what they need, runs the programs in /tests one
 * after the other, looks for leaks, and turns the machine off. Arguments (on the kernel's command line after `--`):
 *
 *   tests=DIR      where the programs are (/tests)
 *   only=A,B       run only these programs;     case=NAME   run only this test of them
 *   leaks=0        do not look for leaks
 *   latency        forget the longest sections with preemption off before each program, print them after it,
 *                  and those of the start
 *   stay           no mounting and no power-off: for a run in a namespace of the host
 *
 * What it prints, besides the lines of the programs (guest.h):
 *   == PROGRAM                    a program starts
 *   # again                       it runs a second time
 *   # over                        it did: what it printed is no result
 *   -- PROGRAM STATUS             it ended with this wait status
 *   not ok leak: NAME 12 -> 10    a figure of /proc/perigee/counts differs after a second run of the same program
 *   # NAME 12 -> 10               so does the number of objects of that kind
 *   not ok stack: TEXT            less than a quarter of a kernel stack has never been used (debug builds)
 *   latency TEXT                  a line of /proc/perigee/latency
 *   == end                        all done
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM_TIMEOUT_S 1200 /* each test has a limit of its own (guest.h) */
#define MAX_COUNTS 64
#define COUNTS "/proc/perigee/counts"
#define STACKS "/proc/perigee/stacks"
#define LATENCY "/proc/perigee/latency"
#define SLABS "/proc/slabinfo"

struct count {
	char name[40];
	long value;
};

struct counts {
	int n;
	struct count at[MAX_COUNTS];
};

static const char *dir = "/tests", *only = "", *one_case = "";
static bool stay, latency, leaks = true;
static volatile pid_t running;

static void mount_all(void)
{
	mkdir("/proc", 0755);
	mkdir("/dev", 0755);
	mkdir("/tmp", 01777);
	mkdir("/sys", 0755);
	mount("proc", "/proc", "proc", 0, "");
	mount("dev", "/dev", "devtmpfs", 0, "");
	mkdir("/dev/pts", 0755);
	mount("devpts", "/dev/pts", "devpts", 0, "");
	mount("tmp", "/tmp", "tmpfs", 0, "");
	chmod("/tmp", 01777);
}

static void on_alarm(int sig)
{
	(void)sig;
	kill(-running, SIGKILL);
}

/* Ends every process but this one, and takes their statuses. */
static void sweep(void)
{
	if (getpid() == 1)
		kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

static void start(const char *path, const char *name)
{
	setsid();
	execl(path, name, one_case[0] ? one_case : NULL, NULL);
	printf("not ok exec: %s: %s\n", path, strerror(errno));
	fflush(stdout);
	_exit(127);
}

static int run(const char *name)
{
	char path[300];
	int status = -1;
	pid_t pid;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		start(path, name);
	if (pid < 0)
		return -1;
	running = pid;
	alarm(PROGRAM_TIMEOUT_S);
	for (;;) {
		pid_t got = waitpid(-1, &status, 0);

		if (got == pid)
			break;
		if (got < 0 && errno != EINTR)
			break;
	}
	alarm(0);
	sweep();
	return status;
}

/* The kinds of objects, and how many there are of each. */
static void read_slabs(struct counts *c)
{
	FILE *f = fopen(SLABS, "r");
	char line[200];

	for (c->n = 0; f && c->n < MAX_COUNTS && fgets(line, sizeof(line), f);)
		c->n += sscanf(line, "%39s %ld", c->at[c->n].name, &c->at[c->n].value) == 2;
	if (f)
		fclose(f);
}

static bool read_counts_once(struct counts *c)
{
	FILE *f;
	int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);

	if (fd >= 0) {
		(void)!write(fd, "3\n", 2);
		close(fd);
	}
	f = fopen(COUNTS, "r");
	if (!f)
		return false;
	for (c->n = 0; c->n < MAX_COUNTS && fscanf(f, "%39s %ld", c->at[c->n].name, &c->at[c->n].value) == 2;)
		c->n++;
	fclose(f);
	return c->n > 0;
}

/* What is still on its way out (a thread is freed by its successor) is waited for: until two readings agree, for a second at most. */
static bool read_counts(struct counts *c)
{
	static struct counts again;

	if (!read_counts_once(c))
		return false;
	for (int i = 0; i < 50; i++) {
		usleep(20000);
		if (!read_counts_once(&again))
			return false;
		if (memcmp(&again, c, sizeof(again)) == 0)
			return true;
		*c = again;
	}
	return true;
}

/* True when all are the same. */
static bool compare(const struct counts *a, const struct counts *b, const char *word)
{
	bool same = true;

	for (int i = 0; i < a->n && i < b->n; i++)
		if (a->at[i].value != b->at[i].value) {
			printf("%s %s %ld -> %ld\n", word, a->at[i].name, a->at[i].value, b->at[i].value);
			same = false;
		}
	return same;
}

/* Debug builds say how much of a kernel stack was left at the deepest, so far: a quarter must be. Told once for each time that it became less. */
static void judge_stacks(void)
{
	static long told;
	long size = 0, left = 0;
	FILE *f = fopen(STACKS, "r");

	if (!f)
		return;
	if (fscanf(f, "size %ld least_left %ld", &size, &left) == 2 && left < size / 4 && (!told || left < told)) {
		printf("not ok stack: %ld of %ld bytes were left of a kernel stack\n", left, size);
		told = left;
	}
	fclose(f);
}

static void latency_forget(void)
{
	int fd = open(LATENCY, O_WRONLY);

	(void)!write(fd, "0\n", 2);
	close(fd);
}

static void latency_print(void)
{
	char line[256];
	FILE *f = fopen(LATENCY, "r");

	while (f && fgets(line, sizeof(line), f))
		printf("latency %s", line);
	if (f)
		fclose(f);
}

/* The first run fills the caches that stay; what a second run changes is a leak. */
static void run_and_judge(const char *name)
{
	static struct counts before, after, slabs, slabs_after;
	int status;

	printf("== %s\n", name);
	if (latency)
		latency_forget();
	status = run(name);
	if (latency)
		latency_print();
	read_slabs(&slabs);
	memset(&slabs_after, 0, sizeof(slabs_after)); /* so that it has its page before the counting */
	if (leaks && access(COUNTS, R_OK) == 0 && read_counts(&before)) {
		printf("# again\n");
		run(name);
		printf("# over\n");
		if (read_counts(&after) && !compare(&before, &after, "not ok leak:")) {
			read_slabs(&slabs_after);
			compare(&slabs, &slabs_after, "#");
		}
	}
	judge_stacks();
	printf("-- %s %d\n", name, status);
	fflush(stdout);
}

static bool wanted(const char *name)
{
	const char *p = only;
	size_t n = strlen(name);

	if (name[0] == '.')
		return false;
	if (!only[0])
		return true;
	for (; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == 0))
			return true;
	}
	return false;
}

static void run_all(void)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	if (n < 0)
		printf("not ok runner: %s: %s\n", dir, strerror(errno));
	for (int i = 0; i < n; i++) {
		if (wanted(names[i]->d_name))
			run_and_judge(names[i]->d_name);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

static void parse(const char *word)
{
	if (strncmp(word, "tests=", 6) == 0)
		dir = word + 6;
	else if (strncmp(word, "only=", 5) == 0)
		only = word + 5;
	else if (strncmp(word, "case=", 5) == 0)
		one_case = word + 5;
	else if (strcmp(word, "leaks=0") == 0)
		leaks = false;
	else if (strcmp(word, "latency") == 0)
		latency = true;
	else if (strcmp(word, "stay") == 0)
		stay = true;
}

int main(int argc, char **argv)
{
	struct sigaction action = {.sa_handler = on_alarm};

	for (int i = 1; i < argc; i++)
		parse(argv[i]);
	sigaction(SIGALRM, &action, NULL);
	if (!stay)
		mount_all();
	if (latency)
		latency_print(); /* of the start */
	run_all();
	printf("== end\n");
	fflush(stdout);
	if (!stay) {
		sync();
		reboot(RB_POWER_OFF);
	}
	return 0;
}
