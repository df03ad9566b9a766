/* SPDX-License-Identifier: MIT */
/*
 * /proc: the text that ps, top, free and shells read, and the links of /proc/self.
 */
#include "guest.h"

#include <sys/mount.h>

#include <sys/prctl.h>
#include <sys/statfs.h>

static size_t slurp(const char *path, char *text, size_t size) { return guest_read_text(path, text, size); }

static char text[65536];

/* The number after a label that begins a line. */
static long field(const char *label)
{
	char *p = text;
	size_t n = strlen(label);

	for (; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, label, n) == 0)
			return strtol(p + n, NULL, 0);
	FAIL("no line '%s'", label);
}

TEST(self_links)
{
	char path[300], cwd[300], number[20];
	ssize_t n;

	n = CHECK_OK(readlink("/proc/self", path, sizeof(path)));
	path[n] = 0;
	snprintf(number, sizeof(number), "%d", getpid());
	CHECK_STR(path, number);
	n = CHECK_OK(readlink("/proc/self/exe", path, sizeof(path) - 1));
	path[n] = 0;
	CHECK_STR(strrchr(path, '/'), "/procfs");
	n = CHECK_OK(readlink("/proc/self/cwd", path, sizeof(path) - 1));
	path[n] = 0;
	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK_STR(path, cwd);
	n = CHECK_OK(readlink("/proc/self/root", path, sizeof(path) - 1));
	path[n] = 0;
	CHECK_STR(path, "/");
	CHECK_ERR(readlink("/proc/self/maps", path, 100), EINVAL);
}

TEST(descriptors)
{
	char path[300], name[40], cwd[250];
	int fd = new_file("some-file"), fds[2], copy;
	ssize_t n;

	CHECK_EQ(write(fd, "hello", 5), 5);
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = CHECK_OK(readlink(name, path, sizeof(path) - 1));
	path[n] = 0;
	CHECK(getcwd(cwd, sizeof(cwd)));
	strcat(cwd, "/some-file");
	CHECK_STR(path, cwd);
	copy = CHECK_OK(open(name, O_RDONLY)); /* opened anew: an offset of its own */
	CHECK_EQ(lseek(copy, 0, SEEK_CUR), 0);
	CHECK_OK(pipe(fds));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fds[0]);
	n = CHECK_OK(readlink(name, path, sizeof(path) - 1));
	CHECK(strncmp(path, "pipe:[", 6) == 0);
	CHECK_OK(close(fds[0]));
	CHECK_ERR(readlink(name, path, sizeof(path)), ENOENT);
	CHECK_OK(unlink("some-file"));
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	n = CHECK_OK(readlink(name, path, sizeof(path) - 1));
	path[n] = 0;
	CHECK(strstr(path, "some-file (deleted)") != NULL);
}

TEST(descriptor_directory)
{
	DIR *dir = opendir("/proc/self/fd");
	bool seen[8] = {false};
	struct dirent *e;
	int fd = new_file("f");

	CHECK(dir != NULL);
	while ((e = readdir(dir)) != NULL)
		if (e->d_name[0] >= '0' && e->d_name[0] <= '9' && atoi(e->d_name) < 8)
			seen[atoi(e->d_name)] = true;
	CHECK(seen[0] && seen[1] && seen[2] && seen[dirfd(dir)] && seen[fd]);
}

TEST(maps)
{
	unsigned long start, end, offset, inode, last = 0;
	unsigned major, minor;
	char perms[5], *line, *next, name[200];
	char *mine = map_rw(3 * PAGE);
	bool stack = false, heap = false, exe = false, found = false;

	CHECK(malloc(100000) != NULL);
	slurp("/proc/self/maps", text, sizeof(text));
	for (line = text; *line; line = next + 1) {
		next = strchr(line, '\n');
		CHECK(next != NULL);
		*next = 0;
		name[0] = 0;
		CHECK(sscanf(line, "%lx-%lx %4s %lx %x:%x %lu %199s", &start, &end, perms, &offset, &major, &minor, &inode,
			     name) >= 7);
		CHECK(start < end && start >= last && start % PAGE == 0 && end % PAGE == 0);
		last = end;
		stack |= strcmp(name, "[stack]") == 0 && (unsigned long)&start >= start && (unsigned long)&start < end;
		heap |= strcmp(name, "[heap]") == 0;
		exe |= strstr(name, "/procfs") && strcmp(perms, "r-xp") == 0 && (unsigned long)slurp >= start &&
		       (unsigned long)slurp < end;
		found |= (unsigned long)mine >= start && (unsigned long)mine + 3 * PAGE <= end && strcmp(perms, "rw-p") == 0;
	}
	CHECK(stack);
	CHECK(heap);
	CHECK(exe);
	CHECK(found);
}

TEST(stat_line)
{
	char state, comm[40];
	int pid, ppid, pgrp, session;

	CHECK_OK(prctl(PR_SET_NAME, "odd) name"));
	slurp("/proc/self/stat", text, sizeof(text));
	CHECK_EQ(sscanf(text, "%d (%20[^)]) name) %c %d %d %d", &pid, comm, &state, &ppid, &pgrp, &session), 6);
	CHECK_EQ(pid, getpid());
	CHECK_EQ(state, 'R');
	CHECK_EQ(ppid, getppid());
	CHECK_EQ(pgrp, getpgrp());
	CHECK_EQ(session, getsid(0));
	int fields = 1;
	for (char *p = strrchr(text, ')'); *p; p++)
		fields += *p == ' ';
	CHECK_EQ(fields, 51);
	CHECK_EQ(text[strlen(text) - 1], '\n');
}

TEST(status_lines)
{
	char *p = map_rw(500 * PAGE);
	long rss;

	memset(p, 1, 500 * PAGE);
	CHECK_OK(setresgid(1, 2, 3));
	slurp("/proc/self/status", text, sizeof(text));
	CHECK(strncmp(text, "Name:\tprocfs\n", 13) == 0);
	CHECK(strstr(text, "State:\tR (running)\n") != NULL);
	CHECK_EQ(field("Pid:"), getpid());
	CHECK_EQ(field("PPid:"), getppid());
	CHECK_EQ(field("Tgid:"), getpid());
	CHECK_EQ(field("Threads:"), 1);
	CHECK(strstr(text, "\nGid:\t1\t2\t3\t2\n") != NULL);
	rss = field("VmRSS:");
	CHECK(rss >= 2000 && rss < 20000);
	CHECK(field("VmSize:") >= rss);
	CHECK_OK(munmap(p, 500 * PAGE));
	slurp("/proc/self/status", text, sizeof(text));
	CHECK(field("VmRSS:") < rss - 1500);
}

TEST(command_line_and_environment)
{
	size_t n = slurp("/proc/self/cmdline", text, sizeof(text));

	CHECK(n > 0 && text[n - 1] == 0);
	CHECK(strstr(text, "procfs") != NULL);
	slurp("/proc/self/environ", text, sizeof(text));
	CHECK_EQ(slurp("/proc/self/comm", text, sizeof(text)), 7);
	CHECK_STR(text, "procfs\n");
}

TEST(processes_appear_and_vanish)
{
	struct gate g = gate_make();
	char path[40];
	pid_t pid;

	FORK(pid)
		gate_wait(&g);
	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	CHECK_OK(access(path, F_OK));
	wait_state(pid, "S");
	int fd = CHECK_OK(open(path, O_RDONLY));
	gate_open(&g);
	wait_state(pid, "Z");
	reap_ok(pid);
	CHECK_ERR(read(fd, text, 100), ESRCH);
	CHECK_ERR(access(path, F_OK), ENOENT);
}

TEST(process_list)
{
	DIR *dir = opendir("/proc");
	struct dirent *e;
	bool init = false, self = false;

	CHECK(dir != NULL);
	while ((e = readdir(dir)) != NULL) {
		init |= strcmp(e->d_name, "1") == 0;
		self |= atoi(e->d_name) == getpid();
	}
	CHECK(init && self);
}

TEST(system_files)
{
	double up, idle;
	int a, b, c;

	slurp("/proc/uptime", text, sizeof(text));
	CHECK_EQ(sscanf(text, "%lf %lf", &up, &idle), 2);
	CHECK(up > 0);
	slurp("/proc/meminfo", text, sizeof(text));
	long total = field("MemTotal:");
	CHECK(total > 4000);
	CHECK(field("MemFree:") < total && field("MemAvailable:") <= total);
	CHECK(field("Cached:") >= 0 && field("Buffers:") >= 0 && field("SwapTotal:") >= 0);
	slurp("/proc/loadavg", text, sizeof(text));
	CHECK_EQ(sscanf(text, "%*f %*f %*f %d/%d %d", &a, &b, &c), 3);
	CHECK(b >= a && c >= 1);
	slurp("/proc/version", text, sizeof(text));
	CHECK(strncmp(text, "Linux version ", 14) == 0);
	slurp("/proc/stat", text, sizeof(text));
	CHECK(strncmp(text, "cpu  ", 5) == 0 && strstr(text, "\ncpu0 ") && strstr(text, "\nbtime "));
	slurp("/proc/cpuinfo", text, sizeof(text));
	CHECK(strstr(text, "processor\t: 0") != NULL);
	slurp("/proc/mounts", text, sizeof(text));
	CHECK(strstr(text, " /proc proc ") != NULL);
	slurp("/proc/filesystems", text, sizeof(text));
	CHECK(strstr(text, "tmpfs") && strstr(text, "proc"));
	slurp("/proc/cmdline", text, sizeof(text));
	CHECK(strchr(text, '\n') != NULL);
	slurp("/proc/sys/kernel/osrelease", text, sizeof(text));
	CHECK(text[0] >= '2' && text[0] <= '9');
}

TEST(reading_in_small_pieces)
{
	int fd = CHECK_OK(open("/proc/self/status", O_RDONLY));
	size_t whole = slurp("/proc/self/status", text, sizeof(text)), n = 0;
	char c;

	while (read(fd, &c, 1) == 1)
		n++;
	CHECK(n + 40 > whole && whole + 40 > n);
	CHECK_EQ(lseek(fd, 0, SEEK_SET), 0);
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'N');
}

TEST(not_writable)
{
	CHECK_ERR(open("/proc/new", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK_ERR(mkdir("/proc/new", 0700), ENOENT);
	CHECK_ERR(unlink("/proc/uptime"), EPERM);
	CHECK_ERR(open("/proc/99999999/stat", O_RDONLY), ENOENT);
	CHECK_ERR(open("/proc/0", O_RDONLY), ENOENT);
	CHECK_ERR(open("/proc/01", O_RDONLY), ENOENT);
	CHECK_ERR(open("/proc/-1", O_RDONLY), ENOENT);
}

TEST(maps_of_others_are_private)
{
	char path[40], c;
	pid_t pid, parent = getpid();

	FORK(pid) {
		int fd;

		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		snprintf(path, sizeof(path), "/proc/%d/maps", parent);
		fd = open(path, O_RDONLY);
		if (fd >= 0)
			CHECK_ERR(read(fd, &c, 1), EACCES);
		else
			CHECK_EQ(errno, EACCES);
	}
	reap_ok(pid);
}

/* Whoever may open what is only for writing gets an error from reading it, not a surprise. */
TEST(write_only_files)
{
	char c;
	int fd = open("/proc/sysrq-trigger", O_RDONLY);

	if (fd < 0)
		SKIP("no /proc/sysrq-trigger");
	CHECK_ERR(read(fd, &c, 1), EIO);
}

static bool file_has(const char *path, const char *text)
{
	static char buf[65536];
	int fd = CHECK_OK(open(path, O_RDONLY));
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, buf + used, sizeof(buf) - 1 - used)) > 0)
		used += (size_t)n;
	buf[used] = 0;
	close(fd);
	return strstr(buf, text) != NULL;
}

TEST(mounts_are_listed)
{
	char cwd[100], line[300];

	CHECK_OK(mkdir("with space", 0700));
	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK_OK(mount("a b", "with space", "tmpfs", MS_NOSUID | MS_NODEV, NULL));
	snprintf(line, sizeof(line), "\na\\040b %s/with\\040space tmpfs rw,nosuid,nodev,relatime", cwd);
	CHECK(file_has("/proc/self/mounts", line));
	snprintf(line, sizeof(line), " / %s/with\\040space rw,nosuid,nodev,relatime ", cwd);
	CHECK(file_has("/proc/self/mountinfo", line));
	CHECK_OK(mkdir("with space/inner", 0700));
	CHECK_OK(mkdir("other", 0700));
	CHECK_OK(mount("with space/inner", "other", NULL, MS_BIND, NULL));
	snprintf(line, sizeof(line), " /inner %s/other rw,", cwd);
	CHECK(file_has("/proc/self/mountinfo", line));
	CHECK_OK(umount("other"));
	CHECK_OK(umount("with space"));
	CHECK(!file_has("/proc/self/mounts", "with\\040space"));
}

TEST(locks_are_listed)
{
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 5};
	char line[100];
	struct stat st;
	int fd = new_file("f");

	CHECK_OK(fcntl(fd, F_SETLK, &l));
	CHECK_OK(fstat(fd, &st));
	snprintf(line, sizeof(line), ": POSIX  ADVISORY  WRITE %d ", getpid());
	CHECK(file_has("/proc/locks", line));
	snprintf(line, sizeof(line), ":%llu 10 14\n", (unsigned long long)st.st_ino);
	CHECK(file_has("/proc/locks", line));
	close(fd);
	CHECK(!file_has("/proc/locks", line));
}
