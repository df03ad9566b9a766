/* SPDX-License-Identifier: MIT */
/*
 * Signals for readiness (O_ASYNC, FIOASYNC): which files send them, when, to whom, what they say, and that they end.
 */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <termios.h>

#define SIG (SIGRTMIN + 3)
#define IN_BAND 0x41   /* POLLIN | POLLRDNORM */
#define OUT_BAND 0x304 /* POLLOUT | POLLWRNORM | POLLWRBAND */
#define SOON_MS 2000

static sigset_t both(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIG);
	sigaddset(&s, SIGIO);
	return s;
}

static void block_them(void)
{
	sigset_t s = both();

	sigprocmask(SIG_BLOCK, &s, NULL);
}

/* The next of both signals, after at most so long; 0: none. */
static int next(siginfo_t *info, int ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	sigset_t s = both();
	int got = sigtimedwait(&s, info, &t);

	return got < 0 ? 0 : got;
}

static int count(void)
{
	siginfo_t info;
	int n = 0;

	while (next(&info, 0))
		n++;
	return n;
}

static void set_flag(int fd, bool on)
{
	int flags = CHECK_OK(fcntl(fd, F_GETFL));

	CHECK_OK(fcntl(fd, F_SETFL, on ? flags | O_ASYNC : flags & ~O_ASYNC));
}

static bool has_flag(int fd) { return CHECK_OK(fcntl(fd, F_GETFL)) & O_ASYNC; }

/* What happens to fd is told to this process. */
static void listen_to(int fd)
{
	block_them();
	CHECK_OK(fcntl(fd, F_SETSIG, SIG));
	CHECK_OK(fcntl(fd, F_SETOWN, getpid()));
	set_flag(fd, true);
}

static void expect_within(int fd, int code, int ms)
{
	siginfo_t info;

	CHECK_EQ(next(&info, ms), SIG);
	CHECK_EQ(info.si_code, code);
	CHECK_EQ(info.si_band, code == POLL_IN ? IN_BAND : OUT_BAND);
	CHECK_EQ(info.si_fd, fd);
}

/* Exactly one signal, which has been sent. */
static void expect(int fd, int code)
{
	expect_within(fd, code, 0);
	CHECK_EQ(count(), 0);
}

/* At least one, sooner or later: what terminals send is on its way for a while, and may be one for several things. */
static void expect_some(int fd, int code)
{
	siginfo_t info;

	expect_within(fd, code, SOON_MS);
	while (next(&info, 20)) {
		CHECK_EQ(info.si_code, code);
		CHECK_EQ(info.si_fd, fd);
	}
}

static void expect_none(void)
{
	siginfo_t info;

	CHECK_EQ(next(&info, 20), 0);
}

static void pipe_of(int p[2]) { CHECK_OK(pipe2(p, O_NONBLOCK)); }

static void put(int fd, const char *s) { CHECK_EQ(write(fd, s, strlen(s)), (ssize_t)strlen(s)); }

static void take(int fd, size_t n)
{
	char buf[70000];

	CHECK_EQ(read(fd, buf, n), (ssize_t)n);
}

static int pty(int *slave)
{
	int zero = 0, m;

	m = CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
	CHECK_OK(ioctl(m, TIOCSPTLCK, &zero));
	*slave = CHECK_OK(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_NONBLOCK));
	return m;
}

static void raw_mode(int fd)
{
	struct termios t;

	CHECK_OK(tcgetattr(fd, &t));
	cfmakeraw(&t);
	CHECK_OK(tcsetattr(fd, TCSANOW, &t));
}

/* ---- which files ---- */

static void tells(int fd)
{
	int on = 1, off = 0;

	CHECK(fd >= 0);
	set_flag(fd, true);
	CHECK(has_flag(fd));
	set_flag(fd, true);
	set_flag(fd, false);
	CHECK(!has_flag(fd));
	CHECK_OK(ioctl(fd, FIOASYNC, &off));
	CHECK_OK(ioctl(fd, FIOASYNC, &on));
	CHECK(has_flag(fd));
	CHECK_OK(ioctl(fd, FIOASYNC, &off));
	CHECK(!has_flag(fd));
	CHECK_ERR(ioctl(fd, FIOASYNC, 8), EFAULT);
	close(fd);
}

static void does_not_tell(int fd)
{
	int on = 1, off = 0;

	CHECK(fd >= 0);
	set_flag(fd, true);
	CHECK(!has_flag(fd));
	CHECK_ERR(ioctl(fd, FIOASYNC, &on), ENOTTY);
	CHECK(!has_flag(fd));
	CHECK_OK(ioctl(fd, FIOASYNC, &off));
	CHECK_ERR(ioctl(fd, FIOASYNC, 8), EFAULT);
	close(fd);
}

TEST(files_that_tell)
{
	int p[2], m, s;

	pipe_of(p);
	tells(p[0]);
	tells(p[1]);
	m = pty(&s);
	tells(s);
	tells(m);
	tells(inotify_init());
	tells(open("/dev/random", O_RDONLY));
	tells(open("/dev/urandom", O_RDWR));
	CHECK_OK(mkfifo("f", 0600));
	tells(open("f", O_RDWR));
}

TEST(files_that_do_not)
{
	sigset_t s = both();

	does_not_tell(open("/dev/null", O_RDWR));
	does_not_tell(open("/dev/zero", O_RDWR));
	does_not_tell(open("/dev/full", O_RDWR));
	does_not_tell(new_file("x"));
	does_not_tell(open(".", O_RDONLY));
	does_not_tell(open("/proc/self/stat", O_RDONLY));
	does_not_tell(memfd_create("x", 0));
	does_not_tell(eventfd(0, 0));
	does_not_tell(timerfd_create(CLOCK_MONOTONIC, 0));
	does_not_tell(signalfd(-1, &s, 0));
	does_not_tell(epoll_create(1));
	does_not_tell((int)syscall(SYS_pidfd_open, getpid(), 0));
}

/* It is kept, and nothing comes of it; only what set it otherwise can take it back. */
TEST(open_with_the_flag)
{
	int on = 1, off = 0, fd, other;

	close(new_file("x"));
	fd = CHECK_OK(open("x", O_RDWR | O_ASYNC));
	CHECK(has_flag(fd));
	set_flag(fd, false);
	CHECK(has_flag(fd));
	CHECK_OK(ioctl(fd, FIOASYNC, &on));
	CHECK_ERR(ioctl(fd, FIOASYNC, &off), ENOTTY);
	close(fd);
	CHECK_OK(mkfifo("f", 0600));
	fd = CHECK_OK(open("f", O_RDWR | O_NONBLOCK | O_ASYNC));
	listen_to(fd);
	put(fd, "x");
	expect_none();
	set_flag(fd, false);
	CHECK(has_flag(fd));
	CHECK_OK(ioctl(fd, FIOASYNC, &off));
	CHECK(has_flag(fd));
	other = CHECK_OK(open("f", O_RDWR | O_NONBLOCK));
	listen_to(other);
	put(other, "x");
	expect(other, POLL_IN);
	fd = CHECK_OK(open("f", O_PATH));
	CHECK_ERR(fcntl(fd, F_SETFL, O_ASYNC), EBADF);
	CHECK_ERR(ioctl(fd, FIOASYNC, &on), EBADF);
}

/* ---- pipes ---- */

TEST(a_pipe_has_something)
{
	static char big[70000];
	int p[2], other;

	pipe_of(p);
	listen_to(p[0]);
	expect_none();
	put(p[1], "x");
	expect(p[0], POLL_IN);
	put(p[1], "y"); /* though there was something before */
	expect(p[0], POLL_IN);
	CHECK_EQ(write(p[1], "", 0), 0);
	take(p[0], 1);
	CHECK_EQ(count(), 0);
	CHECK(write(p[1], big, sizeof(big)) > 60000);
	expect(p[0], POLL_IN);
	CHECK_ERR(write(p[1], big, sizeof(big)), EAGAIN); /* there still is */
	expect(p[0], POLL_IN);
	other = CHECK_OK(dup(p[1]));
	close(other);
	CHECK_EQ(count(), 0);
	close(p[1]);
	expect(p[0], POLL_IN); /* the end of file */
}

TEST(a_pipe_has_room)
{
	static char big[70000];
	int p[2], other;

	pipe_of(p);
	listen_to(p[1]);
	put(p[1], "xyz");
	CHECK_EQ(count(), 0);
	take(p[0], 1);
	expect(p[1], POLL_OUT);
	take(p[0], 2);
	expect(p[1], POLL_OUT);
	CHECK_ERR(read(p[0], big, 1), EAGAIN); /* there still is */
	expect(p[1], POLL_OUT);
	CHECK_EQ(read(p[0], big, 0), 0);
	CHECK_EQ(write(p[1], big, sizeof(big)), 65536);
	CHECK_OK(fcntl(p[1], F_SETPIPE_SZ, 1 << 17));
	CHECK_EQ(count(), 0);
	other = CHECK_OK(dup(p[0]));
	close(other);
	CHECK_EQ(count(), 0);
	close(p[0]);
	expect(p[1], POLL_OUT); /* a write fails at once now */
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(p[1], "x", 1), EPIPE);
}

TEST(a_fifo_both_ways)
{
	int both_ways, reader, writer, second;
	char c;

	CHECK_OK(mkfifo("f", 0600));
	reader = CHECK_OK(open("f", O_RDONLY | O_NONBLOCK));
	listen_to(reader);
	writer = CHECK_OK(open("f", O_WRONLY));
	second = CHECK_OK(open("f", O_WRONLY));
	close(writer);
	CHECK_EQ(count(), 0); /* nobody came or went that matters */
	close(second);
	expect(reader, POLL_IN);
	both_ways = CHECK_OK(open("f", O_RDWR | O_NONBLOCK));
	set_flag(reader, false);
	listen_to(both_ways);
	put(both_ways, "x");
	expect(both_ways, POLL_IN);
	take(both_ways, 1);
	expect(both_ways, POLL_OUT);
	CHECK_ERR(read(both_ways, &c, 1), EAGAIN);
	expect(both_ways, POLL_OUT);
	set_flag(reader, true);
	put(both_ways, "x");
	CHECK_EQ(count(), 2);
	close(reader);
	CHECK_EQ(count(), 0);
	set_flag(both_ways, false);
	put(both_ways, "x");
	take(both_ways, 2);
	CHECK_EQ(count(), 0);
}

/* Sleeping in a call does not keep the other side's signals back. */
TEST(calls_that_sleep)
{
	static char big[100000];
	int p[2];
	pid_t pid;

	CHECK_OK(pipe(p));
	FORK(pid) {
		CHECK_EQ(write(p[1], big, sizeof(big)), (ssize_t)sizeof(big));
		pause();
	}
	wait_state(pid, "S"); /* full */
	listen_to(p[0]);
	take(p[0], 65536);
	expect_within(p[0], POLL_IN, SOON_MS);
	kill(pid, SIGKILL);
	reap(pid);
	count();
	close(p[0]);
	close(p[1]);
	CHECK_OK(pipe(p));
	listen_to(p[1]);
	FORK(pid)
		CHECK_EQ(read(p[0], big, 1), 1);
	wait_state(pid, "S");
	expect(p[1], POLL_OUT); /* it looked */
	put(p[1], "x");
	reap_ok(pid);
	expect(p[1], POLL_OUT);
}

TEST(pages_that_move)
{
	int p[2], q[2], file = new_file("x");
	struct iovec v = {"hello", 5};
	static char buf[16];
	loff_t at = 0;

	pipe_of(p);
	pipe_of(q);
	listen_to(p[0]);
	listen_to(p[1]);
	put(q[1], "abcdef");
	CHECK_EQ(splice(q[0], NULL, p[1], NULL, 3, 0), 3);
	expect(p[0], POLL_IN);
	CHECK_EQ(tee(q[0], p[1], 2, 0), 2);
	expect(p[0], POLL_IN);
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 1, 0), 1); /* no place is free for that */
	CHECK_EQ(count(), 0);
	CHECK_EQ(splice(p[0], NULL, q[1], NULL, 9, 0), 4);
	expect(p[1], POLL_OUT);
	CHECK_ERR(splice(p[0], NULL, q[1], NULL, 9, SPLICE_F_NONBLOCK), EAGAIN);
	CHECK_EQ(count(), 0);
	CHECK_EQ(vmsplice(p[1], &v, 1, 0), 5);
	expect(p[0], POLL_IN);
	v.iov_base = buf;
	CHECK_EQ(vmsplice(p[0], &v, 1, 0), 5);
	expect(p[1], POLL_OUT);
	put(file, "data");
	CHECK_EQ(splice(file, &at, p[1], NULL, 4, 0), 4);
	expect(p[0], POLL_IN);
	CHECK_EQ(splice(p[0], NULL, file, NULL, 2, 0), 2);
	CHECK_EQ(count(), 0);
	CHECK_EQ(splice(p[0], NULL, file, NULL, 2, 0), 2);
	expect(p[1], POLL_OUT);
}

/* ---- terminals ---- */

TEST(lines_of_a_terminal)
{
	siginfo_t info;
	char buf[100];
	int s, m = pty(&s);

	listen_to(s);
	put(m, "abc");
	expect_none();
	put(m, "d\n");
	expect_within(s, POLL_IN, SOON_MS);
	expect_none();
	put(m, "e\nf\n");
	expect_within(s, POLL_IN, SOON_MS); /* one for each line */
	expect_within(s, POLL_IN, SOON_MS);
	expect_none();
	put(m, "\4"); /* an end of file is a line, too */
	expect_within(s, POLL_IN, SOON_MS);
	put(m, "\3"); /* what is typed is forgotten */
	expect_none();
	CHECK_ERR(read(s, buf, sizeof(buf)), EAGAIN);
	raw_mode(s);
	CHECK_EQ(next(&info, 20), 0);
	put(m, "abc");
	expect_some(s, POLL_IN);
	put(m, "d");
	expect_some(s, POLL_IN);
	put(s, "out");
	take(s, 4);
	expect_none();
}

TEST(the_master_of_a_terminal)
{
	int s, m = pty(&s);

	listen_to(m);
	put(s, "out");
	expect_some(m, POLL_IN);
	put(s, "more");
	expect_some(m, POLL_IN);
	put(m, "a"); /* the echo */
	expect_some(m, POLL_IN);
	take(m, 8);
	expect_none();
	CHECK_OK(tcflush(s, TCIFLUSH));
	close(s);
	expect_none();
	close(m);
}

/* One end of a raw pair is told of room when the other has read, but only after a write that was not finished. */
static void told_of_room(int writer, int reader, char *big, size_t size)
{
	memset(big, 'a', size);
	listen_to(writer);
	put(writer, "x");
	take(reader, 1);
	expect_none();
	while (write(writer, big, size) > 0)
		;
	expect_none();
	while (read(reader, big, size) > 0)
		sleep_ms(1); /* more is on its way */
	expect_some(writer, POLL_OUT);
}

TEST(a_terminal_has_room)
{
	static char big[4096];
	int s, m = pty(&s);

	raw_mode(s);
	told_of_room(s, m, big, sizeof(big));
	put(s, "x");
	take(m, 1);
	expect_none();
	CHECK_OK(tcflow(s, TCOOFF));
	CHECK_ERR(write(s, "x", 1), EAGAIN);
	expect_none();
	CHECK_OK(tcflow(s, TCOON));
	expect_some(s, POLL_OUT);
}

TEST(the_master_has_room)
{
	static char big[1024];
	int s, m = pty(&s);

	raw_mode(s);
	told_of_room(m, s, big, sizeof(big));
	while (write(m, big, sizeof(big)) > 0)
		;
	CHECK_OK(tcflush(s, TCIFLUSH));
	expect_some(m, POLL_OUT);
}

TEST(a_terminal_that_is_gone)
{
	int on = 1, off = 0, s, m = pty(&s);

	listen_to(s);
	put(m, "a\n");
	expect_within(s, POLL_IN, SOON_MS);
	close(m);
	expect_none();
	CHECK(!has_flag(s));
	CHECK_ERR(fcntl(s, F_SETFL, O_RDWR | O_ASYNC), ENOTTY);
	CHECK_ERR(ioctl(s, FIOASYNC, &on), ENOTTY);
	CHECK_OK(ioctl(s, FIOASYNC, &off));
	CHECK_OK(fcntl(s, F_SETFL, O_RDWR));
}

TEST(a_terminal_that_was_lost)
{
	int s, m = pty(&s), later;
	char name[32];
	pid_t pid;

	CHECK_OK(ptsname_r(m, name, sizeof(name)));
	FORK(pid) {
		signal(SIGHUP, SIG_IGN);
		CHECK_OK(setsid());
		CHECK_OK(ioctl(s, TIOCSCTTY, 0));
		listen_to(s);
		CHECK_OK(syscall(SYS_vhangup));
		CHECK(!has_flag(s));
		CHECK_ERR(fcntl(s, F_SETFL, O_RDWR | O_ASYNC), ENOTTY);
		later = CHECK_OK(open(name, O_RDWR | O_NOCTTY));
		listen_to(later);
		put(m, "a\n");
		expect_within(later, POLL_IN, SOON_MS);
		expect_none();
	}
	reap_ok(pid);
}

/* Nobody else asked: its foreground group, or who sets the flag. */
TEST(the_owner_of_a_terminal)
{
	struct f_owner_ex o;
	int s, m = pty(&s);
	pid_t pid;

	set_flag(s, true);
	CHECK_OK(fcntl(s, F_GETOWN_EX, &o));
	CHECK_EQ(o.type, F_OWNER_PID);
	CHECK_EQ(o.pid, getpid());
	FORK(pid) {
		CHECK_OK(setsid());
		close(s);
		s = CHECK_OK(ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY));
		CHECK_OK(ioctl(s, TIOCSCTTY, 0));
		CHECK_OK(fcntl(s, F_SETOWN, getppid()));
		set_flag(s, true);
		CHECK_OK(fcntl(s, F_GETOWN_EX, &o)); /* as it was */
		CHECK_EQ(o.pid, getppid());
		CHECK_OK(fcntl(s, F_SETOWN, 0));
		set_flag(s, false);
		set_flag(s, true);
		CHECK_OK(fcntl(s, F_GETOWN_EX, &o));
		CHECK_EQ(o.type, F_OWNER_PGRP);
		CHECK_EQ(o.pid, getpid());
		set_flag(m, true);
		CHECK_OK(fcntl(m, F_GETOWN_EX, &o));
		CHECK_EQ(o.type, F_OWNER_PID);
		CHECK_EQ(o.pid, getpid());
	}
	reap_ok(pid);
}

/* ---- inotify ---- */

TEST(events_of_inotify)
{
	int i = CHECK_OK(inotify_init1(IN_NONBLOCK)), f;
	char buf[1000];

	CHECK_OK(mkdir("d", 0700));
	CHECK_OK(inotify_add_watch(i, "d", IN_ALL_EVENTS));
	listen_to(i);
	CHECK_OK(mkdir("d/e", 0700));
	expect(i, POLL_IN);
	CHECK_OK(rmdir("d/e"));
	expect(i, POLL_IN);
	f = new_file("d/f");
	CHECK_EQ(count(), 2);
	put(f, "x");
	expect(i, POLL_IN);
	put(f, "x"); /* the same event as the last one that waits */
	CHECK_EQ(count(), 0);
	CHECK(read(i, buf, sizeof(buf)) > 0);
	CHECK_EQ(count(), 0);
	put(f, "x");
	expect(i, POLL_IN);
	close(f);
	expect(i, POLL_IN);
	CHECK_OK(unlink("d/f"));
	expect(i, POLL_IN);
	CHECK_OK(rmdir("d"));
	CHECK_EQ(count(), 2); /* and the watch is gone */
}

/* ---- to whom ---- */

TEST(nobody_until_somebody)
{
	siginfo_t info;
	int p[2];

	pipe_of(p);
	block_them();
	CHECK_OK(fcntl(p[0], F_SETSIG, SIG));
	set_flag(p[0], true);
	put(p[1], "x");
	CHECK_EQ(count(), 0);
	CHECK_OK(fcntl(p[0], F_SETOWN, getpid()));
	put(p[1], "x");
	expect(p[0], POLL_IN);
	CHECK_OK(fcntl(p[0], F_SETSIG, 0));
	put(p[1], "x");
	CHECK_EQ(next(&info, 0), SIGIO);
	CHECK_EQ(info.si_code, SI_KERNEL);
	CHECK_EQ(info.si_fd, 0);
	CHECK_OK(fcntl(p[0], F_SETSIG, SIGIO)); /* the same signal, with more to say */
	put(p[1], "x");
	CHECK_EQ(next(&info, 0), SIGIO);
	CHECK_EQ(info.si_code, POLL_IN);
	CHECK_EQ(info.si_fd, p[0]);
	CHECK_OK(fcntl(p[0], F_SETOWN, 0));
	put(p[1], "x");
	CHECK_EQ(count(), 0);
}

/* Signals whose codes mean something of their own say where they come from instead. */
TEST(signals_with_codes_of_their_own)
{
	struct timespec none = {0, 0};
	siginfo_t info;
	sigset_t s;
	int p[2];

	sigemptyset(&s);
	sigaddset(&s, SIGCHLD);
	sigaddset(&s, SIGUSR1);
	sigprocmask(SIG_BLOCK, &s, NULL);
	pipe_of(p);
	listen_to(p[0]);
	CHECK_OK(fcntl(p[0], F_SETSIG, SIGCHLD));
	put(p[1], "x");
	CHECK_EQ(sigtimedwait(&s, &info, &none), SIGCHLD);
	CHECK_EQ(info.si_code, SI_SIGIO);
	CHECK_OK(fcntl(p[0], F_SETSIG, SIGUSR1));
	put(p[1], "x");
	CHECK_EQ(sigtimedwait(&s, &info, &none), SIGUSR1);
	CHECK_EQ(info.si_code, POLL_IN);
	CHECK_EQ(info.si_fd, p[0]);
}

static volatile sig_atomic_t handled, handled_fd;

static void on_signal(int sig UNUSED, siginfo_t *info, void *context UNUSED)
{
	handled++;
	handled_fd = info->si_fd;
}

/* Who tells itself has been told when the call returns. */
TEST(handled_before_write_returns)
{
	struct sigaction a = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	sigset_t s = both();
	int p[2];

	CHECK_OK(sigaction(SIG, &a, NULL));
	pipe_of(p);
	listen_to(p[0]);
	sigprocmask(SIG_UNBLOCK, &s, NULL);
	for (int i = 1; i <= 100; i++) {
		put(p[1], "x");
		CHECK_EQ(handled, i);
		CHECK_EQ(handled_fd, p[0]);
	}
}

TEST(a_group)
{
	struct gate ready = gate_make(), done = gate_make();
	pid_t pid[3];
	int p[2];

	pipe_of(p);
	listen_to(p[0]);
	for (int i = 0; i < 3; i++) {
		FORK(pid[i]) {
			if (i == 2)
				setpgid(0, 0);
			gate_open(&ready);
			gate_wait(&done);
			CHECK_EQ(count(), i < 2);
		}
		gate_wait(&ready);
	}
	CHECK_OK(fcntl(p[0], F_SETOWN, -getpgrp()));
	put(p[1], "x");
	expect(p[0], POLL_IN);
	for (int i = 0; i < 3; i++)
		gate_open(&done);
	for (int i = 0; i < 3; i++)
		reap_ok(pid[i]);
	set_flag(p[0], false);
}

static int thread_fd, thread_got;
static volatile pid_t thread_id;

static void *one_thread(void *gate)
{
	siginfo_t info;

	thread_id = gettid();
	gate_wait(gate);
	thread_got = next(&info, 0) == SIG && info.si_fd == thread_fd;
	return NULL;
}

TEST(one_thread_only)
{
	struct gate go = gate_make();
	struct f_owner_ex o = {.type = F_OWNER_TID};
	pthread_t t;
	int p[2];

	pipe_of(p);
	listen_to(p[0]);
	thread_fd = p[0];
	CHECK_EQ(pthread_create(&t, NULL, one_thread, &go), 0);
	CHECK_SOON(thread_id);
	o.pid = thread_id;
	CHECK_OK(fcntl(p[0], F_SETOWN_EX, &o));
	put(p[1], "x");
	CHECK_EQ(count(), 0);
	gate_open(&go);
	pthread_join(t, NULL);
	CHECK(thread_got);
	put(p[1], "x"); /* nobody is there any more */
	CHECK_EQ(count(), 0);
}

TEST(an_owner_who_is_gone)
{
	pid_t pid;
	int p[2];

	pipe_of(p);
	listen_to(p[0]);
	FORK(pid)
		pause();
	CHECK_OK(fcntl(p[0], F_SETOWN, pid));
	kill(pid, SIGKILL);
	wait_state(pid, "Z");
	put(p[1], "x");
	reap(pid);
	put(p[1], "x");
	CHECK_EQ(count(), 0);
	FORK(pid) {
		setpgid(0, 0);
		CHECK_OK(fcntl(p[0], F_SETOWN, -getpid()));
	}
	reap_ok(pid);
	put(p[1], "x");
	CHECK_EQ(count(), 0);
}

/* Whoever set the owner must have the right to send it signals; who writes need not. */
TEST(who_may)
{
	struct gate told = gate_make(), done = gate_make();
	pid_t root, pid;
	int p[2];

	pipe_of(p);
	listen_to(p[0]);
	FORK(root) {
		gate_wait(&told);
		CHECK_EQ(count(), 0);
		gate_open(&done);
		gate_wait(&told);
		CHECK_EQ(count(), 1);
	}
	FORK(pid) {
		CHECK_OK(setresuid(1000, 1000, 1000));
		CHECK_OK(fcntl(p[0], F_SETOWN, root));
		CHECK_EQ(syscall(SYS_fcntl64, p[0], F_GETOWN), root);
		put(p[1], "x");
		CHECK_OK(fcntl(p[0], F_SETOWN, getpid()));
		put(p[1], "x");
		CHECK_EQ(count(), 1);
		CHECK_OK(fcntl(p[0], F_SETOWN, root));
	}
	reap_ok(pid);
	put(p[1], "x"); /* root writes, but the other one asked */
	gate_open(&told);
	gate_wait(&done);
	CHECK_OK(fcntl(p[0], F_SETOWN, root));
	FORK(pid) {
		CHECK_OK(setresuid(1000, 1000, 1000));
		put(p[1], "x");
	}
	reap_ok(pid);
	gate_open(&told);
	reap_ok(root);
	CHECK_EQ(count(), 0);
}

/* A plain SIGIO says that something was lost. */
TEST(too_many_to_queue)
{
	struct rlimit few = {5, 5};
	siginfo_t info;
	int p[2], n = 0;

	pipe_of(p);
	listen_to(p[0]);
	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &few));
	for (int i = 0; i < 20; i++)
		put(p[1], "x");
	CHECK_EQ(next(&info, 0), SIGIO);
	CHECK_EQ(info.si_code, SI_KERNEL);
	while (next(&info, 0) == SIG)
		n++;
	CHECK(n <= 5);
}

/* ---- descriptors come and go ---- */

/* It is the open file that tells, by the number that asked, until its last descriptor is closed. */
TEST(copies_of_a_descriptor)
{
	int p[2], copy;
	pid_t pid;

	pipe_of(p);
	listen_to(p[0]);
	copy = CHECK_OK(dup(p[0]));
	CHECK(has_flag(copy));
	set_flag(copy, true); /* it is set: nothing changes */
	put(p[1], "x");
	expect(p[0], POLL_IN);
	close(p[0]);
	put(p[1], "x");
	expect(p[0], POLL_IN);
	set_flag(copy, false);
	set_flag(copy, true);
	put(p[1], "x");
	expect(copy, POLL_IN);
	FORK(pid) {
		put(p[1], "x");
		close(copy);
		CHECK_EQ(count(), 0);
	}
	reap_ok(pid);
	expect(copy, POLL_IN);
	close(copy);
	CHECK_EQ(count(), 0);
}

#define MANY 200

TEST(many_files_of_one_fifo)
{
	int fd[MANY], writer;
	bool seen[MANY + 100] = {0};
	siginfo_t info;

	CHECK_OK(mkfifo("f", 0600));
	writer = CHECK_OK(open("f", O_RDWR | O_NONBLOCK));
	for (int i = 0; i < MANY; i++) {
		fd[i] = CHECK_OK(open("f", O_RDONLY | O_NONBLOCK));
		listen_to(fd[i]);
	}
	put(writer, "x");
	for (int i = 0; i < MANY; i++) {
		CHECK_EQ(next(&info, 0), SIG);
		CHECK(info.si_fd < MANY + 100 && !seen[info.si_fd]);
		seen[info.si_fd] = true;
	}
	for (int i = 0; i < MANY; i++) {
		CHECK(seen[fd[i]]);
		if (i % 3)
			close(fd[i]);
	}
	put(writer, "x");
	CHECK_EQ(count(), (MANY + 2) / 3);
}

HELPER(wait_io)
{
	siginfo_t info;

	block_them();
	if (argc != 4 || write(atoi(argv[2]), "x", 1) != 1) /* ready */
		return 1;
	return next(&info, SOON_MS) == SIG && info.si_fd == atoi(argv[3]) ? 0 : 2;
}

/* Another program of the same process: it is told of a file that it has, and not of one that was closed on the way. */
TEST(across_exec)
{
	int kept[2], closed[2], ready[2];
	char a[16], b[16], c;
	pid_t pid;

	pipe_of(kept);
	pipe_of(closed);
	CHECK_OK(pipe(ready));
	FORK(pid) {
		CHECK_OK(fcntl(closed[0], F_SETFD, FD_CLOEXEC));
		listen_to(kept[0]);
		listen_to(closed[0]);
		snprintf(a, sizeof(a), "%d", ready[1]);
		snprintf(b, sizeof(b), "%d", kept[0]);
		execl("/proc/self/exe", "sigio", "@wait_io", a, b, NULL);
	}
	close(ready[1]);
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(closed[0]);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(closed[1], "x", 1), EPIPE);
	put(kept[1], "x");
	reap_ok(pid);
}

/* ---- at the same time ---- */

static volatile int stop;
static int hammered[2];

static void *write_and_read(void *unused)
{
	char c;

	while (!stop) {
		CHECK(write(hammered[1], "x", 1) == 1 || errno == EAGAIN);
		CHECK(read(hammered[0], &c, 1) == 1 || errno == EAGAIN);
	}
	return unused;
}

/* What was taken back sends nothing any more, whoever writes meanwhile. */
TEST(taken_back_for_good)
{
	pthread_t t[2];
	siginfo_t info;

	pipe_of(hammered);
	block_them();
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, write_and_read, NULL), 0);
	for (int i = 0; i < 200; i++) {
		listen_to(hammered[i & 1]);
		CHECK(next(&info, SOON_MS)); /* a plain SIGIO, if the queue was full by now */
		set_flag(hammered[i & 1], false);
		count();
		for (int k = 0; k < 5; k++) {
			sched_yield();
			CHECK_EQ(count(), 0);
		}
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
}

static void *toggle(void *name)
{
	unsigned seed = (unsigned)gettid();

	while (!stop) {
		int fd = CHECK_OK(open(name, O_RDWR | O_NONBLOCK | O_NOCTTY)), on = 1;

		fcntl(fd, F_SETOWN, rand_r(&seed) % 2 ? getpid() : -getpgrp());
		fcntl(fd, F_SETSIG, SIG);
		for (int i = rand_r(&seed) % 4; i >= 0; i--) {
			fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK);
			fcntl(fd, F_SETFL, O_NONBLOCK);
			ioctl(fd, FIOASYNC, &on);
		}
		close(fd);
	}
	return NULL;
}

/* Files of the object come and go, and owners end, while somebody causes signals by `kick`. */
static void churn(char *name, void (*kick)(int fd, int peer), int fd, int peer)
{
	struct rlimit few = {50, 50};
	pthread_t t[3];
	pid_t pid;

	block_them();
	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &few));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, toggle, name), 0);
	for (int i = 0; i < 30; i++) {
		int own = CHECK_OK(open(name, O_RDWR | O_NONBLOCK | O_NOCTTY));

		FORK(pid)
			usleep(300);
		listen_to(own);
		fcntl(own, F_SETOWN, pid);
		for (int k = 0; k < 20; k++)
			kick(fd, peer);
		reap_ok(pid);
		kick(fd, peer);
		close(own);
		count();
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	count();
}

static void kick_pipe(int fd, int peer UNUSED)
{
	char c;

	CHECK(write(fd, "x", 1) == 1 || errno == EAGAIN);
	CHECK(read(fd, &c, 1) == 1 || errno == EAGAIN);
}

static void kick_tty(int fd, int peer)
{
	char buf[200];

	CHECK(write(fd, "abc\n", 4) >= 0 || errno == EAGAIN);
	CHECK(write(peer, "out", 3) >= 0 || errno == EAGAIN);
	CHECK(read(fd, buf, sizeof(buf)) >= 0 || errno == EAGAIN);
	CHECK(read(peer, buf, sizeof(buf)) >= 0 || errno == EAGAIN);
}

TEST(toggling_while_a_fifo_is_used)
{
	CHECK_OK(mkfifo("f", 0600));
	churn("f", kick_pipe, CHECK_OK(open("f", O_RDWR | O_NONBLOCK)), -1);
}

TEST(toggling_while_a_terminal_is_used)
{
	int s, m = pty(&s);
	char name[32];

	CHECK_OK(ptsname_r(m, name, sizeof(name)));
	churn(name, kick_tty, m, s);
}

static void *close_masters(void *unused)
{
	while (!stop) {
		int s, m = pty(&s);

		listen_to(s);
		listen_to(m);
		put(m, "a\n");
		put(s, "b");
		close(m);
		close(s);
	}
	return unused;
}

/* The pair goes while signals of it are on their way. */
TEST(terminals_that_go)
{
	struct rlimit few = {50, 50};
	pthread_t t[3];

	block_them();
	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &few));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, close_masters, NULL), 0);
	sleep_ms(300);
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	count();
}

/* Signals of many pairs are on their way, and who sends them does not come to it: the pairs' numbers are free when they are closed. */
TEST(a_number_is_free_while_signals_are_on_their_way)
{
	struct sched_param first = {.sched_priority = 1};
	cpu_set_t one;
	int s, m;

	block_them();
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
	CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &first));
	for (int i = 0; i < 300; i++) {
		m = pty(&s);
		listen_to(m);
		put(s, "x");
		close(s);
		close(m);
	}
}

static void *cause_events(void *unused)
{
	while (!stop) {
		close(new_file("d/x"));
		unlink("d/x");
	}
	return unused;
}

TEST(watchers_that_go)
{
	struct rlimit few = {50, 50};
	pthread_t t[2];

	block_them();
	CHECK_OK(mkdir("d", 0700));
	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &few));
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, cause_events, NULL), 0);
	for (int k = 0; k < 300; k++) {
		int i = CHECK_OK(inotify_init());

		listen_to(i);
		CHECK_OK(inotify_add_watch(i, "d", IN_ALL_EVENTS));
		if (k % 3 == 0)
			sched_yield();
		close(i);
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		pthread_join(t[i], NULL);
	count();
}
