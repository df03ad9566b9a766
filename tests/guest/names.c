/* SPDX-License-Identifier: MIT */
/*
 * The tree of names: directories, links, rename in all its cases, special files, and reading directories.
 */
#include "guest.h"

#include <sys/statfs.h>
#include <sys/sysmacros.h>

static ino_t inode_of(const char *name)
{
	struct stat st;

	CHECK_OK(lstat(name, &st));
	return st.st_ino;
}

static long links_of(const char *name)
{
	struct stat st;

	CHECK_OK(lstat(name, &st));
	return (long)st.st_nlink;
}

TEST(mkdir_and_rmdir)
{
	CHECK_OK(mkdir("d", 0755));
	CHECK_EQ(links_of("d"), 2);
	CHECK_OK(mkdir("d/e", 0755));
	CHECK_EQ(links_of("d"), 3);
	CHECK_ERR(mkdir("d", 0755), EEXIST);
	CHECK_ERR(mkdir(".", 0755), EEXIST);
	CHECK_ERR(mkdir("/", 0755), EEXIST);
	CHECK_ERR(mkdir("x/y", 0755), ENOENT);
	CHECK_ERR(mkdir("", 0755), ENOENT);
	CHECK_OK(mkdir("slash/", 0755));
	write_file("f", "", 0);
	CHECK_ERR(mkdir("f/x", 0755), ENOTDIR);
	CHECK_ERR(mkdir("f", 0755), EEXIST);
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK_ERR(rmdir("f"), ENOTDIR);
	CHECK_ERR(rmdir("none"), ENOENT);
	CHECK_ERR(rmdir("d/."), EINVAL);
	CHECK_ERR(rmdir("d/e/.."), ENOTEMPTY);
	CHECK_ERR(rmdir("/"), EBUSY);
	CHECK_OK(rmdir("d/e"));
	CHECK_EQ(links_of("d"), 2);
	CHECK_OK(rmdir("d/"));
	CHECK_ERR(rmdir("d"), ENOENT);
}

TEST(removed_directory_in_use)
{
	char cwd[200];
	int fd;

	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chdir("d"));
	fd = CHECK_OK(open(".", O_RDONLY));
	CHECK_OK(rmdir("../d"));
	CHECK_ERR(open("f", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(mkdir("e", 0755), ENOENT);
	CHECK_ERR(syscall(SYS_getcwd, cwd, sizeof(cwd)), ENOENT);
	CHECK_ERR(openat(fd, "f", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_OK(chdir(".."));
}

TEST(unlink_errors)
{
	CHECK_OK(mkdir("d", 0755));
	write_file("f", "", 0);
	CHECK_ERR(unlink("d"), EISDIR);
	CHECK_ERR(unlink("none"), ENOENT);
	CHECK_ERR(unlink("f/"), ENOTDIR);
	CHECK_ERR(unlink("f/x"), ENOTDIR);
	CHECK_ERR(unlinkat(AT_FDCWD, "d", 0x4000), EINVAL);
	CHECK_ERR(unlinkat(AT_FDCWD, "f", AT_REMOVEDIR), ENOTDIR);
	CHECK_OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	CHECK_OK(symlink("f", "s"));
	CHECK_OK(unlink("s"));
	CHECK_OK(access("f", F_OK));
}

TEST(hard_links)
{
	char c[3];

	write_file("f", "abc", 3);
	CHECK_OK(link("f", "g"));
	CHECK_EQ(inode_of("f"), inode_of("g"));
	CHECK_EQ(links_of("f"), 2);
	CHECK_ERR(link("f", "g"), EEXIST);
	CHECK_ERR(link("none", "h"), ENOENT);
	CHECK_ERR(link(".", "h"), EPERM);
	CHECK_ERR(link("f", "no/h"), ENOENT);
	CHECK_ERR(link("f", "/dev/h"), EXDEV);
	CHECK_OK(unlink("f"));
	CHECK_EQ(links_of("g"), 1);
	CHECK_EQ(read(open("g", O_RDONLY), c, 3), 3);
	CHECK_OK(symlink("g", "s"));
	CHECK_OK(link("s", "s2")); /* the link itself */
	CHECK_EQ(links_of("s"), 2);
	CHECK_OK(linkat(AT_FDCWD, "s", AT_FDCWD, "t", AT_SYMLINK_FOLLOW));
	CHECK_EQ(inode_of("t"), inode_of("g"));
}

TEST(rename_files)
{
	ino_t inode;
	int fd;

	write_file("a", "aaa", 3);
	write_file("b", "b", 1);
	inode = inode_of("a");
	fd = open("b", O_RDONLY);
	CHECK_OK(rename("a", "b"));
	CHECK_EQ(inode_of("b"), inode);
	CHECK_ERR(open("a", O_RDONLY), ENOENT);
	struct stat st;
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_OK(rename("b", "b"));
	CHECK_OK(link("b", "c"));
	CHECK_OK(rename("b", "c")); /* the same file: both stay */
	CHECK_EQ(links_of("b"), 2);
	CHECK_ERR(rename("none", "x"), ENOENT);
	CHECK_ERR(rename("b", "no/x"), ENOENT);
	CHECK_ERR(rename("b", "c/x"), ENOTDIR);
	CHECK_ERR(rename("b", ""), ENOENT);
	CHECK_ERR(rename("b", "/dev/x"), EXDEV);
	CHECK_ERR(rename("b", "new/"), ENOTDIR);
}

TEST(rename_directories)
{
	CHECK_OK(mkdir("a", 0755));
	CHECK_OK(mkdir("a/sub", 0755));
	CHECK_OK(mkdir("empty", 0755));
	CHECK_OK(mkdir("full", 0755));
	write_file("full/f", "", 0);
	write_file("f", "", 0);
	CHECK_ERR(rename("a", "full"), ENOTEMPTY);
	CHECK_ERR(rename("a", "f"), ENOTDIR);
	CHECK_ERR(rename("f", "empty"), EISDIR);
	CHECK_ERR(rename("a", "a/sub/x"), EINVAL);
	CHECK_ERR(rename("a", "a/x"), EINVAL);
	CHECK_ERR(rename("a/sub", "a"), ENOTEMPTY);
	CHECK_ERR(rename("a/.", "x"), EBUSY);
	CHECK_ERR(rename("a", "."), EBUSY);
	CHECK_ERR(rename("/", "/x"), EBUSY);
	CHECK_OK(rename("a", "empty"));
	CHECK_OK(access("empty/sub", F_OK));
	CHECK_EQ(links_of("empty"), 3);
	long before = links_of("full");
	CHECK_OK(rename("empty", "full/moved/"));
	CHECK_EQ(links_of("full"), before + 1);
	CHECK_EQ(inode_of("full/moved/.."), inode_of("full"));
}

TEST(rename_flags)
{
	write_file("a", "a", 1);
	write_file("b", "b", 1);
	ino_t a = inode_of("a"), b = inode_of("b");
	CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	CHECK_OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE));
	CHECK_EQ(inode_of("a"), b);
	CHECK_EQ(inode_of("b"), a);
	CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", 0x100), EINVAL);
	CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE | RENAME_EXCHANGE), EINVAL);
	CHECK_ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "none", RENAME_EXCHANGE), ENOENT);
	CHECK_OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
}

TEST(sticky_directory)
{
	pid_t pid;

	CHECK_OK(mkdir("t", 0777));
	CHECK_OK(chmod("t", 01777));
	write_file("t/root", "", 0);
	FORK(pid) {
		CHECK_OK(setuid(1000));
		write_file("t/mine", "", 0);
		CHECK_ERR(unlink("t/root"), EPERM);
		CHECK_ERR(rename("t/root", "t/x"), EPERM);
		CHECK_ERR(rename("t/mine", "t/root"), EPERM);
		CHECK_OK(rename("t/mine", "t/still"));
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(setuid(1001));
		CHECK_ERR(unlink("t/still"), EPERM);
	}
	reap_ok(pid);
	CHECK_OK(unlink("t/still"));
}

TEST(directory_permissions)
{
	pid_t pid;

	CHECK_OK(mkdir("ro", 0755));
	write_file("ro/f", "", 0);
	CHECK_OK(mkdir("search", 0711));
	write_file("search/f", "", 0);
	CHECK_OK(mkdir("list", 0744));
	write_file("list/f", "", 0);
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_ERR(unlink("ro/f"), EACCES);
		CHECK_ERR(mkdir("ro/d", 0755), EACCES);
		CHECK_ERR(rename("ro/f", "ro/g"), EACCES);
		CHECK_ERR(symlink("x", "ro/s"), EACCES);
		CHECK_OK(access("search/f", R_OK));
		CHECK_ERR(open("search", O_RDONLY), EACCES);
		CHECK_ERR(access("list/f", F_OK), EACCES);
		CHECK_OK(open("list", O_RDONLY));
	}
	reap_ok(pid);
}

static int count_entries(const char *name)
{
	DIR *dir = opendir(name);
	int n = 0;

	CHECK(dir != NULL);
	while (readdir(dir))
		n++;
	closedir(dir);
	return n;
}

TEST(reading_directories)
{
	bool seen[500] = {false};
	struct dirent *e;
	char name[12];
	DIR *dir;

	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "file%d", i);
		write_file(name, "", 0);
	}
	CHECK_OK(mkdir("d", 0755));
	CHECK_EQ(count_entries("d"), 2);
	CHECK_EQ(count_entries("."), 503);
	dir = opendir(".");
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == 'f') {
			CHECK(!seen[atoi(e->d_name + 4)]);
			seen[atoi(e->d_name + 4)] = true;
			CHECK_EQ(e->d_type, DT_REG);
			CHECK_EQ(e->d_ino, inode_of(e->d_name));
		} else {
			CHECK_EQ(e->d_type, DT_DIR);
		}
	}
	for (int i = 0; i < 500; i++)
		CHECK(seen[i]);
	rewinddir(dir);
	CHECK(readdir(dir) != NULL);
}

TEST(deleting_while_reading)
{
	struct dirent *e;
	char name[20];
	int removed = 0;
	DIR *dir;

	CHECK_OK(mkdir("d", 0755));
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof(name), "d/a-longer-name%d", i);
		write_file(name, "", 0);
	}
	dir = opendir("d");
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] == 'a') {
			CHECK_OK(unlinkat(dirfd(dir), e->d_name, 0));
			removed++;
		}
	CHECK_EQ(removed, 300);
	CHECK_OK(rmdir("d"));
}

TEST(working_directory)
{
	char cwd[200], before[200], small[3];
	int fd;

	CHECK(getcwd(before, sizeof(before)));
	CHECK_OK(mkdir("d", 0755));
	CHECK_OK(chdir("d"));
	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK(strncmp(cwd, before, strlen(before)) == 0);
	CHECK_STR(cwd + strlen(before), "/d");
	CHECK_OK(rename("../d", "../renamed"));
	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK_STR(cwd + strlen(before), "/renamed");
	CHECK_ERR(syscall(SYS_getcwd, small, 3), ERANGE);
	CHECK_ERR(syscall(SYS_getcwd, small, 0), ERANGE);
	CHECK_OK(chdir("/"));
	CHECK_EQ(syscall(SYS_getcwd, small, 3), 2);
	CHECK_STR(small, "/");
	CHECK_OK(chdir("../../.."));
	fd = CHECK_OK(open(before, O_RDONLY));
	CHECK_OK(fchdir(fd));
	write_file("f", "", 0);
	CHECK_ERR(chdir("f"), ENOTDIR);
	CHECK_ERR(chdir("none"), ENOENT);
	CHECK_ERR(fchdir(open("f", O_RDONLY)), ENOTDIR);
	CHECK_ERR(fchdir(99), EBADF);
}

TEST(root_directory)
{
	pid_t pid;

	CHECK_OK(mkdir("jail", 0755));
	CHECK_OK(mkdir("jail/sub", 0755));
	write_file("jail/f", "jailed", 6);
	CHECK_OK(symlink("/f", "jail/link"));
	FORK(pid) {
		char cwd[50];

		CHECK_OK(chroot("jail"));
		CHECK_OK(chdir("/"));
		CHECK_OK(access("/f", F_OK));
		CHECK_OK(access("../../f", F_OK));
		CHECK_OK(access("link", F_OK));
		CHECK_ERR(access("/proc/self", F_OK), ENOENT);
		CHECK_OK(chdir("sub"));
		CHECK(getcwd(cwd, sizeof(cwd)));
		CHECK_STR(cwd, "/sub");
		CHECK_OK(setuid(1000));
		CHECK_ERR(chroot("/"), EPERM);
	}
	reap_ok(pid);
	CHECK_ERR(chroot("jail/f"), ENOTDIR);
	CHECK_ERR(chroot("none"), ENOENT);
}

TEST(relative_to_a_descriptor)
{
	int d, f;

	CHECK_OK(mkdir("d", 0755));
	d = CHECK_OK(open("d", O_RDONLY | O_DIRECTORY));
	f = CHECK_OK(openat(d, "f", O_CREAT | O_RDWR, 0600));
	CHECK_OK(access("d/f", F_OK));
	CHECK_OK(mkdirat(d, "e", 0755));
	CHECK_OK(symlinkat("f", d, "s"));
	CHECK_OK(renameat(d, "f", AT_FDCWD, "moved"));
	CHECK_OK(faccessat(AT_FDCWD, "moved", F_OK, 0));
	CHECK_ERR(openat(f, "x", O_RDONLY), ENOTDIR);
	CHECK_ERR(openat(99, "x", O_RDONLY), EBADF);
	CHECK_ERR(openat(-5, "x", O_RDONLY), EBADF);
	CHECK_OK(openat(99, "/", O_RDONLY));
	CHECK_OK(unlinkat(d, "e", AT_REMOVEDIR));
	CHECK_OK(rename("d", "d2"));
	CHECK_OK(faccessat(d, "s", F_OK, AT_SYMLINK_NOFOLLOW));
}

TEST(dots_and_slashes)
{
	CHECK_OK(mkdir("d", 0755));
	write_file("d/f", "", 0);
	CHECK_OK(access("./d/../d/./f", F_OK));
	CHECK_OK(access("d//f", F_OK));
	CHECK_OK(access(".//d///.//f", F_OK));
	CHECK_ERR(access("d/f/..", F_OK), ENOTDIR);
	CHECK_ERR(access("none/..", F_OK), ENOENT);
	CHECK_OK(access("/..//../", F_OK));
	CHECK_OK(symlink("d/", "s"));
	CHECK_OK(access("s/f", F_OK));
	CHECK_OK(access("s/../d", F_OK));
}

TEST(special_files)
{
	struct stat st;
	pid_t pid;

	CHECK_OK(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	CHECK_OK(stat("null", &st));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	CHECK_OK(mknod("plain", S_IFREG | 0600, 0));
	CHECK_OK(mknod("fifo", S_IFIFO | 0600, 0));
	CHECK_ERR(mknod("fifo", S_IFIFO | 0600, 0), EEXIST);
	CHECK_ERR(mknod("dir", S_IFDIR | 0600, 0), EPERM);
	CHECK_ERR(mknod("odd", 0170000, 0), EINVAL);
	CHECK_OK(mknod("nodevice", S_IFCHR | 0666, makedev(4000, 1)));
	CHECK_ERR(open("nodevice", O_RDONLY), ENXIO);
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_ERR(mknod("d1", S_IFCHR | 0666, makedev(1, 3)), EPERM);
		CHECK_OK(mknod("f1", S_IFIFO | 0666, 0));
	}
	reap_ok(pid);
}

TEST(device_nodes_work)
{
	int fd;

	CHECK_OK(mknod("zero", S_IFCHR | 0666, makedev(1, 5)));
	fd = open("zero", O_RDWR);
	if (fd < 0 && errno == EACCES)
		SKIP("the file system is mounted without devices");
	char c = 1;
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 0);
}

TEST(file_system_figures)
{
	struct statfs fs;

	CHECK_OK(statfs("/tmp", &fs));
	CHECK_EQ(fs.f_type, 0x01021994);
	CHECK_EQ(fs.f_bsize, 4096);
	CHECK_EQ(fs.f_namelen, 255);
	CHECK_OK(statfs("/proc", &fs));
	CHECK_EQ(fs.f_type, 0x9fa0);
	CHECK_ERR(statfs("none", &fs), ENOENT);
	CHECK_ERR(fstatfs(99, &fs), EBADF);
}

TEST(temporary_file)
{
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);
	struct stat st;

	if (fd < 0 && errno == EOPNOTSUPP)
		SKIP("no O_TMPFILE");
	CHECK_OK(fd);
	CHECK_EQ(write(fd, "x", 1), 1);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
}

TEST(deep_directories)
{
	for (int i = 0; i < 200; i++) {
		CHECK_OK(mkdir("deeper-and-deeper", 0755));
		CHECK_OK(chdir("deeper-and-deeper"));
	}
	char *cwd = map_rw(2 * PAGE);
	CHECK(syscall(SYS_getcwd, cwd, 2 * PAGE) > 200 * 18);
	for (int i = 0; i < 200; i++) {
		CHECK_OK(chdir(".."));
		CHECK_OK(rmdir("deeper-and-deeper"));
	}
}

/* A file that was made without a name may get one, once; O_EXCL says never. */
TEST(tmpfile_gets_a_name)
{
	char path[40];
	struct stat st;
	int fd = CHECK_OK(open(".", O_TMPFILE | O_RDWR, 0600));

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_OK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 1);
	CHECK_OK(unlink("named"));
	CHECK_ERR(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
	close(fd);
	fd = CHECK_OK(open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600));
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	CHECK_ERR(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW), ENOENT);
}

TEST(linking_a_descriptor_is_guarded)
{
	pid_t pid;
	int fd = new_file("f");

	CHECK_OK(linkat(fd, "", AT_FDCWD, "g", AT_EMPTY_PATH));
	FORK(pid) {
		CHECK_OK(chmod(".", 0777));
		CHECK_OK(setuid(1000));
		CHECK_ERR(linkat(fd, "", AT_FDCWD, "h", AT_EMPTY_PATH), ENOENT);
	}
	reap_ok(pid);
}

/* Names of one file come and go in several directories at once: the count of them must be right in the end. */
TEST(links_counted_by_many)
{
	struct stat st;
	pid_t pid[4];

	close(new_file("f"));
	for (int i = 0; i < 4; i++) {
		FORK(pid[i]) {
			char dir[20], a[40], b[40];

			snprintf(dir, sizeof(dir), "d%d", i);
			snprintf(a, sizeof(a), "%s/a", dir);
			snprintf(b, sizeof(b), "%s/b", dir);
			CHECK_OK(mkdir(dir, 0700));
			for (int n = 0; n < 300; n++) {
				CHECK_OK(link("f", a));
				CHECK_OK(link("f", b));
				if (n % 3 == 0)
					CHECK_OK(unlink(b));
				CHECK_OK(rename(a, b)); /* over another name of the same file nothing happens */
				unlink(a);
				unlink(b);
			}
		}
	}
	for (int i = 0; i < 4; i++)
		reap_ok(pid[i]);
	CHECK_OK(stat("f", &st));
	CHECK_EQ(st.st_nlink, 1);
}

static bool is_whiteout(const char *name)
{
	struct stat st;

	CHECK_OK(lstat(name, &st));
	CHECK_EQ(st.st_nlink, 1);
	return st.st_mode == S_IFCHR && st.st_rdev == 0;
}

/* The old name stays, as a device that nobody can open: what an overlay reads as "there is nothing". */
TEST(whiteouts)
{
	struct stat st;
	pid_t pid;

	close(new_file("a"));
	CHECK_OK(mkdir("d", 0777));
	CHECK_OK(chmod("d", 0777));
	CHECK_OK(mkdir("d/dir", 0755));
	CHECK_OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_WHITEOUT));
	CHECK(is_whiteout("a"));
	CHECK_ERR(open("a", O_RDONLY), ENXIO);
	CHECK_OK(stat("b", &st));
	CHECK(S_ISREG(st.st_mode));
	CHECK_ERR(renameat2(AT_FDCWD, "b", AT_FDCWD, "a", RENAME_WHITEOUT | RENAME_NOREPLACE), EEXIST);
	CHECK_ERR(renameat2(AT_FDCWD, "b", AT_FDCWD, "a", RENAME_WHITEOUT | RENAME_EXCHANGE), EINVAL);
	CHECK_ERR(renameat2(AT_FDCWD, "none", AT_FDCWD, "x", RENAME_WHITEOUT), ENOENT);
	CHECK_OK(renameat2(AT_FDCWD, "b", AT_FDCWD, "a", RENAME_WHITEOUT)); /* the one is replaced, and another is made */
	CHECK(is_whiteout("b"));
	CHECK_OK(stat("a", &st));
	CHECK(S_ISREG(st.st_mode));
	CHECK_OK(renameat2(AT_FDCWD, "d/dir", AT_FDCWD, "dir", RENAME_WHITEOUT | RENAME_NOREPLACE));
	CHECK(is_whiteout("d/dir"));
	CHECK_OK(stat("d", &st));
	CHECK_EQ(st.st_nlink, 2);
	CHECK_OK(stat("dir/..", &st));
	CHECK_ERR(rmdir("d"), ENOTEMPTY);
	CHECK_ERR(mkdir("d/dir", 0755), EEXIST);
	CHECK_OK(unlink("d/dir"));
	FORK(pid) { /* it takes no right to make devices */
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK_OK(mkdir("d/mine", 0755));
		CHECK_OK(renameat2(AT_FDCWD, "d/mine", AT_FDCWD, "d/other", RENAME_WHITEOUT));
		CHECK(is_whiteout("d/mine"));
		CHECK_OK(unlink("d/mine"));
		CHECK_OK(rmdir("d/other"));
	}
	reap_ok(pid);
	CHECK_OK(rmdir("d"));
	CHECK_OK(unlink("b"));
	CHECK_OK(rename("a", "b"));
}
