/* SPDX-License-Identifier: MIT */
/* Who is told by signals what happens to a file (F_SETOWN, F_SETSIG), and what happens in directories (F_NOTIFY). */
#include "guest.h"

#include <pthread.h>

#define SIG (SIGRTMIN + 3)

static void block_them(void)
{
	sigset_t s;

	sigemptyset(&s);
	sigaddset(&s, SIG);
	sigaddset(&s, SIGIO);
	sigprocmask(SIG_BLOCK, &s, NULL);
}

/* The next of both signals, 0 when there is none. */
static int next(siginfo_t *info)
{
	struct timespec none = {0, 0};
	sigset_t s;
	int got;

	sigemptyset(&s);
	sigaddset(&s, SIG);
	sigaddset(&s, SIGIO);
	got = sigtimedwait(&s, info, &none);
	return got < 0 ? 0 : got;
}

static int count(void)
{
	siginfo_t info;
	int n = 0;

	while (next(&info))
		n++;
	return n;
}

static int watch(const char *dir, unsigned long what)
{
	int fd = CHECK_OK(open(dir, O_RDONLY | O_DIRECTORY));

	block_them();
	CHECK_OK(fcntl(fd, F_SETSIG, SIG));
	CHECK_OK(fcntl(fd, F_NOTIFY, what));
	return fd;
}

static void make(const char *name) { close(CHECK_OK(open(name, O_CREAT | O_RDWR, 0600))); }

TEST(one_event_each)
{
	static const unsigned long what[] = {DN_CREATE, DN_DELETE, DN_MODIFY, DN_ACCESS, DN_ATTRIB, DN_RENAME};
	int fd[6], file;
	siginfo_t info;
	char c;

	CHECK_OK(mkdir("d", 0700));
	for (int i = 0; i < 6; i++)
		fd[i] = watch("d", what[i] | DN_MULTISHOT);
#define TELLS(do_it, index)                                                                                            \
	do {                                                                                                           \
		do_it;                                                                                                 \
		CHECK_EQ(next(&info), SIG);                                                                            \
		CHECK_EQ(info.si_fd, fd[index]);                                                                       \
		CHECK_EQ(info.si_code, POLL_MSG);                                                                      \
		CHECK_EQ(info.si_band, 0x441);                                                                         \
		CHECK_EQ(count(), 0);                                                                                  \
	} while (0)
	TELLS(file = CHECK_OK(open("d/f", O_CREAT | O_RDWR, 0600)), 0);
	TELLS(CHECK_EQ(write(file, "x", 1), 1), 2);
	TELLS(CHECK_EQ(pread(file, &c, 1, 0), 1), 3);
	TELLS(CHECK_OK(fchmod(file, 0644)), 4);
	close(file);
	CHECK_EQ(count(), 0);
	TELLS(CHECK_OK(mkdir("d/sub", 0700)), 0);
	TELLS(CHECK_OK(rmdir("d/sub")), 1);
	CHECK_OK(rename("d/f", "d/g"));
	CHECK_EQ(count(), 3); /* gone, come, renamed */
	CHECK_OK(rename("d/g", "g"));
	CHECK(count() >= 1);
	TELLS(CHECK_OK(link("g", "d/h")), 0);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	CHECK_OK(unlink("d/h"));
	CHECK_EQ(count(), 0);
}

TEST(once_or_many_times)
{
	int fd;

	CHECK_OK(mkdir("d", 0700));
	fd = watch("d", DN_CREATE);
	make("d/a");
	make("d/b");
	CHECK_EQ(count(), 1);
	CHECK_OK(fcntl(fd, F_NOTIFY, DN_CREATE));
	make("d/c");
	CHECK_EQ(count(), 1);
	CHECK_OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	CHECK_OK(fcntl(fd, F_NOTIFY, DN_DELETE)); /* as well */
	make("d/d");
	make("d/e");
	CHECK_OK(unlink("d/d"));
	CHECK_EQ(count(), 3);
	CHECK_OK(fcntl(fd, F_NOTIFY, 0)); /* no more */
	make("d/f");
	CHECK_EQ(count(), 0);
	CHECK_OK(fcntl(fd, F_NOTIFY, DN_MULTISHOT));
	make("d/g");
	CHECK_EQ(count(), 0);
}

/* Any number for the open directory in the table takes it back; another process's does not. */
TEST(closing_takes_it_back)
{
	int fd, other;
	pid_t pid;

	CHECK_OK(mkdir("d", 0700));
	fd = watch("d", DN_CREATE | DN_MULTISHOT);
	FORK(pid)
		close(fd);
	reap_ok(pid);
	make("d/a");
	CHECK_EQ(count(), 1);
	other = dup(fd);
	close(other);
	make("d/b");
	CHECK_EQ(count(), 0);
	CHECK_OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	make("d/c");
	CHECK_EQ(count(), 1);
	FORK(pid) { /* the child's own: the parent, who owns the file, is told */
		CHECK_OK(fcntl(fd, F_NOTIFY, DN_DELETE));
		CHECK_OK(unlink("d/c"));
		CHECK_EQ(count(), 0);
	}
	reap_ok(pid);
	CHECK_EQ(count(), 1);
}

TEST(owners)
{
	struct f_owner_ex o = {9, 9};
	int fd = CHECK_OK(open(".", O_RDONLY));
	pid_t pid;

	CHECK_EQ(syscall(SYS_fcntl64, fd, F_GETOWN), 0);
	CHECK_ERR(fcntl(fd, F_SETOWN_EX, &o), EINVAL);
	CHECK_ERR(fcntl(fd, F_SETOWN_EX, 8), EFAULT);
	CHECK_ERR(fcntl(fd, F_GETOWN_EX, 8), EFAULT);
	CHECK_ERR(fcntl(fd, F_SETOWN, 99999), ESRCH);
	CHECK_ERR(fcntl(fd, F_SETOWN, INT_MIN), EINVAL);
	CHECK_ERR(fcntl(fd, F_SETSIG, 65), EINVAL);
	CHECK_EQ(fcntl(fd, F_GETSIG), 0);
	CHECK_OK(fcntl(fd, F_SETSIG, SIG));
	CHECK_EQ(fcntl(fd, F_GETSIG), SIG);
	CHECK_OK(fcntl(fd, F_GETOWN_EX, &o));
	CHECK_EQ(o.pid, 0);
	CHECK_OK(fcntl(fd, F_SETOWN, getpid()));
	CHECK_OK(fcntl(fd, F_GETOWN_EX, &o));
	CHECK_EQ(o.type, F_OWNER_PID);
	CHECK_EQ(o.pid, getpid());
	CHECK_OK(fcntl(fd, F_SETOWN, -getpgrp()));
	CHECK_OK(fcntl(fd, F_GETOWN_EX, &o));
	CHECK_EQ(o.type, F_OWNER_PGRP);
	CHECK_EQ(o.pid, getpgrp());
	o = (struct f_owner_ex){F_OWNER_TID, gettid()};
	CHECK_OK(fcntl(fd, F_SETOWN_EX, &o));
	CHECK_EQ(syscall(SYS_fcntl64, fd, F_GETOWN), gettid());
	FORK(pid)
		pause();
	CHECK_OK(fcntl(fd, F_SETOWN, pid));
	CHECK_EQ(syscall(SYS_fcntl64, fd, F_GETOWN), pid);
	kill(pid, SIGKILL);
	reap(pid);
	CHECK_EQ(syscall(SYS_fcntl64, fd, F_GETOWN), 0); /* nobody has that number any more */
	CHECK_OK(fcntl(fd, F_SETOWN, 0));
	CHECK_ERR(fcntl(open("/dev/null", O_RDONLY), F_NOTIFY, DN_CREATE), ENOTDIR);
}

/* The owner need not be who asked, and without a signal of choice it is SIGIO. */
TEST(who_is_told)
{
	struct gate ready = gate_make(), done = gate_make();
	siginfo_t info;
	pid_t pid;
	int fd;

	block_them();
	CHECK_OK(mkdir("d", 0700));
	fd = CHECK_OK(open("d", O_RDONLY));
	FORK(pid) {
		gate_open(&ready);
		gate_wait(&done);
		CHECK_EQ(next(&info), SIGIO);
		CHECK_EQ(info.si_code, SI_KERNEL);
	}
	gate_wait(&ready);
	CHECK_OK(fcntl(fd, F_SETOWN, pid));
	CHECK_OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_MULTISHOT));
	make("d/a");
	gate_open(&done);
	reap_ok(pid);
	CHECK_EQ(count(), 0);
	CHECK_OK(fcntl(fd, F_SETOWN, -getpgrp()));
	CHECK_OK(fcntl(fd, F_SETSIG, SIG));
	make("d/b");
	CHECK_EQ(next(&info), SIG);
	CHECK_OK(fcntl(fd, F_SETSIG, 0));
	make("d/c");
	CHECK_EQ(next(&info), SIGIO);
}

/* When no more signals can be queued, a plain SIGIO says that something was lost. */
TEST(too_many_to_queue)
{
	struct rlimit few = {5, 5};
	siginfo_t info;
	char name[16];
	int n = 0;

	CHECK_OK(mkdir("d", 0700));
	(void)watch("d", DN_CREATE | DN_MULTISHOT);
	CHECK_OK(setrlimit(RLIMIT_SIGPENDING, &few));
	for (int i = 0; i < 20; i++) {
		snprintf(name, sizeof(name), "d/%d", i);
		make(name);
	}
	CHECK_EQ(next(&info), SIGIO);
	while (next(&info) == SIG)
		n++;
	CHECK(n <= 5);
}

static volatile int stop;

static void *churn(void *unused)
{
	while (!stop) {
		int fd = CHECK_OK(open("d", O_RDONLY));

		CHECK_OK(fcntl(fd, F_SETSIG, SIG));
		fcntl(fd, F_NOTIFY, DN_CREATE | DN_DELETE | DN_MULTISHOT);
		close(fd);
		usleep(300);
	}
	return unused;
}

/* Directories that are opened, watched and closed while names come and go, and owners that end. */
TEST(watching_while_things_go)
{
	pthread_t t[3];
	pid_t pid;

	block_them();
	CHECK_OK(mkdir("d", 0700));
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, churn, NULL), 0);
	for (int i = 0; i < 40; i++) {
		int fd = CHECK_OK(open("d", O_RDONLY));

		FORK(pid)
			;
		fcntl(fd, F_SETOWN, pid);
		CHECK_OK(fcntl(fd, F_NOTIFY, DN_CREATE | DN_DELETE | DN_MULTISHOT));
		make("d/x");
		CHECK_OK(unlink("d/x"));
		reap_ok(pid);
		close(fd);
		count();
	}
	stop = 1;
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	CHECK_OK(rmdir("d"));
	count();
}
