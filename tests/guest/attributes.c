/* SPDX-License-Identifier: MIT */
/*
 * What files carry: modes, owners, times; who may change them and what changes by itself.
 */
#include "guest.h"
#include <sys/xattr.h>

#include <grp.h>
#include <sys/mount.h>

TEST(stat_fields)
{
	struct stat st, other;
	struct timespec now;

	write_file("f", "12345", 5);
	clock_gettime(CLOCK_REALTIME, &now);
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, 0);
	CHECK(st.st_mtime >= now.tv_sec - LATE_MS / 1000 && st.st_mtime <= now.tv_sec);
	CHECK_EQ(st.st_blksize, 4096);
	CHECK_OK(stat(".", &other));
	CHECK(S_ISDIR(other.st_mode));
	CHECK_EQ(other.st_dev, st.st_dev);
	CHECK(other.st_ino != st.st_ino);
	CHECK_OK(symlink("f", "s"));
	CHECK_OK(stat("s", &other));
	CHECK_EQ(other.st_ino, st.st_ino);
	CHECK_OK(lstat("s", &other));
	CHECK_EQ(other.st_mode, S_IFLNK | 0777);
	CHECK_EQ(other.st_size, 1);
	CHECK_ERR(stat("none", &st), ENOENT);
	CHECK_ERR(stat("f/x", &st), ENOTDIR);
	CHECK_ERR(stat("", &st), ENOENT);
	CHECK_ERR(fstat(99, &st), EBADF);
	CHECK_OK(fstatat(open("f", O_RDONLY), "", &st, AT_EMPTY_PATH));
	CHECK_EQ(st.st_size, 5);
	CHECK_ERR(fstatat(AT_FDCWD, "f", &st, 0x8), EINVAL);
}

TEST(statx_fields)
{
	struct statx sx;

	write_file("f", "12345", 5);
	CHECK_OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS, &sx));
	CHECK_EQ(sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	CHECK_EQ(sx.stx_mode, S_IFREG | 0644);
	CHECK_EQ(sx.stx_size, 5);
	CHECK_ERR(statx(AT_FDCWD, "f", 0x8, STATX_BASIC_STATS, &sx), EINVAL);
	CHECK_ERR(statx(AT_FDCWD, "f", 0, 0x80000000, &sx), EINVAL);
	CHECK_ERR(statx(99, "f", 0, STATX_BASIC_STATS, &sx), EBADF);
	CHECK_OK(statx(99, "/dev/null", 0, STATX_BASIC_STATS, &sx));
	CHECK_EQ(sx.stx_rdev_major, 1);
	CHECK_EQ(sx.stx_rdev_minor, 3);
}

TEST(chmod_and_umask)
{
	struct stat st;

	umask(027);
	CHECK_OK(open("f", O_CREAT | O_RDWR, 0666));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 07777, 0640);
	CHECK_OK(mkdir("d", 0777));
	CHECK_OK(stat("d", &st));
	CHECK_EQ(st.st_mode & 07777, 0750);
	CHECK_OK(chmod("f", 04711));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 07777, 04711);
	CHECK_OK(fchmod(open("f", O_RDONLY), 0600));
	CHECK_ERR(chmod("none", 0600), ENOENT);
	CHECK_ERR(fchmod(99, 0600), EBADF);
	CHECK_EQ(umask(07777), 027);
	CHECK_EQ(umask(022), 0777);
}

TEST(chown_rules)
{
	struct stat st;
	pid_t pid;

	write_file("f", "", 0);
	CHECK_OK(chmod("f", 06755));
	CHECK_OK(chown("f", 1000, 50));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(st.st_gid, 50);
	CHECK_EQ(st.st_mode & 07777, 0755); /* loses its special bits */
	CHECK_OK(chown("f", (uid_t)-1, 60));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_uid, 1000);
	CHECK_EQ(st.st_gid, 60);
	FORK(pid) {
		CHECK_OK(setgroups(1, (gid_t[]){70}) ?: 0);
		CHECK_OK(setgid(60));
		CHECK_OK(setuid(1000));
		CHECK_OK(chown("f", (uid_t)-1, 70));
		CHECK_ERR(chown("f", (uid_t)-1, 99), EPERM);
		CHECK_ERR(chown("f", 1001, (gid_t)-1), EPERM);
		CHECK_OK(chmod("f", 0600));
	}
	reap_ok(pid);
	CHECK_OK(symlink("f", "s"));
	CHECK_OK(lchown("s", 5, 5));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_uid, 1000);
}

TEST(setgid_directory)
{
	struct stat st;

	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chown("d", 0, 77));
	CHECK_OK(chmod("d", 02755));
	write_file("d/f", "", 0);
	CHECK_OK(mkdir("d/e", 0755));
	CHECK_OK(stat("d/f", &st));
	CHECK_EQ(st.st_gid, 77);
	CHECK_OK(stat("d/e", &st));
	CHECK_EQ(st.st_gid, 77);
	CHECK_EQ(st.st_mode & 07777, 02755);
}

TEST(writing_clears_setuid)
{
	struct stat st;
	pid_t pid;

	write_file("f", "", 0);
	CHECK_OK(chmod("f", 04777));
	FORK(pid) {
		int fd = CHECK_OK(open("f", O_WRONLY));
		CHECK_OK(setuid(1000));
		CHECK_EQ(write(fd, "x", 1), 1);
	}
	reap_ok(pid);
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 07777, 0777);
}

TEST(access_uses_real_ids)
{
	pid_t pid;

	write_file("f", "", 0);
	CHECK_OK(chmod("f", 0600));
	CHECK_OK(access("f", R_OK | W_OK));
	CHECK_ERR(access("f", X_OK), EACCES);
	CHECK_ERR(access("f", 8), EINVAL);
	CHECK_ERR(access("none", F_OK), ENOENT);
	CHECK_OK(access(".", X_OK));
	FORK(pid) {
		CHECK_OK(setresuid(1000, 0, 0));
		CHECK_OK(open("f", O_RDONLY));
		CHECK_ERR(access("f", R_OK), EACCES);
		CHECK_OK(syscall(SYS_faccessat2, AT_FDCWD, "f", R_OK, AT_EACCESS));
	}
	reap_ok(pid);
}

TEST(times)
{
	struct timespec ts[2] = {{1000, 5}, {2000, 6}}, omit[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}}, bad[2] = {{0, 1000000000}, {0, 0}};
	struct stat st;
	pid_t pid;

	write_file("f", "", 0);
	CHECK_OK(utimensat(AT_FDCWD, "f", ts, 0));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK_EQ(st.st_atim.tv_nsec, 5);
	CHECK_EQ(st.st_mtim.tv_sec, 2000);
	CHECK_EQ(st.st_mtim.tv_nsec, 6);
	CHECK(st.st_ctim.tv_sec > 1000000);
	CHECK_OK(utimensat(AT_FDCWD, "f", omit, 0));
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK(st.st_mtim.tv_sec > 1000000);
	CHECK_ERR(utimensat(AT_FDCWD, "f", bad, 0), EINVAL);
	CHECK_ERR(utimensat(AT_FDCWD, "none", ts, 0), ENOENT);
	CHECK_OK(chmod("f", 0666));
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_OK(utimensat(AT_FDCWD, "f", NULL, 0));
		CHECK_ERR(utimensat(AT_FDCWD, "f", ts, 0), EPERM);
	}
	reap_ok(pid);
}

static void later(struct timespec t)
{
	struct timespec now;

	do
		CHECK_OK(clock_gettime(CLOCK_REALTIME_COARSE, &now)); /* what Linux takes for files */
	while (now.tv_sec == t.tv_sec && now.tv_nsec == t.tv_nsec);
}

/* relatime (mount(8)): the first read after each change is noted, also within one second, and the next ones are not. */
TEST(access_time_after_a_change)
{
	struct stat st, again;
	int fd;
	char c;

	CHECK_OK(mkdir("m", 0755));
	CHECK_OK(mount("none", "m", "tmpfs", MS_RELATIME, NULL));
	fd = CHECK_OK(open("m/f", O_CREAT | O_RDWR, 0644));
	for (int turn = 0; turn < 3; turn++) {
		CHECK_EQ(pwrite(fd, "x", 1, 0), 1);
		CHECK_OK(fstat(fd, &st));
		later(st.st_mtim);
		CHECK_EQ(pread(fd, &c, 1, 0), 1);
		CHECK_OK(fstat(fd, &st));
		CHECK(st.st_atim.tv_sec > st.st_mtim.tv_sec || (st.st_atim.tv_sec == st.st_mtim.tv_sec && st.st_atim.tv_nsec > st.st_mtim.tv_nsec));
		later(st.st_atim);
		CHECK_EQ(pread(fd, &c, 1, 0), 1);
		CHECK_OK(fstat(fd, &again));
		CHECK_EQ(again.st_atim.tv_sec, st.st_atim.tv_sec);
		CHECK_EQ(again.st_atim.tv_nsec, st.st_atim.tv_nsec);
		later(again.st_atim);
	}
	close(fd);
	CHECK_OK(umount("m"));
}

TEST(directory_times_change)
{
	struct timespec old[2] = {{1, 0}, {1, 0}};
	struct stat st;

	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(utimensat(AT_FDCWD, "d", old, 0));
	write_file("d/f", "", 0);
	CHECK_OK(stat("d", &st));
	CHECK(st.st_mtime > 1000);
	CHECK_OK(utimensat(AT_FDCWD, "d", old, 0));
	CHECK_OK(unlink("d/f"));
	CHECK_OK(stat("d", &st));
	CHECK(st.st_mtime > 1000);
}

/* No file system needs to keep extended attributes; what programs ask before they find out must not look like a missing call. */
TEST(extended_attributes)
{
	char buf[100];
	int fd = new_file("f"), path_fd;

	CHECK(listxattr("f", buf, sizeof(buf)) >= 0);
	CHECK(llistxattr("f", NULL, 0) >= 0);
	CHECK(flistxattr(fd, buf, sizeof(buf)) >= 0);
	CHECK(lgetxattr("f", "user.none", buf, sizeof(buf)) == -1 && (errno == EOPNOTSUPP || errno == ENODATA));
	CHECK(fremovexattr(fd, "user.none") == -1 && (errno == EOPNOTSUPP || errno == ENODATA));
	CHECK_ERR(lgetxattr("none", "user.none", buf, sizeof(buf)), ENOENT);
	CHECK_ERR(getxattr("f", "", buf, sizeof(buf)), ERANGE);
	CHECK_ERR(getxattr("f", (char *)-1, buf, sizeof(buf)), EFAULT);
	CHECK_ERR(getxattr((char *)-1, "user.x", buf, sizeof(buf)), EFAULT);
	CHECK_ERR(setxattr("f", "user.x", "y", 1, 4), EINVAL);
	CHECK_ERR(fsetxattr(-1, "user.x", "y", 1, 0), EBADF);
	path_fd = CHECK_OK(open("f", O_PATH));
	CHECK_ERR(fgetxattr(path_fd, "user.x", buf, sizeof(buf)), EBADF);
}
