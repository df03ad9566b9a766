/* SPDX-License-Identifier: MIT */
/*
 * openat2: its structure, the flags that it refuses, and the rules for how a name is looked up.
 */
#include "guest.h"

#include <pthread.h>
#include <sys/mount.h>

#define OPENAT2 437
#define NO_XDEV 1
#define NO_MAGICLINKS 2
#define NO_SYMLINKS 4
#define BENEATH 8
#define IN_ROOT 16
#define CACHED 32

struct how {
	uint64_t flags, mode, resolve;
};

static int open2(int dir, const char *name, uint64_t flags, uint64_t mode, uint64_t resolve)
{
	struct how h = {flags, mode, resolve};

	return (int)syscall(OPENAT2, dir, name, &h, sizeof(h));
}

/* Opens as a place, and closes it: 0, or -1 with errno. */
static int reach(int dir, const char *name, uint64_t resolve)
{
	int fd = open2(dir, name, O_PATH, 0, resolve);

	return fd < 0 ? fd : close(fd);
}

/* The same as stat(name): is it this file? */
static bool same_file(int dir, const char *name, uint64_t resolve, const char *plain)
{
	int fd = CHECK_OK(open2(dir, name, O_PATH, 0, resolve));
	struct stat a, b;

	CHECK_OK(fstat(fd, &a));
	CHECK_OK(stat(plain, &b));
	close(fd);
	return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* root/{file,dir/file,link -> dir/file,absolute -> /dir/file,up -> ..,outside -> ../other,chain -> dir/back,dir/back -> ../file}, and other. */
static int make_tree(void)
{
	close(new_file("other"));
	CHECK_OK(mkdir("root", 0755));
	CHECK_OK(mkdir("root/dir", 0755));
	close(new_file("root/file"));
	close(new_file("root/dir/file"));
	CHECK_OK(symlink("dir/file", "root/link"));
	CHECK_OK(symlink("/dir/file", "root/absolute"));
	CHECK_OK(symlink("..", "root/up"));
	CHECK_OK(symlink("../other", "root/outside"));
	CHECK_OK(symlink("dir/back", "root/chain"));
	CHECK_OK(symlink("../file", "root/dir/back"));
	CHECK_OK(symlink("circle", "root/circle"));
	return CHECK_OK(open("root", O_PATH | O_DIRECTORY));
}

TEST(opens)
{
	struct stat st;
	int fd;

	umask(022);
	fd = CHECK_OK(open2(AT_FDCWD, "f", O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0666, 0));
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(write(fd, "abc", 3), 3);
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0644);
	CHECK_ERR(open2(AT_FDCWD, "f", O_CREAT | O_EXCL | O_RDWR, 0666, 0), EEXIST);
	fd = CHECK_OK(open2(AT_FDCWD, "f", O_RDONLY, 0, 0));
	CHECK_EQ(fcntl(fd, F_GETFD), 0);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDONLY);
	CHECK_ERR(write(fd, "x", 1), EBADF);
	CHECK_ERR(open2(AT_FDCWD, "none", O_RDONLY, 0, 0), ENOENT);
	fd = CHECK_OK(open2(AT_FDCWD, ".", O_TMPFILE | O_RDWR, 07777, 0));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 07755);
}

TEST(structures_of_other_sizes)
{
	struct {
		struct how h;
		uint64_t more[2];
	} a = {{O_RDONLY, 0, 0}, {0, 0}};
	char *edge = map_edge(), *big = map_rw(2 * PAGE);

	CHECK_ERR(syscall(OPENAT2, AT_FDCWD, ".", &a, 0), EINVAL);
	CHECK_ERR(syscall(OPENAT2, AT_FDCWD, ".", &a, sizeof(a.h) - 1), EINVAL);
	CHECK_OK(syscall(OPENAT2, AT_FDCWD, ".", &a, sizeof(a.h)));
	CHECK_OK(syscall(OPENAT2, AT_FDCWD, ".", &a, sizeof(a.h) + 1));
	CHECK_OK(syscall(OPENAT2, AT_FDCWD, ".", &a, sizeof(a)));
	CHECK_OK(syscall(OPENAT2, AT_FDCWD, ".", big, PAGE));
	CHECK_ERR(syscall(OPENAT2, AT_FDCWD, ".", big, PAGE + 1), E2BIG);
	a.more[1] = 1ull << 56;
	CHECK_ERR(syscall(OPENAT2, AT_FDCWD, ".", &a, sizeof(a)), E2BIG);
	CHECK_OK(syscall(OPENAT2, AT_FDCWD, ".", &a, sizeof(a) - 1));
	memcpy(edge - sizeof(a.h), &a.h, sizeof(a.h));
	CHECK_OK(syscall(OPENAT2, AT_FDCWD, ".", edge - sizeof(a.h), sizeof(a.h)));
	CHECK_ERR(syscall(OPENAT2, AT_FDCWD, ".", edge - sizeof(a.h), sizeof(a.h) + 1), EFAULT);
	CHECK_ERR(syscall(OPENAT2, AT_FDCWD, ".", edge - 8, sizeof(a.h)), EFAULT);
	CHECK_ERR(syscall(OPENAT2, AT_FDCWD, edge, &a, sizeof(a.h)), EFAULT);
	a.h.mode = 1;
	CHECK_ERR(syscall(OPENAT2, AT_FDCWD, edge, &a, sizeof(a.h)), EINVAL);
}

TEST(flags_that_it_refuses)
{
	static const uint64_t flags[] = {
		1u << 31, 1ull << 32, 1ull << 63, 0x80000000u, O_PATH | O_RDWR, O_PATH | O_CREAT, O_PATH | O_TRUNC, O_PATH | O_NONBLOCK,
		O_CREAT | O_DIRECTORY, O_TMPFILE, O_TMPFILE & ~O_DIRECTORY, (O_TMPFILE & ~O_DIRECTORY) | O_RDWR, 04, 010, 020, 040,
	};

	close(new_file("f"));
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		CHECK_ERR(open2(AT_FDCWD, "f", flags[i], 0, 0), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_RDONLY, 0644, 0), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_CREAT, 010000, 0), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_CREAT, 1ull << 32, 0), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_CREAT, S_IFREG | 0644, 0), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_RDONLY, 0, 64), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_RDONLY, 0, 1ull << 32), EINVAL);
	CHECK_ERR(open2(AT_FDCWD, "f", O_RDONLY, 0, BENEATH | IN_ROOT), EINVAL);
	CHECK_ERR(open2(999, "", 1u << 31, 0, 0), EINVAL);
	CHECK_ERR(open2(999, "", O_RDONLY, 0, 0), ENOENT);
	CHECK_ERR(open2(999, "f", O_RDONLY, 0, 0), EBADF);
	CHECK_OK(open2(AT_FDCWD, "f", O_RDONLY | 0x4000000, 0, 0));
	CHECK_OK(open2(AT_FDCWD, "f", O_RDONLY | O_LARGEFILE | O_NOCTTY | O_SYNC | O_NOATIME | O_EXCL, 0, 0));
	CHECK_OK(open2(AT_FDCWD, ".", O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC, 0, 0));
}

TEST(no_links)
{
	int root = make_tree();

	CHECK_OK(reach(root, "dir/file", NO_SYMLINKS));
	CHECK_OK(reach(root, "dir/../file", NO_SYMLINKS));
	CHECK_ERR(reach(root, "link", NO_SYMLINKS), ELOOP);
	CHECK_ERR(reach(root, "up/other", NO_SYMLINKS), ELOOP);
	CHECK_ERR(reach(root, "none/link", NO_SYMLINKS), ENOENT);
	CHECK_OK(close(CHECK_OK(open2(root, "link", O_PATH | O_NOFOLLOW, 0, NO_SYMLINKS))));
	CHECK_ERR(open2(root, "link", O_RDONLY | O_NOFOLLOW, 0, NO_SYMLINKS), ELOOP);
	CHECK_ERR(open2(root, "link", O_RDWR | O_CREAT, 0600, NO_SYMLINKS), ELOOP);
	CHECK_ERR(open2(root, "link", O_RDWR | O_CREAT | O_EXCL, 0600, NO_SYMLINKS), EEXIST);
	CHECK_ERR(reach(root, "/proc/self/exe", NO_SYMLINKS), ELOOP);
	CHECK_ERR(reach(root, "circle", 0), ELOOP);
	CHECK_OK(reach(root, "link", NO_MAGICLINKS));
}

TEST(no_magic_links)
{
	char name[64];
	int fd = new_file("f");

	CHECK_OK(reach(AT_FDCWD, "/proc/self/exe", 0));
	CHECK_ERR(reach(AT_FDCWD, "/proc/self/exe", NO_MAGICLINKS), ELOOP);
	CHECK_ERR(reach(AT_FDCWD, "/proc/self/root/proc", NO_MAGICLINKS), ELOOP);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	CHECK_OK(close(CHECK_OK(open2(AT_FDCWD, name, O_RDWR, 0, 0))));
	CHECK_ERR(open2(AT_FDCWD, name, O_RDWR, 0, NO_MAGICLINKS), ELOOP);
	CHECK_ERR(open2(AT_FDCWD, name, O_RDWR | O_CREAT, 0600, NO_MAGICLINKS), ELOOP);
	CHECK_OK(close(CHECK_OK(open2(AT_FDCWD, name, O_PATH | O_NOFOLLOW, 0, NO_MAGICLINKS))));
	CHECK_OK(reach(AT_FDCWD, "/proc/self/stat", NO_MAGICLINKS));
	CHECK_ERR(reach(AT_FDCWD, "/proc/self/fd/999", NO_MAGICLINKS), ENOENT);
}

TEST(beneath)
{
	int root = make_tree(), dir = CHECK_OK(openat(root, "dir", O_PATH));
	char name[64];

	CHECK(same_file(root, "dir/file", BENEATH, "root/dir/file"));
	CHECK(same_file(root, "dir/../file", BENEATH, "root/file"));
	CHECK(same_file(root, "link", BENEATH, "root/dir/file"));
	CHECK(same_file(root, "chain", BENEATH, "root/file"));
	CHECK(same_file(root, "dir/..", BENEATH, "root"));
	CHECK(same_file(root, ".", BENEATH, "root"));
	CHECK_ERR(reach(root, "..", BENEATH), EXDEV);
	CHECK_ERR(reach(root, "../root/file", BENEATH), EXDEV);
	CHECK_ERR(reach(root, "dir/../../root/file", BENEATH), EXDEV);
	CHECK_ERR(reach(root, "up", BENEATH), EXDEV);
	CHECK_ERR(reach(root, "outside", BENEATH), EXDEV);
	CHECK_ERR(reach(root, "absolute", BENEATH), EXDEV);
	CHECK_ERR(reach(root, "/", BENEATH), EXDEV);
	CHECK_ERR(reach(999, "/", BENEATH), EXDEV);
	CHECK_ERR(reach(dir, "back", BENEATH), EXDEV);
	CHECK_ERR(reach(root, "none/../..", BENEATH), ENOENT);
	CHECK_OK(close(CHECK_OK(open2(root, "outside", O_PATH | O_NOFOLLOW, 0, BENEATH))));
	CHECK_ERR(open2(root, "../new", O_RDWR | O_CREAT, 0600, BENEATH), EXDEV);
	CHECK_ERR(open2(root, "..", O_RDWR | O_CREAT, 0600, BENEATH), EXDEV);
	CHECK_ERR(open2(root, "dir/..", O_RDWR | O_CREAT, 0600, BENEATH), EISDIR);
	CHECK_ERR(open2(root, "outside", O_RDWR | O_CREAT, 0600, BENEATH), EXDEV);
	CHECK_OK(close(CHECK_OK(open2(root, "dir/new", O_RDWR | O_CREAT, 0600, BENEATH))));
	CHECK_OK(access("root/dir/new", F_OK));
	CHECK_ERR(open2(root, "..", O_RDWR | O_TMPFILE, 0600, BENEATH), EXDEV);
	CHECK_OK(chdir("root"));
	CHECK_OK(reach(AT_FDCWD, "dir/../file", BENEATH));
	CHECK_ERR(reach(AT_FDCWD, "dir/../..", BENEATH), EXDEV);
	snprintf(name, sizeof(name), "self/fd/%d", root);
	dir = CHECK_OK(open("/proc", O_PATH));
	CHECK_ERR(reach(dir, name, BENEATH), EXDEV);
	CHECK_ERR(reach(dir, name, BENEATH | NO_MAGICLINKS), ELOOP);
	CHECK_OK(reach(dir, "self/stat", BENEATH));
}

TEST(in_root)
{
	int root = make_tree(), fd;

	CHECK(same_file(root, "/dir/file", IN_ROOT, "root/dir/file"));
	CHECK(same_file(root, "///dir/file", IN_ROOT, "root/dir/file"));
	CHECK(same_file(root, "/", IN_ROOT, "root"));
	CHECK(same_file(root, "..", IN_ROOT, "root"));
	CHECK(same_file(root, "../../../dir", IN_ROOT, "root/dir"));
	CHECK(same_file(root, "absolute", IN_ROOT, "root/dir/file"));
	CHECK(same_file(root, "up/up/up/link", IN_ROOT, "root/dir/file"));
	CHECK_ERR(reach(root, "outside", IN_ROOT), ENOENT);
	CHECK_ERR(reach(999, "/", IN_ROOT), EBADF);
	CHECK_ERR(reach(root, "", IN_ROOT), ENOENT);
	fd = CHECK_OK(open2(root, "outside", O_RDWR | O_CREAT, 0600, IN_ROOT));
	close(fd);
	CHECK(same_file(root, "outside", IN_ROOT, "root/other"));
	CHECK_ERR(open2(root, "..", O_RDWR | O_CREAT, 0600, IN_ROOT), EISDIR);
	fd = CHECK_OK(openat(root, "file", O_RDONLY));
	CHECK_ERR(reach(fd, "x", IN_ROOT), ENOTDIR);
	CHECK_ERR(reach(fd, "/x", IN_ROOT), ENOTDIR);
	CHECK_OK(chdir("root/dir"));
	CHECK(same_file(AT_FDCWD, "/file", IN_ROOT, "file"));
	CHECK_ERR(reach(AT_FDCWD, "/proc", IN_ROOT), ENOENT);
	fd = CHECK_OK(open("/proc", O_PATH));
	CHECK_ERR(reach(fd, "self/cwd", IN_ROOT), EXDEV);
}

TEST(one_mount)
{
	int root = make_tree(), dir;
	char here[PATH_MAX], name[PATH_MAX + 32];

	CHECK(getcwd(here, sizeof(here)) != NULL);
	CHECK_OK(mkdir("root/mnt", 0755));
	CHECK_OK(mount("none", "root/mnt", "tmpfs", 0, NULL));
	close(new_file("root/mnt/inside"));
	dir = CHECK_OK(open("root/mnt", O_PATH));
	CHECK_OK(reach(root, "dir/file", NO_XDEV));
	CHECK_OK(reach(root, "link", NO_XDEV));
	CHECK_ERR(reach(root, "mnt", NO_XDEV), EXDEV);
	CHECK_ERR(reach(root, "mnt/inside", NO_XDEV), EXDEV);
	CHECK_ERR(open2(root, "mnt", O_RDONLY | O_CREAT, 0600, NO_XDEV), EXDEV);
	CHECK_ERR(open2(root, "mnt", O_RDONLY | O_CREAT | O_EXCL, 0600, NO_XDEV), EXDEV);
	CHECK_ERR(open2(root, "mnt", O_RDWR | O_CREAT, 0600, 0), EISDIR);
	CHECK_ERR(open2(root, "mnt/new", O_RDWR | O_CREAT, 0600, NO_XDEV), EXDEV);
	CHECK_OK(reach(dir, "inside", NO_XDEV));
	CHECK_ERR(reach(dir, "..", NO_XDEV), EXDEV);
	CHECK_ERR(reach(dir, "../file", NO_XDEV), EXDEV);
	CHECK_ERR(open2(dir, "..", O_RDWR | O_CREAT, 0600, NO_XDEV), EXDEV);
	/* an absolute name begins at the root and does not come from elsewhere; into /proc it would go on */
	CHECK_OK(reach(dir, "/", NO_XDEV));
	CHECK_ERR(reach(dir, "/proc", NO_XDEV), EXDEV);
	CHECK_ERR(reach(AT_FDCWD, "/proc/self/cwd", NO_XDEV), EXDEV);
	snprintf(name, sizeof(name), "%s/root/file", here);
	CHECK_OK(symlink(name, "root/whole"));
	CHECK_ERR(reach(root, "whole", NO_XDEV), EXDEV); /* nobody has looked yet where the root is */
	CHECK_OK(symlink(name, "root/mnt/whole"));
	CHECK_ERR(reach(dir, "whole", NO_XDEV), EXDEV);
	close(dir);
	dir = CHECK_OK(open("/proc", O_PATH));
	CHECK_OK(reach(dir, "self/stat", NO_XDEV));
	CHECK_ERR(reach(dir, "self/cwd", NO_XDEV), EXDEV);
	CHECK_ERR(reach(dir, "self/cwd", NO_XDEV | NO_MAGICLINKS), ELOOP);
	CHECK_OK(umount("root/mnt"));
}

/* Upwards at its root a walk stays where it is, but sees what is mounted there meanwhile. */
TEST(mounted_upon_the_root)
{
	int top = make_tree(), fd;
	struct stat below, above, st;

	CHECK_OK(fstat(top, &below));
	CHECK_OK(mount("none", "root", "tmpfs", 0, NULL));
	close(new_file("root/inside"));
	CHECK_OK(stat("root", &above));
	CHECK_OK(reach(top, ".", IN_ROOT | NO_XDEV));
	CHECK_OK(reach(top, "/", IN_ROOT | NO_XDEV));
	CHECK_OK(reach(top, "/dir", IN_ROOT | NO_XDEV));
	CHECK_ERR(reach(top, "inside", IN_ROOT), ENOENT);
	fd = CHECK_OK(open2(top, "..", O_PATH, 0, IN_ROOT));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_dev, above.st_dev);
	fd = CHECK_OK(open2(top, "dir/..", O_PATH, 0, IN_ROOT));
	CHECK_OK(fstat(fd, &st));
	CHECK_EQ(st.st_dev, above.st_dev);
	CHECK_ERR(reach(top, "..", IN_ROOT | NO_XDEV), EXDEV);
	CHECK_ERR(reach(top, "dir/..", IN_ROOT | NO_XDEV), EXDEV);
	CHECK_ERR(reach(top, "dir/..", BENEATH | NO_XDEV), EXDEV);
	CHECK_OK(reach(top, "dir/../inside", IN_ROOT));
	CHECK_OK(reach(top, "dir/../inside", BENEATH));
	CHECK(below.st_dev != above.st_dev || below.st_ino != above.st_ino);
	CHECK_OK(umount2("root", MNT_DETACH));
}

/* In one mount with the root, an absolute link is followed once the walk has had to do with the root. */
TEST(one_mount_and_its_root)
{
	int top = CHECK_OK(open("/", O_PATH));
	struct stat root, here;

	CHECK_OK(stat("/", &root));
	CHECK_OK(stat(".", &here));
	if (root.st_dev != here.st_dev)
		SKIP("the directory is in another file system than the root");
	CHECK_OK(symlink("/", "top"));
	CHECK_ERR(reach(AT_FDCWD, "top", NO_XDEV), EXDEV);
	CHECK_OK(mkdir("dir", 0755));
	CHECK_OK(reach(AT_FDCWD, "dir/../top", NO_XDEV));
	CHECK_OK(reach(top, "..", NO_XDEV));
}

/* Following the link will not write down when it was: Linux leaves its lockless walk for that. */
static void read_lately(int dir, const char *link)
{
	struct timespec times[2] = {{0, 0}, {.tv_nsec = UTIME_OMIT}};

	CHECK_OK(clock_gettime(CLOCK_REALTIME, &times[0]));
	times[0].tv_sec += 3600; /* after all changes */
	CHECK_OK(utimensat(dir, link, times, AT_SYMLINK_NOFOLLOW));
}

TEST(only_what_is_cached)
{
	int root = make_tree(), p = CHECK_OK(open("/proc", O_PATH)), mnt;

	read_lately(root, "link");
	read_lately(root, "absolute");
	CHECK_OK(reach(root, "dir/file", 0));
	CHECK_OK(reach(root, "link", 0));
	CHECK_OK(reach(root, "dir/file", CACHED));
	CHECK_OK(reach(root, "dir/../file", CACHED));
	CHECK_OK(reach(root, "link", CACHED));
	CHECK_OK(close(CHECK_OK(open2(root, "dir/file", O_RDWR, 0, CACHED))));
	CHECK_OK(close(CHECK_OK(open2(root, "dir", O_RDONLY | O_DIRECTORY, 0, CACHED))));
	CHECK_ERR(open2(root, "never/heard", O_RDONLY, 0, CACHED), EAGAIN);
	CHECK_ERR(open2(root, "dir/file", O_RDWR | O_CREAT, 0600, CACHED), EAGAIN);
	CHECK_ERR(open2(root, "dir/file", O_RDWR | O_TRUNC, 0, CACHED), EAGAIN);
	CHECK_ERR(open2(root, "dir", O_RDWR | O_TMPFILE, 0600, CACHED), EAGAIN);
	CHECK_ERR(open2(999, "dir/file", O_RDWR | O_CREAT, 0600, CACHED), EAGAIN);
	CHECK_ERR(reach(p, "self/exe", CACHED), EAGAIN);
	CHECK_OK(reach(root, "dir/..", CACHED | BENEATH | NO_SYMLINKS));
	CHECK_ERR(reach(root, "..", CACHED | BENEATH), EAGAIN);
	CHECK_ERR(reach(root, "absolute", CACHED | BENEATH), EXDEV);
	CHECK_ERR(reach(root, "/", CACHED | BENEATH), EXDEV);
	CHECK_OK(mkdir("root/mnt", 0755));
	CHECK_OK(mount("none", "root/mnt", "tmpfs", 0, NULL));
	CHECK_OK(reach(root, "mnt/..", CACHED));
	CHECK_ERR(reach(root, "mnt", CACHED | NO_XDEV), EAGAIN);
	mnt = CHECK_OK(open("root/mnt", O_PATH));
	CHECK_ERR(reach(mnt, "..", CACHED | NO_XDEV), EAGAIN);
	close(mnt);
	CHECK_OK(umount("root/mnt"));
	CHECK_ERR(reach(root, "link", CACHED | NO_SYMLINKS), ELOOP);
	CHECK_ERR(open2(root, "dir/file", O_RDWR | O_DIRECTORY, 0, CACHED), ENOTDIR);
}

TEST(permissions_still_count)
{
	int root = make_tree();
	pid_t pid;

	CHECK_OK(chmod("root/dir", 0700));
	FORK(pid) {
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK_ERR(reach(root, "dir/file", BENEATH), EACCES);
		CHECK_ERR(reach(root, "dir/../..", BENEATH), EACCES);
		CHECK_ERR(reach(root, "dir/file", IN_ROOT | NO_XDEV), EACCES);
		CHECK_OK(reach(root, "file", BENEATH | NO_XDEV | NO_SYMLINKS | NO_MAGICLINKS));
	}
	reap_ok(pid);
}

static volatile bool over;

static void *moves(void *arg UNUSED)
{
	while (!over) {
		CHECK_OK(rename("root/a/b", "b"));
		CHECK_OK(rename("b", "root/a/b"));
	}
	return NULL;
}

/* A directory is moved out of the root while a walk is in it: "..", too, never leads out. */
TEST(who_is_moved_stays_beneath)
{
	struct stat inside, st;
	pthread_t t;
	int root, fd;

	CHECK_OK(mkdir("root", 0755));
	CHECK_OK(mkdir("root/a", 0755));
	CHECK_OK(mkdir("root/a/b", 0755));
	CHECK_OK(mkdir("secret", 0755));
	close(new_file("secret/key"));
	CHECK_OK(mkdir("root/secret", 0755));
	close(new_file("root/secret/key"));
	CHECK_OK(stat("root/secret/key", &inside));
	root = CHECK_OK(open("root", O_PATH));
	CHECK_EQ(pthread_create(&t, NULL, moves, NULL), 0);
	for (int i = 0; i < 4000; i++) {
		fd = open2(root, "a/b/../../secret/key", O_RDONLY, 0, i & 1 ? BENEATH : IN_ROOT);
		if (fd < 0) {
			CHECK(errno == ENOENT || errno == EXDEV || errno == EAGAIN);
			continue;
		}
		CHECK_OK(fstat(fd, &st));
		CHECK_EQ(st.st_ino, inside.st_ino);
		close(fd);
	}
	over = true;
	CHECK_EQ(pthread_join(t, NULL), 0);
}
