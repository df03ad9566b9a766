/* SPDX-License-Identifier: MIT */
/*
 * What a program needs to go on when no memory is left takes none: waiting for few descriptors, a terminal, the directory it is in, its children.
 * Each call is made with the next allocation failing; needs a kernel that can do that, a debug build of Perigee, and is a plain test elsewhere.
 */
#include "guest.h"

#include <poll.h>
#include <sys/select.h>
#include <sys/ioctl.h>
#include <termios.h>

static int knob = -1;

static void without(bool memory_fails)
{
	if (knob < 0)
		knob = open("/proc/perigee/fail_after", O_RDWR | O_CLOEXEC);
	if (knob >= 0)
		(void)!write(knob, memory_fails ? "1" : "0", 1);
}

/* The error is kept over the end of the failure. */
#define WITHOUT(call)                                                                                                  \
	({                                                                                                             \
		long r_;                                                                                               \
		int e_;                                                                                                \
		without(true);                                                                                         \
		r_ = (long)(call);                                                                                     \
		e_ = errno;                                                                                            \
		without(false);                                                                                        \
		errno = e_;                                                                                            \
		r_;                                                                                                    \
	})

static int pipe_with(const char *text, int p[2])
{
	CHECK_OK(pipe(p));
	CHECK_EQ(write(p[1], text, strlen(text)), (long)strlen(text));
	return p[0];
}

TEST(waiting_for_few_descriptors)
{
	struct timespec soon = {.tv_nsec = 1000000};
	struct pollfd fds[16];
	int p[2];

	pipe_with("x", p);
	for (int i = 0; i < 16; i++)
		fds[i] = (struct pollfd){p[1], POLLIN, 0};
	for (int n = 0; n <= 15; n++) {
		CHECK_EQ(WITHOUT(poll(fds, (nfds_t)n, 1)), 0);
		CHECK_EQ(WITHOUT(ppoll(fds, (nfds_t)n, &soon, NULL)), 0);
	}
	fds[15] = (struct pollfd){p[0], POLLIN | POLLOUT, 0};
	CHECK_EQ(WITHOUT(poll(fds, 16, -1)), 1);
	CHECK_EQ(fds[15].revents, POLLIN);
	CHECK_EQ(WITHOUT(ppoll(fds + 15, 1, NULL, NULL)), 1);
}

TEST(waiting_for_few_in_sets)
{
	struct timespec soon = {.tv_nsec = 1000000};
	struct timeval moment = {.tv_usec = 1000};
	fd_set in, out;
	int p[2];

	pipe_with("x", p);
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[1], &in);
	CHECK_EQ(WITHOUT(select(64, &in, NULL, NULL, &moment)), 0);
	CHECK(!FD_ISSET(p[1], &in));
	CHECK_EQ(WITHOUT(pselect(0, NULL, NULL, NULL, &soon, NULL)), 0);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	CHECK_EQ(WITHOUT(select(p[1] + 1, &in, &out, NULL, NULL)), 2);
	CHECK(FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out) && !FD_ISSET(p[1], &in) && !FD_ISSET(p[0], &out));
	for (int i = 0; i < 15; i++)
		CHECK_OK(dup(p[0]));
	for (int fd = 0; fd < 64; fd++) {
		FD_CLR(fd, &out);
		FD_CLR(fd, &in);
		if (fd > p[1] && fd != knob && fcntl(fd, F_GETFD) >= 0)
			FD_SET(fd, &in);
	}
	CHECK_EQ(WITHOUT(select(64, &in, &out, NULL, NULL)), 15);
	FD_ZERO(&in);
	CHECK_EQ(WITHOUT(select(64, &in, NULL, NULL, &(struct timeval){0, 0})), 0);
}

/* Both sides of the borders between what needs memory and what does not give the same results. */
TEST(few_and_many_alike)
{
	struct pollfd fds[70];
	int p[2], q[2];
	fd_set in;

	pipe_with("x", p);
	CHECK_OK(pipe(q));
	for (int n = 1; n <= 70; n++) {
		for (int i = 0; i < n; i++)
			fds[i] = (struct pollfd){i % 2 ? q[0] : -1, POLLIN, -1};
		CHECK_EQ(poll(fds, (nfds_t)n, n % 8 == 0), 0);
		for (int i = 0; i < n; i++)
			CHECK_EQ(fds[i].revents, 0);
		fds[n - 1].fd = p[0];
		CHECK_EQ(poll(fds, (nfds_t)n, -1), 1);
		CHECK_EQ(fds[n - 1].revents, POLLIN);
	}
	for (int top = 20; top <= 130; top++) {
		FD_ZERO(&in);
		CHECK_EQ(dup2(p[0], top - 1), top - 1);
		for (int fd = 19; fd < top; fd++)
			FD_SET(fd, &in);
		CHECK_EQ(select(top, &in, NULL, NULL, NULL), top - 19);
		for (int fd = 0; fd < 140; fd++)
			CHECK_EQ(!!FD_ISSET(fd, &in), fd >= 19 && fd < top);
	}
}

static int terminal(int *master)
{
	char name[32];
	int zero = 0, n, s;

	*master = CHECK_OK(open("/dev/ptmx", O_RDWR | O_NOCTTY));
	CHECK_OK(ioctl(*master, TIOCSPTLCK, &zero));
	CHECK_OK(ioctl(*master, TIOCGPTN, &n));
	snprintf(name, sizeof(name), "/dev/pts/%d", n);
	s = CHECK_OK(open(name, O_RDWR | O_NOCTTY));
	return s;
}

static void type(int master, const char *text)
{
	char echoed[512];

	CHECK_EQ(write(master, text, strlen(text)), (long)strlen(text));
	CHECK(read(master, echoed, sizeof(echoed)) > 0);
}

/* A line comes in parts, if it must, and none of it is lost or told twice. */
TEST(a_terminal)
{
	char line[301], got[1000];
	struct termios t;
	int m, s = terminal(&m);
	size_t n = 0;

	memset(line, 'a', 299);
	line[200] = 'b';
	line[299] = '\n';
	line[300] = 0;
	CHECK_OK(tcgetattr(s, &t));
	t.c_lflag &= ~(tcflag_t)ECHO;
	t.c_oflag = 0;
	CHECK_EQ(WITHOUT(tcsetattr(s, TCSANOW, &t)), 0);
	CHECK_EQ(write(m, line, 300), 300);
	CHECK_EQ(WITHOUT(poll(&(struct pollfd){s, POLLIN, 0}, 1, -1)), 1);
	while (n < 300) {
		long r = WITHOUT(read(s, got + n, sizeof(got) - n));

		CHECK(r > 0 && n + (size_t)r <= 300);
		n += (size_t)r;
	}
	CHECK(memcmp(line, got, 300) == 0);
	CHECK_EQ(WITHOUT(write(s, line, 300)), 300);
	CHECK_EQ(WITHOUT(read(m, got, 300)), 300);
	t.c_lflag |= ECHO;
	t.c_lflag &= ~(tcflag_t)ICANON;
	CHECK_EQ(WITHOUT(tcsetattr(s, TCSANOW, &t)), 0);
	type(m, "keys");
	CHECK_EQ(WITHOUT(read(s, got, sizeof(got))), 4);
	CHECK(memcmp(got, "keys", 4) == 0);
	close(s);
	close(m);
}

/* Of 127 characters in the line and the character that ends it: the parts meet each border. */
TEST(lines_of_each_length)
{
	char line[300], got[300];
	struct termios t;
	int m, s = terminal(&m);

	CHECK_OK(tcgetattr(s, &t));
	t.c_lflag &= ~(tcflag_t)ECHO;
	CHECK_OK(tcsetattr(s, TCSANOW, &t));
	for (size_t n = 120; n <= 135; n++)
		for (int end = 0; end < 2; end++) { /* a line, and what is there when an end of file is typed */
			size_t have = 0, all = end ? n : n + 1;

			memset(line, 'x', n);
			line[n] = end ? 4 : '\n';
			CHECK_EQ(write(m, line, n + 1), (long)n + 1);
			while (have < all) {
				long r = WITHOUT(read(s, got + have, sizeof(got) - have));

				CHECK(r > 0);
				have += (size_t)r;
			}
			CHECK_EQ(have, all);
			CHECK(memcmp(line, got, all) == 0);
		}
	close(s);
	close(m);
}

TEST(the_working_directory)
{
	char name[PATH_MAX], again[PATH_MAX], part[61];

	CHECK(WITHOUT(syscall(SYS_getcwd, name, sizeof(name))) > 1);
	CHECK_OK(chdir("/"));
	CHECK_EQ(WITHOUT(syscall(SYS_getcwd, again, sizeof(again))), 2);
	CHECK(strcmp(again, "/") == 0);
	CHECK_OK(chdir(name));
	memset(part, 'd', 60);
	part[60] = 0;
	for (int depth = 0; depth < 6; depth++) { /* longer ones need memory, and are as right */
		long size = (long)strlen(name) + 62;

		CHECK_OK(mkdir(part, 0700));
		CHECK_OK(chdir(part));
		strcat(strcat(name, "/"), part);
		CHECK_EQ(syscall(SYS_getcwd, again, (size_t)size), size);
		CHECK(strcmp(name, again) == 0);
		CHECK_ERR(syscall(SYS_getcwd, again, (size_t)size - 1), ERANGE);
	}
	for (int depth = 0; depth < 6; depth++) {
		CHECK_OK(chdir(".."));
		CHECK_OK(rmdir(part));
	}
}

TEST(children_and_signals)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, old;
	int p[2], status;
	sigset_t none;
	pid_t pid;

	sigemptyset(&none);
	CHECK_OK(pipe(p));
	FORK(pid)
		pause();
	CHECK_EQ(WITHOUT(waitpid(pid, &status, WNOHANG)), 0);
	CHECK_EQ(WITHOUT(kill(pid, SIGTERM)), 0);
	CHECK_EQ(WITHOUT(waitpid(pid, &status, 0)), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_EQ(WITHOUT(sigaction(SIGUSR1, &ignore, &old)), 0);
	CHECK_EQ(WITHOUT(sigprocmask(SIG_SETMASK, &none, NULL)), 0);
	CHECK_EQ(WITHOUT(dup2(p[0], 20)), 20);
	CHECK_EQ(WITHOUT(close(20)), 0);
	CHECK_EQ(WITHOUT(fcntl(p[1], F_SETFL, O_NONBLOCK)), 0);
}
