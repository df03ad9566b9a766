/* SPDX-License-Identifier: MIT */
/*
 * Pseudo terminals: the pair, its line discipline seen from both ends, job control over it, and what is left when one end goes.
 */
#include "guest.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#define FIRST_BYTES 64

static int master_open(void)
{
	int m;

	m = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK_OK(m);
	return m;
}

static void slave_name(int m, char name[32])
{
	int n = -1;

	CHECK_OK(ioctl(m, TIOCGPTN, &n));
	snprintf(name, 32, "/dev/pts/%d", n);
}

static int slave_open(int m)
{
	int zero = 0, s;
	char name[32];

	CHECK_OK(ioctl(m, TIOCSPTLCK, &zero));
	slave_name(m, name);
	s = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK_OK(s);
	return s;
}

static void put(int fd, const char *s)
{
	CHECK_EQ(write(fd, s, strlen(s)), (ssize_t)strlen(s));
}

/* Exactly this comes out of fd. */
static void expect(int fd, const char *want)
{
	char got[FIRST_BYTES];
	size_t have = 0, n = strlen(want);

	while (have < n) {
		ssize_t k = read(fd, got + have, n - have);

		CHECK(k > 0);
		have += (size_t)k;
	}
	CHECK(!memcmp(got, want, n));
}

static void expect_nothing(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	CHECK_EQ(poll(&p, 1, 0), 0);
}

static short events(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN | POLLOUT };

	CHECK_OK(poll(&p, 1, 0));
	return p.revents;
}

TEST(pair_has_a_name)
{
	int m = master_open(), other, n = -1, k = -1;
	char name[32];
	struct stat st;

	CHECK_OK(ioctl(m, TIOCGPTN, &n));
	slave_name(m, name);
	CHECK_OK(stat(name, &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev >> 8 & 0xff, 136);
	CHECK_EQ(st.st_uid, getuid());
	other = master_open();
	CHECK_OK(ioctl(other, TIOCGPTN, &k));
	CHECK(n != k);
	close(other);
	close(m);
	CHECK_ERR(stat(name, &st), ENOENT);
	CHECK_ERR(open(name, O_RDWR | O_NOCTTY), ENOENT);
}

TEST(name_is_listed)
{
	int m = master_open();
	bool seen = false;
	char name[32];
	struct dirent *e;
	DIR *d = opendir("/dev/pts");

	CHECK(d != NULL);
	slave_name(m, name);
	while ((e = readdir(d)))
		seen |= !strcmp(e->d_name, name + strlen("/dev/pts/"));
	CHECK(seen);
	closedir(d);
	close(m);
}

TEST(locked_until_unlocked)
{
	int m = master_open(), s, on = 1, is = -1;
	char name[32];

	slave_name(m, name);
	CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	CHECK_OK(ioctl(m, TIOCGPTLCK, &is));
	CHECK_EQ(is, 1);
	s = slave_open(m);
	CHECK_OK(ioctl(m, TIOCSPTLCK, &on));
	CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EIO);
	close(s);
	close(m);
}

TEST(peer_without_a_name)
{
	int m = master_open(), s, zero = 0;

	CHECK_OK(ioctl(m, TIOCSPTLCK, &zero));
	s = ioctl(m, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	CHECK_OK(s);
	CHECK_EQ(fcntl(s, F_GETFD), FD_CLOEXEC);
	CHECK(isatty(s));
	put(s, "x");
	expect(m, "x");
	close(s);
	close(m);
}

TEST(bytes_go_both_ways)
{
	int m = master_open(), s = slave_open(m), n = 0;

	put(s, "one\ntwo");
	expect(m, "one\r\ntwo");
	put(m, "ab\177c\r");
	expect(m, "ab\b \bc\r\n"); /* echo */
	CHECK(events(s) & POLLIN);
	CHECK_OK(ioctl(s, FIONREAD, &n));
	CHECK_EQ(n, 3);
	expect(s, "ac\n");
	expect_nothing(s);
	expect_nothing(m);
	close(s);
	close(m);
}

TEST(settings_are_seen_from_both_ends)
{
	int m = master_open(), s = slave_open(m);
	struct termios t, u;
	struct winsize w = { 33, 99, 0, 0 }, v;

	CHECK_OK(tcgetattr(m, &t));
	CHECK(t.c_lflag & ICANON);
	t.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	t.c_oflag &= ~(tcflag_t)OPOST;
	CHECK_OK(tcsetattr(m, TCSANOW, &t));
	CHECK_OK(tcgetattr(s, &u));
	CHECK(!(u.c_lflag & ICANON));
	put(m, "x\r");
	expect(s, "x\n");
	expect_nothing(m);
	put(s, "\n");
	expect(m, "\n");
	CHECK_OK(ioctl(s, TIOCGWINSZ, &v));
	CHECK_EQ(v.ws_row, 0);
	CHECK_OK(ioctl(m, TIOCSWINSZ, &w));
	CHECK_OK(ioctl(s, TIOCGWINSZ, &v));
	CHECK_EQ(v.ws_row, 33);
	CHECK_EQ(v.ws_col, 99);
	close(s);
	close(m);
}

TEST(not_blocking)
{
	int m = master_open(), s = slave_open(m);
	char buf[1000] = { 0 };
	size_t in = 0;
	ssize_t n;

	CHECK_OK(fcntl(m, F_SETFL, O_NONBLOCK));
	CHECK_OK(fcntl(s, F_SETFL, O_NONBLOCK));
	CHECK_ERR(read(m, buf, 1), EAGAIN);
	CHECK_ERR(read(s, buf, 1), EAGAIN);
	CHECK_EQ(read(m, buf, 0), 0);
	/* Linux carries what is written on in its own time, on another CPU; that makes room again. */
	do {
		while ((n = write(s, buf, sizeof(buf))) > 0)
			in += (size_t)n;
		CHECK_EQ(errno, EAGAIN);
	} while (events(s) & POLLOUT);
	CHECK(in >= 1000);
	while (in) {
		CHECK_SOON(events(m) & POLLIN);
		n = read(m, buf, sizeof(buf));
		CHECK(n > 0);
		in -= (size_t)n;
	}
	CHECK_ERR(read(m, buf, 1), EAGAIN);
	CHECK(events(s) & POLLOUT);
	close(s);
	close(m);
}

TEST(much_passes_through)
{
	enum { TOTAL = 200000 };
	int m = master_open(), s = slave_open(m);
	unsigned char buf[777];
	struct termios t;
	size_t at = 0;
	pid_t pid;

	CHECK_OK(tcgetattr(s, &t));
	cfmakeraw(&t);
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	FORK(pid) { /* all that is typed comes back */
		ssize_t n;

		close(m);
		for (size_t left = TOTAL; left; left -= (size_t)n) {
			n = read(s, buf, sizeof(buf));
			CHECK(n > 0);
			CHECK_EQ(write(s, buf, (size_t)n), n);
		}
		_exit(0);
	}
	FORK(pid) {
		for (size_t done = 0; done < TOTAL;) {
			size_t k = 0;

			for (; k < sizeof(buf) && done < TOTAL; k++, done++)
				buf[k] = (unsigned char)(done % 251);
			CHECK_EQ(write(m, buf, k), (ssize_t)k);
		}
		_exit(0);
	}
	close(s);
	while (at < TOTAL) {
		ssize_t n = read(m, buf, sizeof(buf));

		CHECK(n > 0);
		for (ssize_t k = 0; k < n; k++, at++)
			CHECK_EQ(buf[k], at % 251);
	}
	while (wait(NULL) > 0)
		;
	close(m);
}

TEST(last_slave_closes)
{
	int m = master_open(), s = slave_open(m), t = dup(s);
	char c;

	put(s, "left");
	close(s);
	CHECK(!(events(m) & POLLHUP));
	close(t);
	CHECK(events(m) & POLLHUP);
	expect(m, "left"); /* what was written before comes first */
	CHECK_ERR(read(m, &c, 1), EIO);
	s = slave_open(m); /* and it can be opened again */
	put(s, "more");
	expect(m, "more");
	CHECK(!(events(m) & POLLHUP));
	close(s);
	close(m);
}

TEST(master_closes)
{
	int m = master_open(), s = slave_open(m);
	struct termios t;
	char c;

	put(m, "lost\n");
	close(m);
	CHECK_EQ(read(s, &c, 1), 0);
	CHECK_ERR(write(s, "x", 1), EIO);
	CHECK_ERR(tcgetattr(s, &t), EIO);
	CHECK((events(s) & (POLLIN | POLLOUT | POLLHUP)) == (POLLIN | POLLOUT | POLLHUP));
	close(s);
}

TEST(reader_wakes_when_the_master_closes)
{
	int m = master_open(), s = slave_open(m), ready[2];
	pid_t pid;
	char c;

	CHECK_OK(pipe(ready));
	FORK(pid) {
		close(m);
		put(ready[1], "r");
		CHECK(read(s, &c, 1) == 0 || errno == EIO); /* Linux: by what the reader sees first */
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(m);
	reap_ok(pid);
	close(s);
}

/* ---- as a controlling terminal ---- */

static volatile sig_atomic_t got;
static void on_signal(int sig) { got = sig; }

/* Signals wait until await_signal, so that none comes too early. */
static void hold_signal(int sig)
{
	struct sigaction a = { .sa_handler = on_signal };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	CHECK_OK(sigaction(sig, &a, NULL));
}

static void await_signal(int sig)
{
	sigset_t none;

	sigemptyset(&none);
	while (!got)
		sigsuspend(&none);
	CHECK_EQ(got, sig);
}

/* A new session whose terminal is the slave. */
static void lead(int s)
{
	CHECK_OK(setsid());
	CHECK_OK(ioctl(s, TIOCSCTTY, 0));
}

TEST(open_makes_it_controlling)
{
	int m = master_open(), zero = 0, n = -1;
	struct gate heard = gate_make();
	char name[32];
	pid_t pid;

	CHECK_OK(ioctl(m, TIOCSPTLCK, &zero));
	slave_name(m, name);
	FORK(pid) {
		int s, t;

		CHECK_OK(setsid());
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		s = open(name, O_RDWR);
		CHECK_OK(s);
		t = open("/dev/tty", O_RDWR);
		CHECK_OK(t);
		CHECK_EQ(tcgetpgrp(t), getpid());
		CHECK_EQ(tcgetsid(s), getpid());
		close(s);
		put(t, "tty");
		gate_wait(&heard); /* its end hangs the terminal up: Linux forgets what is on its way then */
		_exit(0);
	}
	expect(m, "tty");
	gate_open(&heard);
	reap_ok(pid);
	CHECK_OK(ioctl(m, FIONREAD, &n));
	CHECK_EQ(n, 0);
	close(m);
}

TEST(interrupt_character)
{
	int m = master_open(), s = slave_open(m);
	pid_t pid;

	FORK(pid) {
		close(m);
		hold_signal(SIGINT);
		lead(s);
		put(s, "!");
		await_signal(SIGINT);
		_exit(0);
	}
	expect(m, "!");
	CHECK_EQ(tcgetpgrp(m), pid);
	put(m, "abc\003");
	reap_ok(pid);
	close(s);
	close(m);
}

TEST(window_change_is_told)
{
	int m = master_open(), s = slave_open(m);
	struct winsize w = { 50, 132, 0, 0 };
	pid_t pid;

	FORK(pid) {
		close(m);
		hold_signal(SIGWINCH);
		lead(s);
		put(s, "!");
		await_signal(SIGWINCH);
		_exit(0);
	}
	expect(m, "!");
	CHECK_OK(ioctl(m, TIOCSWINSZ, &w));
	reap_ok(pid);
	close(s);
	close(m);
}

TEST(hangup_is_told)
{
	int m = master_open(), s = slave_open(m);
	pid_t pid;

	FORK(pid) {
		close(m);
		lead(s);
		put(s, "!");
		for (;;)
			pause();
	}
	expect(m, "!");
	close(s);
	close(m);
	reap_signal(pid, SIGHUP);
}

TEST(terminal_is_free_after_the_hangup)
{
	int m = master_open(), s = slave_open(m), ready[2];
	pid_t pid;
	char c;

	CHECK_OK(pipe(ready));
	FORK(pid) {
		close(m);
		close(ready[0]);
		hold_signal(SIGHUP);
		lead(s);
		put(ready[1], "r");
		await_signal(SIGHUP);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		CHECK_EQ(read(s, &c, 1), 0);
		_exit(0);
	}
	CHECK_EQ(read(ready[0], &c, 1), 1);
	close(s);
	close(m);
	reap_ok(pid);
}

TEST(background_reader_stops)
{
	int m = master_open(), s = slave_open(m);
	pid_t pid;

	FORK(pid) {
		pid_t child;
		int status;

		close(m);
		lead(s);
		FORK(child) {
			char c;

			CHECK_OK(setpgid(0, 0));
			(void)!read(s, &c, 1);
			_exit(1);
		}
		CHECK_EQ(waitpid(child, &status, WUNTRACED), child);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
		CHECK_OK(kill(child, SIGKILL));
		reap_signal(child, SIGKILL);
		_exit(0);
	}
	reap_ok(pid);
	close(s);
	close(m);
}

TEST(many_pairs)
{
	enum { PAIRS = 30 };
	int m[PAIRS], s[PAIRS];

	for (int i = 0; i < PAIRS; i++) {
		m[i] = master_open();
		s[i] = slave_open(m[i]);
	}
	for (int i = 0; i < PAIRS; i++)
		put(m[i], i & 1 ? "odd\n" : "even\n");
	for (int i = 0; i < PAIRS; i++) {
		expect(s[i], i & 1 ? "odd\n" : "even\n");
		if (i & 2)
			close(m[i]);
		close(s[i]);
		if (!(i & 2))
			close(m[i]);
	}
}

TEST(bad_calls)
{
	int m = master_open(), s = slave_open(m), n;

	CHECK_ERR(ioctl(s, TIOCGPTN, &n), ENOTTY);
	CHECK_ERR(ioctl(m, TIOCGPTN, (void *)8), EFAULT);
	CHECK_ERR(lseek(m, 0, SEEK_SET), ESPIPE);
	CHECK_ERR(write(m, (void *)8, 1), EFAULT);
	CHECK_ERR(unlink("/dev/pts/0"), EPERM);
	CHECK_ERR(open("/dev/pts/new", O_CREAT | O_RDWR, 0600), EACCES);
	close(s);
	close(m);
}

/* Writes until there is no room, and none comes by itself. */
static void fill(int m, const char *s, size_t n)
{
	CHECK_OK(fcntl(m, F_SETFL, O_RDWR | O_NONBLOCK));
	for (int idle = 0; idle < 4; idle++) {
		while (write(m, s, n) > 0)
			idle = 0;
		sleep_ms(5);
	}
	CHECK_OK(fcntl(m, F_SETFL, O_RDWR));
}

/* Who waits for room at the master goes on when what was typed is forgotten. */
TEST(forgotten_input_is_room)
{
	static char big[512];
	struct termios t;
	int m = master_open(), s = slave_open(m);
	pid_t pid;

	CHECK_OK(tcgetattr(s, &t));
	cfmakeraw(&t);
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	fill(m, big, sizeof(big));
	FORK(pid)
		CHECK_EQ(write(m, "x", 1), 1);
	wait_state(pid, "S");
	CHECK_OK(tcflush(s, TCIFLUSH));
	reap_ok(pid);
}

/* An end of file takes room, too, until it was read. */
TEST(ends_of_file_that_fill_it)
{
	int m = master_open(), s = slave_open(m);
	pid_t pid;
	char c;

	fill(m, "\4", 1);
	FORK(pid)
		CHECK_EQ(write(m, "\4", 1), 1);
	wait_state(pid, "S");
	CHECK_OK(fcntl(s, F_SETFL, O_RDWR | O_NONBLOCK));
	while (read(s, &c, 1) == 0)
		;
	CHECK_SOON(proc_state(pid) == 'Z');
	reap_ok(pid);
}
