/* SPDX-License-Identifier: MIT */
/* Odd arguments: what is refused, with which error, and what is taken for nothing. Each was found by comparing answers of both kernels. */
#include "guest.h"

#include <linux/falloc.h>
#include <linux/ioprio.h>
#include <pthread.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/select.h>
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

/* What a user may ask of the scheduler without the right to is what two limits say. */
TEST(limits_of_urgency)
{
	struct rlimit r = {25, 25};
	struct sched_param p = {10};
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setrlimit(RLIMIT_NICE, &r));
		r = (struct rlimit){10, 10};
		CHECK_OK(setrlimit(RLIMIT_RTPRIO, &r));
		CHECK_OK(setuid(1000));
		CHECK_OK(setpriority(PRIO_PROCESS, 0, 5));
		CHECK_ERR(setpriority(PRIO_PROCESS, 0, -6), EACCES);
		CHECK_OK(setpriority(PRIO_PROCESS, 0, -5));
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), -5);
		CHECK_ERR(syscall(SYS_nice, -1), EPERM);
		CHECK_OK(setpriority(PRIO_PROCESS, 0, 0));
		CHECK_OK(syscall(SYS_nice, -5));
		CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &p));
		p.sched_priority = 11;
		CHECK_ERR(sched_setparam(0, &p), EPERM);
		p.sched_priority = 3;
		CHECK_OK(sched_setparam(0, &p));
		p.sched_priority = 0;
		CHECK_OK(sched_setscheduler(0, SCHED_IDLE, &p));
		CHECK_OK(sched_setscheduler(0, SCHED_OTHER, &p));
	}
	reap_ok(pid);
	FORK(pid) {
		p.sched_priority = 1;
		CHECK_OK(setuid(1000));
		CHECK_ERR(setpriority(PRIO_PROCESS, 0, -1), EACCES);
		CHECK_ERR(sched_setscheduler(0, SCHED_RR, &p), EPERM);
		p.sched_priority = 0;
		CHECK_OK(sched_setscheduler(0, SCHED_IDLE, &p));
		CHECK_ERR(sched_setscheduler(0, SCHED_OTHER, &p), EPERM);
	}
	reap_ok(pid);
}

TEST(changes_by_descriptor)
{
	struct timespec omit[2] = {{0, UTIME_OMIT}, {0, UTIME_OMIT}}, now[2] = {{0, UTIME_NOW}, {0, UTIME_NOW}};
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600)), place = CHECK_OK(open("f", O_PATH));
	char buf[200];

	CHECK_ERR(fchmod(place, 0644), EBADF);
	CHECK_ERR(fchown(place, 0, 0), EBADF);
	CHECK_ERR(syscall(SYS_utimensat, place, NULL, now, 0), EBADF);
	CHECK_OK(syscall(SYS_utimensat, fd, NULL, now, 0));
	CHECK_ERR(syscall(SYS_utimensat, fd, NULL, now, AT_SYMLINK_NOFOLLOW), EINVAL);
	CHECK_ERR(syscall(SYS_utimensat, AT_FDCWD, NULL, now, 0), EFAULT);
	CHECK_ERR(syscall(SYS_futimesat, AT_FDCWD, NULL, NULL), EFAULT);
	CHECK_OK(syscall(SYS_utimensat, AT_FDCWD, "none", omit, 0)); /* nothing to be done needs no file */
	CHECK_ERR(syscall(SYS_statfs64, "/", 88, buf), EINVAL);
	CHECK_OK(syscall(SYS_statfs64, "/", 84, buf));
	CHECK_OK(syscall(SYS_fstatat64, AT_FDCWD, "f", buf, 0x4000)); /* AT_STATX_DONT_SYNC */
}

TEST(memory)
{
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600)), in = CHECK_OK(open("f", O_RDONLY));
	char *p = map_rw(PAGE);

	CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE | 8)); /* PROT_SEM */
	CHECK_ERR(mprotect(p, PAGE, 16), EINVAL);
	CHECK_OK(mprotect(p, 0, 0xff));
	CHECK_OK(msync(p, (size_t)-1, MS_SYNC)); /* rounded up, that is nothing */
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, 0, in, 0), EINVAL);
	CHECK_ERR((long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, in, 0), EACCES);
	CHECK_OK((long)mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
}

TEST(select_takes_long_microseconds)
{
	struct timeval tv = {0, 2500000};
	fd_set in;
	int p[2];

	CHECK_OK(pipe(p));
	CHECK_EQ(write(p[1], "x", 1), 1);
	FD_ZERO(&in);
	FD_SET(p[0], &in);
	CHECK_EQ(syscall(SYS__newselect, p[0] + 1, &in, NULL, NULL, &tv), 1);
	tv = (struct timeval){0, -1};
	CHECK_ERR(syscall(SYS__newselect, 0, NULL, NULL, NULL, &tv), EINVAL);
	tv = (struct timeval){-1, 0};
	CHECK_ERR(syscall(SYS__newselect, 0, NULL, NULL, NULL, &tv), EINVAL);
}

TEST(ways_to_mount)
{
	CHECK_OK(mkdir("m", 0700));
	CHECK_ERR(mount("x", "m", NULL, 0, NULL), EINVAL);
	CHECK_ERR(mount(NULL, "m", NULL, MS_BIND, NULL), EINVAL);
	CHECK_ERR(mount("x", "m", "tmpfs", 0, "size=bad"), EINVAL);
	CHECK_ERR(mount("x", "m", "tmpfs", 0, "size=1mm"), EINVAL);
	CHECK_OK(mount("x", "m", "tmpfs", 0, "size=1m,mode=700"));
	CHECK_OK(mount(NULL, "m", NULL, MS_PRIVATE, NULL));
	CHECK_OK(mount(NULL, "m", NULL, MS_PRIVATE | MS_REC, NULL));
	CHECK_ERR(mount(NULL, "m", NULL, MS_PRIVATE | MS_SHARED, NULL), EINVAL);
	CHECK_OK(umount2("m", 0));
}

TEST(the_rest)
{
	int fd = CHECK_OK(open("f", O_RDWR | O_CREAT, 0600));

	CHECK_OK(flock(fd, LOCK_SH | LOCK_MAND)); /* takes no lock */
	CHECK_OK(flock(CHECK_OK(open("f", O_RDONLY)), LOCK_EX | LOCK_NB));
	CHECK_ERR(syscall(SYS_reboot, 0xfee1dead, 672274793, LINUX_REBOOT_CMD_RESTART2, BAD), EFAULT);
}
