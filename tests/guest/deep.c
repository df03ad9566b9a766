/* SPDX-License-Identifier: MIT */
/* A tree far deeper than any path is long: what climbs it, and what takes it away. Nothing may recurse, and no lock may be held all the way (latency.py). */
#include "guest.h"

#include <linux/openat2.h>
#include <sys/mount.h>

#define LEVELS 10000

static int at_once(const char *name) { return CHECK_OK(open(name, O_PATH | O_DIRECTORY)); }

/* Goes down as many levels, making them. */
static void go_down(int levels)
{
	while (levels--) {
		CHECK_OK(mkdir("d", 0755));
		CHECK_OK(chdir("d"));
	}
}

/* Up again, and away with them. */
static void come_up(int levels)
{
	while (levels--) {
		CHECK_OK(chdir(".."));
		CHECK_OK(rmdir("d"));
	}
}

static bool exists(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

TEST(renames)
{
	int top = at_once("."), bottom;

	go_down(LEVELS);
	bottom = at_once(".");
	CHECK_ERR(renameat(top, "d", bottom, "loop"), EINVAL);
	CHECK_ERR(syscall(SYS_renameat2, bottom, "x", top, "d", 0), ENOENT);
	CHECK_OK(mkdirat(bottom, "x", 0755));
	CHECK_ERR(renameat(bottom, "x", top, "d"), ENOTEMPTY);
	CHECK_ERR(syscall(SYS_renameat2, bottom, "x", top, "d", RENAME_EXCHANGE), EINVAL);
	CHECK_ERR(syscall(SYS_renameat2, top, "d", bottom, "x", RENAME_EXCHANGE), EINVAL);
	CHECK_OK(renameat(bottom, "x", top, "x"));
	CHECK(exists(top, "x") && !exists(bottom, "x"));
	CHECK_OK(renameat(top, "x", bottom, "x"));
	CHECK_OK(unlinkat(bottom, "x", AT_REMOVEDIR));
	come_up(LEVELS);
}

/* Two directories that change places, with all that is below them. */
TEST(exchanged)
{
	int top = at_once("."), one, other;

	CHECK_OK(mkdir("one", 0755));
	CHECK_OK(chdir("one"));
	go_down(LEVELS / 2);
	one = at_once(".");
	CHECK_OK(fchdir(top));
	CHECK_OK(mkdir("other", 0755));
	CHECK_OK(chdir("other"));
	go_down(LEVELS / 2);
	other = at_once(".");
	CHECK_OK(mkdirat(one, "x", 0755));
	CHECK_OK(mkdirat(other, "x", 0755));
	CHECK_OK(mkdirat(other, "x/y", 0755));
	CHECK_OK(syscall(SYS_renameat2, one, "x", other, "x", RENAME_EXCHANGE));
	CHECK(exists(one, "x/y") && !exists(other, "x/y"));
	CHECK_ERR(renameat(other, "x", one, "x"), ENOTEMPTY);
	CHECK_OK(unlinkat(one, "x/y", AT_REMOVEDIR));
	CHECK_OK(renameat(other, "x", one, "x"));
	CHECK_OK(unlinkat(one, "x", AT_REMOVEDIR));
	CHECK_OK(fchdir(other));
	come_up(LEVELS / 2);
	CHECK_OK(fchdir(one));
	come_up(LEVELS / 2);
}

static long cwd_of_kernel(char *buf, size_t size) { return syscall(SYS_getcwd, buf, size); }

static void link_of_cwd(char *buf, size_t size)
{
	ssize_t n = CHECK_OK(readlink("/proc/self/cwd", buf, size - 1));

	buf[n] = 0;
}

/* The longest name that there can be, and one level more. */
TEST(names_of_places)
{
	char start[300], name[PATH_MAX + 100], link[PATH_MAX + 100];
	long before = CHECK_OK(cwd_of_kernel(start, sizeof(start))), levels = (PATH_MAX - before) / 2;

	go_down((int)levels);
	CHECK_EQ(cwd_of_kernel(name, sizeof(name)), before + 2 * levels);
	CHECK(strncmp(name, start, strlen(start)) == 0 && strcmp(name + before + 2 * levels - 5, "/d/d") == 0);
	CHECK_ERR(cwd_of_kernel(name, 100), ERANGE);
	link_of_cwd(link, sizeof(link));
	CHECK_STR(link, name);
	go_down(1);
	CHECK_ERR(cwd_of_kernel(name, sizeof(name)), ENAMETOOLONG);
	CHECK_ERR(readlink("/proc/self/cwd", link, sizeof(link)), ENAMETOOLONG);
	go_down(LEVELS - (int)levels - 1);
	CHECK_ERR(cwd_of_kernel(name, sizeof(name)), ENAMETOOLONG);
	come_up(LEVELS);
	CHECK_EQ(cwd_of_kernel(name, sizeof(name)), before);
}

/* A walk that is to stay below a place is looked at once more where it arrives. */
TEST(walks_below_a_place)
{
	static char path[PATH_MAX];
	struct open_how how = {.flags = O_PATH, .resolve = RESOLVE_IN_ROOT};
	int top = at_once("."), fd;
	struct stat a, b;

	for (int i = 0; i < 2000; i++)
		memcpy(path + 2 * i, "d/", 3);
	go_down(2000);
	CHECK_OK(stat(".", &a));
	fd = CHECK_OK(syscall(SYS_openat2, top, path, &how, sizeof(how)));
	CHECK_OK(fstat(fd, &b));
	CHECK_EQ(a.st_ino, b.st_ino);
	close(fd);
	how.resolve = RESOLVE_BENEATH;
	fd = CHECK_OK(syscall(SYS_openat2, top, path, &how, sizeof(how)));
	close(fd);
	come_up(2000);
}

/* The whole goes at once. */
TEST(unmounted)
{
	int here = at_once(".");

	if (geteuid() != 0)
		SKIP("needs root");
	CHECK_OK(mkdir("m", 0755));
	CHECK_OK(mount("none", "m", "tmpfs", 0, NULL));
	CHECK_OK(chdir("m"));
	go_down(LEVELS);
	CHECK_OK(fchdir(here));
	CHECK_OK(umount("m"));
	CHECK(!exists(here, "m/d"));
	CHECK_OK(rmdir("m"));
}

/* Names that are gone, of directories that somebody is still in. */
TEST(removed_around_somebody)
{
	struct gate in = gate_make(), gone = gate_make();
	pid_t pid;

	FORK(pid) {
		char name[100];

		go_down(LEVELS);
		gate_open(&in);
		gate_wait(&gone);
		CHECK_ERR(cwd_of_kernel(name, sizeof(name)), ENOENT);
		CHECK_ERR(mkdir("x", 0755), ENOENT);
		CHECK_ERR(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
	}
	gate_wait(&in);
	for (int i = 0; i < LEVELS; i++)
		CHECK_OK(chdir("d"));
	come_up(LEVELS);
	gate_open(&gone);
	reap_ok(pid);
}
