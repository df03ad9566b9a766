/* SPDX-License-Identifier: MIT */
/*
 * The frame of the guest tests: C programs over system calls which must pass on Linux and on Perigee alike.
 *
 *   TEST(name) { ... }      a test; it runs in its own forked child, in its own process group, in an empty directory
 *   HELPER(name) { ... }    what the program does when it is started as `PROGRAM @name args...` (tests of exec)
 *   CHECK(cond), CHECK_EQ(got, want), CHECK_OK(call), CHECK_ERR(call, errno), SKIP(why)
 *
 * A failed check ends the process that it is in; the first reason given becomes the reason of the test. A test may
 * fork: child processes end with _exit(0), and the parent looks at their status with reap_ok(). Whatever a test
 * leaves running in its process group is killed, and its directory is removed.
 *
 *   PROGRAM            runs all tests     prints `ok NAME`, `skip NAME: WHY` or `not ok NAME: REASON`
 *   PROGRAM NAME...    runs those tests   exits with 1 when one failed
 *   PROGRAM -l         lists the tests
 */
#ifndef GUEST_H
#define GUEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef GUEST_TIMEOUT_S
#define GUEST_TIMEOUT_S 120 /* none needs a tenth of it on a machine that has nothing else to do */
#endif
/* How late something may be that is bound to come: virtual processors may stand still for seconds where the machine below them is busy. */
#define LATE_MS 15000
#define GUEST_LOOK_S 3
#define GUEST_MAX_TESTS 128
#define GUEST_FAILED 99
#define GUEST_SKIPPED 98
#define PAGE 4096UL
#define UNUSED __attribute__((unused))

struct guest_test {
	const char *name;
	void (*run)(void);
};

struct guest_helper {
	const char *name;
	int (*run)(int argc, char **argv);
};

static struct guest_test guest_tests[GUEST_MAX_TESTS];
static struct guest_helper guest_helpers[16];
static int guest_ntests, guest_nhelpers;
static int guest_reason_fd = -1;
static volatile pid_t guest_running;
static volatile sig_atomic_t guest_timed_out;

#define TEST(NAME)                                                                                                     \
	static void test_##NAME(void);                                                                                 \
	__attribute__((constructor)) static void add_##NAME(void)                                                      \
	{                                                                                                              \
		guest_tests[guest_ntests++] = (struct guest_test){#NAME, test_##NAME};                                 \
	}                                                                                                              \
	static void test_##NAME(void)

#define HELPER(NAME)                                                                                                   \
	static int helper_##NAME(int argc, char **argv);                                                               \
	__attribute__((constructor)) static void add_helper_##NAME(void)                                               \
	{                                                                                                              \
		guest_helpers[guest_nhelpers++] = (struct guest_helper){"@" #NAME, helper_##NAME};                     \
	}                                                                                                              \
	static int helper_##NAME(int argc UNUSED, char **argv UNUSED)

/* Gives the reason and ends this process. */
__attribute__((noreturn, format(printf, 2, 3))) static void guest_end(int status, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (guest_reason_fd >= 0)
		(void)!write(guest_reason_fd, text, strlen(text) + 1);
	else
		dprintf(2, "%s\n", text);
	_exit(status);
}

#define FAIL(fmt, ...) guest_end(GUEST_FAILED, "%s:%d: " fmt, __FILE__, __LINE__, ##__VA_ARGS__)
#define SKIP(why) guest_end(GUEST_SKIPPED, "%s", why)

#define CHECK(cond)                                                                                                    \
	do {                                                                                                           \
		if (!(cond))                                                                                           \
			FAIL("%s (errno %d)", #cond, errno);                                                           \
	} while (0)

#define CHECK_EQ(got, want)                                                                                            \
	do {                                                                                                           \
		long long got_ = (long long)(got), want_ = (long long)(want);                                          \
		if (got_ != want_)                                                                                     \
			FAIL("%s is %lld, not %lld", #got, got_, want_);                                               \
	} while (0)

#define CHECK_STR(got, want)                                                                                           \
	do {                                                                                                           \
		const char *gs_ = (got), *ws_ = (want);                                                                \
		if (strcmp(gs_, ws_) != 0)                                                                             \
			FAIL("%s is '%.100s', not '%.100s'", #got, gs_, ws_);                                          \
	} while (0)

/* The call's value, which must not be -1. */
#define CHECK_OK(call)                                                                                                 \
	({                                                                                                             \
		__typeof__(call) r_ = (call);                                                                          \
		if (r_ == (__typeof__(r_))-1)                                                                          \
			FAIL("%s: %s", #call, strerror(errno));                                                        \
		r_;                                                                                                    \
	})

#define CHECK_ERR(call, want)                                                                                          \
	do {                                                                                                           \
		errno = 0;                                                                                             \
		long r_ = (long)(call);                                                                                \
		int e_ = errno;                                                                                        \
		if (r_ != -1)                                                                                          \
			FAIL("%s returned %ld, not %s", #call, r_, strerrorname_np(want));                             \
		if (e_ != (want))                                                                                      \
			FAIL("%s: %s, not %s", #call, strerrorname_np(e_) ?: "?", strerrorname_np(want));              \
	} while (0)

/* ---- child processes ---- */

/* `FORK(pid) { child's code; }`: the child ends with _exit(0) after its block. */
#define FORK(pid)                                                                                                      \
	for (bool once_ = true; once_; once_ = false)                                                                  \
		for ((pid) = CHECK_OK(fork()); once_ && (pid) == 0; _exit(0))

/* The wait status of a child. */
static UNUSED int reap(pid_t pid)
{
	int status = -1;
	pid_t got;

	do {
		got = waitpid(pid, &status, 0);
	} while (got < 0 && errno == EINTR);
	CHECK_EQ(got, pid);
	return status;
}

/* The child must have ended with _exit(0); a failed check in it is this process's failure too. */
#define reap_ok(pid)                                                                                                   \
	do {                                                                                                           \
		int st_ = reap(pid);                                                                                   \
		if (st_ == GUEST_SKIPPED << 8)                                                                         \
			_exit(GUEST_SKIPPED);                                                                          \
		if (st_ != 0)                                                                                          \
			FAIL("child ended with status %#x", st_);                                                      \
	} while (0)

#define reap_exit(pid, code) CHECK_EQ(reap(pid), (code) << 8)
#define reap_signal(pid, sig) CHECK_EQ(reap(pid) & 0x7f, sig)

/* A gate: gate_wait() returns when the other process has called gate_open(). */
struct gate {
	int fd[2];
};

static UNUSED struct gate gate_make(void)
{
	struct gate g;

	CHECK_OK(pipe2(g.fd, O_CLOEXEC));
	return g;
}

static UNUSED void gate_open(struct gate *g)
{
	CHECK_EQ(write(g->fd[1], "x", 1), 1);
}

static UNUSED void gate_wait(struct gate *g)
{
	char c;
	ssize_t n;

	do {
		n = read(g->fd[0], &c, 1);
	} while (n < 0 && errno == EINTR);
	CHECK_EQ(n, 1);
}

/* The state letter of a process, from /proc/PID/stat; 0 when there is none. */
static UNUSED char proc_state(pid_t pid)
{
	char path[40], text[512], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = 0;
	p = strrchr(text, ')');
	return p ? p[2] : 0;
}

static UNUSED void sleep_ms(long ms)
{
	struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

/* Waits until a process is in one of the states (letters of /proc/PID/stat). */
static UNUSED void wait_state(pid_t pid, const char *states)
{
	for (int i = 0; i < LATE_MS; i++) {
		char c = proc_state(pid);
		if (c && strchr(states, c))
			return;
		sleep_ms(1);
	}
	FAIL("process is in state '%c', not '%s'", proc_state(pid), states);
}

/* For what another process brings about: waits until the condition holds, but not for ever. */
#define CHECK_SOON(cond)                                                                                               \
	do {                                                                                                           \
		for (int n_ = 0; n_ < LATE_MS && !(cond); n_++)                                                        \
			sleep_ms(1);                                                                                   \
		CHECK(cond);                                                                                           \
	} while (0)

/* pthread_join() returns before the kernel has done with a thread: this waits until no thread of this process has that number any more. */
static UNUSED void thread_gone(pid_t tid)
{
	for (int i = 0; i < LATE_MS && syscall(SYS_tgkill, getpid(), tid, 0) == 0; i++)
		sleep_ms(1);
	CHECK_ERR(syscall(SYS_tgkill, getpid(), tid, 0), ESRCH);
}

/* ---- memory ---- */

static UNUSED void *map_anon(size_t bytes, int prot, int flags)
{
	void *p = mmap(NULL, bytes, prot, flags | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		FAIL("mmap of %zu bytes: %s", bytes, strerror(errno));
	return p;
}

static UNUSED char *map_rw(size_t bytes)
{
	return map_anon(bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE);
}

/* The end of a readable page that is followed by an unmapped one. */
static UNUSED char *map_edge(void)
{
	char *p = map_rw(2 * PAGE);

	CHECK_OK(munmap(p + PAGE, PAGE));
	return p + PAGE;
}

static sigjmp_buf guest_fault_jmp;
static siginfo_t guest_fault;

static UNUSED void guest_on_fault(int sig UNUSED, siginfo_t *info, void *context UNUSED)
{
	guest_fault = *info;
	siglongjmp(guest_fault_jmp, 1);
}

/* Calls fn(arg); the signal that it raised (details in guest_fault), or 0. */
static UNUSED int fault_of(void (*fn)(volatile char *), volatile void *arg)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
	struct sigaction action = {.sa_sigaction = guest_on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK}, old[5];
	volatile int sig = 0;

	for (int i = 0; i < 5; i++)
		CHECK_OK(sigaction(signals[i], &action, &old[i]));
	memset(&guest_fault, 0, sizeof(guest_fault));
	if (sigsetjmp(guest_fault_jmp, 1) == 0)
		fn(arg);
	else
		sig = guest_fault.si_signo;
	for (int i = 0; i < 5; i++)
		CHECK_OK(sigaction(signals[i], &old[i], NULL));
	return sig;
}

static UNUSED void touch_read(volatile char *p)
{
	(void)*p;
}

static UNUSED void touch_write(volatile char *p)
{
	*p = 1;
}

static UNUSED void touch_call(volatile char *p)
{
	((void (*)(void))(uintptr_t)p)();
}

/* How the address faults when touched: signal, code and address must be these. */
#define CHECK_FAULT(how, addr, signal, code)                                                                           \
	do {                                                                                                           \
		volatile void *a_ = (volatile void *)(addr);                                                           \
		CHECK_EQ(fault_of(how, a_), signal);                                                                   \
		CHECK_EQ(guest_fault.si_code, code);                                                                   \
		CHECK_EQ((uintptr_t)guest_fault.si_addr, (uintptr_t)a_);                                               \
	} while (0)

/* ---- files ---- */

static UNUSED void write_file(const char *name, const void *text, size_t bytes)
{
	int fd = CHECK_OK(open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));

	CHECK_EQ(write(fd, text, bytes), bytes);
	close(fd);
}

static UNUSED int new_file(const char *name)
{
	return CHECK_OK(open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
}

/* ---- running ---- */

static void guest_remove(int dirfd, const char *name)
{
	struct dirent *e;
	DIR *dir;
	int fd;

	if (unlinkat(dirfd, name, 0) == 0 || (errno != EISDIR && errno != EPERM))
		return;
	fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd >= 0 ? fdopendir(fd) : NULL;
	while (dir && (e = readdir(dir)) != NULL)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			guest_remove(fd, e->d_name);
	if (dir)
		closedir(dir);
	unlinkat(dirfd, name, AT_REMOVEDIR);
}

static void guest_timeout(int sig UNUSED)
{
	static const char mark[] = "# timeout\n";
	struct timespec pause = {.tv_sec = GUEST_LOOK_S};

	guest_timed_out = 1;
	/* Who watches from outside (run.py) can look at what hangs, as long as it does. */
	if (write(1, mark, sizeof(mark) - 1) > 0)
		nanosleep(&pause, NULL);
	kill(-guest_running, SIGKILL);
	kill(guest_running, SIGKILL);
}

/* When memory runs out, tests may go, which is why some take all of it, but not who watches them: on Linux that went with them now and then. */
static void guest_oom(const char *adjustment)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	(void)!write(fd, adjustment, strlen(adjustment));
	close(fd);
}

static void guest_child(const struct guest_test *test, const char *dir, int reason_fd)
{
	guest_oom("0");
	setpgid(0, 0);
	signal(SIGALRM, SIG_DFL);
	guest_reason_fd = fcntl(reason_fd, F_DUPFD_CLOEXEC, 1010); /* out of the way of tests of low numbers */
	if (guest_reason_fd < 0)
		guest_reason_fd = reason_fd;
	else
		close(reason_fd);
	if (chdir(dir) < 0)
		FAIL("chdir %s: %s", dir, strerror(errno));
	test->run();
	_exit(0);
}

/* TORTURE=N in the environment: so many times the rounds of the torture programs, and the time for them. */
static unsigned guest_scale(void)
{
	const char *text = getenv("TORTURE");

	return text && atoi(text) > 0 ? (unsigned)atoi(text) : 1;
}

/* Prints the result; true when the test did not fail. */
static bool guest_report(const char *name, int status, int reason_fd)
{
	char reason[400] = "";
	ssize_t n = read(reason_fd, reason, sizeof(reason) - 1);

	reason[n > 0 ? n : 0] = 0;
	if (status == 0 && !guest_timed_out) {
		printf("ok %s\n", name);
		return true;
	}
	if (status == GUEST_SKIPPED << 8) {
		printf("skip %s: %s\n", name, reason);
		return true;
	}
	if (guest_timed_out)
		printf("not ok %s: timeout after %d s %s\n", name, GUEST_TIMEOUT_S * (int)guest_scale(), reason);
	else if (reason[0])
		printf("not ok %s: %s\n", name, reason);
	else
		printf("not ok %s: ended with status %#x\n", name, status);
	return false;
}

static bool guest_run(const struct guest_test *test)
{
	struct sigaction on_alarm = {.sa_handler = guest_timeout};
	char dir[40];
	int fd[2], status = -1;
	pid_t pid;
	bool good;

	snprintf(dir, sizeof(dir), "/tmp/guest.%d", getpid());
	guest_remove(AT_FDCWD, dir);
	if (pipe2(fd, O_CLOEXEC | O_NONBLOCK) < 0 || mkdir(dir, 0777) < 0 || chmod(dir, 0777) < 0) {
		printf("not ok %s: preparing: %s\n", test->name, strerror(errno));
		return false;
	}
	fflush(stdout);
	guest_oom("-1000");
	sigaction(SIGALRM, &on_alarm, NULL);
	guest_timed_out = 0;
	pid = guest_running = fork();
	if (pid == 0) {
		close(fd[0]);
		guest_child(test, dir, fd[1]);
	}
	setpgid(pid, pid);
	alarm(GUEST_TIMEOUT_S * guest_scale());
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	alarm(0);
	kill(-pid, SIGKILL);
	good = guest_report(test->name, status, fd[0]);
	close(fd[0]);
	close(fd[1]);
	guest_remove(AT_FDCWD, dir);
	fflush(stdout);
	return good;
}

static bool guest_selected(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc == 1;
}

/* The text of a file, ended by a zero; how long it is. */
static UNUSED size_t guest_read_text(const char *path, char *text, size_t size)
{
	int fd = CHECK_OK(open(path, O_RDONLY));
	size_t have = 0;
	ssize_t n;

	while (have < size - 1 && (n = read(fd, text + have, size - 1 - have)) > 0)
		have += (size_t)n;
	text[have] = 0;
	close(fd);
	return have;
}

int main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "-l") == 0;
	int failed = 0, run = 0;

	for (int i = 0; argc > 1 && i < guest_nhelpers; i++)
		if (strcmp(argv[1], guest_helpers[i].name) == 0)
			return guest_helpers[i].run(argc, argv);
	for (int i = 0; i < guest_ntests; i++) {
		if (list) {
			puts(guest_tests[i].name);
		} else if (guest_selected(guest_tests[i].name, argc, argv)) {
			run++;
			failed += !guest_run(&guest_tests[i]);
		}
	}
	if (!list && run == 0) {
		printf("not ok %s: no such test\n", argv[1]);
		return 1;
	}
	return failed != 0;
}

#endif
