/* SPDX-License-Identifier: MIT */
/* Torture of descriptors and locks on files: one table used by many threads, closed under use, shared by processes; locks that exclude. */
#include "torture.h"

#include <sys/file.h>

static uint32_t seed;
static volatile int *words;

/* ---- one table of descriptors ---- */

#define KINDS 4

/* File k holds its number in every word: whatever a descriptor that this thread just opened reads is of the file it opened. */
static void open_and_read(int i)
{
	uint32_t s = draw_start(seed, i);
	char path[20];

	for (int k = rounds(250); k > 0; k--) {
		int kind = (int)draw(&s, KINDS), value[4], fd, other;

		snprintf(path, sizeof(path), "k%d", kind);
		fd = CHECK_OK(open(path, O_RDONLY));
		CHECK_EQ(pread(fd, value, sizeof(value), 16 * (off_t)draw(&s, 16)), sizeof(value));
		CHECK(value[0] == kind && value[3] == kind);
		other = CHECK_OK(draw(&s, 2) ? dup(fd) : fcntl(fd, F_DUPFD, 30));
		CHECK_OK(close(fd));
		CHECK_EQ(pread(other, value, sizeof(value), 0), sizeof(value));
		CHECK(value[0] == kind);
		CHECK_OK(close(other));
	}
}

/* A fixed number is overwritten by dup2 all the time: it is always open and always one of the files, wholly. */
static void overwrite(int i)
{
	uint32_t s = draw_start(seed, i);
	char path[20];

	for (int k = rounds(250); k > 0; k--) {
		int value[4], fd;

		snprintf(path, sizeof(path), "k%d", (int)draw(&s, KINDS));
		fd = CHECK_OK(open(path, O_RDONLY));
		CHECK_EQ(dup2(fd, 900), 900);
		CHECK_OK(close(fd));
		CHECK_EQ(pread(900, value, sizeof(value), 0), sizeof(value));
		CHECK(value[0] == value[1] && value[1] == value[2] && value[2] == value[3]);
	}
}

static void use_table(int i)
{
	if (i < 4)
		open_and_read(i);
	else
		overwrite(i);
}

static int descriptors(void) { return entries("/proc/self/fd"); }

TEST(one_table_many_threads)
{
	char path[20];
	int before = descriptors();

	seed = torture_seed();
	for (int k = 0; k < KINDS; k++) {
		int words_of[64];

		for (int n = 0; n < 64; n++)
			words_of[n] = k;
		snprintf(path, sizeof(path), "k%d", k);
		write_file(path, words_of, sizeof(words_of));
	}
	gang(6, use_table);
	CHECK_OK(close(900));
	CHECK_EQ(descriptors(), before);
}

/* Descriptors are closed under calls that use them: the call ends well or with EBADF, and pipes see their end. */
static volatile int doomed[2];

static void use_doomed(int i)
{
	char c = 'x';

	while (get(&words[0]) == 0) {
		int r = (int)(i & 1 ? write(get(&doomed[1]), &c, 1) : read(get(&doomed[0]), &c, 1));

		CHECK(r >= 0 || errno == EBADF || errno == EAGAIN || errno == EPIPE);
	}
}

static void doom(void)
{
	for (int k = rounds(300); k > 0; k--) {
		int fd[2];

		CHECK_OK(pipe2(fd, O_NONBLOCK));
		put(&doomed[0], fd[0]);
		put(&doomed[1], fd[1]);
		spin_for(300);
		CHECK_OK(close(fd[k & 1]));
		CHECK_OK(close(fd[!(k & 1)]));
	}
	put(&words[0], 1);
}

static void doom_or_use(int i)
{
	if (i == 4)
		doom();
	else
		use_doomed(i);
}

TEST(closed_under_use)
{
	int before = descriptors();

	signal(SIGPIPE, SIG_IGN);
	words = shared(PAGE);
	doomed[0] = doomed[1] = -1;
	gang(5, doom_or_use);
	CHECK_EQ(descriptors(), before);
}

/* A process that shares the table (clone with CLONE_FILES alone) sees what the other opens; at its end nothing is closed. */
static char stack[65536] __attribute__((aligned(16)));

static int open_for_parent(void *arg)
{
	int *fds = arg;

	for (int k = 0; k < 8; k++)
		fds[k] = open("/dev/zero", O_RDONLY);
	return 0;
}

TEST(table_shared_by_processes)
{
	int *fds = shared(PAGE), before = descriptors();
	char c;

	for (int k = rounds(30); k > 0; k--) {
		pid_t pid = CHECK_OK(clone(open_for_parent, stack + sizeof(stack), CLONE_FILES | SIGCHLD, fds));
		int mine[8];

		for (int n = 0; n < 8; n++)
			mine[n] = CHECK_OK(open("/dev/null", O_RDONLY));
		reap_ok(pid);
		for (int n = 0; n < 8; n++) {
			CHECK_EQ(read(fds[n], &c, 1), 1);
			CHECK_EQ(read(mine[n], &c, 1), 0);
			for (int m = 0; m < 8; m++)
				CHECK(fds[n] != mine[m]);
		}
		for (int n = 0; n < 8; n++) {
			CHECK_OK(close(fds[n]));
			CHECK_OK(close(mine[n]));
		}
	}
	CHECK_EQ(descriptors(), before);
}

/* ---- locks ---- */

static void lock_file(int fd, int how, short type)
{
	struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = 100, .l_len = 10};
	int r;

	do {
		r = how ? fcntl(fd, F_SETLKW, &l) : flock(fd, type == F_WRLCK ? LOCK_EX : LOCK_UN);
	} while (r < 0 && errno == EINTR);
	CHECK_EQ(r, 0);
}

/* The counter is read, and written, with yields between, under the lock only. */
static void count_under(int i, int how)
{
	int fd = CHECK_OK(open("counter", O_RDWR)), n;
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(100); k > 0; k--) {
		lock_file(fd, how, F_WRLCK);
		CHECK_EQ(pread(fd, &n, sizeof(n), 0), sizeof(n));
		CHECK_EQ(add(&words[how], 1), 1);
		if (draw(&s, 8) == 0)
			sched_yield();
		n++;
		CHECK_EQ(add(&words[how], -1), 0);
		CHECK_EQ(pwrite(fd, &n, sizeof(n), 0), sizeof(n));
		lock_file(fd, how, F_UNLCK);
	}
}

static void count_with_flock(int i) { count_under(i, 0); }
static void count_with_fcntl(int i) { count_under(i, 1); }

static void lock_test(void (*fn)(int))
{
	int zero = 0, n;

	seed = torture_seed();
	words = shared(PAGE);
	write_file("counter", &zero, sizeof(zero));
	crowd(6, fn);
	int fd = CHECK_OK(open("counter", O_RDONLY));
	CHECK_EQ(read(fd, &n, sizeof(n)), sizeof(n));
	CHECK_EQ(n, 6 * rounds(100));
}

TEST(flock_excludes) { lock_test(count_with_flock); }
TEST(fcntl_locks_exclude) { lock_test(count_with_fcntl); }

/* Holders are killed: their locks go with them, and the next one gets in. */
TEST(locks_of_the_killed_go)
{
	uint32_t s = torture_seed();
	int fd = new_file("counter");

	for (int k = rounds(40); k > 0; k--) {
		uint32_t how = draw(&s, 2), wait = draw(&s, 3000);
		pid_t pid;

		FORK(pid) {
			int mine = CHECK_OK(open("counter", O_RDWR));

			lock_file(mine, (int)how, F_WRLCK);
			for (;;)
				pause();
		}
		spin_for(wait);
		CHECK_OK(kill(pid, SIGKILL));
		lock_file(fd, (int)how, F_WRLCK);
		lock_file(fd, (int)how, F_UNLCK);
		reap_signal(pid, SIGKILL);
	}
}
