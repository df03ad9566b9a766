/* SPDX-License-Identifier: MIT */
/* What /proc tells of who has ended and was not waited for: of a process, and of a first thread that others outlive. */
#include "guest.h"

#include <pthread.h>

static char text[65536];

/* What a file below a process's directory says: its length, or -errno. */
static long say(const char *dir, const char *name)
{
	char path[100];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	if (n < 0)
		n = -errno;
	close(fd);
	text[n < 0 ? 0 : n] = 0;
	return n;
}

static bool says(const char *dir, const char *name, const char *want) { return say(dir, name) >= 0 && strcmp(text, want) == 0; }

/* The rest of the line of status that begins so; "" if there is none. */
static const char *field(const char *dir, const char *label)
{
	static char line[100];
	char *at;

	CHECK(say(dir, "status") > 0);
	at = strstr(text, label);
	line[0] = 0;
	if (at)
		sscanf(at + strlen(label), " %99[^\n]", line);
	return line;
}

static unsigned entries(const char *dir, const char *name)
{
	char path[100];
	unsigned n = 0;
	DIR *d;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	d = opendir(path);
	CHECK(d != NULL);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

static long link_of(const char *dir, const char *name)
{
	char path[100], to[200];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return readlink(path, to, sizeof(to)) < 0 ? -errno : 0;
}

/* It has no memory, no files and no place any more, and waits for nothing. */
static void check_ended(const char *dir, const char *threads)
{
	static const char *const of_memory[] = {"cmdline", "maps", "environ", "auxv", "smaps", "pagemap", "mem", "stack"};
	static const char *const of_places[] = {"exe", "cwd", "root", "fd/0"};
	static const char *const of_mounts[] = {"mounts", "mountinfo"};

	CHECK_STR(field(dir, "State:"), "Z (zombie)");
	CHECK_STR(field(dir, "Threads:"), threads);
	CHECK_STR(field(dir, "FDSize:"), "0");
	CHECK_STR(field(dir, "VmSize:"), "");
	CHECK_STR(field(dir, "Umask:"), "");
	CHECK(say(dir, "stat") > 0);
	CHECK_EQ(strrchr(text, ')')[2], 'Z');
	CHECK(says(dir, "statm", "0 0 0 0 0 0 0\n"));
	CHECK(says(dir, "comm", "procfs_ended\n"));
	for (size_t i = 0; i < sizeof(of_memory) / sizeof(*of_memory); i++)
		if (!says(dir, of_memory[i], ""))
			FAIL("%s says '%.40s'", of_memory[i], text);
	for (size_t i = 0; i < sizeof(of_places) / sizeof(*of_places); i++)
		CHECK_EQ(link_of(dir, of_places[i]), -ENOENT);
	for (size_t i = 0; i < sizeof(of_mounts) / sizeof(*of_mounts); i++)
		CHECK_EQ(say(dir, of_mounts[i]), -EINVAL);
	CHECK_EQ(say(dir, "smaps_rollup"), -ESRCH);
	CHECK_EQ(say(dir, "fdinfo/0"), -ENOENT);
	CHECK_EQ(entries(dir, "fd"), 0);
	CHECK_EQ(entries(dir, "fdinfo"), 0);
	CHECK_SOON(says(dir, "wchan", "0")); /* Linux: when it has left its stack */
	CHECK_SOON(says(dir, "syscall", "-1 0x0 0x0\n"));
}

static const char *dir_of(pid_t pid, pid_t tid)
{
	static char dirs[2][60];
	char *dir = dirs[tid != 0];

	snprintf(dir, sizeof(dirs[0]), tid ? "/proc/%d/task/%d" : "/proc/%d", pid, tid);
	return dir;
}

struct shared {
	struct gate told, go;
	pid_t tid;
};

static void *outlive(void *arg)
{
	struct shared *s = arg;
	pid_t tid = (pid_t)syscall(SYS_gettid);

	CHECK_EQ(write(s->told.fd[1], &tid, sizeof(tid)), sizeof(tid));
	gate_wait(&s->go);
	_exit(7);
}

/* A child whose first thread ends when it has made another, which runs `fn`. */
static pid_t headless(struct shared *s, void *(*fn)(void *))
{
	pid_t pid;

	s->told = gate_make();
	s->go = gate_make();
	FORK(pid) {
		pthread_t t;

		CHECK_EQ(pthread_create(&t, NULL, fn, s), 0);
		syscall(SYS_exit, 0);
	}
	CHECK_EQ(read(s->told.fd[0], &s->tid, sizeof(s->tid)), sizeof(s->tid));
	wait_state(pid, "Z");
	return pid;
}

TEST(the_first_thread_has_ended)
{
	struct shared s;
	pid_t pid = headless(&s, outlive);

	check_ended(dir_of(pid, 0), "2");
	check_ended(dir_of(pid, pid), "2");
	CHECK_EQ(entries(dir_of(pid, 0), "task"), 2);
	CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	CHECK_OK(kill(pid, 0));
	gate_open(&s.go);
	reap_exit(pid, 7);
	CHECK_ERR(access(dir_of(pid, 0), F_OK), ENOENT);
}

TEST(who_outlives_it_is_told_of)
{
	struct shared s;
	pid_t pid = headless(&s, outlive);
	const char *dir = dir_of(pid, s.tid);

	CHECK_SOON(field(dir, "State:")[0] == 'S');
	CHECK_STR(field(dir, "Threads:"), "2");
	CHECK(field(dir, "VmSize:")[0] != 0);
	CHECK(says(dir, "cmdline", "procfs_ended"));
	CHECK(say(dir, "maps") > 0);
	CHECK(say(dir, "mounts") > 0);
	CHECK_EQ(link_of(dir, "exe"), 0);
	CHECK_EQ(link_of(dir, "cwd"), 0);
	CHECK_EQ(link_of(dir, "fd/0"), 0);
	CHECK(entries(dir, "fd") > 2);
	gate_open(&s.go);
	reap_exit(pid, 7);
}

HELPER(wait_here)
{
	struct gate g = {.fd = {atoi(argv[2]), -1}};

	gate_wait(&g);
	return 5;
}

static void *replace(void *arg)
{
	struct shared *s = arg;
	pid_t tid = (pid_t)syscall(SYS_gettid);
	char number[12];

	CHECK_EQ(write(s->told.fd[1], &tid, sizeof(tid)), sizeof(tid));
	gate_wait(&s->go);
	snprintf(number, sizeof(number), "%d", CHECK_OK(dup(s->go.fd[0]))); /* it is not closed then */
	execl("/proc/thread-self/exe", "another", "@wait_here", number, NULL);
	FAIL("exec: %s", strerror(errno));
}

/* The thread that runs another program takes the place of the first one. */
TEST(exec_has_a_first_thread_again)
{
	struct shared s;
	pid_t pid = headless(&s, replace);
	const char *dir = dir_of(pid, 0), *task = dir_of(pid, pid);

	CHECK_STR(field(task, "State:"), "Z (zombie)");
	gate_open(&s.go);
	CHECK_SOON(field(dir, "State:")[0] == 'S' && says(dir, "cmdline", "another"));
	CHECK_STR(field(task, "State:"), "S (sleeping)");
	CHECK_STR(field(task, "Threads:"), "1");
	CHECK_EQ(entries(dir, "task"), 1);
	CHECK_EQ(link_of(task, "exe"), 0);
	CHECK_ERR(access(dir_of(pid, s.tid), F_OK), ENOENT);
	gate_open(&s.go);
	reap_exit(pid, 5);
}

TEST(a_zombie)
{
	pid_t pid;

	FORK(pid) {
	}
	wait_state(pid, "Z");
	check_ended(dir_of(pid, 0), "1");
	check_ended(dir_of(pid, pid), "1");
	CHECK_EQ(entries(dir_of(pid, 0), "task"), 1);
	reap_ok(pid);
}
