/* SPDX-License-Identifier: MIT */
/*
 * Event counters: eventfd(2).
 */
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>

static uint64_t get(int fd)
{
	uint64_t n = 0;

	CHECK_EQ(read(fd, &n, 8), 8);
	return n;
}

static void put(int fd, uint64_t n)
{
	CHECK_EQ(write(fd, &n, 8), 8);
}

static short ready(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	CHECK_OK(poll(&p, 1, 0));
	return p.revents;
}

TEST(counts)
{
	int fd = CHECK_OK(eventfd(3, 0));

	put(fd, 4);
	CHECK_EQ(get(fd), 7);
	put(fd, 1ULL << 40);
	put(fd, 1);
	CHECK_EQ(get(fd), (1ULL << 40) + 1);
}

TEST(semaphore)
{
	int fd = CHECK_OK(eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK));
	uint64_t n;

	put(fd, 1);
	CHECK_EQ(get(fd), 1);
	CHECK_EQ(get(fd), 1);
	CHECK_EQ(get(fd), 1);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
}

TEST(flags)
{
	int fd = CHECK_OK(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERR(eventfd(0, 0x4), EINVAL);
	CHECK_ERR(eventfd(0, O_APPEND), EINVAL);
	fd = CHECK_OK(syscall(SYS_eventfd, 5));
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(get(fd), 5);
}

TEST(limits)
{
	int fd = CHECK_OK(eventfd(0, EFD_NONBLOCK));
	uint64_t n = ~0ULL;

	CHECK_ERR(read(fd, &n, 8), EAGAIN);
	CHECK_ERR(write(fd, &n, 8), EINVAL);
	CHECK_EQ(ready(fd), POLLOUT);
	put(fd, ~0ULL - 2);
	CHECK_EQ(ready(fd), POLLIN | POLLOUT);
	put(fd, 1);
	CHECK_EQ(ready(fd), POLLIN);
	n = 1;
	CHECK_ERR(write(fd, &n, 8), EAGAIN);
	n = 0;
	put(fd, 0);
	CHECK_EQ(get(fd), ~0ULL - 1);
	CHECK_EQ(ready(fd), POLLOUT);
}

TEST(sizes)
{
	int fd = CHECK_OK(eventfd(9, EFD_NONBLOCK));
	uint64_t n[3] = {1, 2, 3};

	CHECK_ERR(read(fd, n, 7), EINVAL);
	CHECK_ERR(write(fd, n, 7), EINVAL);
	CHECK_EQ(write(fd, n, 8), 8);
	CHECK_EQ(read(fd, n, 24), 8);
	CHECK_EQ(n[0], 10);
	CHECK_EQ(n[1], 2);
	CHECK_ERR(read(fd, map_edge(), 8), EAGAIN);
	CHECK_ERR(write(fd, map_edge(), 8), EFAULT);
	CHECK_ERR(pread(fd, n, 8, 0), ESPIPE);
	CHECK_ERR(pwrite(fd, n, 8, 0), ESPIPE);
	CHECK_ERR(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0), ENODEV);
	CHECK_ERR(ftruncate(fd, 0), EINVAL);
}

TEST(name)
{
	char link[64] = "", path[40];
	int fd = CHECK_OK(eventfd(0, 0));

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(readlink(path, link, sizeof(link) - 1));
	CHECK_STR(link, "anon_inode:[eventfd]");
}

TEST(reader_waits)
{
	int fd = CHECK_OK(eventfd(0, 0));
	pid_t pid;

	FORK(pid) {
		CHECK_EQ(get(fd), 5);
	}
	wait_state(pid, "S");
	put(fd, 5);
	reap_ok(pid);
}

TEST(writer_waits)
{
	int fd = CHECK_OK(eventfd(0, 0));
	pid_t pid;

	put(fd, ~0ULL - 1);
	FORK(pid) {
		put(fd, 6);
	}
	wait_state(pid, "S");
	CHECK_EQ(get(fd), ~0ULL - 1);
	reap_ok(pid);
	CHECK_EQ(get(fd), 6);
}

static void nothing(int sig UNUSED)
{
}

TEST(signal_interrupts)
{
	struct sigaction act = {.sa_handler = nothing};
	int fd = CHECK_OK(eventfd(0, 0));
	struct itimerval soon = {{0, 20000}, {0, 20000}};
	uint64_t n;

	CHECK_OK(sigaction(SIGALRM, &act, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_ERR(read(fd, &n, 8), EINTR);
}

static void *taker(void *fd)
{
	long sum = 0;

	for (int i = 0; i < 1000; i++)
		sum += (long)get((int)(intptr_t)fd);
	return (void *)sum;
}

/* No unit of a semaphore is lost, or given twice, between threads. */
TEST(threads_share)
{
	int fd = CHECK_OK(eventfd(0, EFD_SEMAPHORE));
	pthread_t t[3];
	long sum = 0;

	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, taker, (void *)(intptr_t)fd), 0);
	for (int i = 0; i < 1500; i++)
		put(fd, 2);
	for (int i = 0; i < 3; i++) {
		void *got;

		CHECK_EQ(pthread_join(t[i], &got), 0);
		sum += (long)got;
	}
	CHECK_EQ(sum, 3000);
}
