/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes on tmpfs, and file handles, which it has none of that matter here; writes that append once.
 */
#include "guest.h"

#include <sys/mount.h>
#include <sys/xattr.h>

static char buf[70000];

static void mount_tmpfs(void)
{
	if (geteuid() != 0)
		SKIP("needs root");
	CHECK_OK(mkdir("m", 0755));
	CHECK_OK(mount("none", "m", "tmpfs", 0, NULL));
	CHECK_OK(chdir("m"));
	close(CHECK_OK(open("f", O_CREAT | O_RDWR, 0644)));
}

static void unmount(void)
{
	CHECK_OK(chdir(".."));
	CHECK_OK(umount("m"));
}

TEST(set_and_get)
{
	mount_tmpfs();
	CHECK_ERR(getxattr("f", "trusted.a", buf, 10), ENODATA);
	CHECK_OK(setxattr("f", "trusted.a", "value", 5, 0));
	CHECK_EQ(getxattr("f", "trusted.a", NULL, 0), 5);
	CHECK_EQ(getxattr("f", "trusted.a", buf, 100), 5);
	CHECK(!memcmp(buf, "value", 5));
	CHECK_ERR(getxattr("f", "trusted.a", buf, 4), ERANGE);
	CHECK_ERR(setxattr("f", "trusted.a", "x", 1, XATTR_CREATE), EEXIST);
	CHECK_OK(setxattr("f", "trusted.a", "new one", 7, XATTR_REPLACE));
	CHECK_EQ(getxattr("f", "trusted.a", buf, 100), 7);
	CHECK_ERR(setxattr("f", "trusted.b", "x", 1, XATTR_REPLACE), ENODATA);
	CHECK_OK(setxattr("f", "trusted.b", NULL, 0, XATTR_CREATE));
	CHECK_EQ(getxattr("f", "trusted.b", buf, 100), 0);
	CHECK_OK(removexattr("f", "trusted.a"));
	CHECK_ERR(removexattr("f", "trusted.a"), ENODATA);
	CHECK_ERR(getxattr("f", "trusted.a", buf, 100), ENODATA);
	unmount();
}

TEST(listed)
{
	ssize_t n;
	int fd;

	mount_tmpfs();
	CHECK_EQ(listxattr("f", NULL, 0), 0);
	CHECK_OK(setxattr("f", "trusted.one", "1", 1, 0));
	fd = CHECK_OK(open("f", O_RDONLY));
	CHECK_OK(fsetxattr(fd, "security.two", "2", 1, 0));
	n = CHECK_OK(flistxattr(fd, NULL, 0));
	CHECK_EQ(n, 12 + 13);
	CHECK_EQ(listxattr("f", buf, sizeof(buf)), n);
	CHECK(memmem(buf, n, "trusted.one", 12) && memmem(buf, n, "security.two", 13));
	CHECK_ERR(listxattr("f", buf, n - 1), ERANGE);
	CHECK_ERR(listxattr("f", (void *)8, n), EFAULT);
	CHECK_EQ(fgetxattr(fd, "security.two", buf, 10), 1);
	CHECK_OK(fremovexattr(fd, "security.two"));
	CHECK_OK(symlink("f", "link"));
	CHECK_OK(lsetxattr("link", "trusted.link", "of the link", 11, 0));
	CHECK_ERR(getxattr("f", "trusted.link", buf, 100), ENODATA);
	CHECK_ERR(getxattr("link", "trusted.link", buf, 100), ENODATA);
	CHECK_EQ(lgetxattr("link", "trusted.link", buf, 100), 11);
	CHECK_EQ(getxattr("link", "trusted.one", buf, 100), 1);
	CHECK_OK(setxattr(".", "trusted.dir", "d", 1, 0));
	close(fd);
	unmount();
}

TEST(refused)
{
	char name[300] = "trusted.";
	pid_t pid;

	mount_tmpfs();
	CHECK_ERR(setxattr("f", "user.a", "x", 1, 0), EOPNOTSUPP);
	CHECK_ERR(getxattr("f", "user.a", buf, 1), EOPNOTSUPP);
	CHECK_ERR(setxattr("f", "other.a", "x", 1, 0), EOPNOTSUPP);
	CHECK_ERR(setxattr("f", "nodot", "x", 1, 0), EOPNOTSUPP);
	CHECK_ERR(setxattr("f", "trusted.", "x", 1, 0), EINVAL);
	CHECK_ERR(setxattr("f", "trusted.a", "x", 1, 4), EINVAL);
	CHECK_ERR(setxattr("f", "trusted.a", buf, 65537, 0), E2BIG);
	CHECK_OK(setxattr("f", "trusted.a", buf, 65536, 0));
	CHECK_EQ(getxattr("f", "trusted.a", buf, sizeof(buf)), 65536);
	CHECK_ERR(setxattr("f", "trusted.a", (void *)8, 1, 0), EFAULT);
	CHECK_ERR(setxattr("f", "", "x", 1, 0), ERANGE);
	memset(name + 8, 'n', 248);
	CHECK_ERR(setxattr("f", name, "x", 1, 0), ERANGE);
	name[255] = 0;
	CHECK_OK(setxattr("f", name, "x", 1, 0));
	CHECK_ERR(setxattr("none", "trusted.a", "x", 1, 0), ENOENT);
	CHECK_ERR(fsetxattr(999, "trusted.a", "x", 1, 0), EBADF);
	CHECK_OK(mkfifo("fifo", 0666));
	CHECK_ERR(setxattr("fifo", "user.a", "x", 1, 0), EPERM);
	CHECK_OK(setxattr("f", "security.a", "x", 1, 0));
	FORK(pid) {
		CHECK_OK(chmod("f", 0666));
		CHECK_OK(setuid(1234));
		CHECK_ERR(setxattr("f", "trusted.a", "x", 1, 0), EPERM);
		CHECK_ERR(getxattr("f", "trusted.a", buf, sizeof(buf)), ENODATA);
		CHECK_EQ(getxattr("f", "security.a", buf, 10), 1);
		CHECK_EQ(listxattr("f", buf, sizeof(buf)), 11);
	}
	reap_ok(pid);
	CHECK_OK(mount("none", ".", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_OK(chdir("../m")); /* still the directory below */
	unmount();
}

TEST(handles)
{
	struct {
		unsigned bytes;
		int type;
		char data[128];
	} h = {.bytes = 128};
	int id;

	CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "/proc/self", &h, &id, 0x100), EINVAL);
	CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "/none", &h, &id, 0), ENOENT);
	CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, (void *)8, &h, &id, 0), EFAULT);
	CHECK_ERR(syscall(SYS_name_to_handle_at, AT_FDCWD, "/proc/version", &h, &id, 0), EOPNOTSUPP);
	CHECK_ERR(syscall(SYS_name_to_handle_at, 999, "", &h, &id, AT_EMPTY_PATH), EBADF);
	h.bytes = 0;
	CHECK_ERR(syscall(SYS_open_by_handle_at, AT_FDCWD, &h, O_RDONLY), EINVAL);
	CHECK_ERR(syscall(SYS_open_by_handle_at, AT_FDCWD, (void *)8, O_RDONLY), EFAULT);
	h.bytes = 8;
	CHECK_ERR(syscall(SYS_open_by_handle_at, 999, &h, O_RDONLY), EBADF);
	CHECK_OK(setuid(1234));
	CHECK_ERR(syscall(SYS_open_by_handle_at, AT_FDCWD, &h, O_RDONLY), EPERM);
}

TEST(append_once)
{
	struct iovec v = {"xyz", 3};
	int fd = CHECK_OK(open("f", O_CREAT | O_RDWR, 0600)), p[2];
	char got[20] = {0};

	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(pwritev2(fd, &v, 1, 2, RWF_APPEND), 3);
	CHECK_EQ(pread(fd, got, 20, 0), 13);
	CHECK_STR(got, "0123456789xyz");
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 10);
	CHECK_EQ(pwritev2(fd, &v, 1, 2, RWF_DSYNC), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(pwritev2(fd, &v, 1, -1, RWF_APPEND | RWF_SYNC), 3);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 16);
	CHECK_EQ(pread(fd, got, 20, 0), 16);
	CHECK_STR(got, "01xyz56789xyzxyz");
	CHECK_ERR(pwritev2(fd, &v, 1, 0, 0x1000), EOPNOTSUPP);
	CHECK_ERR(pwritev2(CHECK_OK(open("f", O_RDONLY)), &v, 1, 0, RWF_APPEND), EBADF);
	CHECK_OK(pipe(p));
	CHECK_EQ(pwritev2(p[1], &v, 1, -1, RWF_APPEND), 3);
	CHECK_EQ(fcntl(fd, F_GETFL) & O_APPEND, 0);
}
