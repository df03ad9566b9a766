/* SPDX-License-Identifier: MIT */
/*
 * /proc/PID: threads below task/, descriptors in fdinfo, names that can be set, what others may see, what a sleeping process says of itself.
 */
#include "guest.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

static char text[65536];

/* The file's text, or -errno of what failed. */
static long slurp(const char *path)
{
	int fd = open(path, O_RDONLY);
	size_t have = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (have < sizeof(text) - 1 && (n = read(fd, text + have, sizeof(text) - 1 - have)) > 0)
		have += (size_t)n;
	if (n < 0)
		n = -errno;
	text[have] = 0;
	close(fd);
	return n < 0 ? n : (long)have;
}

static long slurp_pid(pid_t pid, const char *name)
{
	char path[200];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return slurp(path);
}

static long long field(const char *label)
{
	char *p = text;

	for (; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (strncmp(p, label, strlen(label)) == 0)
			return strtoll(p + strlen(label), NULL, 0);
	FAIL("no line '%s'", label);
}

struct shared {
	struct gate gates[2];
	volatile pid_t tid;
};

static void *named_thread(void *arg)
{
	struct shared *s = arg;

	CHECK_OK(prctl(PR_SET_NAME, "second"));
	s->tid = (pid_t)syscall(SYS_gettid);
	gate_open(&s->gates[0]);
	gate_wait(&s->gates[1]);
	return NULL;
}

TEST(threads_have_their_own_files)
{
	struct shared s = {.gates = {gate_make(), gate_make()}};
	char path[100];
	pthread_t t;
	int seen = 0;
	DIR *dir;

	CHECK_EQ(pthread_create(&t, NULL, named_thread, &s), 0);
	gate_wait(&s.gates[0]);
	snprintf(path, sizeof(path), "task/%d/comm", s.tid);
	CHECK_EQ(slurp_pid(getpid(), path), 7);
	CHECK_STR(text, "second\n");
	snprintf(path, sizeof(path), "task/%d/status", s.tid);
	CHECK(slurp_pid(getpid(), path) > 0);
	CHECK_EQ(field("Pid:"), s.tid);
	CHECK_EQ(field("Tgid:"), getpid());
	CHECK_EQ(field("Threads:"), 2);
	CHECK(slurp_pid(getpid(), "comm") > 0);
	CHECK_STR(text, "procfs_process\n");
	snprintf(path, sizeof(path), "task/%d/stat", s.tid);
	CHECK(slurp_pid(getpid(), path) > 0);
	CHECK_EQ(atoi(text), s.tid);
	CHECK(strstr(text, " (second) ") != NULL);
	snprintf(path, sizeof(path), "/proc/self/task/%d/task", s.tid);
	CHECK_ERR(access(path, F_OK), ENOENT);
	snprintf(path, sizeof(path), "/proc/%d/status", s.tid); /* not listed, but found */
	CHECK(slurp(path) > 0);
	CHECK_EQ(field("Pid:"), s.tid);
	dir = opendir("/proc/self/task");
	CHECK(dir != NULL);
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		seen += atoi(e->d_name) == s.tid || atoi(e->d_name) == getpid();
	CHECK_EQ(seen, 2);
	gate_open(&s.gates[1]);
	CHECK_EQ(pthread_join(t, NULL), 0);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", s.tid);
	CHECK_SOON(access(path, F_OK) < 0);
	CHECK_ERR(access(path, F_OK), ENOENT);
}

TEST(the_file_of_a_thread_that_ended)
{
	struct shared s = {.gates = {gate_make(), gate_make()}};
	char path[100], c;
	pthread_t t;
	int fd;

	CHECK_EQ(pthread_create(&t, NULL, named_thread, &s), 0);
	gate_wait(&s.gates[0]);
	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", s.tid);
	fd = CHECK_OK(open(path, O_RDONLY));
	gate_open(&s.gates[1]);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_SOON(access(path, F_OK) < 0);
	CHECK_ERR(read(fd, &c, 1), ESRCH);
}

TEST(comm_can_be_written)
{
	char name[20] = "";
	int fd = CHECK_OK(open("/proc/self/comm", O_RDWR));

	CHECK_EQ(write(fd, "a name of more than 15", 22), 22);
	CHECK_OK(prctl(PR_GET_NAME, name));
	CHECK_STR(name, "a name of more ");
	CHECK_EQ(slurp("/proc/self/comm"), 16);
	CHECK_STR(text, "a name of more \n");
	CHECK_ERR(write(fd, map_edge(), 5), EFAULT);
}

TEST(comm_of_another_process_is_not_written)
{
	struct gate g = gate_make();
	char path[40];
	pid_t pid;
	int fd;

	FORK(pid)
		gate_wait(&g);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	fd = CHECK_OK(open(path, O_WRONLY));
	CHECK_ERR(write(fd, "x", 1), EINVAL);
	gate_open(&g);
	reap_ok(pid);
}

TEST(fdinfo)
{
	char path[60];
	int fd = new_file("f"), copy;

	CHECK_EQ(write(fd, "12345", 5), 5);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK(slurp(path) > 0);
	CHECK_EQ(field("pos:"), 5);
	CHECK_EQ(field("flags:") & (O_ACCMODE | O_CLOEXEC | O_APPEND), O_RDWR | O_CLOEXEC);
	CHECK(field("mnt_id:") > 0);
	copy = CHECK_OK(open("f", O_WRONLY | O_APPEND));
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", copy);
	CHECK(slurp(path) > 0);
	CHECK_EQ(field("flags:") & (O_ACCMODE | O_CLOEXEC | O_APPEND), O_WRONLY | O_APPEND);
	CHECK_OK(close(copy));
	CHECK_EQ(slurp(path), -ENOENT);
}

static void fdinfo_of(int fd)
{
	char path[60];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	CHECK(slurp(path) > 0);
}

TEST(fdinfo_of_places)
{
	int fd = CHECK_OK(open(".", O_PATH));

	close(new_file("f"));
	CHECK_OK(symlink("f", "link"));
	CHECK_OK(mkfifo("fifo", 0600));
	fdinfo_of(fd);
	CHECK_EQ(field("pos:"), 0);
	CHECK_EQ(field("flags:") & (O_PATH | O_ACCMODE | O_CLOEXEC), O_PATH);
	CHECK(field("mnt_id:") > 0);
	fdinfo_of(CHECK_OK(open("f", O_PATH | O_CLOEXEC)));
	CHECK_EQ(field("flags:") & (O_PATH | O_ACCMODE | O_CLOEXEC), O_PATH | O_CLOEXEC);
	fdinfo_of(CHECK_OK(open("link", O_PATH | O_NOFOLLOW)));
	fdinfo_of(CHECK_OK(open("fifo", O_PATH)));
}

/* Descriptors that are no files say what they are. */
TEST(fdinfo_of_special_files)
{
	struct epoll_event e = {.events = EPOLLIN, .data.u64 = 0x123456789a};
	struct itimerspec set = {{5, 0}, {1000, 0}}, now;
	int event = CHECK_OK(eventfd(0x2a, 0)), timer = CHECK_OK(timerfd_create(CLOCK_MONOTONIC, 0)), ep = CHECK_OK(epoll_create1(0)), sig, fd;
	sigset_t mask;
	long left;
	pid_t pid;

	fdinfo_of(event);
	CHECK(strstr(text, "\neventfd-count:               2a\n") != NULL);
	CHECK_OK(timerfd_settime(timer, 0, &set, NULL));
	fdinfo_of(timer);
	CHECK(strstr(text, "\nclockid: 1\nticks: 0\nsettime flags: 00\nit_value: (") != NULL);
	left = strtol(strstr(text, "it_value: (") + 11, NULL, 10);
	CHECK_OK(timerfd_gettime(timer, &now));
	CHECK(left >= now.it_value.tv_sec && left <= 1000);
	CHECK(strstr(text, "\nit_interval: (5, 0)\n") != NULL);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, event, &e));
	fdinfo_of(ep);
	CHECK_EQ(field("tfd:"), event);
	CHECK(strstr(text, " events:       19 data:       123456789a") != NULL); /* with those that are always told */
	sigemptyset(&mask);
	sigaddset(&mask, SIGUSR1);
	sig = CHECK_OK(signalfd(-1, &mask, 0));
	fdinfo_of(sig);
	CHECK(strstr(text, "\nsigmask:\t0000000000000200\n") != NULL);
	FORK(pid)
		;
	fd = CHECK_OK((int)syscall(SYS_pidfd_open, pid, 0));
	fdinfo_of(fd);
	CHECK_EQ(field("Pid:"), pid);
	reap_ok(pid);
	fdinfo_of(fd);
	CHECK_EQ(field("Pid:"), -1);
}

/* More than fits: what is told is whole lines, or all of them. */
TEST(fdinfo_of_many)
{
	struct epoll_event e = {.events = EPOLLIN};
	int ep = CHECK_OK(epoll_create1(0)), lines = 0;

	for (int i = 0; i < 150; i++)
		CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, CHECK_OK(eventfd(0, 0)), &e));
	fdinfo_of(ep);
	for (char *p = text; (p = strstr(p, "tfd:")) != NULL; p++)
		lines++;
	CHECK(lines >= 50 && lines <= 150);
}

TEST(timers_are_listed)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_ptr = (void *)0x1234};
	timer_t first, second;
	char want[200];
	pid_t pid;

	if (slurp("/proc/self/timers") == -ENOENT)
		SKIP("no /proc/PID/timers");
	CHECK_STR(text, "");
	CHECK_OK(timer_create(CLOCK_MONOTONIC, &ev, &first));
	ev.sigev_notify = SIGEV_THREAD_ID;
	ev._sigev_un._tid = getpid();
	ev.sigev_signo = SIGRTMAX;
	CHECK_OK(timer_create(CLOCK_REALTIME, &ev, &second));
	CHECK(slurp("/proc/self/timers") > 0);
	snprintf(want, sizeof(want), "ID: %d\nsignal: 64/00001234\nnotify: signal/tid.%d\nClockID: 0\nID: %d\nsignal: 12/00001234\nnotify: signal/pid.%d\nClockID: 1\n",
		 (int)(intptr_t)second, getpid(), (int)(intptr_t)first, getpid());
	CHECK_STR(text, want);
	FORK(pid) { /* they are not inherited */
		CHECK(slurp("/proc/self/timers") == 0);
	}
	reap_ok(pid);
	CHECK_OK(timer_delete(first));
	CHECK_OK(timer_delete(second));
	CHECK_EQ(slurp("/proc/self/timers"), 0);
}

/* The mode of a link of fd/ tells what the descriptor was opened for, also after the number went to another file. */
TEST(modes_of_fd_links)
{
	static const struct { int flags; mode_t mode; } ways[] = {{O_RDONLY, 0500}, {O_WRONLY, 0300}, {O_RDWR, 0700}, {O_PATH, 0}};
	char path[60];
	struct stat st;

	close(new_file("f"));
	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		int fd = CHECK_OK(open("f", ways[i].flags));

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		CHECK_OK(lstat(path, &st));
		CHECK_EQ(st.st_mode, S_IFLNK | ways[i].mode);
		CHECK_OK(close(fd));
		CHECK_ERR(lstat(path, &st), ENOENT);
	}
}

/* An open /proc/PID will do where a pidfd does. */
TEST(signals_by_a_directory)
{
	struct gate g = gate_make();
	char path[40];
	pid_t pid;
	int fd, inside, other;

	FORK(pid)
		gate_wait(&g);
	snprintf(path, sizeof(path), "/proc/%d", pid);
	fd = CHECK_OK(open(path, O_RDONLY | O_DIRECTORY));
	other = CHECK_OK(open("/proc", O_RDONLY | O_DIRECTORY));
	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	inside = CHECK_OK(open(path, O_RDONLY | O_DIRECTORY));
	CHECK_ERR(syscall(SYS_pidfd_send_signal, other, 0, NULL, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, inside, 0, NULL, 0), EBADF);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, new_file("f"), 0, NULL, 0), EBADF);
	CHECK_OK(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0));
	CHECK_OK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, NULL, 0));
	reap_signal(pid, SIGTERM);
	CHECK_ERR(syscall(SYS_pidfd_send_signal, fd, 0, NULL, 0), ESRCH);
}

TEST(status_of_signals_and_rights)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	CHECK(signal(SIGUSR2, SIG_IGN) != SIG_ERR);
	CHECK_OK(kill(getpid(), SIGUSR1));
	umask(027);
	CHECK_OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK(slurp("/proc/self/status") > 0);
	CHECK(strstr(text, "\nSigBlk:\t0000000000000200\n") != NULL);
	CHECK(strstr(text, "\nShdPnd:\t0000000000000200\n") != NULL);
	CHECK(strstr(text, "\nUmask:\t0027\n") != NULL);
	CHECK_EQ(field("NoNewPrivs:"), 1);
	CHECK(field("SigQ:") >= 1);
	CHECK_EQ(field("NSpid:"), getpid());
	CHECK(strstr(text, "\nCapBnd:\t") && strstr(text, "\nGroups:\t") && strstr(text, "\nCpus_allowed_list:\t"));
}

TEST(where_a_process_sleeps)
{
	struct gate g = gate_make();
	unsigned long fd, sp, pc;
	long nr;
	pid_t pid;

	FORK(pid)
		gate_wait(&g);
	wait_state(pid, "S");
	CHECK(slurp_pid(pid, "wchan") > 1);
	CHECK(strspn(text, "abcdefghijklmnopqrstuvwxyz_0123456789") == strlen(text));
	if (slurp_pid(pid, "syscall") >= 0) { /* not in every kernel */
		CHECK_EQ(sscanf(text, "%ld %lx %*x %*x %*x %*x %*x %lx %lx", &nr, &fd, &sp, &pc), 4);
		CHECK_EQ(nr, SYS_read);
		CHECK_EQ(fd, g.fd[0]);
		CHECK(sp > 0 && pc > 0);
	}
	gate_open(&g);
	reap_ok(pid);
	CHECK_EQ(slurp("/proc/self/wchan"), 1);
	CHECK_STR(text, "0");
}

TEST(time_on_the_cpu_grows)
{
	unsigned long long before, after;
	int rounds = 0;

	CHECK(slurp("/proc/self/schedstat") > 0);
	before = strtoull(text, NULL, 10);
	do { /* Linux adds to it when its clock ticks, which may be late */
		for (volatile unsigned n = 0; n < 1000000; n++)
			;
		CHECK(slurp("/proc/self/schedstat") > 0);
		after = strtoull(text, NULL, 10);
	} while (after <= before + 100000 && ++rounds < 1000);
	CHECK(after > before + 100000);
	CHECK(slurp("/proc/self/sched") > 0);
	CHECK(strstr(text, "procfs_process (") == text && strstr(text, "nr_voluntary_switches"));
}

/* What is whose: files of a process of another user. */
TEST(others_see_little)
{
	static const char *const closed[] = {"environ", "maps", "smaps", "smaps_rollup", "auxv", "pagemap", "personality", "syscall", "fd", "stack", "mem"};
	static const char *const open_to_all[] = {"stat", "statm", "status", "cmdline", "comm", "limits", "cgroup", "mounts", "mountinfo", "schedstat"};
	pid_t pid, parent = getpid();
	char path[80];

	FORK(pid) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		for (size_t i = 0; i < sizeof(closed) / sizeof(closed[0]); i++) {
			snprintf(path, sizeof(path), "/proc/%d/%s", parent, closed[i]);
			if (access(path, F_OK) == 0 && open(path, O_RDONLY) >= 0)
				FAIL("%s can be opened", closed[i]);
		}
		for (size_t i = 0; i < sizeof(open_to_all) / sizeof(open_to_all[0]); i++)
			if (slurp_pid(parent, open_to_all[i]) < 0)
				FAIL("%s: %ld", open_to_all[i], slurp_pid(parent, open_to_all[i]));
		CHECK_EQ(slurp_pid(parent, "wchan"), 1);
		CHECK(slurp_pid(parent, "stat") > 0);
		CHECK(strstr(strrchr(text, ')'), " 4294967295 1 1 0 0 0 ") != NULL);
		snprintf(path, sizeof(path), "/proc/%d/exe", parent);
		CHECK_ERR(readlink(path, text, 100), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/cwd", parent);
		CHECK_ERR(readlink(path, text, 100), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/fd/0", parent);
		CHECK_ERR(open(path, O_RDONLY), EACCES);
		snprintf(path, sizeof(path), "/proc/%d/comm", parent);
		CHECK_ERR(open(path, O_WRONLY), EACCES);
	}
	reap_ok(pid);
}

TEST(who_is_not_dumpable_is_roots)
{
	struct stat st;
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
		CHECK_OK(stat("/proc/self/environ", &st));
		CHECK_EQ(st.st_uid, 1000);
		CHECK_OK(prctl(PR_SET_DUMPABLE, 0));
		CHECK_OK(stat("/proc/self/environ", &st));
		CHECK_EQ(st.st_uid, 0);
		CHECK_OK(stat("/proc/self", &st));
		CHECK_EQ(st.st_uid, 1000);
		CHECK_EQ(slurp("/proc/self/environ"), -EACCES);
	}
	reap_ok(pid);
}

static int put(const char *path, const char *what)
{
	int fd = CHECK_OK(open(path, O_WRONLY)), err = write(fd, what, strlen(what)) < 0 ? errno : 0;

	close(fd);
	return err;
}

static void check_text(const char *path, const char *want)
{
	CHECK(slurp(path) >= 0);
	CHECK_STR(text, want);
}

#define ADJ "/proc/self/oom_score_adj"

TEST(oom_score_adj)
{
	long low, high;
	pid_t pid;

	CHECK_EQ(put(ADJ, "300\n"), 0);
	check_text(ADJ, "300\n");
	CHECK_EQ(put(ADJ, " -17 \n"), 0);
	check_text(ADJ, "-17\n");
	CHECK_EQ(put(ADJ, "1001"), EINVAL);
	CHECK_EQ(put(ADJ, "-1001"), EINVAL);
	CHECK_EQ(put(ADJ, "99999999999"), ERANGE);
	CHECK_EQ(put(ADJ, "3x"), EINVAL);
	CHECK_EQ(put(ADJ, "\n"), EINVAL);
	check_text(ADJ, "-17\n");
	FORK(pid)
		check_text(ADJ, "-17\n");
	reap_ok(pid);
	CHECK_EQ(put(ADJ, "0"), 0);
	CHECK(slurp("/proc/self/oom_score") > 0);
	low = atol(text);
	CHECK_EQ(put(ADJ, "500"), 0);
	CHECK(slurp("/proc/self/oom_score") > 0);
	high = atol(text);
	CHECK(high > low + 200 && high < 2000);
	CHECK_EQ(put(ADJ, "-1000"), 0);
	check_text("/proc/self/oom_score", "0\n");
}

TEST(oom_score_adj_of_a_user)
{
	char path[40];
	pid_t pid, parent = getpid();

	CHECK_EQ(put(ADJ, "100"), 0); /* root's: that is how low it may go */
	FORK(pid) {
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
		CHECK_EQ(put(ADJ, "700"), 0);
		CHECK_EQ(put(ADJ, "100"), 0);
		CHECK_EQ(put(ADJ, "99"), EACCES);
		check_text(ADJ, "100\n");
		snprintf(path, sizeof(path), "/proc/%d/oom_score_adj", parent);
		CHECK_ERR(open(path, O_WRONLY), EACCES);
	}
	reap_ok(pid);
}

#define LOGIN "/proc/self/loginuid"

TEST(login_marks)
{
	char path[40], session[20];
	pid_t pid, parent = getpid();

	if (access(LOGIN, F_OK) < 0)
		SKIP("no loginuid");
	check_text(LOGIN, "4294967295");
	check_text("/proc/self/sessionid", "4294967295");
	CHECK_EQ(put(LOGIN, "x"), EINVAL);
	CHECK_EQ(put(LOGIN, "4294967296"), ERANGE);
	CHECK_EQ(put(LOGIN, "1000"), 0);
	check_text(LOGIN, "1000");
	CHECK(slurp("/proc/self/sessionid") > 0);
	strcpy(session, text);
	CHECK(strcmp(session, "4294967295") != 0);
	FORK(pid) {
		check_text(LOGIN, "1000");
		check_text("/proc/self/sessionid", session);
		snprintf(path, sizeof(path), "/proc/%d/loginuid", parent);
		CHECK_EQ(put(path, "5"), EPERM);
		CHECK_EQ(put(LOGIN, "1001"), 0); /* root may change it */
		CHECK(slurp("/proc/self/sessionid") > 0);
		CHECK(strcmp(text, session) != 0);
		CHECK_OK(setgid(1000));
		CHECK_OK(setuid(1000));
		CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
		CHECK_EQ(put(LOGIN, "1002"), EPERM);
		check_text(LOGIN, "1001");
	}
	reap_ok(pid);
	check_text(LOGIN, "1000");
}

/* A process that ends while its files are read: an errno or an end, nothing else. */
TEST(reading_what_ends)
{
	static const char *const names[] = {"stat", "status", "maps", "smaps", "fdinfo/0", "wchan", "stack", "syscall", "cmdline", "environ", "pagemap"};
	char path[80], buf[512];

	for (int round = 0; round < 60; round++) {
		struct gate g = gate_make();
		int fds[16];
		pid_t pid;

		FORK(pid)
			gate_wait(&g);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			snprintf(path, sizeof(path), "/proc/%d/%s", pid, names[i]);
			fds[i] = open(path, O_RDONLY);
		}
		gate_open(&g);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			if (fds[i] >= 0 && read(fds[i], buf, sizeof(buf)) < 0)
				CHECK(errno == ESRCH || errno == ENOENT || errno == EPERM || errno == EACCES);
		reap_ok(pid);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
			if (fds[i] >= 0 && lseek(fds[i], 0, SEEK_SET) == 0 && read(fds[i], buf, sizeof(buf)) > 0)
				FAIL("%s is there after its process", names[i]);
			close(fds[i]);
		}
		close(g.fd[0]);
		close(g.fd[1]);
	}
}
