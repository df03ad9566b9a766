/* SPDX-License-Identifier: MIT */
/*
 * Mounts: numbers that statx and /proc/self/mountinfo agree on, and unmounting what nobody uses (MNT_EXPIRE).
 */
#include "guest.h"

#include <sys/mount.h>

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
