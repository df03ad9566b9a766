/* SPDX-License-Identifier: MIT */
/*
 * Everything in /proc is read while processes and threads come, change and go. What is read need not be there any more; nothing else may go
 * wrong. And of two processes, the one that is to be given up first is the one that the OOM killer takes.
 */
#include "guest.h"

#include <pthread.h>
#include <sys/prctl.h>

#define ROUNDS 120

HELPER(short_life)
{
	return 0;
}

static void *short_thread(void *arg)
{
	prctl(PR_SET_NAME, "short");
	return arg;
}

/* Processes that map, start threads, run another program, end. */
static void live(unsigned seed)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		pthread_t t;
		pid_t pid;
		int fd;

		FORK(pid) {
			char *p = map_rw(64 * PAGE);

			memset(p, 1, 64 * PAGE);
			if ((i + seed) % 3 == 0)
				execl("/proc/self/exe", "procfs_races", "@short_life", NULL);
			if ((i + seed) % 3 == 1 && pthread_create(&t, NULL, short_thread, p) == 0)
				pthread_join(t, NULL);
			fd = open("/dev/null", O_RDONLY);
			munmap(p, 64 * PAGE);
			close(fd);
		}
		reap_ok(pid);
	}
}

static unsigned char noise[8192];

static void read_one(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_NONBLOCK);

	if (fd < 0)
		return;
	while (read(fd, noise, sizeof(noise)) == (ssize_t)sizeof(noise) && strcmp(name, "pagemap") != 0)
		;
	close(fd);
}

/* All files below a directory of a process, and the targets of its links. */
static void read_all(int at, const char *name, int depth)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *e;

	if (!dir) {
		CHECK(errno == ENOENT || errno == ESRCH || errno == EACCES || errno == EPERM);
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.' || strcmp(e->d_name, "mem") == 0 || strcmp(e->d_name, "clear_refs") == 0)
			continue;
		if (e->d_type == DT_DIR && depth < 3)
			read_all(fd, e->d_name, depth + 1);
		else if (e->d_type == DT_REG)
			read_one(fd, e->d_name);
		else if (e->d_type == DT_LNK && readlinkat(fd, e->d_name, (char *)noise, sizeof(noise)) < 0)
			CHECK(errno == ENOENT || errno == ESRCH || errno == EACCES || errno == EPERM);
	}
	closedir(dir);
}

static void watch(volatile unsigned *living)
{
	while (*living) {
		DIR *dir = opendir("/proc");
		struct dirent *e;

		CHECK(dir != NULL);
		while ((e = readdir(dir)) != NULL)
			if (atoi(e->d_name) >= getpgrp())
				read_all(dirfd(dir), e->d_name, 0);
		closedir(dir);
	}
}

TEST(reading_while_processes_live)
{
	volatile unsigned *living = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid_t watchers[2], livers[2];

	*living = 2;
	for (unsigned i = 0; i < 2; i++)
		FORK(livers[i]) {
			live(i);
			__atomic_sub_fetch(living, 1, __ATOMIC_SEQ_CST);
		}
	for (unsigned i = 0; i < 2; i++)
		FORK(watchers[i])
			watch(living);
	for (unsigned i = 0; i < 2; i++)
		reap_ok(livers[i]);
	for (unsigned i = 0; i < 2; i++)
		reap_ok(watchers[i]);
}

static void *changing(void *arg)
{
	volatile bool *stop = arg;

	while (!*stop) {
		char *p = map_rw(16 * PAGE);

		p[0] = 1;
		mprotect(p + PAGE, PAGE, PROT_READ);
		munmap(p, 16 * PAGE);
	}
	return NULL;
}

/* The memory that is being told changes meanwhile: lines are whole and in order. */
TEST(maps_while_memory_changes)
{
	static char text[60000];
	volatile bool stop = false;
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, changing, (void *)&stop), 0);
	for (int i = 0; i < 300; i++) {
		unsigned long start, end, last = 0;
		int fd = CHECK_OK(open(i % 3 ? "/proc/self/maps" : "/proc/self/smaps", O_RDONLY));
		ssize_t n, have = 0;
		char *line, perms[8];

		while ((n = read(fd, text + have, sizeof(text) - 1 - (size_t)have)) > 0)
			have += n;
		close(fd);
		text[have] = 0;
		for (line = text; *line; line = strchr(line, '\n') + 1) {
			CHECK(strchr(line, '\n') != NULL);
			if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) == 3) {
				CHECK(start < end && start >= last && strlen(perms) == 4);
				last = start;
			}
		}
	}
	stop = true;
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static void set_adj(const char *text)
{
	int fd = CHECK_OK(open("/proc/self/oom_score_adj", O_WRONLY));

	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

TEST(who_is_given_up_first)
{
	struct gate ready = gate_make();
	pid_t small, large;
	siginfo_t info;

	FORK(small) { /* little memory, but it says that it may go */
		char *p = map_rw(1ul << 20);

		set_adj("1000");
		memset(p, 1, 1ul << 20);
		gate_open(&ready);
		for (;;)
			pause();
	}
	gate_wait(&ready);
	FORK(large) {
		set_adj("-900");
		for (;;) {
			char *p = mmap(NULL, 1ul << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

			if (p != MAP_FAILED)
				memset(p, 1, 1ul << 20);
			else
				sleep_ms(1);
		}
	}
	CHECK_OK(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT)); /* the first to end */
	CHECK_EQ(info.si_pid, small);
	CHECK_OK(kill(large, SIGKILL));
	reap_signal(small, SIGKILL);
	reap_signal(large, SIGKILL);
}
