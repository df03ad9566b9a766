/* SPDX-License-Identifier: MIT */
/* Odd arguments: what is refused, with which error, and what is taken for nothing. Each was found by comparing answers of both kernels. */
#include "guest.h"

#include <linux/falloc.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/sendfile.h>
#include <linux/reboot.h>

#define BAD ((void *)8)

static volatile pid_t other;
static volatile int over;

static void *exist(void *unused)
{
	other = gettid();
	while (!over)
		usleep(1000);
	return unused;
}

/* The number of any thread names its process, where Linux lets it. */
TEST(numbers_of_threads)
{
	struct rlimit r;
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, exist, NULL), 0);
	while (!other)
		usleep(1000);
	CHECK_OK(kill(other, 0));
	CHECK_EQ(getpgid(other), getpgrp());
	CHECK_EQ(getsid(other), getsid(0));
	CHECK_ERR(setpgid(other, 0), EINVAL);
	CHECK_OK(prlimit(other, RLIMIT_NOFILE, NULL, &r));
	CHECK_OK(sigqueue(other, 0, (union sigval){0}));
	CHECK_ERR(waitpid(other, NULL, 0), ECHILD);
	over = 1;
	pthread_join(t, NULL);
}

TEST(fallocate_modes)
{
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));

	CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096), EINVAL);
	CHECK_ERR(fallocate(fd, FALLOC_FL_INSERT_RANGE | FALLOC_FL_KEEP_SIZE, 0, 4096), EINVAL);
	CHECK_ERR(fallocate(fd, FALLOC_FL_UNSHARE_RANGE | FALLOC_FL_ZERO_RANGE, 0, 4096), EINVAL);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE, 0, 4096), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_PUNCH_HOLE, 0, 4096), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, 0x80, 0, 4096), EOPNOTSUPP);
	CHECK_ERR(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE | FALLOC_FL_KEEP_SIZE, -1, 4096), EINVAL);
}

TEST(advice_about_files)
{
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600)), out = CHECK_OK(open("f", O_WRONLY)), dir = CHECK_OK(open(".", O_RDONLY)), p[2];

	CHECK_OK(pipe(p));
	CHECK_OK(readahead(fd, 0, 10));
	CHECK_ERR(readahead(out, 0, 10), EBADF);
	CHECK_ERR(readahead(p[0], 0, 10), EINVAL);
	CHECK_ERR(readahead(dir, 0, 10), EINVAL);
	CHECK_EQ(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
	CHECK_EQ(posix_fadvise(fd, 0, 0, 9), EINVAL);
	CHECK_ERR(syscall(SYS_fadvise64_64, fd, 0, 0, -1, -1, POSIX_FADV_NORMAL), EINVAL);
	CHECK_EQ(posix_fadvise(p[0], 0, 0, 9), ESPIPE);
	CHECK_EQ(posix_fadvise(99, 0, 0, 9), EBADF);
}

TEST(copying_too_much)
{
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600)), to = CHECK_OK(open("g", O_RDWR | O_CREAT, 0600));
	loff_t off = -1;

	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_OK(lseek(fd, 0, SEEK_SET));
	CHECK_ERR(sendfile(to, fd, NULL, (size_t)-1), EINVAL);
	CHECK_EQ(sendfile(to, fd, NULL, 100), 10);
	CHECK_ERR(copy_file_range(fd, &off, to, NULL, 10, 0), EOVERFLOW);
	off = INT64_MAX - 5;
	CHECK_ERR(copy_file_range(fd, NULL, to, &off, 100, 0), EFBIG);
}

TEST(flags_of_open)
{
	int p[2];

	CHECK_OK(mkdir("d", 0700));
	close(CHECK_OK(open("f", O_RDWR | O_CREAT, 0600)));
	CHECK_ERR(open("f", O_RDONLY | O_DIRECT), EINVAL);
	CHECK_ERR(open("d", O_RDONLY | O_DIRECT), EINVAL);
	CHECK_ERR(open(".", O_TMPFILE | O_RDWR | O_DIRECT, 0600), EINVAL);
	CHECK_ERR(fcntl(CHECK_OK(open("f", O_RDONLY)), F_SETFL, O_DIRECT), EINVAL);
	CHECK_OK(pipe2(p, O_DIRECT));
	CHECK_OK(fcntl(p[1], F_SETFL, 0));
	CHECK_OK(fcntl(p[1], F_SETFL, O_DIRECT));
	CHECK_ERR(open("d/", O_CREAT | O_EXCL, 0600), EISDIR);
	CHECK_ERR(open("f/", O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("f/", O_CREAT | O_EXCL, 0600), EISDIR);
	CHECK_ERR(open("none/", O_CREAT, 0600), EISDIR);
	CHECK_ERR(open(".", O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(open("d/..", O_CREAT | O_EXCL, 0600), EEXIST);
	CHECK_ERR(open("/", O_CREAT, 0600), EISDIR);
	CHECK_ERR(open("", O_CREAT | O_DIRECTORY, 0600), EINVAL); /* the flags come before the name */
	CHECK_ERR(open(BAD, O_TMPFILE | O_RDONLY, 0600), EINVAL);
	CHECK_OK(symlink("d/new/", "link"));
	CHECK_ERR(open("link", O_CREAT | O_RDWR, 0600), EISDIR);
}

TEST(clocks_to_sleep_on)
{
	static const clockid_t yes[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_BOOTTIME_ALARM};
	static const clockid_t no[] = {CLOCK_THREAD_CPUTIME_ID, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE};
	struct timespec t = {0, 0}, now, tai;
	timer_t id;

	for (unsigned i = 0; i < sizeof(yes) / sizeof(*yes); i++) {
		CHECK_OK(syscall(SYS_clock_nanosleep, yes[i], 0, &t, NULL));
		CHECK_OK(clock_gettime(yes[i], &now));
		CHECK_OK(timer_create(yes[i], NULL, &id));
	}
	for (unsigned i = 0; i < sizeof(no) / sizeof(*no); i++)
		CHECK_ERR(syscall(SYS_clock_nanosleep, no[i], 0, &t, NULL), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_clock_nanosleep, 10, 0, &t, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_clock_nanosleep, 99, 0, BAD, NULL), EINVAL);
	CHECK_OK(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 8, &t, NULL)); /* only TIMER_ABSTIME means something */
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &now));
	CHECK_OK(clock_gettime(CLOCK_TAI, &tai));
	CHECK(tai.tv_sec - now.tv_sec >= 0 && tai.tv_sec - now.tv_sec < 60);
}

TEST(time_zones_are_kept)
{
	struct timezone was, z = {-120, 1}, got;

	CHECK_OK(syscall(SYS_gettimeofday, NULL, &was));
	CHECK_ERR(syscall(SYS_settimeofday, NULL, BAD), EFAULT);
	CHECK_ERR(syscall(SYS_settimeofday, NULL, &(struct timezone){901, 0}), EINVAL);
	CHECK_OK(syscall(SYS_settimeofday, NULL, &was)); /* the first may move the clock on Linux, by nothing here */
	CHECK_OK(syscall(SYS_settimeofday, NULL, &z));
	CHECK_OK(syscall(SYS_gettimeofday, NULL, &got));
	CHECK_EQ(got.tz_minuteswest, -120);
	CHECK_EQ(got.tz_dsttime, 1);
	CHECK_OK(syscall(SYS_settimeofday, NULL, &was));
}

TEST(flags_of_scheduling)
{
	struct {
		unsigned size, policy;
		unsigned long long flags;
		int nice;
		unsigned prio;
		unsigned long long runtime, deadline, period;
		unsigned min, max;
	} a = {.size = sizeof(a)};

	for (a.flags = 0; a.flags < 0x20; a.flags++)
		CHECK_OK(syscall(SYS_sched_setattr, 0, &a, 0));
	a.flags = 0x20;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EOPNOTSUPP);
	a.prio = 5;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	a.flags = 0x80;
	CHECK_ERR(syscall(SYS_sched_setattr, 0, &a, 0), EINVAL);
	CHECK_OK(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 8 << IOPRIO_CLASS_SHIFT)); /* three bits are the class */
	CHECK_ERR(syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, 4 << IOPRIO_CLASS_SHIFT), EINVAL);
}

TEST(the_rest)
{
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));

	CHECK_OK(flock(fd, LOCK_SH | LOCK_MAND)); /* takes no lock */
	CHECK_OK(flock(CHECK_OK(open("f", O_RDONLY)), LOCK_EX | LOCK_NB));
	CHECK_ERR(syscall(SYS_reboot, 0xfee1dead, 672274793, LINUX_REBOOT_CMD_RESTART2, BAD), EFAULT);
}
