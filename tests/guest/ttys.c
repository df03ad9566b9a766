/* SPDX-License-Identifier: MIT */
/*
 * Terminals beyond reading and writing: packet mode, stopping and starting, editing, exclusive use, whose terminal it is.
 */
#include "guest.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static int m, s;

static void make(void)
{
	int zero = 0, n;
	char name[32];

	m = CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK));
	CHECK_OK(ioctl(m, TIOCSPTLCK, &zero));
	CHECK_OK(ioctl(m, TIOCGPTN, &n));
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	s = CHECK_OK(open(name, O_RDWR | O_NOCTTY));
}

static void put(int fd, const char *text)
{
	CHECK_EQ(write(fd, text, strlen(text)), strlen(text));
}

/* What comes out of the master, all of it; the kernel may take a moment. */
static void expect_bytes(const char *want, size_t len)
{
	char got[200] = {0};
	size_t have = 0;
	struct pollfd p = {.fd = m, .events = POLLIN};

	while (have < len) {
		ssize_t n;

		CHECK_EQ(poll(&p, 1, LATE_MS), 1);
		n = CHECK_OK(read(m, got + have, sizeof(got) - have));
		have += (size_t)n;
	}
	CHECK_EQ(have, len);
	CHECK(!memcmp(got, want, len));
}

#define expect(text) expect_bytes(text, sizeof(text) - 1)

static void expect_nothing(void)
{
	char c;

	CHECK_ERR(read(m, &c, 1), EAGAIN);
}

/* What was typed has reached the line discipline: on Linux that is in its own time, but before a question for input has its answer. */
static void settle(void)
{
	struct pollfd p = {.fd = s, .events = POLLIN};

	CHECK_OK(poll(&p, 1, 0));
}

static short events(void)
{
	struct pollfd p = {.fd = m, .events = POLLIN | POLLPRI};

	CHECK_OK(poll(&p, 1, 0));
	return p.revents;
}

static void on_packets(void)
{
	int one = 1;

	CHECK_OK(ioctl(m, TIOCPKT, &one));
}

TEST(packets)
{
	int on = -1, zero = 0;
	char c;

	make();
	CHECK_OK(ioctl(m, TIOCGPKT, &on));
	CHECK_EQ(on, 0);
	on_packets();
	CHECK_OK(ioctl(m, TIOCGPKT, &on));
	CHECK_EQ(on, 1);
	put(s, "data");
	expect("\0data");
	put(s, "more");
	CHECK_EQ(read(m, &c, 1), 1);
	CHECK_EQ(c, 0);
	expect("\0more");
	CHECK_EQ(events() & POLLPRI, 0);
	CHECK_OK(tcflow(s, TCOOFF));
	CHECK_EQ(events() & POLLPRI, POLLPRI);
	expect("\x04"); /* TIOCPKT_STOP */
	CHECK_EQ(events(), 0);
	CHECK_OK(tcflow(s, TCOON));
	expect("\x08"); /* TIOCPKT_START */
	CHECK_OK(tcflow(s, TCOOFF));
	CHECK_OK(tcflow(s, TCOON));
	expect("\x08"); /* only the last */
	CHECK_OK(ioctl(m, TIOCPKT, &zero));
	put(s, "plain");
	expect("plain");
	CHECK_ERR(ioctl(m, TIOCPKT, (void *)8), EFAULT);
	CHECK_ERR(ioctl(s, TIOCPKT, &on), ENOTTY);
}

TEST(packets_of_flushes_and_settings)
{
	struct termios t;

	make();
	on_packets();
	CHECK_OK(tcflush(s, TCIFLUSH));
	expect("\x01"); /* TIOCPKT_FLUSHREAD */
	CHECK_OK(tcflush(s, TCOFLUSH));
	expect("\x02"); /* TIOCPKT_FLUSHWRITE */
	CHECK_EQ(events(), 0);
	CHECK_OK(tcgetattr(s, &t));
	t.c_iflag &= ~IXON;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	expect("\x10"); /* TIOCPKT_NOSTOP */
	t.c_iflag |= IXON;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	expect("\x20"); /* TIOCPKT_DOSTOP */
	t.c_cc[VSTOP] = 1;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	expect("\x10");
}

/* ^S holds output and echo, ^Q lets both go. */
TEST(stopped_by_a_character)
{
	pid_t pid;
	int n;

	make();
	put(m, "\023");
	settle();
	FORK(pid)
		put(s, "held");
	wait_state(pid, "S");
	expect_nothing();
	put(m, "ab");
	settle();
	expect_nothing();
	CHECK_OK(ioctl(s, FIONREAD, &n));
	put(m, "\021");
	reap_ok(pid);
	for (char got[20] = {0}; strlen(got) < 6;) {
		struct pollfd p = {.fd = m, .events = POLLIN};

		CHECK_EQ(poll(&p, 1, LATE_MS), 1);
		CHECK(read(m, got + strlen(got), 10) > 0);
		CHECK(strlen(got) < 6 || (strstr(got, "ab") && strstr(got, "held")));
	}
}

TEST(any_character_starts)
{
	struct termios t;

	make();
	CHECK_OK(tcgetattr(s, &t));
	t.c_iflag |= IXANY;
	t.c_lflag &= ~ECHO;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	put(m, "\023");
	settle();
	put(m, "x");
	put(s, "out");
	expect("out");
}

TEST(stopped_by_a_call)
{
	pid_t pid;

	make();
	CHECK_OK(tcflow(s, TCOOFF));
	FORK(pid)
		put(s, "later");
	wait_state(pid, "S");
	expect_nothing();
	CHECK_OK(tcflow(s, TCOON));
	reap_ok(pid);
	expect("later");
	CHECK_OK(tcflow(s, TCIOFF));
	expect("\023");
	CHECK_OK(tcflow(s, TCION));
	expect("\021");
	CHECK_ERR(ioctl(s, TCXONC, 4), EINVAL);
	CHECK_ERR(ioctl(s, TCFLSH, 3), EINVAL);
	CHECK_OK(ioctl(s, TCSBRK, 1));
	CHECK_OK(ioctl(s, TCSBRK, 0));
	CHECK_OK(tcdrain(s));
	CHECK_OK(tcsendbreak(s, 0));
}

static void line(const char *typed, const char *want)
{
	char got[100] = {0};
	ssize_t n;

	put(m, typed);
	n = CHECK_OK(read(s, got, sizeof(got)));
	CHECK_EQ(n, strlen(want));
	CHECK_STR(got, want);
}

/* The form of System V: half of each word, and eight characters. */
TEST(old_settings)
{
	struct { unsigned short in, out, control, local; unsigned char line, cc[8]; } old;
	struct termios before, after;
	int master = CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY)), slave;

	CHECK_OK(grantpt(master));
	CHECK_OK(unlockpt(master));
	slave = CHECK_OK(open(ptsname(master), O_RDWR | O_NOCTTY));
	CHECK_OK(tcgetattr(slave, &before));
	before.c_lflag |= 0x10000; /* EXTPROC, which the old form does not have */
	CHECK_OK(tcsetattr(slave, TCSANOW, &before));
	CHECK_OK(ioctl(slave, TCGETA, &old));
	CHECK_EQ(old.in, before.c_iflag & 0xffff);
	CHECK_EQ(old.local, before.c_lflag & 0xffff);
	CHECK_EQ(old.cc[VINTR], before.c_cc[VINTR]);
	CHECK_EQ(old.cc[VMIN], before.c_cc[VMIN]);
	old.local &= (unsigned short)~ECHO;
	old.cc[VINTR] = 5;
	for (unsigned how = TCSETA; how <= TCSETAF; how++)
		CHECK_OK(ioctl(slave, how, &old));
	CHECK_OK(tcgetattr(slave, &after));
	CHECK_EQ(after.c_lflag, before.c_lflag & ~(tcflag_t)ECHO);
	CHECK_EQ(after.c_cc[VINTR], 5);
	CHECK_EQ(after.c_cc[VSUSP], before.c_cc[VSUSP]); /* of the second half */
	CHECK_ERR(ioctl(slave, TCSETA, map_edge() - 4), EFAULT);
	CHECK_ERR(ioctl(slave, TCGETA, map_edge() - 4), EFAULT);
	CHECK_OK(ioctl(slave, TIOCGLCKTRMIOS, &after));
	CHECK_EQ(after.c_lflag | after.c_iflag | after.c_cc[VINTR], 0);
}

TEST(editing)
{
	struct termios t;

	make();
	CHECK_OK(tcgetattr(s, &t));
	t.c_iflag |= IUTF8;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	line("abc\177d\n", "abd\n");
	line("one two\027three\n", "one three\n");
	line("gone\025here\n", "here\n");
	line("x\026\003y\n", "x\003y\n");
	line("a\026\177b\n", "a\177b\n");
	line("\303\244\303\266\177!\n", "\303\244!\n");
	line("re\022print\n", "reprint\n");
	line("dis\017card\n", "dis\017card\n");
	line("end\004", "end");
	t.c_iflag &= ~IUTF8;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	line("\303\244\177\n", "\303\n");
}

TEST(waiting_bytes)
{
	int n = -1;

	make();
	put(m, "abc");
	settle();
	CHECK_OK(ioctl(s, TIOCINQ, &n));
	CHECK_EQ(n, 0); /* no line yet */
	put(m, "d\n");
	settle();
	CHECK_OK(ioctl(s, TIOCINQ, &n));
	CHECK_EQ(n, 5);
	CHECK_OK(ioctl(s, TIOCOUTQ, &n));
	CHECK_EQ(n, 0);
	CHECK_OK(tcflush(s, TCIFLUSH));
	CHECK_OK(ioctl(s, TIOCINQ, &n));
	CHECK_EQ(n, 0);
	CHECK_ERR(ioctl(s, TIOCINQ, (void *)8), EFAULT);
}

TEST(exclusive)
{
	char name[32];
	int on = -1, n;
	pid_t pid;

	make();
	CHECK_OK(ioctl(m, TIOCGPTN, &n));
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	CHECK_OK(chmod(name, 0666));
	CHECK_OK(ioctl(s, TIOCEXCL));
	CHECK_OK(ioctl(s, TIOCGEXCL, &on));
	CHECK_EQ(on, 1);
	FORK(pid) {
		close(CHECK_OK(open(name, O_RDWR | O_NOCTTY))); /* root may */
		CHECK_OK(setuid(1234));
		CHECK_ERR(open(name, O_RDWR | O_NOCTTY), EBUSY);
		CHECK_OK(ioctl(s, TIOCNXCL));
		close(CHECK_OK(open(name, O_RDWR | O_NOCTTY)));
	}
	reap_ok(pid);
	CHECK_OK(ioctl(s, TIOCGEXCL, &on));
	CHECK_EQ(on, 0);
}

TEST(typing_in_the_name_of_others)
{
	pid_t pid;

	make();
	FORK(pid) {
		CHECK_OK(setuid(1234));
		CHECK_ERR(ioctl(s, TIOCSTI, "x"), EPERM);
	}
	reap_ok(pid);
}

TEST(whose_terminal)
{
	struct gate ready = gate_make(), go = gate_make();
	int sid;
	pid_t a, b;

	make();
	CHECK_ERR(ioctl(s, TIOCGSID, &sid), ENOTTY);
	CHECK_ERR(ioctl(s, TIOCSCTTY, 0), EPERM); /* no leader */
	CHECK_ERR(ioctl(s, TIOCNOTTY), ENOTTY);
	FORK(a) {
		CHECK_OK(setsid());
		CHECK_OK(ioctl(s, TIOCSCTTY, 0));
		CHECK_OK(ioctl(s, TIOCSCTTY, 0)); /* has it */
		CHECK_OK(ioctl(s, TIOCGSID, &sid));
		CHECK_EQ(sid, getpid());
		gate_open(&ready);
		gate_wait(&go);
		CHECK_ERR(ioctl(s, TIOCGSID, &sid), ENOTTY); /* taken away */
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	}
	gate_wait(&ready);
	FORK(b) {
		CHECK_OK(setsid());
		CHECK_ERR(ioctl(s, TIOCSCTTY, 0), EPERM);
		CHECK_OK(ioctl(s, TIOCSCTTY, 1)); /* root may take it */
		CHECK_OK(ioctl(s, TIOCGSID, &sid));
		CHECK_EQ(sid, getpid());
		gate_open(&go);
		signal(SIGHUP, SIG_IGN);
	}
	reap_ok(a);
	reap_ok(b);
}

TEST(give_it_up)
{
	pid_t pid;
	int sid;

	make();
	FORK(pid) {
		signal(SIGHUP, SIG_IGN);
		CHECK_OK(setsid());
		CHECK_OK(ioctl(s, TIOCSCTTY, 0));
		CHECK_OK(ioctl(s, TIOCNOTTY));
		CHECK_ERR(ioctl(s, TIOCGSID, &sid), ENOTTY);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
	}
	reap_ok(pid);
}

/* Nobody would start an orphaned group again: it does not stop, and reads fail. */
TEST(orphaned_reader)
{
	struct gate go = gate_make();
	pid_t pid;
	int out[2], err = 0;

	make();
	CHECK_OK(pipe(out));
	FORK(pid) {
		CHECK_OK(setsid());
		CHECK_OK(ioctl(s, TIOCSCTTY, 0));
		if (fork() == 0) {
			CHECK_OK(setpgid(0, 0));
			if (fork()) /* its child's parent goes, and with it who would care */
				_exit(0);
			while (getppid() != 1 && getppid() != 0)
				sleep_ms(1);
			err = read(s, &go, 1) < 0 ? errno : 0;
			CHECK_EQ(write(out[1], &err, sizeof(err)), sizeof(err));
			_exit(0);
		}
		gate_wait(&go);
	}
	{
		struct pollfd p = {.fd = out[0], .events = POLLIN};

		CHECK_EQ(poll(&p, 1, LATE_MS), 1);
	}
	CHECK_EQ(read(out[0], &err, sizeof(err)), sizeof(err));
	CHECK_EQ(err, EIO);
	gate_open(&go);
	reap_ok(pid);
}

static volatile sig_atomic_t hups;

static void on_hup(int sig UNUSED)
{
	hups++;
}

/* vhangup: who has the terminal open has lost it; it can be opened anew. */
TEST(hung_up_on_request)
{
	struct sigaction action = {.sa_handler = on_hup};
	struct gate go = gate_make();
	pid_t pid, reader;
	char name[32], c;
	int n;

	make();
	CHECK_OK(ioctl(m, TIOCGPTN, &n));
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	CHECK_OK(fcntl(m, F_SETFL, 0));
	FORK(reader) {
		CHECK_EQ(read(s, &c, 1), 0); /* wakes, and finds the end */
		gate_open(&go);
	}
	wait_state(reader, "S");
	FORK(pid) {
		struct pollfd p = {.fd = s, .events = POLLIN};
		int again;

		CHECK_OK(sigaction(SIGHUP, &action, NULL));
		CHECK_OK(setsid());
		CHECK_OK(ioctl(s, TIOCSCTTY, 0));
		CHECK_OK(syscall(SYS_vhangup));
		CHECK_EQ(hups, 1);
		CHECK_EQ(read(s, &c, 1), 0);
		CHECK_ERR(write(s, "x", 1), EIO);
		CHECK_ERR(ioctl(s, TIOCGPGRP, &n), EIO);
		CHECK_EQ(poll(&p, 1, 0), 1);
		CHECK(p.revents & POLLHUP);
		CHECK_ERR(open("/dev/tty", O_RDWR), ENXIO);
		again = CHECK_OK(open(name, O_RDWR | O_NOCTTY));
		CHECK_EQ(write(again, "new", 3), 3);
		CHECK_EQ(read(m, &c, 1), 1);
		CHECK_EQ(c, 'n');
		CHECK_OK(syscall(SYS_vhangup)); /* has none now */
		CHECK_EQ(write(again, "new", 3), 3);
		CHECK_OK(setuid(1234));
		CHECK_ERR(syscall(SYS_vhangup), EPERM);
	}
	gate_wait(&go);
	reap_ok(pid);
	reap_ok(reader);
}
