/* SPDX-License-Identifier: MIT */
/*
 * Mounts: numbers that statx and /proc/self/mountinfo agree on, and unmounting what nobody uses (MNT_EXPIRE).
 */
#include "guest.h"

#include <sys/mount.h>
#include <sys/vfs.h>

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
#define IS_MOUNT_ROOT 0x2000
#define EXPIRE 4

/* mount: its number, at a place that the C library may not know. */
static struct statx look(int dir, const char *name, uint64_t *mount)
{
	union {
		struct statx s;
		unsigned char bytes[256];
	} u;

	memset(&u, 0, sizeof(u));
	CHECK_OK(syscall(SYS_statx, dir, name, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS | STATX_MNT_ID, &u));
	CHECK(u.s.stx_mask & STATX_MNT_ID);
	CHECK(u.s.stx_attributes_mask & IS_MOUNT_ROOT);
	memcpy(mount, u.bytes + 0x90, 8);
	return u.s;
}

/* The number of what is mounted last at this place, by /proc/self/mountinfo; 0: nothing. */
static uint64_t listed(const char *place)
{
	char line[1024], at[512], here[PATH_MAX], full[PATH_MAX + 64];
	FILE *f = fopen("/proc/self/mountinfo", "re");
	unsigned long id, found = 0;

	CHECK(f != NULL && getcwd(here, sizeof(here)));
	snprintf(full, sizeof(full), "%s/%s", here, place);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lu %*u %*s %*s %511s", &id, at) == 2 && strcmp(at, full) == 0)
			found = id;
	fclose(f);
	return found;
}

static void make(const char *place)
{
	CHECK_OK(mkdir(place, 0755));
	CHECK_OK(mount("none", place, "tmpfs", 0, NULL));
}

TEST(numbers_agree)
{
	uint64_t here, m, file, bound, fd_mount = 0;
	char path[64], line[128];
	FILE *f;
	int fd;

	make("m");
	CHECK_OK(mkdir("b", 0755));
	CHECK_OK(mkdir("m/dir", 0755));
	close(new_file("m/dir/file"));
	CHECK_OK(mount("m/dir", "b", NULL, MS_BIND, NULL));
	CHECK(!(look(AT_FDCWD, ".", &here).stx_attributes & IS_MOUNT_ROOT));
	CHECK(look(AT_FDCWD, "m", &m).stx_attributes & IS_MOUNT_ROOT);
	CHECK(!(look(AT_FDCWD, "m/dir/file", &file).stx_attributes & IS_MOUNT_ROOT));
	CHECK(look(AT_FDCWD, "b", &bound).stx_attributes & IS_MOUNT_ROOT);
	CHECK(here != m);
	CHECK_EQ(file, m);
	CHECK(bound != m);
	CHECK_EQ(m, listed("m"));
	CHECK_EQ(bound, listed("b"));
	look(AT_FDCWD, "b/file", &file);
	CHECK_EQ(file, bound);
	fd = CHECK_OK(open("b/file", O_RDONLY));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "mnt_id: %llu", (unsigned long long *)&fd_mount);
	fclose(f);
	close(fd);
	CHECK_EQ(fd_mount, bound);
	CHECK_OK(umount("b"));
	CHECK_OK(umount("m"));
}

TEST(expires_when_nobody_used_it)
{
	make("m");
	CHECK_ERR(umount2("m", EXPIRE), EAGAIN);
	CHECK(listed("m") != 0); /* to list it is no use */
	CHECK_OK(umount2("m", EXPIRE));
	CHECK_EQ(listed("m"), 0);
	CHECK_ERR(umount2("m", EXPIRE), EINVAL);
}

TEST(use_keeps_it)
{
	int fd;

	make("m");
	for (int i = 0; i < 3; i++) {
		CHECK_ERR(umount2("m", EXPIRE), EAGAIN);
		close(CHECK_OK(open("m", O_RDONLY)));
	}
	CHECK_ERR(umount2("m", EXPIRE), EAGAIN);
	close(new_file("m/f"));
	CHECK_ERR(umount2("m", EXPIRE), EAGAIN);
	fd = CHECK_OK(open("m/f", O_RDONLY));
	CHECK_ERR(umount2("m", EXPIRE), EBUSY);
	CHECK_ERR(umount2("m", EXPIRE), EBUSY);
	close(fd);
	CHECK_ERR(umount2("m", EXPIRE), EAGAIN);
	CHECK_OK(umount2("m", EXPIRE));
}

TEST(others_unmount_it)
{
	int fd;

	make("m");
	CHECK_ERR(umount2("m", EXPIRE), EAGAIN);
	CHECK_OK(umount2("m", 0));
	CHECK_OK(mount("none", "m", "tmpfs", 0, NULL));
	CHECK_ERR(umount2("m", EXPIRE), EAGAIN);
	fd = CHECK_OK(open("m", O_RDONLY));
	CHECK_ERR(umount2("m", 0), EBUSY);
	CHECK_OK(umount2("m", MNT_DETACH));
	close(fd);
	CHECK_OK(mount("none", "m", "tmpfs", 0, NULL));
	CHECK_ERR(umount2("m", EXPIRE), EAGAIN);
	CHECK_OK(mkdir("n", 0755));
	CHECK_OK(mount("m", "n", NULL, MS_MOVE, NULL));
	CHECK_OK(umount2("n", 0));
}

TEST(expire_errors)
{
	pid_t pid;

	make("m");
	CHECK_ERR(umount2("m", EXPIRE | MNT_DETACH), EINVAL);
	CHECK_ERR(umount2("m", EXPIRE | MNT_FORCE), EINVAL);
	CHECK_ERR(umount2("m", 16), EINVAL);
	CHECK_ERR(umount2(".", EXPIRE), EINVAL);
	CHECK_ERR(umount2("none", EXPIRE), ENOENT);
	make("m/below");
	CHECK_ERR(umount2("m", EXPIRE), EBUSY);
	CHECK_OK(umount("m/below"));
	FORK(pid) {
		CHECK_OK(chroot("m"));
		CHECK_OK(chdir("/"));
		CHECK_ERR(umount2("/", EXPIRE), EINVAL);
	}
	reap_ok(pid);
	FORK(pid) {
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK_ERR(umount2("m", EXPIRE), EPERM);
	}
	reap_ok(pid);
	CHECK_ERR(umount2("m", EXPIRE), EAGAIN);
	CHECK_OK(umount2("m", EXPIRE));
}

/* Others use it all the time, from all CPUs, while it is asked for again and again: it never goes from under them. */
TEST(expires_among_users)
{
	pid_t pid[4];

	make("m");
	close(new_file("m/f"));
	for (int i = 0; i < 4; i++)
		FORK(pid[i])
			for (int n = 0; n < 1000; n++) {
				int fd = open("m", O_PATH | O_DIRECTORY), file;

				CHECK_OK(fd);
				file = openat(fd, "f", O_RDONLY);
				if (file >= 0) /* else it was unmounted before: then "m" is what is below */
					close(file);
				close(fd);
			}
	for (int n = 0; n < 200; n++)
		if (umount2("m", EXPIRE) == 0) {
			CHECK_OK(mount("none", "m", "tmpfs", 0, NULL));
			close(new_file("m/f"));
		} else {
			CHECK(errno == EAGAIN || errno == EBUSY);
		}
	for (int i = 0; i < 4; i++)
		reap_ok(pid[i]);
	CHECK_OK(umount("m"));
}

/* ---- what a tmpfs is told ---- */

static long make_files(const char *dir, int from, int to)
{
	char name[64];

	for (int i = from; i < to; i++) {
		snprintf(name, sizeof(name), "%s/f%d", dir, i);
		int fd = open(name, O_CREAT | O_WRONLY, 0600);

		if (fd < 0)
			return -errno;
		close(fd);
	}
	return 0;
}

TEST(tmpfs_inodes)
{
	struct statfs s;

	CHECK_OK(mkdir("m", 0700));
	CHECK_OK(mount("t", "m", "tmpfs", 0, "nr_inodes=5"));
	CHECK_OK(statfs("m", &s));
	CHECK_EQ(s.f_files, 5);
	CHECK_EQ(s.f_ffree, 4); /* the root is one */
	CHECK_EQ(make_files("m", 0, 4), 0);
	CHECK_EQ(make_files("m", 4, 5), -ENOSPC);
	CHECK_ERR(mkdir("m/d", 0700), ENOSPC);
	CHECK_ERR(link("m/f0", "m/l"), ENOSPC); /* each name more is one, too */
	CHECK_OK(unlink("m/f3"));
	CHECK_OK(link("m/f0", "m/l"));
	CHECK_OK(statfs("m", &s));
	CHECK_EQ(s.f_ffree, 0);
	CHECK_ERR(link("m/f0", "m/l2"), ENOSPC);
	CHECK_OK(rename("m/f1", "m/l")); /* takes a name from f0 */
	CHECK_OK(statfs("m", &s));
	CHECK_EQ(s.f_ffree, 1);
	CHECK_OK(unlink("m/f0"));
	CHECK_OK(statfs("m", &s));
	CHECK_EQ(s.f_ffree, 2);
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT, "nr_inodes=3"));
	CHECK_EQ(make_files("m", 4, 5), -ENOSPC);
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "nr_inodes=2"), EINVAL);
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "nr_inodes=x"), EINVAL);
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "nonsense"), EINVAL);
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT, "nr_inodes=1k"));
	CHECK_OK(statfs("m", &s));
	CHECK_EQ(s.f_files, 1024);
	CHECK_OK(umount("m"));
}

static long fill(const char *name, int pages)
{
	static char page[PAGE];
	int fd = CHECK_OK(open(name, O_CREAT | O_WRONLY | O_APPEND, 0600));
	long err = 0;

	for (int i = 0; i < pages && !err; i++)
		if (write(fd, page, PAGE) != PAGE)
			err = -errno;
	close(fd);
	return err;
}

TEST(tmpfs_blocks)
{
	struct statfs s;

	CHECK_OK(mkdir("m", 0700));
	CHECK_OK(mount("t", "m", "tmpfs", 0, "nr_blocks=4"));
	CHECK_OK(statfs("m", &s));
	CHECK_EQ(s.f_blocks, 4);
	CHECK_EQ(fill("m/f", 4), 0);
	CHECK_EQ(fill("m/f", 1), -ENOSPC);
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT, "size=20k"));
	CHECK_EQ(fill("m/f", 1), 0);
	CHECK_EQ(fill("m/f", 1), -ENOSPC);
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "size=16k"), EINVAL);
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	CHECK_ERR(open("m/f", O_WRONLY), EROFS);
	CHECK_OK(umount("m"));
}

TEST(tmpfs_without_limits)
{
	struct statfs s;

	CHECK_OK(mkdir("m", 0700));
	CHECK_OK(mount("t", "m", "tmpfs", 0, "size=0,nr_inodes=0"));
	CHECK_OK(statfs("m", &s));
	CHECK_EQ(s.f_blocks, 0);
	CHECK_EQ(s.f_files, 0);
	CHECK_EQ(fill("m/f", 3), 0);
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "size=1m"), EINVAL); /* what was not counted cannot be limited */
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "nr_inodes=100"), EINVAL);
	CHECK_OK(umount("m"));
}

static void options_are(const char *type, const char *want)
{
	char line[512], kind[32] = "", got[256] = "";
	FILE *f = fopen("/proc/mounts", "r");

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, "named ", 6))
			CHECK_EQ(sscanf(line, "named %*s %31s %255s", kind, got), 2);
	fclose(f);
	CHECK_STR(kind, type);
	CHECK_STR(got, want);
}

TEST(tmpfs_tells_its_options)
{
	struct stat st;

	CHECK_OK(mkdir("m", 0700));
	CHECK_OK(mount("named", "m", "tmpfs", 0, "size=64k,nr_inodes=9,mode=710,uid=12,gid=13"));
	CHECK_OK(stat("m", &st));
	CHECK_EQ(st.st_uid, 12);
	CHECK_EQ(st.st_gid, 13);
	CHECK_EQ(st.st_mode & 07777, 0710);
	options_are("tmpfs", "rw,relatime,size=64k,nr_inodes=9,mode=710,uid=12,gid=13");
	CHECK_OK(umount("m"));
	CHECK_OK(mount("named", "m", "tmpfs", MS_NOSUID, NULL));
	options_are("tmpfs", "rw,nosuid,relatime");
	CHECK_OK(umount("m"));
	CHECK_ERR(mount("t", "m", "tmpfs", 0, "noswap"), EINVAL);
	CHECK_ERR(mount("t", "m", "tmpfs", 0, "uid=x"), EINVAL);
	CHECK_ERR(mount("t", "m", "tmpfs", 0, "mode=9"), EINVAL);
	CHECK_ERR(mount("t", "m", "tmpfs", 0, "size"), EINVAL);
	CHECK_ERR(mount("t", "m", "tmpfs", 0, "inode64"), EINVAL);
	CHECK_OK(mount("t", "m", "tmpfs", 0, "inode32,huge=never"));
	CHECK_OK(umount("m"));
}

static long free_inodes(void)
{
	struct statfs st;

	CHECK_OK(statfs(".", &st));
	return (long)st.f_ffree;
}

/* What was looked for in a directory is remembered, but not beyond its end. */
TEST(removed_directories_are_gone)
{
	long before;

	if (geteuid() != 0)
		SKIP("needs root");
	CHECK_OK(mkdir("m", 0755));
	CHECK_OK(mount("none", "m", "tmpfs", 0, "nr_inodes=1000"));
	CHECK_OK(chdir("m"));
	before = free_inodes();
	for (int i = 0; i < 3000; i++) {
		CHECK_OK(mkdir("d", 0755));
		CHECK_ERR(open("d/none", O_RDONLY), ENOENT);
		write_file("d/file", "x", 1);
		CHECK_ERR(unlink("d/none"), ENOENT);
		CHECK_OK(rename("d/file", "d/other"));
		CHECK_ERR(open("d/file", O_RDONLY), ENOENT);
		CHECK_OK(unlink("d/other"));
		CHECK_OK(rmdir("d"));
	}
	CHECK_EQ(free_inodes(), before);
	CHECK_OK(chdir(".."));
	CHECK_OK(umount("m"));
	CHECK_OK(rmdir("m"));
}

/* A ramfs knows of a mode and of no limits, and minds nothing else. */
TEST(ramfs)
{
	struct statfs s;
	struct stat st;

	CHECK_OK(mkdir("m", 0700));
	CHECK_OK(mount("named", "m", "ramfs", 0, NULL));
	CHECK_OK(stat("m", &st));
	CHECK_EQ(st.st_mode & 07777, 0755);
	options_are("ramfs", "rw,relatime");
	CHECK_OK(umount("m"));
	CHECK_OK(mount("named", "m", "ramfs", MS_NODEV, "size=4k,mode=710,nr_inodes=1,bogus,uid=x"));
	CHECK_OK(stat("m", &st));
	CHECK_EQ(st.st_mode & 07777, 0710);
	CHECK_EQ(st.st_uid, 0);
	options_are("ramfs", "rw,nodev,relatime,mode=710");
	CHECK_OK(statfs("m", &s));
	CHECK_EQ((unsigned)s.f_type, 0x858458f6u);
	CHECK(s.f_blocks == 0 && s.f_bfree == 0 && s.f_files == 0 && s.f_bsize == PAGE);
	CHECK_EQ(fill("m/f", 5), 0);
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT, "size=4k,mode=700"));
	CHECK_OK(stat("m", &st));
	CHECK_EQ(st.st_mode & 07777, 0710);
	CHECK_ERR(mount(NULL, "m", NULL, MS_REMOUNT, "mode=x"), EINVAL);
	CHECK_OK(umount("m"));
	CHECK_ERR(mount("named", "m", "ramfs", 0, "mode=9"), EINVAL);
	CHECK_ERR(mount("named", "m", "ramfs", 0, "mode"), EINVAL);
}

struct option {
	const char *type, *data;
	bool known;
};

/* Mounts anew, and a mount that is there again, with an option; who does not know it refuses both. */
TEST(options_that_are_not_known)
{
	static const struct option options[] = {
		{"tmpfs", "nonsense", false}, {"tmpfs", "ro", true}, {"tmpfs", "rw,size=1m", true}, {"tmpfs", "ro,subset=pid", false},
		{"proc", "nonsense", false}, {"proc", "mode=700", false}, {"proc", "hidepid=0", true}, {"proc", "hidepid=9", false},
		{"proc", "hidepid=invisible,gid=0", true}, {"proc", "gid=x", false}, {"proc", "gid", false}, {"proc", "subset=pid", true},
		{"proc", ",", true}, {"proc", "rw,sync", true}, {"proc", "hidepid=", false}, {"proc", "rox", false},
		{"sysfs", "mode=700", false}, {"sysfs", "rw", true}, {"mqueue", "nonsense=1", false}, {"mqueue", "rw", true},
		{"devtmpfs", "nonsense", false}, {"devtmpfs", "mode=0755", true}, {"devtmpfs", "hidepid=0", false}, {"devtmpfs", "gid=x", false},
		{"devpts", "nonsense", false}, {"devpts", "gid=0,mode=600,ptmxmode=666", true}, {"devpts", "size=1m", false}, {"devpts", "ptmxmode=x", false},
		{"devpts", "ro", false}, {"ramfs", "nonsense", true}, {"ramfs", "mode=x", false},
	};
	long got;

	CHECK_OK(mkdir("m", 0755));
	for (size_t i = 0; i < sizeof(options) / sizeof(*options); i++) {
		const struct option *o = &options[i];

		for (int again = 0; again < 2; again++) {
			if (again)
				CHECK_OK(mount("x", "m", o->type, 0, NULL));
			got = mount("x", "m", o->type, again ? MS_REMOUNT : 0, o->data) < 0 ? errno : 0;
			if (got != (o->known ? 0 : EINVAL))
				FAIL("%s with %s%s: %ld", o->type, o->data, again ? " again" : "", got);
			if (again || !got)
				CHECK_OK(umount("m"));
		}
	}
}

TEST(read_only_by_a_word)
{
	CHECK_OK(mkdir("m", 0755));
	CHECK_OK(mount("x", "m", "tmpfs", 0, "size=1m,ro"));
	CHECK_ERR(mkdir("m/d", 0755), EROFS);
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT, "rw"));
	CHECK_OK(mkdir("m/d", 0755));
	CHECK_OK(mount(NULL, "m", NULL, MS_REMOUNT, "ro"));
	CHECK_ERR(rmdir("m/d"), EROFS);
	CHECK_OK(umount("m"));
}
