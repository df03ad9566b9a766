/* SPDX-License-Identifier: MIT */
/*
 * copy_file_range, preadv2 and pwritev2, sync_file_range, membarrier.
 */
#include "guest.h"

#include <pthread.h>

#define MEMBARRIER 375

static int filled(const char *name, size_t bytes)
{
	int fd = new_file(name);

	for (size_t i = 0; i < bytes; i++) {
		char c = (char)(i * 7 + i / 251);

		CHECK_EQ(pwrite(fd, &c, 1, (off_t)i), 1);
	}
	return fd;
}

static void same(int a, int b, size_t bytes, off_t off_a, off_t off_b)
{
	char x[512], y[512];

	while (bytes) {
		size_t n = bytes < 512 ? bytes : 512;

		CHECK_EQ(pread(a, x, n, off_a), n);
		CHECK_EQ(pread(b, y, n, off_b), n);
		CHECK(memcmp(x, y, n) == 0);
		bytes -= n;
		off_a += (off_t)n;
		off_b += (off_t)n;
	}
}

TEST(whole_file)
{
	int in = filled("in", 20000), out = new_file("out");
	size_t done = 0;
	ssize_t n;

	while ((n = CHECK_OK(copy_file_range(in, NULL, out, NULL, 7000, 0))) > 0)
		done += (size_t)n;
	CHECK_EQ(done, 20000);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 20000);
	CHECK_EQ(lseek(out, 0, SEEK_CUR), 20000);
	CHECK_EQ(lseek(out, 0, SEEK_END), 20000);
	same(in, out, 20000, 0, 0);
}

TEST(offsets)
{
	int in = filled("in", 5000), out = new_file("out");
	off64_t a = 1000, b = 300;

	CHECK_EQ(copy_file_range(in, &a, out, &b, 2000, 0), 2000);
	CHECK_EQ(a, 3000);
	CHECK_EQ(b, 2300);
	CHECK_EQ(lseek(in, 0, SEEK_CUR), 0);
	CHECK_EQ(lseek(out, 0, SEEK_CUR), 0);
	same(in, out, 2000, 1000, 300);
	a = 4000;
	CHECK_EQ(copy_file_range(in, &a, out, &b, 5000, 0), 1000);
	a = 5000;
	CHECK_EQ(copy_file_range(in, &a, out, &b, 10, 0), 0);
	a = 0;
	b = 10000;
	CHECK_EQ(copy_file_range(in, &a, in, &b, 1000, 0), 1000);
	same(in, in, 1000, 0, 10000);
}

TEST(copy_errors)
{
	int in = filled("in", 100), out = new_file("out"), p[2], dir = CHECK_OK(open(".", O_RDONLY));
	off64_t a = 0, b = 50;

	CHECK_OK(pipe(p));
	CHECK_ERR(copy_file_range(in, NULL, out, NULL, 10, 1), EINVAL);
	CHECK_ERR(copy_file_range(in, &a, in, &b, 60, 0), EINVAL);
	CHECK_ERR(copy_file_range(99, NULL, out, NULL, 10, 0), EBADF);
	CHECK_ERR(copy_file_range(in, NULL, 99, NULL, 10, 0), EBADF);
	CHECK_ERR(copy_file_range(in, NULL, p[1], NULL, 10, 0), EINVAL);
	CHECK_ERR(copy_file_range(dir, NULL, out, NULL, 10, 0), EISDIR);
	CHECK_ERR(copy_file_range(in, NULL, dir, NULL, 10, 0), EISDIR);
	CHECK_ERR(copy_file_range(in, NULL, CHECK_OK(open("out", O_RDONLY)), NULL, 10, 0), EBADF);
	CHECK_ERR(copy_file_range(in, NULL, CHECK_OK(open("out", O_WRONLY | O_APPEND)), NULL, 10, 0), EBADF);
	CHECK_ERR(copy_file_range(CHECK_OK(open("in", O_WRONLY)), NULL, out, NULL, 10, 0), EBADF);
	CHECK_ERR(copy_file_range(in, (void *)map_edge(), out, NULL, 10, 0), EFAULT);
	CHECK_EQ(copy_file_range(in, NULL, out, NULL, 0, 0), 0);
}

TEST(vectors_with_flags)
{
	char a[4] = "abcd", b[3] = "efg", c[8] = "";
	struct iovec out[2] = {{a, 4}, {b, 3}}, in = {c, 8};
	int fd = new_file("f");

	CHECK_EQ(pwritev2(fd, out, 2, 10, 0), 7);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_EQ(pwritev2(fd, out, 2, -1, RWF_DSYNC | RWF_SYNC), 7);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 7);
	CHECK_EQ(preadv2(fd, &in, 1, 10, RWF_HIPRI), 7);
	CHECK(memcmp(c, "abcdefg", 7) == 0);
	CHECK_EQ(preadv2(fd, &in, 1, -1, 0), 8);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 15);
	CHECK_ERR(preadv2(fd, &in, 1, -2, 0), EINVAL);
	CHECK_ERR(preadv2(fd, &in, 1, 0, 0x1000), EOPNOTSUPP);
	CHECK_ERR(preadv2(99, &in, 1, 0, 0x1000), EBADF);
}

TEST(sync_range)
{
	int fd = filled("f", 100), p[2];

	CHECK_OK(pipe(p));
	CHECK_OK(sync_file_range(fd, 0, 0, 7));
	CHECK_OK(sync_file_range(fd, 10, 1000, 2));
	CHECK_ERR(sync_file_range(fd, 0, 0, 8), EINVAL);
	CHECK_ERR(sync_file_range(fd, -1, 0, 0), EINVAL);
	CHECK_ERR(sync_file_range(fd, 0, -1, 0), EINVAL);
	CHECK_ERR(sync_file_range(p[0], 0, 0, 2), ESPIPE);
	CHECK_ERR(sync_file_range(99, 0, 0, 2), EBADF);
}

/* One side orders by compiler only, the other by membarrier: what was written before is seen by whoever sees what came after. */
static volatile int x, y, seen_x, seen_y, turn;

static void *fast_side(void *arg)
{
	int rounds = (int)(intptr_t)arg;

	for (int i = 1; i <= rounds; i++) {
		while (turn < i)
			;
		x = i;
		__asm__ volatile("" ::: "memory");
		seen_y = y;
		__atomic_store_n(&turn, -i, __ATOMIC_SEQ_CST);
		while (turn == -i)
			;
	}
	return NULL;
}

TEST(barriers)
{
	long can = CHECK_OK(syscall(MEMBARRIER, 0, 0, 0));
	pthread_t t;

	CHECK_EQ(can & 127, 127);
	CHECK_ERR(syscall(MEMBARRIER, 8, 0, 0), EPERM);
	CHECK_ERR(syscall(MEMBARRIER, 32, 0, 0), EPERM);
	CHECK_OK(syscall(MEMBARRIER, 16, 0, 0));
	CHECK_OK(syscall(MEMBARRIER, 8, 0, 0));
	CHECK_OK(syscall(MEMBARRIER, 64, 0, 0));
	CHECK_OK(syscall(MEMBARRIER, 32, 0, 0));
	CHECK_OK(syscall(MEMBARRIER, 4, 0, 0));
	CHECK_OK(syscall(MEMBARRIER, 2, 0, 0));
	CHECK_OK(syscall(MEMBARRIER, 1, 0, 0));
	CHECK_ERR(syscall(MEMBARRIER, 8, 2, 0), EINVAL);
	CHECK_ERR(syscall(MEMBARRIER, 3, 0, 0), EINVAL);
	CHECK_ERR(syscall(MEMBARRIER, -1, 0, 0), EINVAL);
	CHECK_EQ(pthread_create(&t, NULL, fast_side, (void *)200), 0);
	for (int i = 1; i <= 200; i++) {
		__atomic_store_n(&turn, i, __ATOMIC_SEQ_CST);
		y = i;
		CHECK_OK(syscall(MEMBARRIER, 8, 0, 0));
		seen_x = x;
		while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != -i)
			sched_yield();
		CHECK(seen_x == i || seen_y == i);
		turn = 0;
	}
	CHECK_EQ(pthread_join(t, NULL), 0);
}
