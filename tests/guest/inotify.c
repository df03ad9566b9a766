/* SPDX-License-Identifier: MIT */
/*
 * Watching files: inotify.
 */
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>

static int in;

static int watch(const char *path, uint32_t mask)
{
	return CHECK_OK(inotify_add_watch(in, path, mask));
}

static char buffer[8192] __attribute__((aligned(8)));
static ssize_t filled, used;

/* The next event; NULL when there is none. */
static struct inotify_event *next(void)
{
	struct inotify_event *e;

	if (used >= filled) {
		used = 0;
		filled = read(in, buffer, sizeof(buffer));
		if (filled < 0) {
			CHECK_EQ(errno, EAGAIN);
			filled = 0;
			return NULL;
		}
	}
	e = (struct inotify_event *)(buffer + used);
	used += (ssize_t)sizeof(*e) + (ssize_t)e->len;
	CHECK(used <= filled);
	return e;
}

static uint32_t last_cookie;

static void expect_(int line, int wd, uint32_t mask, const char *name)
{
	struct inotify_event *e = next();

	if (!e)
		FAIL("line %d: no event, not %#x %s", line, mask, name);
	if (e->wd != wd || e->mask != mask || strcmp(e->len ? e->name : "", name) != 0)
		FAIL("line %d: event %d %#x '%s', not %d %#x '%s'", line, e->wd, e->mask, e->len ? e->name : "", wd, mask, name);
	last_cookie = e->cookie;
}

#define EXPECT(wd, mask, name) expect_(__LINE__, wd, mask, name)
#define NOTHING() CHECK(next() == NULL)

static void start(void)
{
	in = CHECK_OK(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
	CHECK_OK(mkdir("d", 0755));
}

TEST(names_come_and_go)
{
	int wd, fd;

	start();
	wd = watch("d", IN_CREATE | IN_DELETE);
	fd = new_file("d/file");
	EXPECT(wd, IN_CREATE, "file");
	CHECK_OK(mkdir("d/dir", 0755));
	EXPECT(wd, IN_CREATE | IN_ISDIR, "dir");
	CHECK_OK(symlink("x", "d/link"));
	EXPECT(wd, IN_CREATE, "link");
	CHECK_OK(link("d/file", "d/other"));
	EXPECT(wd, IN_CREATE, "other");
	CHECK_OK(mkfifo("d/fifo", 0644));
	EXPECT(wd, IN_CREATE, "fifo");
	CHECK_OK(unlink("d/file"));
	EXPECT(wd, IN_DELETE, "file");
	CHECK_OK(rmdir("d/dir"));
	EXPECT(wd, IN_DELETE | IN_ISDIR, "dir");
	CHECK_ERR(mkdir("d/link", 0755), EEXIST);
	CHECK_OK(write(fd, "x", 1));
	NOTHING();
}

TEST(use_of_a_file)
{
	int wd, own, fd;
	char c;

	start();
	close(new_file("d/f"));
	wd = watch("d", IN_ALL_EVENTS);
	own = watch("d/f", IN_ALL_EVENTS);
	fd = CHECK_OK(open("d/f", O_RDWR));
	EXPECT(wd, IN_OPEN, "f");
	EXPECT(own, IN_OPEN, "");
	CHECK_EQ(write(fd, "ab", 2), 2);
	EXPECT(wd, IN_MODIFY, "f");
	EXPECT(own, IN_MODIFY, "");
	CHECK_EQ(pread(fd, &c, 1, 0), 1);
	EXPECT(wd, IN_ACCESS, "f");
	EXPECT(own, IN_ACCESS, "");
	CHECK_EQ(read(fd, &c, 1), 0);
	CHECK_OK(ftruncate(fd, 1));
	EXPECT(wd, IN_MODIFY, "f");
	EXPECT(own, IN_MODIFY, "");
	CHECK_OK(fchmod(fd, 0600));
	EXPECT(wd, IN_ATTRIB, "f");
	EXPECT(own, IN_ATTRIB, "");
	CHECK_OK(utimensat(AT_FDCWD, "d/f", NULL, 0));
	EXPECT(wd, IN_ATTRIB, "f");
	EXPECT(own, IN_ATTRIB, "");
	close(fd);
	EXPECT(wd, IN_CLOSE_WRITE, "f");
	EXPECT(own, IN_CLOSE_WRITE, "");
	close(CHECK_OK(open("d/f", O_RDONLY)));
	EXPECT(wd, IN_OPEN, "f");
	EXPECT(own, IN_OPEN, "");
	EXPECT(wd, IN_CLOSE_NOWRITE, "f");
	EXPECT(own, IN_CLOSE_NOWRITE, "");
	close(CHECK_OK(open("d/f", O_WRONLY | O_TRUNC)));
	EXPECT(wd, IN_MODIFY, "f");
	EXPECT(own, IN_MODIFY, "");
	EXPECT(wd, IN_OPEN, "f");
	EXPECT(own, IN_OPEN, "");
	EXPECT(wd, IN_CLOSE_WRITE, "f");
	EXPECT(own, IN_CLOSE_WRITE, "");
	close(CHECK_OK(open("d/f", O_PATH)));
	NOTHING();
}

TEST(use_of_a_directory)
{
	int wd;
	DIR *dir;

	start();
	wd = watch("d", IN_OPEN | IN_CLOSE | IN_ATTRIB);
	dir = opendir("d");
	CHECK(dir);
	EXPECT(wd, IN_OPEN | IN_ISDIR, "");
	closedir(dir);
	EXPECT(wd, IN_CLOSE_NOWRITE | IN_ISDIR, "");
	CHECK_OK(chmod("d", 0700));
	EXPECT(wd, IN_ATTRIB | IN_ISDIR, "");
	NOTHING();
}

TEST(moves)
{
	int a, b, f, victim;
	uint32_t cookie;

	start();
	CHECK_OK(mkdir("e", 0755));
	close(new_file("d/f"));
	close(new_file("e/v"));
	a = watch("d", IN_MOVE);
	b = watch("e", IN_MOVE);
	f = watch("d/f", IN_MOVE_SELF);
	CHECK_OK(rename("d/f", "e/g"));
	EXPECT(a, IN_MOVED_FROM, "f");
	cookie = last_cookie;
	CHECK(cookie != 0);
	EXPECT(b, IN_MOVED_TO, "g");
	CHECK_EQ(last_cookie, cookie);
	EXPECT(f, IN_MOVE_SELF, "");
	victim = watch("e/v", IN_ATTRIB | IN_DELETE_SELF);
	CHECK_OK(rename("e/g", "e/v"));
	EXPECT(b, IN_MOVED_FROM, "g");
	CHECK(last_cookie != cookie);
	EXPECT(b, IN_MOVED_TO, "v");
	EXPECT(victim, IN_ATTRIB, "");
	EXPECT(f, IN_MOVE_SELF, "");
	EXPECT(victim, IN_DELETE_SELF, "");
	EXPECT(victim, IN_IGNORED, "");
	CHECK_OK(mkdir("d/sub", 0755));
	CHECK_OK(rename("d/sub", "d/bus"));
	EXPECT(a, IN_MOVED_FROM | IN_ISDIR, "sub");
	EXPECT(a, IN_MOVED_TO | IN_ISDIR, "bus");
	CHECK_OK(inotify_rm_watch(in, a));
	EXPECT(a, IN_IGNORED, "");
	f = watch("d", IN_MOVE_SELF);
	CHECK_OK(rename("d", "dd"));
	EXPECT(f, IN_MOVE_SELF, "");
	NOTHING();
}

TEST(end_of_a_file)
{
	int wd, fd;

	start();
	close(new_file("d/f"));
	wd = watch("d/f", IN_ATTRIB | IN_DELETE_SELF);
	CHECK_OK(link("d/f", "d/g"));
	EXPECT(wd, IN_ATTRIB, "");
	CHECK_OK(unlink("d/f"));
	EXPECT(wd, IN_ATTRIB, "");
	NOTHING();
	fd = CHECK_OK(open("d/g", O_RDONLY));
	CHECK_OK(unlink("d/g"));
	EXPECT(wd, IN_ATTRIB, "");
	NOTHING();
	close(fd);
	EXPECT(wd, IN_DELETE_SELF, "");
	EXPECT(wd, IN_IGNORED, "");
	CHECK_ERR(inotify_rm_watch(in, wd), EINVAL);
	wd = watch("d", IN_DELETE_SELF);
	CHECK_OK(rmdir("d"));
	EXPECT(wd, IN_DELETE_SELF, "");
	EXPECT(wd, IN_IGNORED, "");
	NOTHING();
}

/* Names that were looked for in a directory and are not there do not keep it. */
TEST(end_of_a_directory)
{
	int d, e;

	start();
	CHECK_OK(mkdir("e", 0755));
	d = watch("d", IN_DELETE_SELF);
	CHECK_ERR(open("d/none", O_RDONLY), ENOENT);
	CHECK_ERR(open("d/neither", O_RDONLY), ENOENT);
	CHECK_OK(rmdir("d"));
	EXPECT(d, IN_DELETE_SELF, "");
	EXPECT(d, IN_IGNORED, "");
	CHECK_OK(mkdir("d", 0755));
	e = watch("e", IN_DELETE_SELF);
	CHECK_ERR(open("e/none", O_RDONLY), ENOENT);
	CHECK_OK(rename("d", "e"));
	EXPECT(e, IN_DELETE_SELF, "");
	EXPECT(e, IN_IGNORED, "");
}

TEST(masks_change)
{
	int wd, second;

	start();
	wd = watch("d", IN_CREATE);
	CHECK_EQ(watch("d", IN_DELETE), wd);
	close(new_file("d/f"));
	NOTHING();
	CHECK_EQ(watch("d", IN_CREATE | IN_MASK_ADD), wd);
	CHECK_OK(unlink("d/f"));
	EXPECT(wd, IN_DELETE, "f");
	close(new_file("d/f"));
	EXPECT(wd, IN_CREATE, "f");
	CHECK_ERR(inotify_add_watch(in, "d", IN_CREATE | IN_MASK_CREATE), EEXIST);
	CHECK_OK(inotify_rm_watch(in, wd));
	EXPECT(wd, IN_IGNORED, "");
	second = watch("d", IN_CREATE | IN_MASK_CREATE);
	CHECK(second > wd);
	close(new_file("d/g"));
	EXPECT(second, IN_CREATE, "g");
	NOTHING();
}

TEST(oneshot)
{
	int wd;

	start();
	wd = watch("d", IN_CREATE | IN_ONESHOT);
	close(new_file("d/a"));
	close(new_file("d/b"));
	EXPECT(wd, IN_CREATE, "a");
	EXPECT(wd, IN_IGNORED, "");
	NOTHING();
}

TEST(unlinked_children)
{
	int fd, wd;

	start();
	fd = new_file("d/f");
	wd = watch("d", IN_MODIFY);
	CHECK_OK(unlink("d/f"));
	CHECK_EQ(write(fd, "x", 1), 1);
	EXPECT(wd, IN_MODIFY, "f");
	CHECK_EQ(watch("d", IN_MODIFY | IN_EXCL_UNLINK), wd);
	CHECK_EQ(write(fd, "x", 1), 1);
	NOTHING();
}

TEST(same_events_are_one)
{
	int wd, fd;

	start();
	fd = new_file("d/f");
	wd = watch("d/f", IN_MODIFY);
	for (int i = 0; i < 5; i++)
		CHECK_EQ(write(fd, "x", 1), 1);
	EXPECT(wd, IN_MODIFY, "");
	NOTHING();
}

TEST(sizes)
{
	struct inotify_event *e = (void *)buffer;
	int n, wd;

	start();
	wd = watch("d", IN_CREATE);
	CHECK_ERR(read(in, buffer, 4), EAGAIN);
	CHECK_OK(ioctl(in, FIONREAD, &n));
	CHECK_EQ(n, 0);
	close(new_file("d/123456789012345"));
	close(new_file("d/1234567890123456"));
	CHECK_OK(ioctl(in, FIONREAD, &n));
	CHECK_EQ(n, 32 + 48);
	CHECK_ERR(read(in, buffer, 31), EINVAL);
	CHECK_EQ(read(in, buffer, 79), 32);
	CHECK_EQ(e->wd, wd);
	CHECK_EQ(e->len, 16);
	CHECK_ERR(read(in, map_edge(), 48), EFAULT);
}

TEST(overflow)
{
	struct inotify_event *e;
	int wd, events = 0, limit = 16384, fd[2];
	FILE *f = fopen("/proc/sys/fs/inotify/max_queued_events", "r");

	if (f && fscanf(f, "%d", &limit) == 1)
		fclose(f);
	start();
	fd[0] = new_file("d/a");
	fd[1] = new_file("d/b");
	wd = watch("d", IN_MODIFY);
	for (int i = 0; i < limit + 100; i++)
		CHECK_EQ(pwrite(fd[i & 1], "x", 1, 0), 1);
	while ((e = next()) != NULL && e->wd == wd)
		events++;
	CHECK(e);
	CHECK_EQ(events, limit);
	CHECK_EQ(e->wd, -1);
	CHECK_EQ(e->mask, IN_Q_OVERFLOW);
	NOTHING();
	CHECK_EQ(pwrite(fd[0], "x", 1, 0), 1);
	EXPECT(wd, IN_MODIFY, "a");
}

TEST(waiting)
{
	struct pollfd p = {.events = POLLIN | POLLOUT};
	struct gate first = gate_make();
	pid_t pid;

	start();
	CHECK_OK(fcntl(in, F_SETFL, 0));
	watch("d", IN_CREATE);
	p.fd = in;
	CHECK_EQ(poll(&p, 1, 0), 0);
	FORK(pid) {
		CHECK_EQ(poll(&p, 1, -1), 1);
		CHECK_EQ(p.revents, POLLIN);
		CHECK_EQ(read(in, buffer, sizeof(buffer)), 32);
		gate_open(&first);
		CHECK_EQ(read(in, buffer, sizeof(buffer)), 32);
	}
	wait_state(pid, "S");
	close(new_file("d/a"));
	gate_wait(&first);
	wait_state(pid, "S");
	close(new_file("d/b"));
	reap_ok(pid);
}

TEST(errors)
{
	int fd;

	start();
	fd = new_file("f");
	CHECK_ERR(inotify_init1(1), EINVAL);
	CHECK_EQ(fcntl(in, F_GETFL), O_NONBLOCK);
	CHECK_EQ(fcntl(in, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(inotify_add_watch(in, "d", 0), EINVAL);
	CHECK_ERR(inotify_add_watch(in, "none", IN_CREATE), ENOENT);
	CHECK_ERR(inotify_add_watch(in, "f", IN_MODIFY | IN_ONLYDIR), ENOTDIR);
	CHECK_ERR(inotify_add_watch(in, "d", IN_CREATE | IN_MASK_ADD | IN_MASK_CREATE), EINVAL);
	CHECK_ERR(inotify_add_watch(in, map_edge(), IN_CREATE), EFAULT);
	CHECK_ERR(inotify_add_watch(fd, "d", IN_CREATE), EINVAL);
	CHECK_ERR(inotify_add_watch(99, "d", IN_CREATE), EBADF);
	CHECK_ERR(inotify_rm_watch(in, 1), EINVAL);
	CHECK_ERR(inotify_rm_watch(fd, 1), EINVAL);
	CHECK_ERR(inotify_rm_watch(99, 1), EBADF);
	CHECK_ERR(write(in, "x", 1), EBADF);
	CHECK_OK(symlink("none", "l"));
	watch("l", IN_ATTRIB | IN_DONT_FOLLOW);
	CHECK_OK(chmod("d", 0));
	CHECK_OK(setuid(1234));
	CHECK_ERR(inotify_add_watch(in, "d", IN_CREATE), EACCES);
}

TEST(unmount)
{
	int wd;

	start();
	if (mount("x", "d", "tmpfs", 0, NULL) < 0)
		SKIP("may not mount");
	close(new_file("d/f"));
	wd = watch("d/f", IN_MODIFY);
	CHECK_OK(umount("d"));
	EXPECT(wd, IN_UNMOUNT, "");
	EXPECT(wd, IN_IGNORED, "");
	NOTHING();
}

/* Watches come, fire and go at the same time. */
static void *user(void *arg)
{
	char name[32];

	snprintf(name, sizeof(name), "d/%d", (int)(intptr_t)arg);
	for (int i = 0; i < 400; i++) {
		int fd = CHECK_OK(open(name, O_RDWR | O_CREAT, 0644)), wd;

		wd = inotify_add_watch(in, name, IN_ALL_EVENTS);
		CHECK_EQ(write(fd, "x", 1), 1);
		CHECK_OK(unlink(name));
		if (i & 1)
			inotify_rm_watch(in, wd);
		close(fd);
	}
	return NULL;
}

TEST(threads)
{
	pthread_t t[3];

	start();
	watch("d", IN_ALL_EVENTS);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, user, (void *)(intptr_t)i), 0);
	for (int i = 0; i < 300; i++)
		next();
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	while (next())
		;
	CHECK_OK(rmdir("d"));
	while (next())
		;
}

/* As many as a user may have, whatever process they are in. */
TEST(instances_of_a_user)
{
	struct gate go = gate_make(), end = gate_make();
	int n = 0, limit;
	char text[20] = {0};
	int fd = CHECK_OK(open("/proc/sys/fs/inotify/max_user_instances", O_RDONLY));
	pid_t pid;

	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	limit = atoi(text);
	CHECK_EQ(limit, 128);
	FORK(pid) {
		CHECK_OK(setuid(4242));
		for (int i = 0; i < limit - 10; i++)
			CHECK_OK(inotify_init1(0));
		gate_open(&go);
		gate_wait(&end);
	}
	gate_wait(&go);
	CHECK_OK(inotify_init1(0)); /* another user */
	CHECK_OK(setuid(4242));
	while (inotify_init1(0) >= 0)
		n++;
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(n, 10);
	gate_open(&end);
	reap_ok(pid);
	CHECK_OK(inotify_init1(0));
}
