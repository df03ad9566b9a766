/* SPDX-License-Identifier: MIT */
/*
 * Files in memory without a name, and seals.
 */
#include "guest.h"

#define ALL (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)
#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 16
#endif

static int sealable(void)
{
	int fd = CHECK_OK(memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));

	CHECK_OK(ftruncate(fd, PAGE));
	return fd;
}

static char *map(int fd, int prot, int flags)
{
	return mmap(NULL, PAGE, prot, flags, fd, 0);
}

TEST(is_a_file)
{
	int fd = CHECK_OK(memfd_create("name", 0));
	char text[8] = "", link[64] = "", path[40];
	struct stat st;
	char *p;

	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GETFL) & ~O_LARGEFILE, O_RDWR);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0777);
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(st.st_size, 0);
	CHECK_EQ(write(fd, "hello", 5), 5);
	CHECK_EQ(pread(fd, text, 8, 1), 4);
	CHECK_STR(text, "ello");
	CHECK_EQ(lseek(fd, 0, SEEK_END), 5);
	p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	CHECK(p != MAP_FAILED);
	p[0] = 'J';
	CHECK_EQ(pread(fd, text, 1, 0), 1);
	CHECK_EQ(text[0], 'J');
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(readlink(path, link, sizeof(link) - 1));
	CHECK_STR(link, "/memfd:name (deleted)");
	CHECK_EQ(fcntl(CHECK_OK(memfd_create("", MFD_CLOEXEC)), F_GETFD), FD_CLOEXEC);
}

TEST(opened_again)
{
	int fd = CHECK_OK(memfd_create("a/b", 0)), other;
	char path[40], c;

	CHECK_EQ(write(fd, "xyz", 3), 3);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = CHECK_OK(open(path, O_RDONLY));
	CHECK_EQ(read(other, &c, 1), 1);
	CHECK_EQ(c, 'x');
	CHECK_ERR(write(other, &c, 1), EBADF);
}

TEST(errors)
{
	char name[260];

	memset(name, 'n', sizeof(name));
	name[249] = 0;
	close(CHECK_OK(memfd_create(name, 0)));
	name[249] = 'n';
	name[250] = 0;
	CHECK_ERR(memfd_create(name, 0), EINVAL);
	CHECK_ERR(memfd_create("x", 0x40), EINVAL);
	CHECK_ERR(memfd_create(map_edge(), 0), EFAULT);
}

TEST(runs)
{
	static char block[65536];
	int in = CHECK_OK(open("/proc/self/exe", O_RDONLY)), fd = CHECK_OK(memfd_create("prog", MFD_CLOEXEC));
	char *args[] = {"memfd", "-l", NULL}, *env[] = {NULL};
	ssize_t n;
	pid_t pid;

	while ((n = read(in, block, sizeof(block))) > 0)
		CHECK_EQ(write(fd, block, (size_t)n), n);
	FORK(pid) {
		close(1);
		CHECK_EQ(open("/dev/null", O_WRONLY), 1);
		fexecve(fd, args, env);
		FAIL("fexecve: %s", strerror(errno));
	}
	reap_ok(pid);
}

TEST(seals_are_kept)
{
	int fd = sealable(), plain = CHECK_OK(memfd_create("p", 0)), other;
	char path[40];

	CHECK_EQ(fcntl(plain, F_GET_SEALS), F_SEAL_SEAL);
	CHECK_ERR(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_OK(fcntl(fd, F_ADD_SEALS, 0));
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, 0x1000), EINVAL);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	other = CHECK_OK(open(path, O_RDONLY));
	CHECK_EQ(fcntl(other, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK);
	CHECK_ERR(fcntl(other, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL);
}

TEST(no_seals_elsewhere)
{
	int p[2];

	CHECK_OK(pipe(p));
	CHECK_ERR(fcntl(p[0], F_GET_SEALS), EINVAL);
	CHECK_ERR(fcntl(p[1], F_ADD_SEALS, F_SEAL_WRITE), EINVAL);
	CHECK_ERR(fcntl(p[0], F_ADD_SEALS, F_SEAL_WRITE), EPERM);
}

TEST(shrink_and_grow)
{
	static char block[3 * PAGE];
	int fd = sealable();

	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK));
	CHECK_ERR(ftruncate(fd, 10), EPERM);
	CHECK_OK(ftruncate(fd, PAGE));
	CHECK_OK(ftruncate(fd, 2 * PAGE));
	CHECK_OK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW));
	CHECK_ERR(ftruncate(fd, 2 * PAGE + 1), EPERM);
	CHECK_ERR(fallocate(fd, 0, PAGE, 2 * PAGE), EPERM);
	CHECK_OK(fallocate(fd, 0, 0, 2 * PAGE));
	CHECK_ERR(pwrite(fd, block, 10, 2 * PAGE), EPERM);
	CHECK_EQ(pwrite(fd, block, 3 * PAGE, 0), 2 * PAGE);
	CHECK_EQ(pwrite(fd, block, 10, 2 * PAGE - 10), 10);
}

TEST(write_seal)
{
	int fd = sealable();
	char *p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED), *q;

	CHECK(p != MAP_FAILED);
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	CHECK_EQ(fcntl(fd, F_GET_SEALS), 0);
	CHECK_OK(munmap(p, PAGE));
	q = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(q != MAP_FAILED);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	q[0] = 1;
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE), EPERM);
	CHECK(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	q = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(q != MAP_FAILED);
	q[0] = 2;
	CHECK_OK(ftruncate(fd, 10)); /* neither sealed against that */
	CHECK_OK(fcntl(fd, F_ADD_SEALS, ALL));
}

/* A child's mapping counts as well. */
TEST(busy_by_fork)
{
	int fd = sealable();
	struct gate g = gate_make();
	char *p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid_t pid;

	CHECK(p != MAP_FAILED);
	FORK(pid) {
		gate_wait(&g);
	}
	CHECK_OK(munmap(p, PAGE));
	CHECK_ERR(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	gate_open(&g);
	reap_ok(pid);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
}

TEST(future_write)
{
	int fd = sealable();
	char *p = map(fd, PROT_READ | PROT_WRITE, MAP_SHARED), *q, *r;
	pid_t pid;

	CHECK(p != MAP_FAILED);
	CHECK_OK(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	p[0] = 'w'; /* what is mapped stays so */
	FORK(pid) {
		p[1] = 'c';
	}
	reap_ok(pid);
	CHECK_EQ(p[1], 'c');
	CHECK_ERR(write(fd, "x", 1), EPERM);
	CHECK(map(fd, PROT_READ | PROT_WRITE, MAP_SHARED) == MAP_FAILED);
	CHECK_EQ(errno, EPERM);
	q = map(fd, PROT_READ, MAP_SHARED);
	CHECK(q != MAP_FAILED);
	CHECK_EQ(q[0], 'w');
	CHECK_ERR(mprotect(q, PAGE, PROT_READ | PROT_WRITE), EACCES);
	r = map(fd, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(r != MAP_FAILED);
	r[0] = 'p';
	CHECK_EQ(p[0], 'w');
}
