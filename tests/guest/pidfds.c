/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of processes, and clone3.
 */
#include "guest.h"

#include <poll.h>
#include <sched.h>
#include <sys/epoll.h>

#define PIDFD_SEND_SIGNAL 424
#define PIDFD_OPEN 434
#define CLONE3 435
#define PIDFD_GETFD 438
#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef CLONE_PIDFD
#define CLONE_PIDFD 0x1000
#endif
#define CLEAR_SIGHAND (1ULL << 32)

struct args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static int open_pid(pid_t pid, unsigned flags)
{
	return (int)CHECK_OK(syscall(PIDFD_OPEN, pid, flags));
}

static bool ended(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	CHECK_OK(poll(&p, 1, 0));
	return p.revents & POLLIN;
}

static pid_t sleeper(void)
{
	pid_t pid = CHECK_OK(fork());

	if (pid == 0)
		for (;;)
			pause();
	return pid;
}

TEST(tells_the_end)
{
	pid_t pid = sleeper();
	int fd = open_pid(pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR);
	CHECK(!ended(fd));
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(p.revents, POLLIN);
	reap_signal(pid, SIGKILL);
	CHECK(ended(fd));
	CHECK_ERR(syscall(PIDFD_SEND_SIGNAL, fd, 0, NULL, 0), ESRCH);
	CHECK_ERR(waitid(P_PIDFD, (id_t)fd, NULL, WEXITED), ECHILD);
}

TEST(by_epoll)
{
	int ep = CHECK_OK(epoll_create1(0));
	struct epoll_event ev = {.events = EPOLLIN};
	pid_t pid = sleeper();
	int fd = open_pid(pid, 0);

	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_EQ(epoll_wait(ep, &ev, 1, -1), 1);
	reap(pid);
	close(fd);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
}

TEST(errors)
{
	int file = new_file("f"), self = open_pid(getpid(), O_NONBLOCK);
	pid_t gone = CHECK_OK(fork());
	siginfo_t info = {0};

	if (gone == 0)
		_exit(0);
	reap(gone);
	CHECK_EQ(fcntl(self, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERR(syscall(PIDFD_OPEN, gone, 0), ESRCH);
	CHECK_ERR(syscall(PIDFD_OPEN, 0, 0), EINVAL);
	CHECK_ERR(syscall(PIDFD_OPEN, -1, 0), EINVAL);
	CHECK_ERR(syscall(PIDFD_OPEN, getpid(), 1), EINVAL);
	CHECK_ERR(syscall(PIDFD_SEND_SIGNAL, file, 0, NULL, 0), EBADF);
	CHECK_ERR(syscall(PIDFD_SEND_SIGNAL, 99, 0, NULL, 0), EBADF);
	CHECK_ERR(syscall(PIDFD_SEND_SIGNAL, self, 0, NULL, 16), EINVAL);
	CHECK_ERR(syscall(PIDFD_SEND_SIGNAL, self, 65, NULL, 0), EINVAL);
	CHECK_ERR(syscall(PIDFD_SEND_SIGNAL, self, SIGUSR1, &info, 0), EINVAL);
	CHECK_ERR(syscall(PIDFD_SEND_SIGNAL, self, SIGUSR1, map_edge(), 0), EFAULT);
	CHECK_ERR(read(self, &info, 1), EINVAL);
	CHECK_ERR(waitid(P_PIDFD, (id_t)file, NULL, WEXITED), EBADF);
	CHECK_ERR(waitid(P_PIDFD, 99, NULL, WEXITED), EBADF);
	CHECK_ERR(waitid(P_PIDFD, (id_t)-1, NULL, WEXITED), EINVAL);
	CHECK_ERR(waitid(P_PIDFD, (id_t)self, NULL, WEXITED), ECHILD);
}

TEST(sends_signals)
{
	pid_t pid = sleeper();
	int fd = open_pid(pid, 0);
	siginfo_t info = {.si_signo = SIGUSR1, .si_code = SI_QUEUE};

	CHECK_OK(syscall(PIDFD_SEND_SIGNAL, fd, 0, NULL, 0));
	info.si_code = SI_USER;
	CHECK_ERR(syscall(PIDFD_SEND_SIGNAL, fd, SIGUSR1, &info, 0), EPERM);
	CHECK_OK(syscall(PIDFD_SEND_SIGNAL, fd, SIGTERM, NULL, 0));
	reap_signal(pid, SIGTERM);
}

TEST(waits)
{
	siginfo_t info;
	pid_t pid = sleeper();
	int fd = open_pid(pid, O_NONBLOCK);

	CHECK_ERR(waitid(P_PIDFD, (id_t)fd, &info, WEXITED), EAGAIN);
	info.si_pid = 1;
	CHECK_OK(waitid(P_PIDFD, (id_t)fd, &info, WEXITED | WNOHANG));
	CHECK_EQ(info.si_pid, 0);
	CHECK_OK(kill(pid, SIGINT));
	CHECK_OK(fcntl(fd, F_SETFL, 0));
	CHECK_OK(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
	CHECK_EQ(info.si_pid, pid);
	CHECK_EQ(info.si_code, CLD_KILLED);
	CHECK_EQ(info.si_status, SIGINT);
	CHECK_ERR(waitpid(pid, NULL, 0), ECHILD);
}

TEST(takes_files)
{
	struct gate g = gate_make();
	int file = new_file("f"), self = open_pid(getpid(), 0), copy, fd;
	pid_t pid;

	CHECK_EQ(write(file, "abc", 3), 3);
	copy = (int)CHECK_OK(syscall(PIDFD_GETFD, self, file, 0));
	CHECK(copy != file);
	CHECK_EQ(lseek(copy, 0, SEEK_CUR), 3);
	CHECK_EQ(fcntl(copy, F_GETFD), FD_CLOEXEC);
	CHECK_ERR(syscall(PIDFD_GETFD, self, 999, 0), EBADF);
	CHECK_ERR(syscall(PIDFD_GETFD, self, file, 1), EINVAL);
	CHECK_ERR(syscall(PIDFD_GETFD, file, file, 0), EBADF);
	FORK(pid) {
		CHECK_EQ(dup2(file, 77), 77);
		gate_open(&g);
		pause();
	}
	gate_wait(&g);
	fd = open_pid(pid, 0);
	copy = (int)CHECK_OK(syscall(PIDFD_GETFD, fd, 77, 0));
	CHECK_EQ(lseek(copy, 0, SEEK_CUR), 3);
	CHECK_OK(kill(pid, SIGKILL));
	reap(pid);
	CHECK_ERR(syscall(PIDFD_GETFD, fd, 77, 0), ESRCH);
}

TEST(not_of_others)
{
	pid_t pid = sleeper();
	int fd = open_pid(pid, 0);

	CHECK_OK(setuid(1234));
	CHECK_ERR(syscall(PIDFD_GETFD, fd, 0, 0), EPERM);
	CHECK_ERR(syscall(PIDFD_SEND_SIGNAL, fd, SIGTERM, NULL, 0), EPERM);
}

/* ---- clone ---- */

TEST(clone_gives_one)
{
	int fd = -1, other = 5;
	pid_t pid = (pid_t)CHECK_OK(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, &fd, NULL, NULL));

	if (pid == 0)
		_exit(fcntl(3, F_GETFD) < 0 || fd < 0 ? 7 : 7);
	CHECK(fd >= 0);
	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_OK(waitid(P_PIDFD, (id_t)fd, NULL, WEXITED | WNOWAIT));
	reap_exit(pid, 7);
	CHECK_ERR(syscall(SYS_clone, CLONE_PIDFD | CLONE_PARENT_SETTID | SIGCHLD, NULL, &other, NULL, NULL), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, NULL, map_edge(), NULL, NULL), EFAULT);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
	other = dup(0);
	CHECK_EQ(other, fd + 1); /* the one that could not be told is free again */
}

TEST(clone3_forks)
{
	int fd = -1;
	uint32_t parent = 0;
	struct args a = {.flags = CLONE_PIDFD | CLONE_PARENT_SETTID, .pidfd = (uintptr_t)&fd, .parent_tid = (uintptr_t)&parent, .exit_signal = SIGCHLD};
	pid_t pid = (pid_t)CHECK_OK(syscall(CLONE3, &a, sizeof(a)));

	if (pid == 0)
		_exit(3);
	CHECK_EQ(parent, pid);
	CHECK(fd >= 0);
	reap_exit(pid, 3);
	CHECK(ended(fd));
	a.flags = 0;
	pid = (pid_t)CHECK_OK(syscall(CLONE3, &a, 64));
	if (pid == 0)
		_exit(4);
	reap_exit(pid, 4);
}

static void on_usr1(int sig UNUSED)
{
}

TEST(clone3_clears_handlers)
{
	struct args a = {.flags = CLEAR_SIGHAND, .exit_signal = SIGCHLD};
	struct sigaction act;
	pid_t pid;

	signal(SIGUSR1, on_usr1);
	signal(SIGUSR2, SIG_IGN);
	pid = (pid_t)CHECK_OK(syscall(CLONE3, &a, sizeof(a)));
	if (pid == 0) {
		CHECK_OK(sigaction(SIGUSR1, NULL, &act));
		CHECK(act.sa_handler == SIG_DFL);
		CHECK_OK(sigaction(SIGUSR2, NULL, &act));
		CHECK(act.sa_handler == SIG_IGN);
		_exit(0);
	}
	reap_ok(pid);
	CHECK_OK(sigaction(SIGUSR1, NULL, &act));
	CHECK(act.sa_handler == on_usr1);
}

TEST(clone3_chooses_the_number)
{
	pid_t wanted = 31999, pid;
	struct args a = {.set_tid = (uintptr_t)&wanted, .set_tid_size = 1, .exit_signal = SIGCHLD};
	struct gate done = gate_make();

	while (kill(wanted, 0) == 0 || getpgid(wanted) >= 0)
		wanted--;
	pid = (pid_t)CHECK_OK(syscall(CLONE3, &a, sizeof(a)));
	if (pid == 0) {
		CHECK_EQ(getpid(), wanted);
		gate_wait(&done);
		_exit(0);
	}
	CHECK_EQ(pid, wanted);
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EEXIST);
	gate_open(&done);
	reap_ok(pid);
	pid = (pid_t)CHECK_OK(syscall(CLONE3, &a, sizeof(a))); /* it is free again */
	if (pid == 0)
		_exit(getpid() != wanted);
	reap_ok(pid);
}

TEST(clone3_chooses_badly)
{
	pid_t wanted[2] = {0, 0}, pid;
	struct args a = {.set_tid = (uintptr_t)wanted, .set_tid_size = 1, .exit_signal = SIGCHLD};

	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	wanted[0] = -5;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	wanted[0] = 0x7fffffff;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	wanted[0] = 1;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EEXIST);
	a.set_tid_size = 0;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	a.set_tid_size = 33;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	a.set_tid = 0;
	a.set_tid_size = 1;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	a.set_tid = (uintptr_t)map_edge();
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EFAULT);
	a.set_tid = (uintptr_t)wanted;
	wanted[0] = 31998;
	FORK(pid) {
		CHECK_OK(setresuid(1000, 1000, 1000));
		CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EPERM);
		wanted[0] = 0;
		CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	}
	reap_ok(pid);
}

TEST(clone3_errors)
{
	struct { struct args a; char more[8]; } l = {.a = {.exit_signal = SIGCHLD}};
	struct args a = l.a;

	CHECK_ERR(syscall(CLONE3, &a, 63), EINVAL);
	CHECK_ERR(syscall(CLONE3, &a, PAGE + 1), E2BIG);
	CHECK_ERR(syscall(CLONE3, map_edge(), 64), EFAULT);
	l.more[7] = 1;
	CHECK_ERR(syscall(CLONE3, &l, sizeof(l)), E2BIG);
	a.flags = 1ULL << 40;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	a.flags = SIGCHLD;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	a.flags = 0;
	a.exit_signal = 65;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	a.exit_signal = SIGCHLD;
	a.stack = 0x1000;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	a.stack = 0;
	a.stack_size = 0x1000;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	a.stack_size = 0;
	a.flags = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	a.flags = CLEAR_SIGHAND | CLONE_SIGHAND | CLONE_VM;
	CHECK_ERR(syscall(CLONE3, &a, sizeof(a)), EINVAL);
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}
