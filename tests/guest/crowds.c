/* SPDX-License-Identifier: MIT */
/*
 * Much of one thing at once: children, orphans, threads, sleepers, locks, names, regions. What the kernel does for all of them in one call must
 * come out right, and, as tests/guest/latency.py sees, must not keep others from running.
 */
#include "guest.h"

#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>

#define CHILDREN 240
#define THREADS 120
#define NAMES 2000
#define REGIONS 1500
#define LOCKS 400
#define DESCRIPTORS 60000
#define SOME 3000

/* Children that wait until the write end of the gate is closed, and exit with their number. */
static void crowd(int n, const int gate[2], pid_t *pids)
{
	for (int i = 0; i < n; i++) {
		pids[i] = fork();
		CHECK_OK(pids[i]);
		if (pids[i] == 0) {
			char c;

			close(gate[1]);
			_exit(read(gate[0], &c, 1) == 0 ? i % 50 : 99);
		}
	}
}

static void take_all(int n, const pid_t *pids)
{
	for (int i = n - 1; i >= 0; i--) {
		int status;

		CHECK_EQ(waitpid(pids[i], &status, 0), pids[i]);
		CHECK_EQ(status, (i % 50) << 8);
	}
}

TEST(children)
{
	static pid_t pids[CHILDREN];
	int gate[2], status;

	CHECK_OK(pipe(gate));
	crowd(CHILDREN, gate, pids);
	for (int i = 0; i < 20; i++)
		CHECK_EQ(waitpid(-1, &status, WNOHANG), 0);
	CHECK_EQ(waitpid(-1, &status, WNOHANG | WUNTRACED | WCONTINUED), 0);
	CHECK_EQ(waitpid(0, &status, WNOHANG), 0);
	close(gate[1]);
	take_all(CHILDREN, pids);
	CHECK_ERR(waitpid(-1, &status, 0), ECHILD);
}

TEST(stopped_and_continued)
{
	static pid_t pids[CHILDREN];
	int gate[2], status;

	CHECK_OK(pipe(gate));
	crowd(CHILDREN, gate, pids);
	for (int i = 0; i < CHILDREN; i++)
		CHECK_OK(setpgid(pids[i], pids[0]));
	CHECK_OK(kill(-pids[0], SIGSTOP));
	for (int i = 0; i < CHILDREN; i++) {
		CHECK_EQ(waitpid(pids[i], &status, WUNTRACED), pids[i]);
		CHECK(WIFSTOPPED(status));
	}
	CHECK_OK(kill(-pids[0], SIGCONT));
	close(gate[1]);
	take_all(CHILDREN, pids);
}

TEST(killed_at_once)
{
	static pid_t pids[CHILDREN];
	int gate[2], status;

	CHECK_OK(pipe(gate));
	crowd(CHILDREN, gate, pids);
	for (int i = 0; i < CHILDREN; i++)
		CHECK_OK(setpgid(pids[i], pids[0]));
	CHECK_OK(kill(-pids[0], SIGKILL));
	for (int i = 0; i < CHILDREN; i++) {
		CHECK_OK(wait(&status));
		CHECK_EQ(status, SIGKILL);
	}
}

/* Their parent goes away; each says so when it has seen that. */
TEST(orphans)
{
	int said[2], gate[2], got = 0;
	char buf[64];
	pid_t parent;
	ssize_t n;

	CHECK_OK(pipe(said));
	CHECK_OK(pipe(gate));
	parent = fork();
	CHECK_OK(parent);
	if (parent == 0) {
		pid_t me = getpid();

		for (int i = 0; i < CHILDREN; i++) {
			pid_t pid = fork();

			CHECK_OK(pid);
			if (pid)
				continue;
			close(gate[1]);
			close(said[0]);
			n = read(gate[0], buf, 1);
			_exit(n == 0 && getppid() != me && write(said[1], "x", 1) == 1 ? 0 : 1);
		}
		_exit(0);
	}
	CHECK_EQ(waitpid(parent, NULL, 0), parent);
	close(said[1]);
	close(gate[1]);
	while ((n = read(said[0], buf, sizeof(buf))) > 0)
		got += (int)n;
	CHECK_EQ(got, CHILDREN);
}

static int word, awake;

static void *wait_for_word(void *unused)
{
	while (__atomic_load_n(&word, __ATOMIC_SEQ_CST) == 0)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0);
	__atomic_fetch_add(&awake, 1, __ATOMIC_SEQ_CST);
	return unused;
}

static void start_threads(pthread_t *t)
{
	pthread_attr_t attr;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 16384);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_create(&t[i], &attr, wait_for_word, NULL), 0);
}

TEST(threads_of_one_word)
{
	static pthread_t t[THREADS];

	start_threads(t);
	__atomic_store_n(&word, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
	for (int i = 0; i < THREADS; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(awake, THREADS);
}

TEST(threads_that_end_together)
{
	static pthread_t t[THREADS];
	int status;
	pid_t pid = fork();

	CHECK_OK(pid);
	if (pid == 0) {
		start_threads(t);
		_exit(7);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 7 << 8);
}

/* All wait for the same pipe; one byte makes it readable for all of them, and nobody takes it. */
TEST(pollers)
{
	static pid_t pids[CHILDREN];
	int gate[2];

	CHECK_OK(pipe(gate));
	for (int i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		CHECK_OK(pids[i]);
		if (pids[i] == 0) {
			struct pollfd p = {.fd = gate[0], .events = POLLIN};

			_exit(poll(&p, 1, -1) == 1 && p.revents == POLLIN ? i % 50 : 99);
		}
	}
	CHECK_EQ(write(gate[1], "x", 1), 1);
	take_all(CHILDREN, pids);
}

/* The alarm clocks of all go off at the same moment. */
TEST(sleepers)
{
	static pid_t pids[CHILDREN];
	struct timespec until;

	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &until));
	until.tv_sec += 1;
	for (int i = 0; i < CHILDREN; i++) {
		pids[i] = fork();
		CHECK_OK(pids[i]);
		if (pids[i] == 0) {
			struct timespec now;
			int err = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);

			clock_gettime(CLOCK_MONOTONIC, &now);
			_exit(err || now.tv_sec < until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec < until.tv_nsec) ? 99 : i % 50);
		}
	}
	take_all(CHILDREN, pids);
}

TEST(locks_of_one_file)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
	int fd = open("file", O_RDWR | O_CREAT, 0600), again, status;
	pid_t pid;

	CHECK_OK(fd);
	for (int i = 0; i < LOCKS; i++) {
		l.l_start = 2 * i;
		CHECK_OK(fcntl(fd, F_SETLK, &l));
	}
	pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		l = (struct flock){.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_start = 2 * (LOCKS - 1)};
		CHECK_OK(fcntl(fd, F_GETLK, &l));
		CHECK_EQ(l.l_type, F_WRLCK);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	again = open("file", O_RDWR);
	CHECK_OK(again);
	close(again); /* gives all of this process's locks back */
	pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		l = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET};
		CHECK_OK(fcntl(fd, F_SETLK, &l));
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
}

TEST(names)
{
	char name[32];
	int seen = 0;
	DIR *d;

	CHECK_OK(mkdir("d", 0700));
	for (int i = 0; i < NAMES; i++) {
		int fd;

		snprintf(name, sizeof(name), "d/name%d", i);
		fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
		CHECK_OK(fd);
		close(fd);
	}
	d = opendir("d");
	CHECK(d != NULL);
	while (readdir(d))
		seen++;
	closedir(d);
	CHECK_EQ(seen, NAMES + 2);
	CHECK_OK(rename("d", "e"));
	for (int i = 0; i < NAMES; i++) {
		snprintf(name, sizeof(name), "e/name%d", i);
		CHECK_OK(unlink(name));
	}
	CHECK_OK(rmdir("e"));
}

/* Regions that do not melt into one, taken away by one call; and by an exit. */
TEST(regions)
{
	char *base = mmap(NULL, REGIONS * 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char there;
	int status;
	pid_t pid;

	CHECK(base != MAP_FAILED);
	for (int i = 0; i < REGIONS; i++) {
		CHECK_OK(mprotect(base + 2 * i * PAGE, PAGE, PROT_READ | PROT_WRITE));
		base[2 * i * PAGE] = (char)i;
	}
	pid = fork();
	CHECK_OK(pid);
	if (pid == 0) {
		for (int i = 0; i < REGIONS; i++)
			CHECK_EQ(base[2 * i * PAGE]++, (char)i);
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	CHECK_OK(munmap(base, REGIONS * 2 * PAGE));
	CHECK_ERR(mincore(base, PAGE, &there), ENOMEM);
}

/* Many descriptors in a table that is copied, and closed by an exit. */
TEST(descriptors)
{
	struct rlimit r;
	int fd, most = 0, status;
	pid_t pid;

	CHECK_OK(getrlimit(RLIMIT_NOFILE, &r));
	r.rlim_cur = r.rlim_max;
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &r));
	fd = open("/dev/null", O_RDONLY);
	CHECK_OK(fd);
	while (most < 1000 && dup(fd) >= 0)
		most++;
	CHECK_EQ(most, 1000);
	for (int i = 0; i < 3; i++) {
		pid = fork();
		CHECK_OK(pid);
		if (pid == 0)
			_exit(fcntl(fd + most, F_GETFD) == 0 ? 0 : 1);
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK_EQ(status, 0);
	}
}

/* Descriptors fd, fd + 1, ... up to the number, by a limit that only root may have. */
static int fill(int number)
{
	int fd;

	if (geteuid() != 0)
		SKIP("needs root");
	CHECK_OK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){(rlim_t)number + 1, (rlim_t)number + 1}));
	fd = CHECK_OK(open("/dev/null", O_RDONLY));
	for (int at = fd; at < number;) {
		int got = CHECK_OK(dup(fd));

		at = got > at ? got : at;
	}
	return fd;
}

static bool is_open(int fd) { return fcntl(fd, F_GETFD) >= 0; }

HELPER(few_are_open)
{
	int last = atoi(argv[2]);

	return is_open(last) || is_open(last - 1) || is_open(last / 2) || !is_open(2) ? 1 : 0;
}

/* So many that nothing may look at all of them at once. */
TEST(descriptors_of_root)
{
	int fd = fill(DESCRIPTORS), last = DESCRIPTORS;
	char number[20];
	pid_t pid;

	CHECK(is_open(last));
	CHECK_ERR(dup(fd), EMFILE);
	CHECK_OK(close(50000));
	CHECK_OK(close(40000));
	CHECK_EQ(fcntl(fd, F_DUPFD, 45000), 50000);
	CHECK_EQ(dup(fd), 40000);
	CHECK_ERR(fcntl(fd, F_DUPFD, 10), EMFILE);
	FORK(pid) {
		CHECK(is_open(last) && is_open(last / 2));
		CHECK_OK(syscall(SYS_close_range, last / 2, last - 1, 0));
		CHECK(is_open(last) && !is_open(last / 2) && !is_open(last - 1) && is_open(last / 2 - 1));
		CHECK_EQ(dup(fd), last / 2);
	}
	reap_ok(pid);
	CHECK(is_open(last) && is_open(last / 2));
	snprintf(number, sizeof(number), "%d", last);
	CHECK_OK(syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC));
	FORK(pid) {
		execl("/proc/self/exe", "crowds", "@few_are_open", number, NULL);
		_exit(99);
	}
	reap_ok(pid);
	CHECK_OK(syscall(SYS_close_range, 3, last - 1, 0));
	CHECK(is_open(last) && !is_open(last - 1));
	CHECK_EQ(dup(2), 3);
}

static int low, high;
static volatile bool enough;

/* One file that is always open, under the one number or under the other. */
static void *mover(void *arg UNUSED)
{
	while (!enough) {
		CHECK_EQ(dup2(low, high), high);
		CHECK_OK(close(low));
		CHECK_EQ(dup2(high, low), low);
		CHECK_OK(close(high));
	}
	return NULL;
}

static ino_t file_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

/* A child has the descriptors that there were at one moment, whatever other threads do. */
TEST(descriptors_of_a_moment)
{
	int fd = fill(SOME), more;
	pthread_t thread;
	ino_t file;
	pid_t pid;

	low = 10;
	high = SOME - 10;
	CHECK_OK(close(high));
	more = CHECK_OK(open("file", O_RDWR | O_CREAT, 0600));
	CHECK_EQ(more, high);
	CHECK_EQ(dup2(high, low), low);
	CHECK_OK(close(high));
	file = file_of(low);
	CHECK_EQ(pthread_create(&thread, NULL, mover, NULL), 0);
	for (int i = 0; i < 30; i++) {
		FORK(pid)
			CHECK(file_of(low) == file || file_of(high) == file);
		reap_ok(pid);
	}
	enough = true;
	CHECK_EQ(pthread_join(thread, NULL), 0);
	CHECK(is_open(fd));
}

/* A table that grows while others use it, and is copied. */
static void *grower(void *arg)
{
	for (int at = 64; at < SOME; at = at * 3 / 2)
		CHECK_EQ(dup2(0, at + (int)(long)arg), at + (int)(long)arg);
	return NULL;
}

TEST(tables_that_grow)
{
	pthread_t threads[4];
	pid_t pid;

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &(struct rlimit){SOME + 500, SOME + 500}));
	for (int i = 0; i < 20; i++) {
		FORK(pid) {
			pid_t child;

			for (long n = 0; n < 4; n++)
				CHECK_EQ(pthread_create(&threads[n], NULL, grower, (void *)n), 0);
			FORK(child)
				for (int at = 64; at < SOME; at = at * 3 / 2)
					for (int n = 0; n < 4; n++)
						CHECK(file_of(at + n) == 0 || file_of(at + n) == file_of(0));
			reap_ok(child);
			for (int n = 0; n < 4; n++)
				CHECK_EQ(pthread_join(threads[n], NULL), 0);
			for (int at = 64; at < SOME; at = at * 3 / 2)
				for (int n = 0; n < 4; n++)
					CHECK_EQ(file_of(at + n), file_of(0));
		}
		reap_ok(pid);
	}
}

/* FDSize in /proc/self/status: how many numbers the table has room for. */
static int room(void)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[200];
	int n = -1;

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "FDSize: %d", &n) == 1)
			break;
	fclose(f);
	return n;
}

/* A child has room for what is open, not for what once was. */
TEST(descriptors_that_were_many)
{
	struct rlimit l = {1 << 20, 1 << 20};
	pid_t pid;

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &l));
	CHECK_OK(dup2(2, 400000));
	CHECK(room() > 400000);
	FORK(pid)
		CHECK(room() > 400000 && is_open(400000));
	reap_ok(pid);
	CHECK_OK(close(400000));
	FORK(pid) {
		CHECK(room() <= 1024);
		CHECK_OK(dup2(2, 3000));
		CHECK(is_open(2) && !is_open(2999) && is_open(3000));
	}
	reap_ok(pid);
	CHECK_OK(dup2(2, 3000));
	FORK(pid) {
		CHECK(room() > 3000 && room() <= 4096);
		CHECK(is_open(2) && !is_open(2999) && is_open(3000));
		CHECK_EQ(fcntl(2, F_DUPFD, 100000), 100000);
	}
	reap_ok(pid);
}
