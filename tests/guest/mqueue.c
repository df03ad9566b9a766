/* SPDX-License-Identifier: MIT */
/*
 * POSIX message queues.
 */
#include "guest.h"

#include <mqueue.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/mount.h>

#define BYTES 32

static char name[40], got[100];

static mqd_t queue(long messages, int flags)
{
	struct mq_attr a = {.mq_maxmsg = messages, .mq_msgsize = BYTES};

	snprintf(name, sizeof(name), "/test-%d", getpid());
	return CHECK_OK(mq_open(name, O_CREAT | O_EXCL | O_RDWR | flags, 0600, &a));
}

static int put(mqd_t q, const char *text, unsigned prio)
{
	return mq_send(q, text, strlen(text), prio);
}

/* The next message must be this one. */
static void expect(mqd_t q, const char *text, unsigned prio)
{
	unsigned p = 77;

	memset(got, 0, sizeof(got));
	CHECK_EQ(mq_receive(q, got, BYTES, &p), strlen(text));
	CHECK_STR(got, text);
	CHECK_EQ(p, prio);
}

static void on_signal(int sig UNUSED)
{
}

TEST(order)
{
	mqd_t q = queue(8, 0);

	CHECK_OK(put(q, "low", 1));
	CHECK_OK(put(q, "high", 32767));
	CHECK_OK(put(q, "low too", 1));
	CHECK_OK(put(q, "", 0));
	CHECK_OK(put(q, "middle", 5));
	CHECK_OK(put(q, "high too", 32767));
	expect(q, "high", 32767);
	expect(q, "high too", 32767);
	expect(q, "middle", 5);
	expect(q, "low", 1);
	CHECK_OK(put(q, "new", 1));
	expect(q, "low too", 1);
	expect(q, "new", 1);
	expect(q, "", 0);
	CHECK_OK(mq_unlink(name));
}

TEST(opening)
{
	struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 7}, b, bad = {.mq_maxmsg = 0, .mq_msgsize = 7};
	mqd_t q, r;

	snprintf(name, sizeof(name), "/test-%d", getpid());
	CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
	CHECK_ERR(mq_open(name, O_RDWR | O_CREAT, 0600, &bad), EINVAL);
	CHECK_ERR(mq_unlink(name), ENOENT);
	q = CHECK_OK(mq_open(name, O_RDONLY | O_CREAT | O_EXCL, 0600, &a));
	CHECK_EQ(fcntl(q, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a), EEXIST);
	r = CHECK_OK(mq_open(name, O_WRONLY | O_CREAT | O_NONBLOCK, 0600, NULL));
	CHECK_OK(mq_getattr(r, &b));
	CHECK(b.mq_maxmsg == 3 && b.mq_msgsize == 7 && b.mq_curmsgs == 0 && b.mq_flags == O_NONBLOCK);
	CHECK_ERR(put(q, "x", 0), EBADF);
	CHECK_ERR(mq_receive(r, got, 100, NULL), EBADF);
	CHECK_OK(mq_unlink(name));
	CHECK_OK(put(r, "works", 2)); /* without a name */
	CHECK_EQ(mq_receive(q, got, 7, NULL), 5);
	CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
	q = CHECK_OK(mq_open(name, O_RDWR | O_CREAT, 0600, NULL));
	CHECK_OK(mq_getattr(q, &b));
	CHECK(b.mq_maxmsg == 10 && b.mq_msgsize == 8192);
	CHECK_OK(mq_unlink(name));
	CHECK_ERR(syscall(SYS_mq_open, "a/b", O_RDWR, 0, NULL), EACCES);
	CHECK_ERR(syscall(SYS_mq_open, "..", O_RDWR, 0, NULL), EACCES);
	CHECK_ERR(syscall(SYS_mq_open, "", O_RDWR, 0, NULL), ENOENT);
	CHECK_ERR(syscall(SYS_mq_open, (void *)8, O_RDWR, 0, NULL), EFAULT);
	CHECK_ERR(syscall(SYS_mq_open, "x", O_RDWR | O_CREAT, 0600, 8), EFAULT);
	CHECK_ERR(syscall(SYS_mq_unlink, (void *)8), EFAULT);
	CHECK_ERR(syscall(SYS_mq_unlink, "a/b"), EACCES);
}

TEST(sizes)
{
	mqd_t q = queue(2, 0);
	char text[BYTES + 1] = {0};

	CHECK_ERR(mq_send(q, text, BYTES + 1, 0), EMSGSIZE);
	CHECK_OK(mq_send(q, text, BYTES, 0));
	CHECK_ERR(mq_receive(q, got, BYTES - 1, NULL), EMSGSIZE);
	CHECK_EQ(mq_receive(q, got, 100, NULL), BYTES);
	CHECK_ERR(mq_send(q, text, 1, 32768), EINVAL);
	CHECK_ERR(mq_send(q, (void *)8, 1, 0), EFAULT);
	CHECK_ERR(mq_send(0, text, 1, 0), EBADF);
	CHECK_ERR(mq_send(999, text, 1, 0), EBADF);
	CHECK_OK(mq_send(q, text, 1, 0));
	CHECK_ERR(mq_receive(q, (void *)8, BYTES, NULL), EFAULT);
	CHECK_OK(mq_unlink(name));
}

TEST(timeouts)
{
	mqd_t q = queue(1, 0);
	struct timespec past = {1, 0}, bad = {1, 1000000000}, soon;

	CHECK_ERR(mq_timedreceive(q, got, BYTES, NULL, &past), ETIMEDOUT);
	CHECK_ERR(mq_timedreceive(q, got, BYTES, NULL, &bad), EINVAL);
	CHECK_ERR(mq_timedsend(q, "x", 1, 0, &bad), EINVAL);
	CHECK_OK(mq_timedsend(q, "x", 1, 0, &past));
	CHECK_ERR(mq_timedsend(q, "x", 1, 0, &past), ETIMEDOUT);
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &soon));
	soon.tv_nsec += 20000000;
	if (soon.tv_nsec >= 1000000000) {
		soon.tv_nsec -= 1000000000;
		soon.tv_sec++;
	}
	CHECK_ERR(mq_timedsend(q, "x", 1, 0, &soon), ETIMEDOUT);
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &past));
	CHECK(past.tv_sec > soon.tv_sec || (past.tv_sec == soon.tv_sec && past.tv_nsec >= soon.tv_nsec));
	CHECK_OK(mq_unlink(name));
}

TEST(waits)
{
	mqd_t q = queue(1, 0);
	struct sigaction action = {.sa_handler = on_signal};
	pid_t pid;

	FORK(pid)
		expect(q, "hello", 3);
	wait_state(pid, "S");
	CHECK_OK(put(q, "hello", 3));
	reap_ok(pid);
	CHECK_OK(put(q, "full", 0));
	FORK(pid)
		CHECK_OK(put(q, "late", 9));
	wait_state(pid, "S");
	expect(q, "full", 0);
	reap_ok(pid);
	expect(q, "late", 9);
	FORK(pid) {
		CHECK_OK(sigaction(SIGUSR1, &action, NULL));
		CHECK_ERR(mq_receive(q, got, BYTES, NULL), EINTR);
	}
	wait_state(pid, "S");
	sleep_ms(10);
	CHECK_OK(kill(pid, SIGUSR1));
	reap_ok(pid);
	CHECK_OK(mq_unlink(name));
}

TEST(nonblocking)
{
	mqd_t q = queue(1, O_NONBLOCK);
	struct mq_attr a = {.mq_flags = 0}, old;

	CHECK_ERR(mq_receive(q, got, BYTES, NULL), EAGAIN);
	CHECK_OK(put(q, "x", 0));
	CHECK_ERR(put(q, "x", 0), EAGAIN);
	CHECK_OK(mq_setattr(q, &a, &old));
	CHECK(old.mq_flags == O_NONBLOCK && old.mq_curmsgs == 1);
	CHECK_EQ(fcntl(q, F_GETFL) & O_NONBLOCK, 0);
	a.mq_flags = O_NONBLOCK;
	a.mq_maxmsg = 99;
	CHECK_OK(mq_setattr(q, &a, NULL));
	CHECK_OK(mq_getattr(q, &old));
	CHECK(old.mq_flags == O_NONBLOCK && old.mq_maxmsg == 1);
	a.mq_flags = O_APPEND;
	CHECK_ERR(mq_setattr(q, &a, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_mq_getsetattr, q, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_mq_getsetattr, 999, NULL, &old), EBADF);
	CHECK_OK(mq_unlink(name));
}

static siginfo_t info_of(int sig)
{
	struct timespec now = {2, 0};
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_EQ(sigtimedwait(&set, &info, &now), sig);
	return info;
}

static bool signal_is_pending(int sig)
{
	sigset_t set;

	CHECK_OK(sigpending(&set));
	return sigismember(&set, sig);
}

TEST(told)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 4711};
	mqd_t q = queue(4, 0), again;
	siginfo_t info;
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	CHECK_OK(mq_notify(q, &ev));
	CHECK_ERR(mq_notify(q, &ev), EBUSY);
	FORK(pid) {
		CHECK_ERR(mq_notify(q, &ev), EBUSY);
		CHECK_OK(mq_notify(q, NULL)); /* not its own */
		CHECK_OK(put(q, "x", 0));
	}
	reap_ok(pid);
	info = info_of(SIGUSR1);
	CHECK(info.si_code == SI_MESGQ && info.si_pid == pid && info.si_value.sival_int == 4711 && info.si_uid == getuid());
	CHECK_OK(put(q, "not empty", 0));
	CHECK_OK(mq_notify(q, &ev));
	CHECK_OK(put(q, "not empty either", 0));
	CHECK(!signal_is_pending(SIGUSR1));
	for (int i = 0; i < 3; i++)
		CHECK_OK(mq_receive(q, got, BYTES, NULL));
	FORK(pid)
		expect(q, "for the one who waits", 0);
	wait_state(pid, "S");
	CHECK_OK(put(q, "for the one who waits", 0));
	reap_ok(pid);
	CHECK(!signal_is_pending(SIGUSR1));
	CHECK_OK(mq_notify(q, NULL));
	CHECK_OK(put(q, "nobody asked", 0));
	CHECK(!signal_is_pending(SIGUSR1));
	expect(q, "nobody asked", 0);
	again = CHECK_OK(mq_open(name, O_RDONLY));
	CHECK_OK(mq_notify(q, &ev));
	CHECK_OK(mq_close(again)); /* whichever descriptor */
	CHECK_OK(put(q, "x", 0));
	CHECK(!signal_is_pending(SIGUSR1));
	expect(q, "x", 0);
	FORK(pid)
		CHECK_OK(mq_notify(q, &ev));
	reap_ok(pid);
	CHECK_OK(mq_notify(q, &ev)); /* the end of a process ends its wish */
	ev.sigev_notify = SIGEV_NONE;
	CHECK_OK(mq_notify(q, NULL));
	CHECK_OK(mq_notify(q, &ev));
	CHECK_ERR(mq_notify(q, &ev), EBUSY);
	CHECK_OK(put(q, "x", 0));
	CHECK_OK(mq_notify(q, &ev));
	CHECK_OK(mq_unlink(name));
}

TEST(notify_errors)
{
	struct sigevent ev = {.sigev_notify = 99};
	mqd_t q = queue(4, 0);

	CHECK_ERR(mq_notify(q, &ev), EINVAL);
	ev.sigev_notify = SIGEV_SIGNAL;
	ev.sigev_signo = 65;
	CHECK_ERR(mq_notify(q, &ev), EINVAL);
	ev.sigev_signo = -1;
	CHECK_ERR(mq_notify(q, &ev), EINVAL);
	ev.sigev_signo = SIGUSR1;
	CHECK_ERR(mq_notify(0, &ev), EBADF);
	CHECK_ERR(mq_notify(999, NULL), EBADF);
	CHECK_ERR(syscall(SYS_mq_notify, q, 8), EFAULT);
	CHECK_OK(mq_unlink(name));
}

TEST(polled)
{
	mqd_t q = queue(2, 0);
	struct pollfd p = {.fd = q, .events = POLLIN | POLLOUT};
	struct epoll_event ev = {.events = EPOLLIN | EPOLLET};
	int ep = CHECK_OK(epoll_create1(0));
	pid_t pid;

	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, q, &ev));
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLOUT);
	CHECK_OK(put(q, "x", 0));
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN | POLLOUT);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 1);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
	CHECK_OK(put(q, "x", 0));
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	expect(q, "x", 0);
	expect(q, "x", 0);
	p.events = POLLIN;
	FORK(pid)
		CHECK_EQ(poll(&p, 1, -1), 1);
	wait_state(pid, "S");
	CHECK_OK(put(q, "x", 0));
	reap_ok(pid);
	CHECK_OK(mq_unlink(name));
}

TEST(file_system)
{
	mqd_t q = queue(4, 0);
	char path[80], line[100] = {0};
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct stat st;
	bool found = false;
	struct dirent *e;
	int fd;
	DIR *d;

	if (geteuid() != 0)
		SKIP("needs root");
	CHECK_OK(mkdir("mq", 0700));
	CHECK_OK(mount("none", "mq", "mqueue", 0, NULL));
	CHECK_OK(stat("mq", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 01777);
	snprintf(path, sizeof(path), "mq%s", name);
	CHECK_OK(stat(path, &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0600);
	CHECK_EQ(st.st_size, 80);
	CHECK_OK(put(q, "12345", 0));
	CHECK_OK(put(q, "123", 0));
	CHECK_OK(mq_notify(q, &ev));
	fd = CHECK_OK(open(path, O_RDONLY));
	CHECK(read(fd, line, 99) > 0);
	snprintf(path, sizeof(path), "QSIZE:8          NOTIFY:0     SIGNO:%-5d NOTIFY_PID:%-6d\n", SIGUSR2, getpid());
	CHECK_STR(line, path);
	close(fd);
	d = opendir("mq");
	while ((e = readdir(d)))
		found |= !strcmp(e->d_name, name + 1);
	closedir(d);
	CHECK(found);
	fd = CHECK_OK(open("mq/made-by-open", O_RDWR | O_CREAT | O_EXCL, 0600));
	CHECK_OK(put(fd, "a descriptor like any other", 4));
	CHECK_EQ(mq_receive(fd, line, 8192, NULL), 27);
	CHECK_ERR(write(fd, "x", 1), EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODEV);
	CHECK_OK(unlink("mq/made-by-open"));
	CHECK_ERR(mkdir("mq/dir", 0700), EPERM);
	snprintf(path, sizeof(path), "mq%s", name);
	CHECK_OK(unlink(path));
	CHECK_ERR(mq_open(name, O_RDWR), ENOENT);
	CHECK_ERR(stat(path, &st), ENOENT);
	q = queue(4, 0);
	CHECK_OK(stat(path, &st));
	CHECK_OK(mq_unlink(name));
	CHECK_ERR(stat(path, &st), ENOENT);
	close(fd);
	CHECK_OK(umount("mq"));
}

TEST(removed_while_the_directory_is_read)
{
	char entries[200], some[20];
	unsigned seen = 0;
	long n;
	int fd;

	CHECK_OK(mkdir("mq", 0755));
	if (mount("none", "mq", "mqueue", 0, NULL) < 0)
		SKIP("no right to mount");
	for (unsigned i = 0; i < 40; i++) {
		snprintf(some, sizeof(some), "/removed%u", i);
		CHECK_OK(mq_open(some, O_CREAT | O_EXCL | O_RDWR, 0600, &(struct mq_attr){.mq_maxmsg = 1, .mq_msgsize = 8}));
	}
	fd = CHECK_OK(open("mq", O_RDONLY | O_DIRECTORY));
	while ((n = CHECK_OK(syscall(SYS_getdents64, fd, entries, sizeof(entries)))) > 0)
		for (long at = 0; at < n;) {
			struct dirent64 *e = (struct dirent64 *)(entries + at);

			if (!strncmp(e->d_name, "removed", 7)) {
				CHECK_OK(syscall(SYS_mq_unlink, e->d_name));
				seen++;
			}
			at += e->d_reclen;
		}
	CHECK_OK(umount2("mq", MNT_DETACH));
	CHECK_EQ(seen, 40);
}

TEST(permissions)
{
	mqd_t q = queue(4, 0);
	struct mq_attr a = {.mq_maxmsg = 11, .mq_msgsize = 8}, b = {.mq_maxmsg = 1, .mq_msgsize = 8193}, c = {.mq_maxmsg = 10, .mq_msgsize = 8192};
	pid_t pid;

	if (geteuid() != 0)
		SKIP("needs root");
	FORK(pid) {
		int n;

		CHECK_OK(setgid(1234));
		CHECK_OK(setuid(1234));
		CHECK_ERR(mq_open(name, O_RDONLY), EACCES);
		CHECK_ERR(syscall(SYS_mq_unlink, name + 1), EPERM);
		CHECK_ERR(mq_open("/of-1234", O_CREAT | O_RDWR, 0600, &a), EINVAL);
		CHECK_ERR(mq_open("/of-1234", O_CREAT | O_RDWR, 0600, &b), EINVAL);
		/* 819200 bytes are all that a user gets */
		for (n = 0; n < 20; n++) {
			char own[20];

			snprintf(own, sizeof(own), "/of-1234-%d", n);
			if (mq_open(own, O_CREAT | O_RDWR, 0600, &c) < 0)
				break;
		}
		CHECK_EQ(errno, EMFILE);
		CHECK_EQ(n, 9);
		while (n-- > 0) {
			char own[20];

			snprintf(own, sizeof(own), "/of-1234-%d", n);
			CHECK_OK(mq_unlink(own));
		}
	}
	reap_ok(pid);
	CHECK_OK(mq_close(q));
	CHECK_OK(mq_unlink(name));
}

TEST(crowd)
{
	mqd_t q = queue(3, 0);
	pid_t senders[3], receivers[3];
	int out[2], sum = 0;

	CHECK_OK(pipe(out));
	for (int i = 0; i < 3; i++) {
		FORK(receivers[i]) {
			int n = 0;

			while (CHECK_OK(mq_receive(q, got, BYTES, NULL)) > 0)
				n += atoi(got);
			CHECK_EQ(write(out[1], &n, sizeof(n)), sizeof(n));
		}
		FORK(senders[i])
			for (int n = 0; n < 200; n++) {
				char text[BYTES] = {0};

				snprintf(text, sizeof(text), "%d", n);
				CHECK_OK(mq_send(q, text, sizeof(text), 1));
			}
	}
	for (int i = 0; i < 3; i++)
		reap_ok(senders[i]);
	for (int i = 0; i < 3; i++)
		CHECK_OK(put(q, "", 0));
	for (int i = 0; i < 3; i++) {
		int n;

		CHECK_EQ(read(out[0], &n, sizeof(n)), sizeof(n));
		sum += n;
		reap_ok(receivers[i]);
	}
	CHECK_EQ(sum, 3 * 199 * 200 / 2);
	CHECK_OK(mq_unlink(name));
}
