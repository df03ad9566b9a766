/* SPDX-License-Identifier: MIT */
/*
 * The first program of the machine that `./perigee run -- PROGRAM` starts. It runs the program, carries its streams and its status over
 * the second serial line, and turns the machine off.
 *
 * /run/arguments has FDS, the directory, the program's name and its arguments, each with a NUL at its end. FDS has a letter for each
 * of the descriptors 0-2: `t` the terminal on the first serial line, `p` a pipe whose bytes travel unchanged.
 *
 * A frame on the second line is a type, two bytes of length (low first) and the bytes. From the host: `i` input, of no bytes at its end.
 * To the host: `o` output, `e` error output, `a` one frame of input may come (at the start, and when one was taken), `s` wait status, four bytes.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define FRAME_MAX 4096
#define ARGUMENTS_MAX 4096

static int line; /* the second serial line */
static int ends[3] = { -1, -1, -1 }, theirs[3] = { -1, -1, -1 };
static char pending[FRAME_MAX];
static size_t pending_len, pending_done;
static int input_ended;

static void say_and_stop(const char *what)
{
	perror(what);
	reboot(RB_POWER_OFF);
	_exit(1);
}

static void write_all(int fd, const void *data, size_t n)
{
	for (const char *p = data; n;) {
		ssize_t done = write(fd, p, n);

		if (done < 0 && errno != EINTR)
			say_and_stop("serial line");
		p += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
}

static void read_all(int fd, void *data, size_t n)
{
	for (char *p = data; n;) {
		ssize_t done = read(fd, p, n);

		if (done < 0 && errno != EINTR)
			say_and_stop("serial line");
		p += done > 0 ? done : 0;
		n -= done > 0 ? (size_t)done : 0;
	}
}

static void send_frame(char type, const void *data, size_t n)
{
	unsigned char head[3] = { (unsigned char)type, (unsigned char)n, (unsigned char)(n >> 8) };

	write_all(line, head, sizeof(head));
	write_all(line, data, n);
}

static void open_line(void)
{
	struct termios raw;

	line = open("/dev/ttyS1", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (line < 0 || tcgetattr(line, &raw))
		say_and_stop("/dev/ttyS1");
	cfmakeraw(&raw);
	cfsetspeed(&raw, B115200);
	raw.c_cflag |= CLOCAL | CREAD;
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	tcsetattr(line, TCSANOW, &raw);
}

static void make_streams(const char *letters)
{
	for (int fd = 0; fd < 3; fd++) {
		int pair[2];

		if (letters[fd] != 'p')
			continue;
		if (pipe2(pair, O_CLOEXEC))
			say_and_stop("pipe");
		theirs[fd] = pair[fd != 0];
		ends[fd] = pair[fd == 0];
		fcntl(ends[fd], F_SETFL, O_NONBLOCK);
	}
}

static void set_size(void)
{
	const char *lines = getenv("LINES"), *columns = getenv("COLUMNS");
	struct winsize size = { .ws_row = (unsigned short)atoi(lines ? lines : "24"), .ws_col = (unsigned short)atoi(columns ? columns : "80") };

	ioctl(0, TIOCSWINSZ, &size);
	unsetenv("LINES");
	unsetenv("COLUMNS");
}

static void become_program(const char *directory, char **argv, const char *file)
{
	sigset_t none;

	setsid();
	for (int fd = 0; fd < 3; fd++) {
		int from = theirs[fd] >= 0 ? theirs[fd] : open("/dev/ttyS0", O_RDWR);

		if (from != fd)
			dup2(from, fd);
		if (theirs[fd] < 0 && from > 2)
			close(from);
	}
	if (theirs[0] < 0)
		set_size();
	signal(SIGPIPE, SIG_DFL);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (chdir(directory))
		perror(directory);
	execv(file, argv);
	fprintf(stderr, "%s: %s\n", argv[0], strerror(errno));
	_exit(errno == ENOENT ? 127 : 126);
}

static void close_end(int fd)
{
	if (ends[fd] >= 0)
		close(ends[fd]);
	ends[fd] = -1;
}

/* What the host sent: input for the program. Taken whole before more is asked for, so that no line's buffer overflows. */
static void take_frame(void)
{
	unsigned char head[3];

	read_all(line, head, sizeof(head));
	pending_len = head[1] | (size_t)head[2] << 8;
	pending_done = 0;
	if (head[0] != 'i' || pending_len > FRAME_MAX)
		say_and_stop("the host's frame");
	read_all(line, pending, pending_len);
	input_ended = !pending_len;
	if (input_ended)
		close_end(0);
}

static void feed(void)
{
	ssize_t done = write(ends[0], pending + pending_done, pending_len - pending_done);

	if (done < 0 && errno != EAGAIN && errno != EINTR) {
		close_end(0); /* nobody reads any more */
		done = (ssize_t)(pending_len - pending_done);
	}
	pending_done += done > 0 ? (size_t)done : 0;
	if (pending_done == pending_len) {
		pending_len = pending_done = 0;
		send_frame('a', NULL, 0);
	}
}

static int drain(int fd)
{
	char data[FRAME_MAX];
	ssize_t n = read(ends[fd], data, sizeof(data));

	if (n > 0)
		send_frame(fd == 1 ? 'o' : 'e', data, (size_t)n);
	else if (!n || (errno != EAGAIN && errno != EINTR))
		close_end(fd);
	return n > 0;
}

static void pump(void)
{
	sigset_t none;
	struct pollfd fds[4] = {
		{ .fd = input_ended || pending_len ? -1 : line, .events = POLLIN },
		{ .fd = pending_len ? ends[0] : -1, .events = POLLOUT },
		{ .fd = ends[1], .events = POLLIN },
		{ .fd = ends[2], .events = POLLIN },
	};

	sigemptyset(&none);
	if (ppoll(fds, 4, NULL, &none) <= 0)
		return;
	if (fds[0].revents)
		take_frame();
	if (fds[1].revents)
		feed();
	if (fds[2].revents)
		drain(1);
	if (fds[3].revents)
		drain(2);
}

static void note_child(int sig) { (void)sig; }

/* SIGCHLD comes only while the pump waits, so that no end of a child is missed. */
static void catch_children(void)
{
	struct sigaction on_child = { .sa_handler = note_child };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(SIGCHLD, &on_child, NULL);
}

/* Carries bytes until the program has ended and all that it wrote is sent. Orphans are reaped on the way. */
static int carry_until_end(pid_t child)
{
	for (;;) {
		int status;
		pid_t pid = waitpid(-1, &status, WNOHANG);

		if (pid == child)
			return status;
		if (!pid)
			pump();
	}
}

/* The arguments; the first two are FDS and the directory. */
static char **read_arguments(void)
{
	static char *words[ARGUMENTS_MAX + 1], text[1 << 17];
	int fd = open("/run/arguments", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	size_t count = 0;

	if (n < 0)
		say_and_stop("/run/arguments");
	close(fd);
	for (char *p = text; p < text + n && count < ARGUMENTS_MAX; p += strlen(p) + 1)
		words[count++] = p;
	return words;
}

int main(void)
{
	char **words;
	pid_t child;
	int status;

	if (getpid() != 1)
		return 2;
	mount("proc", "/proc", "proc", 0, NULL);
	mount("dev", "/dev", "devtmpfs", 0, NULL); /* busy where the kernel has done it */
	words = read_arguments();
	catch_children();
	signal(SIGPIPE, SIG_IGN);
	open_line();
	make_streams(words[0]);
	send_frame('a', NULL, 0);
	child = fork();
	if (child < 0)
		say_and_stop("fork");
	if (!child)
		become_program(words[1], words + 2, "/run/program");
	for (int fd = 0; fd < 3; fd++)
		if (theirs[fd] >= 0)
			close(theirs[fd]);
	status = carry_until_end(child);
	for (int fd = 1; fd < 3; fd++)
		while (ends[fd] >= 0 && drain(fd))
			;
	send_frame('s', &status, sizeof(status));
	tcdrain(line);
	reboot(RB_POWER_OFF);
	return 0;
}
