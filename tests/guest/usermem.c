/* SPDX-License-Identifier: MIT */
/*
 * Pointers of every kind of call: EFAULT for what is not there, all that was there before an edge, nothing beyond it,
 * and never the kernel's own memory.
 */
#include "guest.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/sysinfo.h>
#include <sys/times.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

/* Addresses that no call may take: nothing, unaligned nothing, the kernel's first and last bytes, around the end. */
static const uintptr_t bad[] = {8, 0x1001, 0xc0000000, 0xc0100000, 0xfffff000, 0xfffffffc, 0xffffffff};

#define NBAD (sizeof(bad) / sizeof(bad[0]))
#define FOR_BAD(p) for (unsigned i_ = 0; i_ < NBAD; i_++) for (void *p = (void *)bad[i_]; p; p = NULL)

TEST(output_structures)
{
	FOR_BAD(p) {
		CHECK_ERR(syscall(SYS_uname, p), EFAULT);
		CHECK_ERR(syscall(SYS_gettimeofday, p, NULL), EFAULT);
		CHECK_ERR(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, p), EFAULT);
		CHECK_ERR(syscall(SYS_clock_gettime64, CLOCK_MONOTONIC, p), EFAULT);
		CHECK_ERR(syscall(SYS_sysinfo, p), EFAULT);
		CHECK_ERR(syscall(SYS_times, p), EFAULT);
		CHECK_ERR(syscall(SYS_getrusage, RUSAGE_SELF, p), EFAULT);
		CHECK_ERR(syscall(SYS_ugetrlimit, RLIMIT_NOFILE, p), EFAULT);
		CHECK_ERR(syscall(SYS_rt_sigpending, p, 8), EFAULT);
		CHECK_ERR(syscall(SYS_getitimer, ITIMER_REAL, p), EFAULT);
		CHECK_ERR(syscall(SYS_pipe2, p, 0), EFAULT);
		CHECK_ERR(syscall(SYS_getcwd, p, 100), EFAULT);
		CHECK_ERR(syscall(SYS_stat64, "/", p), EFAULT);
		CHECK_ERR(syscall(SYS_fstat64, 0, p), EFAULT);
		CHECK_ERR(syscall(SYS_statx, AT_FDCWD, "/", 0, 0x7ff, p), EFAULT);
		CHECK_ERR(syscall(SYS_statfs64, "/", 84, p), EFAULT);
		CHECK_ERR(syscall(SYS_getresuid32, p, p, p), EFAULT);
		CHECK_ERR(syscall(SYS_getrandom, p, 16, 0), EFAULT);
		CHECK_ERR(syscall(SYS_sched_getaffinity, 0, 128, p), EFAULT);
	}
}

TEST(pipe_that_cannot_be_told_is_not_left_open)
{
	int fd = dup(0);

	close(fd);
	CHECK_ERR(syscall(SYS_pipe2, 8, 0), EFAULT);
	CHECK_EQ(dup(0), fd);
}

TEST(input_structures)
{
	FOR_BAD(p) {
		CHECK_ERR(syscall(SYS_nanosleep, p, NULL), EFAULT);
		CHECK_ERR(syscall(SYS_setrlimit, RLIMIT_NOFILE, p), EFAULT);
		CHECK_ERR(syscall(SYS_setitimer, ITIMER_REAL, p, NULL), EFAULT);
		CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, p, NULL, 8), EFAULT);
		CHECK_ERR(syscall(SYS_rt_sigsuspend, p, 8), EFAULT);
		CHECK_ERR(syscall(SYS_poll, p, 1, 0), EFAULT);
		CHECK_ERR(syscall(SYS__newselect, 1, p, NULL, NULL, NULL), EFAULT);
		CHECK_ERR(syscall(SYS_setgroups32, 3, p), EFAULT);
		CHECK_ERR(syscall(SYS_writev, 1, p, 1), EFAULT);
		CHECK_ERR(syscall(SYS_readv, 0, p, 1), EFAULT);
		CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, ".", p, 0), EFAULT);
	}
}

TEST(names)
{
	FOR_BAD(p) {
		CHECK_ERR(syscall(SYS_open, p, O_RDONLY), EFAULT);
		CHECK_ERR(syscall(SYS_openat, AT_FDCWD, p, O_CREAT | O_RDWR, 0600), EFAULT);
		CHECK_ERR(syscall(SYS_unlink, p), EFAULT);
		CHECK_ERR(syscall(SYS_mkdir, p, 0700), EFAULT);
		CHECK_ERR(syscall(SYS_rmdir, p), EFAULT);
		CHECK_ERR(syscall(SYS_rename, p, "x"), EFAULT);
		CHECK_ERR(syscall(SYS_rename, ".", p), EFAULT);
		CHECK_ERR(syscall(SYS_link, p, "x"), EFAULT);
		CHECK_ERR(syscall(SYS_symlink, p, "x"), EFAULT);
		CHECK_ERR(syscall(SYS_symlink, "x", p), EFAULT);
		CHECK_ERR(syscall(SYS_readlink, p, "x", 1), EFAULT);
		CHECK_ERR(syscall(SYS_chdir, p), EFAULT);
		CHECK_ERR(syscall(SYS_chmod, p, 0), EFAULT);
		CHECK_ERR(syscall(SYS_access, p, 0), EFAULT);
		CHECK_ERR(syscall(SYS_execve, p, NULL, NULL), EFAULT);
		CHECK_ERR(syscall(SYS_truncate, p, 0), EFAULT);
		CHECK_ERR(syscall(SYS_prctl, 15 /* PR_SET_NAME */, p), EFAULT);
	}
}

TEST(name_that_ends_at_the_edge)
{
	char *edge = map_edge();
	int fd;

	memcpy(edge - 10, "/dev/null", 10);
	fd = CHECK_OK((int)syscall(SYS_open, edge - 10, O_RDONLY));
	close(fd);
	memcpy(edge - 9, "/dev/null", 9); /* no zero byte before the edge */
	CHECK_ERR(syscall(SYS_open, edge - 9, O_RDONLY), EFAULT);
}

TEST(structure_over_the_edge)
{
	char *edge = map_edge();
	struct stat st;

	memset(edge - 64, 0x55, 64);
	CHECK_OK(syscall(SYS_gettimeofday, edge - 8, NULL));
	CHECK_ERR(syscall(SYS_gettimeofday, edge - 7, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_stat64, "/", edge - 8), EFAULT);
	CHECK_OK(syscall(SYS_stat64, "/", edge - 96));
	CHECK_OK(stat("/", &st));
	CHECK_ERR(syscall(SYS_nanosleep, edge - 4, NULL), EFAULT);
}

TEST(descriptors_to_poll)
{
	char *edge = map_edge(), *read_only = map_anon(PAGE, PROT_READ, MAP_PRIVATE);
	struct pollfd *last = (struct pollfd *)edge - 1;

	*last = (struct pollfd){open("/dev/null", O_RDWR), POLLIN, 77};
	last[-1] = (struct pollfd){-1, 0x1234, 77};
	CHECK_EQ(poll(last - 1, 2, 0), 1);
	CHECK_EQ(last->revents, POLLIN);
	CHECK_EQ(last->events, POLLIN);
	CHECK_EQ(last[-1].fd, -1);
	CHECK_EQ(last[-1].events, 0x1234);
	CHECK_EQ(last[-1].revents, 0);
	CHECK_ERR(syscall(SYS_poll, last, 2, 0), EFAULT);
	CHECK_ERR(syscall(SYS_poll, (char *)last + 1, 1, 0), EFAULT);
	CHECK_ERR(syscall(SYS_poll, read_only, 1, 0), EFAULT);
	CHECK_EQ(syscall(SYS_poll, edge, 0, 0), 0); /* nothing there to be read or written; only the kernel's addresses are no places at all */
	CHECK_ERR(syscall(SYS_poll, 0xc0001000, 0, 0), EFAULT);
}

TEST(structure_in_a_read_only_page)
{
	char *p = map_anon(PAGE, PROT_READ, MAP_PRIVATE);

	CHECK_ERR(syscall(SYS_gettimeofday, p, NULL), EFAULT);
	CHECK_ERR(read(open("/dev/zero", O_RDONLY), p, 10), EFAULT);
	CHECK_EQ(p[0], 0);
	CHECK_ERR(syscall(SYS_stat64, "/", main), EFAULT); /* the text */
}

TEST(read_from_a_file_up_to_the_edge)
{
	char *edge = map_edge();
	int fd = new_file("f");

	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, edge - 4, 10), 4);
	CHECK(memcmp(edge - 4, "0123", 4) == 0);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
	CHECK_ERR(read(fd, edge, 6), EFAULT);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 4);
}

TEST(write_to_a_file_from_the_edge)
{
	char *edge = map_edge(), c[10];
	int fd = new_file("f");

	memset(edge - 4, 'e', 4);
	CHECK_EQ(write(fd, edge - 4, 10), 4);
	CHECK_ERR(write(fd, edge, 6), EFAULT);
	CHECK_EQ(pread(fd, c, 10, 0), 4);
	CHECK(memcmp(c, "eeee", 4) == 0);
}

TEST(pipe_and_bad_buffers)
{
	struct gate g = gate_make();
	char c[8];

	FOR_BAD(p) {
		CHECK_ERR(write(g.fd[1], p, 5), EFAULT);
		CHECK_EQ(write(g.fd[1], "hello", 5), 5);
		CHECK_ERR(read(g.fd[0], p, 5), EFAULT);
		CHECK_EQ(read(g.fd[0], c, 8), 5); /* nothing was lost */
	}
}

TEST(zero_length_needs_no_buffer)
{
	int fd = new_file("f");

	CHECK_EQ(read(fd, NULL, 0), 0);
	CHECK_EQ(write(fd, NULL, 0), 0);
}

TEST(huge_lengths)
{
	int fd = new_file("f"), zero = CHECK_OK(open("/dev/zero", O_RDONLY));
	char *edge = map_edge();
	long n;

	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_EQ(pread(fd, edge - 3, PAGE, 0), 3);
	CHECK_ERR(read(fd, edge - 3, (size_t)-1) < 0 ? -1 : (errno = EFAULT, -1), EFAULT);
	n = pread(fd, edge - 3, 0x7fffffff, 0); /* the whole buffer may be looked at first */
	CHECK(n == 3 || (n == -1 && errno == EFAULT));
	n = read(zero, edge - PAGE, 0x7fffffff);
	CHECK(n == (long)PAGE || (n == -1 && errno == EFAULT));
	n = write(fd, edge - PAGE, 0x7ffff000);
	CHECK(n == (long)PAGE || (n == -1 && errno == EFAULT));
}

TEST(vectors_with_a_bad_part)
{
	char a[4] = "abc", *edge = map_edge();
	struct iovec v[3] = {{a, 3}, {edge, 5}, {a, 3}}, huge[2] = {{a, 0x7fffffff}, {a, 0x7fffffff}};
	int fd = new_file("f");

	CHECK_EQ(writev(fd, v, 3), 3);
	CHECK_ERR(writev(fd, v + 1, 2), EFAULT);
	CHECK_ERR(writev(fd, v, -1), EINVAL);
	CHECK_ERR(writev(fd, v, 1025), EINVAL);
	CHECK_EQ(writev(fd, v, 0), 0);
	huge[0].iov_len = (size_t)-1;
	CHECK_ERR(writev(fd, huge, 2), EINVAL);
}

TEST(wait_status_pointer)
{
	pid_t pid;

	FORK(pid)
		_exit(0);
	CHECK_ERR(syscall(SYS_wait4, pid, 0xc0000000, 0, NULL), EFAULT);
}

TEST(directory_entries_buffer)
{
	int fd = CHECK_OK(open("/", O_RDONLY | O_DIRECTORY));
	char small[8];

	FOR_BAD(p)
		CHECK_ERR(syscall(SYS_getdents64, fd, p, 1000), EFAULT);
	CHECK_ERR(syscall(SYS_getdents64, fd, small, 8), EINVAL);
	CHECK_ERR(syscall(SYS_getdents64, -1, small, 8), EBADF);
}

TEST(argument_vectors)
{
	char *argv[] = {(char *)"a", (char *)8, NULL};

	CHECK_ERR(syscall(SYS_execve, "/proc/self/exe", argv, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_execve, "/proc/self/exe", 8, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_execve, "/proc/self/exe", 0xc0000000, NULL), EFAULT);
}

TEST(ioctl_pointer)
{
	int fds[2], n;

	CHECK_OK(pipe(fds));
	CHECK_OK(syscall(SYS_ioctl, fds[0], 0x541b /* FIONREAD */, &n));
	FOR_BAD(p)
		CHECK_ERR(syscall(SYS_ioctl, fds[0], 0x541b, p), EFAULT);
}
