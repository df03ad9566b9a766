/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs, and waiting for readiness with poll and select.
 */
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/select.h>

static volatile int handled;

static void on_signal(int sig UNUSED)
{
	handled++;
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

TEST(data_and_end)
{
	int fd[2];
	char c[8];

	CHECK_OK(pipe(fd));
	CHECK_EQ(write(fd[1], "abc", 3), 3);
	CHECK_EQ(write(fd[1], "def", 3), 3);
	CHECK_EQ(read(fd[0], c, 2), 2);
	CHECK_EQ(read(fd[0], c, 8), 4);
	CHECK(memcmp(c, "cdef", 4) == 0);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	close(fd[1]);
	CHECK_EQ(read(fd[0], c, 8), 1);
	CHECK_EQ(read(fd[0], c, 8), 0);
	CHECK_EQ(read(fd[0], c, 8), 0);
}

TEST(flags)
{
	int fd[2];

	CHECK_OK(pipe2(fd, O_CLOEXEC | O_NONBLOCK));
	CHECK_EQ(fcntl(fd[0], F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd[1], F_GETFL), O_NONBLOCK | O_WRONLY);
	CHECK_ERR(pipe2(fd, O_APPEND), EINVAL);
	CHECK_ERR(pipe2(fd, 0x1), EINVAL);
}

TEST(capacity)
{
	static char block[PAGE];
	int fd[2], n = 0;

	CHECK_OK(pipe2(fd, O_NONBLOCK));
	while (write(fd[1], block, PAGE) == (ssize_t)PAGE)
		n++;
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(n, 16);
	CHECK_EQ(read(fd[0], block, PAGE), PAGE);
	CHECK_EQ(write(fd[1], block, PAGE), PAGE);
	CHECK_ERR(write(fd[1], block, 1), EAGAIN);
	CHECK_EQ(fcntl(fd[1], F_GETPIPE_SZ), 65536);
	CHECK_OK(ioctl(fd[0], FIONREAD, &n));
	CHECK_EQ(n, 65536);
}

TEST(nonblocking_read)
{
	int fd[2];
	char c;

	CHECK_OK(pipe2(fd, O_NONBLOCK));
	CHECK_ERR(read(fd[0], &c, 1), EAGAIN);
	close(fd[1]);
	CHECK_EQ(read(fd[0], &c, 1), 0);
}

TEST(nonblocking_partial_write)
{
	static char block[100000];
	int fd[2];

	CHECK_OK(pipe2(fd, O_NONBLOCK));
	CHECK_EQ(write(fd[1], block, 100000), 65536);
	CHECK_EQ(read(fd[0], block, 4096), 4096);
	CHECK_EQ(write(fd[1], block, 4097), 4096); /* more than PIPE_BUF: what fits */
	CHECK_EQ(read(fd[0], block, 4000), 4000);
	CHECK_ERR(write(fd[1], block, 4096), EAGAIN); /* up to PIPE_BUF: all or nothing */
}

TEST(blocking_write_waits_for_room)
{
	static char block[200000];
	int fd[2];
	pid_t pid;
	long got = 0, n;

	CHECK_OK(pipe(fd));
	FORK(pid) {
		for (unsigned i = 0; i < sizeof(block); i++)
			block[i] = (char)(i * 7);
		close(fd[0]);
		CHECK_EQ(write(fd[1], block, sizeof(block)), sizeof(block));
	}
	close(fd[1]);
	wait_state(pid, "S");
	while ((n = read(fd[0], block + got, 3000)) > 0)
		got += n;
	CHECK_EQ(got, sizeof(block));
	for (unsigned i = 0; i < sizeof(block); i++)
		CHECK_EQ(block[i], (char)(i * 7));
	reap_ok(pid);
}

TEST(small_writes_are_atomic)
{
	char record[512], got[512];
	int fd[2], n = 0;
	pid_t pid[4];

	CHECK_OK(pipe(fd));
	for (int i = 0; i < 4; i++)
		FORK(pid[i]) {
			memset(record, 'a' + i, sizeof(record));
			for (int k = 0; k < 200; k++)
				CHECK_EQ(write(fd[1], record, sizeof(record)), sizeof(record));
		}
	close(fd[1]);
	for (;;) {
		size_t have = 0;
		ssize_t r = 0;
		while (have < sizeof(got) && (r = read(fd[0], got + have, sizeof(got) - have)) > 0)
			have += (size_t)r;
		if (have == 0)
			break;
		CHECK_EQ(have, sizeof(got));
		for (unsigned i = 1; i < sizeof(got); i++)
			CHECK_EQ(got[i], got[0]);
		n++;
	}
	CHECK_EQ(n, 800);
	for (int i = 0; i < 4; i++)
		reap_ok(pid[i]);
}

TEST(blocked_write_meets_closed_reader)
{
	static char block[100000];
	int fd[2];
	pid_t pid;

	CHECK_OK(pipe(fd));
	FORK(pid) {
		close(fd[0]);
		signal(SIGPIPE, SIG_IGN);
		CHECK_EQ(write(fd[1], block, sizeof(block)), 65536);
		CHECK_ERR(write(fd[1], block, 1), EPIPE);
	}
	close(fd[1]);
	wait_state(pid, "S");
	close(fd[0]);
	reap_ok(pid);
}

TEST(end_seen_by_blocked_reader)
{
	int fd[2];
	pid_t pid;

	CHECK_OK(pipe(fd));
	FORK(pid) {
		char c;

		close(fd[1]);
		CHECK_EQ(read(fd[0], &c, 1), 0);
	}
	wait_state(pid, "S");
	close(fd[1]);
	reap_ok(pid);
}

TEST(ping_pong)
{
	struct gate a = gate_make(), b = gate_make();
	pid_t pid;

	FORK(pid)
		for (int i = 0; i < 2000; i++) {
			gate_wait(&a);
			gate_open(&b);
		}
	for (int i = 0; i < 2000; i++) {
		gate_open(&a);
		gate_wait(&b);
	}
	reap_ok(pid);
}

TEST(pipeline_of_processes)
{
	int fd[2], next[2], n = 0;
	pid_t pid[20];
	char c;

	CHECK_OK(pipe(fd));
	int first = fd[1];
	for (int i = 0; i < 20; i++) {
		CHECK_OK(pipe(next));
		FORK(pid[i]) {
			close(first);
			close(next[0]);
			while (read(fd[0], &c, 1) == 1) {
				c++;
				CHECK_EQ(write(next[1], &c, 1), 1);
			}
		}
		close(fd[0]);
		close(next[1]);
		fd[0] = next[0];
	}
	for (int i = 0; i < 50; i++)
		CHECK_EQ(write(first, "A", 1), 1);
	close(first);
	while (read(fd[0], &c, 1) == 1) {
		CHECK_EQ(c, 'A' + 20);
		n++;
	}
	CHECK_EQ(n, 50);
	for (int i = 0; i < 20; i++)
		reap_ok(pid[i]);
}

TEST(fifo_opens_wait_for_each_other)
{
	pid_t pid;
	char c;
	int fd;

	CHECK_OK(mkfifo("p", 0600));
	FORK(pid) {
		fd = CHECK_OK(open("p", O_WRONLY));
		CHECK_EQ(write(fd, "f", 1), 1);
	}
	fd = CHECK_OK(open("p", O_RDONLY));
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(read(fd, &c, 1), 0);
	reap_ok(pid);
}

TEST(fifo_nonblocking_opens)
{
	int rd, wr;
	char c;

	CHECK_OK(mkfifo("p", 0600));
	CHECK_ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO);
	rd = CHECK_OK(open("p", O_RDONLY | O_NONBLOCK));
	CHECK_EQ(read(rd, &c, 1), 0); /* no writer yet: end of file, not EAGAIN */
	wr = CHECK_OK(open("p", O_WRONLY | O_NONBLOCK));
	CHECK_ERR(read(rd, &c, 1), EAGAIN);
	CHECK_EQ(write(wr, "x", 1), 1);
	CHECK_EQ(read(rd, &c, 1), 1);
	close(wr);
	CHECK_EQ(read(rd, &c, 1), 0);
	CHECK_OK(open("p", O_RDWR));
	CHECK_ERR(read(rd, &c, 1), EAGAIN);
	CHECK_ERR(lseek(rd, 0, SEEK_SET), ESPIPE);
}

TEST(fifo_open_is_interruptible)
{
	struct sigaction action = {.sa_handler = on_signal};
	struct itimerval timer = {.it_value = {0, 30000}, .it_interval = {0, 30000}}; /* the first one may come before the open */

	CHECK_OK(mkfifo("p", 0600));
	CHECK_OK(sigaction(SIGALRM, &action, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	CHECK_ERR(open("p", O_RDONLY), EINTR);
	CHECK(handled >= 1);
	CHECK_ERR(open("p", O_WRONLY | O_NONBLOCK), ENXIO); /* the reader did not stay counted */
}

TEST(poll_events)
{
	struct pollfd p[4];
	int fd[2];
	char c;

	CHECK_OK(pipe2(fd, O_NONBLOCK));
	p[0] = (struct pollfd){fd[0], POLLIN, 0};
	p[1] = (struct pollfd){fd[1], POLLOUT, 0};
	p[2] = (struct pollfd){-1, POLLIN, 77};
	p[3] = (struct pollfd){99, POLLIN, 0};
	CHECK_EQ(poll(p, 2, 0), 1);
	CHECK_EQ(p[0].revents, 0);
	CHECK_EQ(p[1].revents, POLLOUT);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	CHECK_EQ(poll(p, 4, -1), 3);
	CHECK_EQ(p[0].revents, POLLIN);
	CHECK_EQ(p[2].revents, 0);
	CHECK_EQ(p[3].revents, POLLNVAL);
	while (write(fd[1], "x", 1) == 1)
		;
	CHECK_EQ(poll(p + 1, 1, 0), 0);
	while (read(fd[0], &c, 1) == 1)
		;
	close(fd[1]);
	CHECK_EQ(poll(p, 1, 0), 1);
	CHECK_EQ(p[0].revents, POLLHUP);
	CHECK_OK(pipe(fd));
	close(fd[0]);
	p[0] = (struct pollfd){fd[1], 0, 0};
	CHECK_EQ(poll(p, 1, 0), 1);
	CHECK_EQ(p[0].revents, POLLERR);
}

/* More than fit on the kernel's stack, of every kind; with and without waiting, and while another thread could change the table. */
static void poll_many(int count)
{
	struct pollfd p[300];
	int fd[2];

	CHECK_OK(pipe(fd));
	CHECK_EQ(write(fd[1], "x", 1), 1);
	for (int timeout = -1; timeout <= 0; timeout++) {
		int ready = 0;

		for (int i = 0; i < count; i++)
			p[i] = (struct pollfd){(int[]){-1 - i, fd[0], fd[1], 999}[i % 4], (short)(i % 8 < 4 ? POLLIN : POLLIN | POLLOUT), 0x5555};
		for (int i = 0; i < count; i++)
			ready += i % 4 == 1 || i % 4 == 3 || i % 8 == 6;
		CHECK_EQ(poll(p, (nfds_t)count, timeout), ready);
		for (int i = 0; i < count; i++)
			CHECK_EQ(p[i].revents, i % 4 == 0 ? 0 : i % 4 == 1 ? POLLIN : i % 4 == 3 ? POLLNVAL : i % 8 < 4 ? 0 : POLLOUT);
	}
	close(fd[0]);
	close(fd[1]);
}

static void *wait_for_end(void *fd)
{
	char c;

	return (void *)(intptr_t)read(*(int *)fd, &c, 1);
}

TEST(poll_of_many_kinds)
{
	pthread_t other;
	int end[2];

	CHECK_OK(pipe(end));
	for (int turn = 0; turn < 2; turn++) {
		for (int count = 2; count <= 300; count += 7)
			poll_many(count);
		if (turn == 0)
			CHECK_EQ(pthread_create(&other, NULL, wait_for_end, &end[0]), 0);
	}
	CHECK_EQ(write(end[1], "x", 1), 1);
	pthread_join(other, NULL);
}

TEST(poll_on_files_and_devices)
{
	struct pollfd p[2] = {{new_file("f"), POLLIN | POLLOUT, 0}, {open("/dev/null", O_RDWR), POLLIN | POLLOUT, 0}};

	CHECK_EQ(poll(p, 2, 1000), 2);
	CHECK_EQ(p[0].revents, POLLIN | POLLOUT);
	CHECK_EQ(p[1].revents, POLLIN | POLLOUT);
}

TEST(poll_waits)
{
	struct gate g = gate_make();
	struct pollfd p = {g.fd[0], POLLIN, 0};
	long long start = now_ms();
	pid_t pid;

	CHECK_EQ(poll(&p, 1, 50), 0);
	CHECK(now_ms() - start >= 49);
	CHECK_EQ(poll(NULL, 0, 10), 0);
	FORK(pid) {
		sleep_ms(30);
		gate_open(&g);
	}
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(p.revents, POLLIN);
	reap_ok(pid);
	CHECK_ERR(poll((struct pollfd *)&p, 1 << 24, 0), EINVAL);
}

TEST(poll_is_interrupted)
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	struct itimerval timer = {.it_value = {0, 30000}, .it_interval = {0, 30000}}; /* the first one may come before poll */
	struct gate g = gate_make();
	struct pollfd p = {g.fd[0], POLLIN, 0};

	CHECK_OK(sigaction(SIGALRM, &action, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	CHECK_ERR(poll(&p, 1, -1), EINTR);
	CHECK(handled >= 1);
}

TEST(ppoll_mask_and_time)
{
	struct gate g = gate_make();
	struct pollfd p = {g.fd[0], POLLIN, 0};
	struct timespec bad = {0, -1}, ts = {0, 20000000};
	sigset_t set, empty;

	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigemptyset(&empty);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	CHECK_EQ(ppoll(&p, 1, &ts, NULL), 0);
	CHECK_EQ(handled, 0);
	CHECK_ERR(ppoll(&p, 1, NULL, &empty), EINTR);
	CHECK_EQ(handled, 1);
	CHECK_ERR(ppoll(&p, 1, &bad, NULL), EINVAL);
}

TEST(select_sets)
{
	struct timeval zero = {0, 0}, wait = {0, 30000};
	fd_set in, out;
	int fd[2];

	CHECK_OK(pipe(fd));
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(fd[0], &in);
	FD_SET(fd[1], &out);
	CHECK_EQ(select(fd[1] + 1, &in, &out, NULL, &zero), 1);
	CHECK(!FD_ISSET(fd[0], &in) && FD_ISSET(fd[1], &out));
	FD_SET(fd[0], &in);
	CHECK_EQ(select(fd[1] + 1, &in, NULL, NULL, &wait), 0);
	CHECK_EQ(wait.tv_sec * 1000000 + wait.tv_usec, 0);
	CHECK_EQ(write(fd[1], "x", 1), 1);
	FD_SET(fd[0], &in);
	FD_SET(fd[1], &out);
	CHECK_EQ(select(fd[1] + 1, &in, &out, NULL, NULL), 2);
	FD_ZERO(&in);
	FD_SET(77, &in);
	CHECK_ERR(select(78, &in, NULL, NULL, &zero), EBADF);
	CHECK_ERR(select(-1, &in, NULL, NULL, &zero), EINVAL);
	wait.tv_sec = -1;
	CHECK_ERR(select(0, NULL, NULL, NULL, &wait), EINVAL);
	CHECK_EQ(read(fd[0], &fd, 1), 1);
}

TEST(pselect_mask)
{
	struct timespec ts = {0, 10000000};
	sigset_t set, empty;

	signal(SIGUSR1, on_signal);
	sigemptyset(&set);
	sigemptyset(&empty);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	CHECK_EQ(pselect(0, NULL, NULL, NULL, &ts, &set), 0);
	CHECK_ERR(pselect(0, NULL, NULL, NULL, NULL, &empty), EINTR);
	CHECK_EQ(handled, 1);
}

TEST(many_pipes)
{
	static int fd[400][2];
	struct pollfd p[400];

	for (int i = 0; i < 400; i++) {
		CHECK_OK(pipe(fd[i]));
		p[i] = (struct pollfd){fd[i][0], POLLIN, 0};
		CHECK_EQ(write(fd[i][1], &i, sizeof(i)), sizeof(i));
	}
	CHECK_EQ(poll(p, 400, 0), 400);
	for (int i = 0; i < 400; i++) {
		int got;

		CHECK_EQ(read(fd[i][0], &got, sizeof(got)), sizeof(got));
		CHECK_EQ(got, i);
	}
	CHECK_EQ(poll(p, 400, 0), 0);
}


/* What was written and not read goes with the last who has the FIFO open. */
TEST(fifo_is_emptied_by_the_last_close)
{
	char c;
	int fd;

	CHECK_OK(mkfifo("f", 0600));
	fd = CHECK_OK(open("f", O_RDWR));
	CHECK_EQ(write(fd, "stale", 5), 5);
	close(fd);
	fd = CHECK_OK(open("f", O_RDWR | O_NONBLOCK));
	CHECK_ERR(read(fd, &c, 1), EAGAIN);
}

/* An open through /proc/PID/fd gives the same pipe, and waits for no other side: bash's <(...) and `cat /dev/stdin` live on that. */
TEST(reopened_through_proc)
{
	char name[64], c;
	int fd[2], again;

	CHECK_OK(pipe(fd));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd[0]);
	CHECK_EQ(write(fd[1], "ab", 2), 2);
	again = CHECK_OK(open(name, O_RDONLY));
	CHECK_EQ(read(again, &c, 1), 1);
	CHECK_EQ(c, 'a');
	close(again);
	close(fd[1]);
	again = CHECK_OK(open(name, O_RDONLY));
	CHECK_EQ(read(again, &c, 1), 1);
	CHECK_EQ(c, 'b');
	CHECK_EQ(read(again, &c, 1), 0);
	again = CHECK_OK(open(name, O_WRONLY));
	CHECK_EQ(write(again, "c", 1), 1);
	CHECK_EQ(read(fd[0], &c, 1), 1);
	CHECK_EQ(c, 'c');
	close(fd[0]);
}

/* From 64 MiB of capacity on the pipes of a user without rights are small, and none of them grows. */
TEST(capacity_of_a_user)
{
	struct rlimit many = {4096, 4096};
	int first[2], small[2], p[2], n = 1;
	pid_t pid;

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &many));
	FORK(pid) {
		CHECK_OK(setgid(2345) ?: setuid(2345));
		CHECK_OK(pipe(first));
		CHECK_OK(pipe(small));
		CHECK_EQ(fcntl(small[0], F_SETPIPE_SZ, PAGE), PAGE);
		for (; n < 1023; n++)
			CHECK_OK(pipe(p));
		CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 16 * PAGE);
		CHECK_OK(pipe(p)); /* 15 pages are left */
		CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 2 * PAGE);
		CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 8 * PAGE), 8 * PAGE);
		CHECK_ERR(fcntl(p[0], F_SETPIPE_SZ, 32 * PAGE), EPERM);
		CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 8 * PAGE);
		CHECK_EQ(fcntl(first[0], F_SETPIPE_SZ, PAGE), PAGE);
		CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 16 * PAGE), 16 * PAGE);
		close(first[0]);
		close(first[1]);
		CHECK_OK(pipe(p));
		CHECK(fcntl(p[0], F_GETPIPE_SZ) == 2 * PAGE || fcntl(p[0], F_GETPIPE_SZ) == 16 * PAGE);
	}
	reap_ok(pid);
	FORK(pid) { /* all of it is given back */
		CHECK_OK(setgid(2345) ?: setuid(2345));
		CHECK_OK(pipe(p));
		CHECK_EQ(fcntl(p[0], F_GETPIPE_SZ), 16 * PAGE);
	}
	reap_ok(pid);
	CHECK_OK(pipe(p));
	CHECK_EQ(fcntl(p[0], F_SETPIPE_SZ, 512 * PAGE), 512 * PAGE); /* root */
}
