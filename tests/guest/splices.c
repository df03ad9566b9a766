/* SPDX-License-Identifier: MIT */
/*
 * splice, tee and vmsplice.
 */
#include "guest.h"

#include <sys/ioctl.h>

static int in[2], out[2];

static void make(void)
{
	CHECK_OK(pipe(in));
	CHECK_OK(pipe(out));
}

static void put(int fd, const char *s)
{
	CHECK_EQ(write(fd, s, strlen(s)), strlen(s));
}

/* What read gives must be exactly this. */
static void expect(int fd, const char *s)
{
	char buf[200] = {0};

	CHECK_EQ(read(fd, buf, sizeof(buf) - 1), strlen(s));
	CHECK_STR(buf, s);
}

static int waiting(int fd)
{
	int n;

	CHECK_OK(ioctl(fd, 0x541b, &n));
	return n;
}

static int file_with(const char *s)
{
	int fd = CHECK_OK(open("file", O_RDWR | O_CREAT | O_TRUNC, 0600));

	put(fd, s);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}


TEST(file_to_pipe)
{
	int fd = file_with("hello, world");
	loff_t at = 7;

	make();
	CHECK_EQ(splice(fd, NULL, in[1], NULL, 5, 0), 5);
	expect(in[0], "hello");
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	CHECK_EQ(splice(fd, &at, in[1], NULL, 100, 0), 5);
	CHECK_EQ(at, 12);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	expect(in[0], "world");
	CHECK_EQ(splice(fd, &at, in[1], NULL, 100, 0), 0);
	CHECK_EQ(splice(fd, NULL, in[1], NULL, 0, 0), 0);
}

TEST(pipe_to_file)
{
	int fd = file_with("..........");
	loff_t at = 6;
	char buf[20] = {0};

	make();
	put(in[1], "abcdef");
	CHECK_EQ(splice(in[0], NULL, fd, NULL, 2, 0), 2);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
	CHECK_EQ(splice(in[0], NULL, fd, &at, 3, 0), 3);
	CHECK_EQ(at, 9);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 2);
	CHECK_EQ(waiting(in[0]), 1);
	CHECK_EQ(pread(fd, buf, 20, 0), 10);
	CHECK_STR(buf, "ab....cde.");
	close(in[1]);
	CHECK_EQ(splice(in[0], NULL, fd, NULL, 100, 0), 1);
	CHECK_EQ(splice(in[0], NULL, fd, NULL, 100, 0), 0);
}

TEST(much)
{
	int fd = CHECK_OK(open("big", O_RDWR | O_CREAT, 0600)), to = CHECK_OK(open("copy", O_RDWR | O_CREAT, 0600));
	char *a = map_rw(300000), *b = map_rw(300000);
	ssize_t n;
	pid_t pid;

	for (int i = 0; i < 300000; i++)
		a[i] = (char)(i * 7 + i / 4096);
	CHECK_EQ(write(fd, a, 300000), 300000);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	make();
	CHECK_EQ(splice(fd, NULL, in[1], NULL, 300000, 0), 65536); /* what a pipe holds */
	CHECK_ERR(splice(fd, NULL, in[1], NULL, 1, SPLICE_F_NONBLOCK), EAGAIN);
	FORK(pid) {
		int left = 300000 - 65536;

		while (left > 0)
			left -= CHECK_OK(splice(fd, NULL, in[1], NULL, left, 0));
	}
	close(in[1]);
	while ((n = CHECK_OK(splice(in[0], NULL, to, NULL, 100000, SPLICE_F_MOVE | SPLICE_F_MORE))) > 0)
		;
	reap_ok(pid);
	CHECK_EQ(pread(to, b, 300000, 0), 300000);
	CHECK(memcmp(a, b, 300000) == 0);
}

TEST(pipe_to_pipe)
{
	make();
	put(in[1], "abcdef");
	CHECK_EQ(splice(in[0], NULL, out[1], NULL, 4, 0), 4);
	CHECK_EQ(waiting(in[0]), 2);
	expect(out[0], "abcd");
	CHECK_EQ(splice(in[0], NULL, out[1], NULL, 4, 0), 2);
	put(out[1], "gh");
	expect(out[0], "efgh");
	CHECK_ERR(splice(in[0], NULL, out[1], NULL, 4, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_OK(fcntl(in[0], F_SETFL, O_NONBLOCK));
	CHECK_ERR(splice(in[0], NULL, out[1], NULL, 4, 0), EAGAIN);
	close(in[1]);
	CHECK_EQ(splice(in[0], NULL, out[1], NULL, 4, 0), 0);
}

TEST(tee_keeps)
{
	char buf[20] = {0};

	make();
	put(in[1], "abcdef");
	CHECK_EQ(tee(in[0], out[1], 100, 0), 6);
	CHECK_EQ(tee(in[0], out[1], 2, 0), 2);
	CHECK_EQ(waiting(in[0]), 6);
	expect(out[0], "abcdefab");
	expect(in[0], "abcdef");
	CHECK_ERR(tee(in[0], out[1], 2, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(tee(in[0], out[1], 0, 0), 0);
	CHECK_ERR(tee(in[0], out[1], 2, 16), EINVAL);
	put(in[1], "x");
	CHECK_ERR(tee(in[0], in[1], 2, 0), EINVAL);
	CHECK_ERR(tee(in[1], out[1], 2, 0), EBADF);
	CHECK_ERR(tee(in[0], out[0], 2, 0), EBADF);
	CHECK_ERR(tee(in[0], 999, 2, 0), EBADF);
	CHECK_ERR(tee(in[0], file_with("x"), 2, 0), EINVAL);
	close(in[1]);
	CHECK_EQ(read(in[0], buf, 20), 1);
	CHECK_EQ(tee(in[0], out[1], 2, 0), 0);
}

TEST(user_memory)
{
	struct iovec v[3] = {{"abc", 3}, {NULL, 0}, {"defg", 4}}, w = {(void *)8, 1};
	char a[5] = {0}, b[10] = {0};
	struct iovec r[2] = {{a, 4}, {b, 9}};

	make();
	CHECK_EQ(vmsplice(in[1], v, 3, 0), 7);
	CHECK_EQ(waiting(in[0]), 7);
	CHECK_EQ(vmsplice(in[0], r, 2, 0), 7);
	CHECK_STR(a, "abcd");
	CHECK_STR(b, "efg");
	CHECK_ERR(vmsplice(in[0], r, 2, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(vmsplice(in[1], v, 0, 0), 0);
	CHECK_ERR(vmsplice(in[1], v, 1025, 0), EINVAL);
	CHECK_ERR(vmsplice(in[1], &w, 1, 0), EFAULT);
	CHECK_ERR(vmsplice(in[1], (void *)8, 1, 0), EFAULT);
	CHECK_ERR(vmsplice(in[1], v, 1, 16), EINVAL);
	CHECK_ERR(vmsplice(999, v, 1, 0), EBADF);
	CHECK_ERR(vmsplice(file_with("x"), v, 1, 0), EBADF);
	CHECK_EQ(waiting(in[0]), 0);
}

TEST(errors)
{
	int fd = file_with("0123456789"), append = CHECK_OK(open("file", O_WRONLY | O_APPEND)), ro = CHECK_OK(open("file", O_RDONLY)), dir = CHECK_OK(open(".", O_RDONLY));
	loff_t at = 0, bad = -1;

	make();
	CHECK_ERR(splice(fd, NULL, append, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(fd, NULL, in[1], NULL, 1, 16), EINVAL);
	CHECK_EQ(splice(-1, NULL, -1, NULL, 0, 16), 0);
	CHECK_ERR(splice(-1, NULL, in[1], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(fd, NULL, -1, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(fd, NULL, in[0], NULL, 1, 0), EBADF);
	CHECK_ERR(splice(in[1], NULL, fd, NULL, 1, 0), EBADF);
	put(in[1], "abc");
	CHECK_ERR(splice(in[0], NULL, append, NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(in[0], NULL, ro, NULL, 1, 0), EBADF);
	CHECK_ERR(splice(in[0], &at, fd, NULL, 1, 0), ESPIPE);
	CHECK_ERR(splice(fd, NULL, in[1], &at, 1, 0), ESPIPE);
	CHECK_ERR(splice(in[0], NULL, fd, (void *)8, 1, 0), EFAULT);
	CHECK_ERR(splice(in[0], NULL, fd, &bad, 1, 0), EINVAL);
	CHECK_ERR(splice(fd, &bad, in[1], NULL, 1, 0), EINVAL);
	CHECK_ERR(splice(in[0], NULL, in[1], NULL, 1, 0), EINVAL);
	CHECK(splice(dir, NULL, in[1], NULL, 1, 0) == -1 && (errno == EINVAL || errno == EISDIR));
	CHECK_EQ(waiting(in[0]), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
}

TEST(nobody_reads)
{
	int fd = file_with("0123456789");

	make();
	close(in[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(splice(fd, NULL, in[1], NULL, 1, 0), EPIPE);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 0);
	CHECK_ERR(vmsplice(in[1], &(struct iovec){"a", 1}, 1, 0), EPIPE);
	put(out[1], "abc");
	CHECK_ERR(splice(out[0], NULL, in[1], NULL, 1, 0), EPIPE);
	CHECK_ERR(tee(out[0], in[1], 1, 0), EPIPE);
	CHECK_EQ(waiting(out[0]), 3);
	signal(SIGPIPE, SIG_DFL);
	pid_t pid;
	FORK(pid)
		splice(fd, NULL, in[1], NULL, 1, 0);
	reap_signal(pid, SIGPIPE);
}

static void on_signal(int sig UNUSED)
{
}

TEST(waits)
{
	struct sigaction action = {.sa_handler = on_signal};
	int fd = file_with("0123456789");
	char buf[PAGE];
	pid_t pid;

	make();
	FORK(pid)
		CHECK_EQ(splice(in[0], NULL, fd, NULL, 10, 0), 3);
	wait_state(pid, "S");
	put(in[1], "abc");
	reap_ok(pid);
	while (waiting(out[0]) < 65536)
		CHECK_OK(write(out[1], buf, PAGE));
	FORK(pid)
		CHECK_EQ(splice(fd, NULL, out[1], NULL, 4, 0), 4);
	wait_state(pid, "S");
	CHECK_EQ(read(out[0], buf, PAGE), PAGE);
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(sigaction(SIGUSR1, &action, NULL));
		CHECK_ERR(splice(in[0], NULL, fd, NULL, 10, 0), EINTR);
	}
	wait_state(pid, "S");
	sleep_ms(10);
	CHECK_OK(kill(pid, SIGUSR1));
	reap_ok(pid);
}

/* What a file does not take stays in the pipe. */
TEST(limited_file)
{
	int fd = CHECK_OK(open("small", O_RDWR | O_CREAT, 0600));
	struct rlimit lim = {4, RLIM_INFINITY};

	make();
	put(in[1], "abcdefgh");
	signal(SIGXFSZ, SIG_IGN);
	CHECK_OK(setrlimit(RLIMIT_FSIZE, &lim));
	CHECK_EQ(splice(in[0], NULL, fd, NULL, 8, 0), 4);
	CHECK_ERR(splice(in[0], NULL, fd, NULL, 8, 0), EFBIG);
	expect(in[0], "efgh");
}

TEST(streams_of_several)
{
	pid_t pid[4];
	int sum = 0, n;
	char buf[4096];

	make();
	for (int i = 0; i < 2; i++) {
		FORK(pid[i])
			for (int k = 0; k < 200; k++) {
				memset(buf, 1, 777);
				CHECK_EQ(write(in[1], buf, 777), 777);
			}
		FORK(pid[2 + i]) {
			close(in[1]);
			while (CHECK_OK(splice(in[0], NULL, out[1], NULL, 1000 + 100 * i, 0)) > 0)
				;
		}
	}
	close(in[1]);
	close(out[1]);
	while ((n = CHECK_OK(read(out[0], buf, sizeof(buf)))) > 0)
		sum += n;
	CHECK_EQ(sum, 2 * 200 * 777);
	for (int i = 0; i < 4; i++)
		reap_ok(pid[i]);
}
