/* SPDX-License-Identifier: MIT */
/*
 * Timers and signals that are read: timerfd and signalfd.
 */
#include "guest.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>

#define MS 1000000L

static long now_ms(clockid_t clock)
{
	struct timespec ts;

	CHECK_OK(clock_gettime(clock, &ts));
	return (long)(ts.tv_sec % 100000) * 1000 + ts.tv_nsec / MS;
}

static void arm(int fd, long value_ms, long interval_ms)
{
	struct itimerspec s = {{interval_ms / 1000, interval_ms % 1000 * MS}, {value_ms / 1000, value_ms % 1000 * MS}};

	CHECK_OK(timerfd_settime(fd, 0, &s, NULL));
}

static uint64_t ticks(int fd)
{
	uint64_t n = 0;

	CHECK_EQ(read(fd, &n, 8), 8);
	return n;
}

static int new_timer(int flags)
{
	return CHECK_OK(timerfd_create(CLOCK_MONOTONIC, flags));
}

TEST(once)
{
	int fd = new_timer(TFD_NONBLOCK);
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	uint64_t n;
	long from;

	arm(fd, 100000, 0);
	CHECK_EQ(poll(&p, 1, 0), 0);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
	from = now_ms(CLOCK_MONOTONIC);
	arm(fd, 30, 0);
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(p.revents, POLLIN);
	CHECK(now_ms(CLOCK_MONOTONIC) - from >= 29);
	CHECK_EQ(ticks(fd), 1);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
	sleep_ms(50);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
}

TEST(blocking_read)
{
	int fd = new_timer(0);

	arm(fd, 20, 0);
	CHECK_EQ(ticks(fd), 1);
}

TEST(periodic)
{
	int fd = new_timer(0);
	uint64_t sum = 0;
	long from = now_ms(CLOCK_MONOTONIC);

	arm(fd, 10, 10);
	while (sum < 10)
		sum += ticks(fd);
	CHECK(now_ms(CLOCK_MONOTONIC) - from >= 98);
	sleep_ms(55);
	CHECK(ticks(fd) >= 5);
}

TEST(left)
{
	int fd = new_timer(TFD_NONBLOCK);
	struct itimerspec s = {{2, 0}, {100, 5}}, was, now;
	uint64_t n;

	CHECK_OK(timerfd_settime(fd, 0, &s, &was));
	CHECK_EQ(was.it_value.tv_sec | was.it_value.tv_nsec | was.it_interval.tv_sec, 0);
	CHECK_OK(timerfd_gettime(fd, &now));
	CHECK_EQ(now.it_interval.tv_sec, 2);
	CHECK(now.it_value.tv_sec >= 80 && now.it_value.tv_sec <= 100);
	memset(&s, 0, sizeof(s));
	CHECK_OK(timerfd_settime(fd, 0, &s, &was));
	CHECK(was.it_value.tv_sec >= 80 && was.it_value.tv_sec <= 100);
	CHECK_EQ(was.it_interval.tv_sec, 2);
	CHECK_OK(timerfd_gettime(fd, &now));
	CHECK_EQ(now.it_value.tv_sec | now.it_value.tv_nsec, 0);
	CHECK_ERR(read(fd, &n, 8), EAGAIN);
}

TEST(absolute)
{
	static const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_BOOTTIME};
	struct itimerspec s = {{0, 0}, {0, 0}};

	for (int i = 0; i < 3; i++) {
		int fd = CHECK_OK(timerfd_create(clocks[i], 0));
		struct timespec now, end;

		CHECK_OK(clock_gettime(clocks[i], &now));
		s.it_value = now;
		s.it_value.tv_nsec += 20 * MS;
		if (s.it_value.tv_nsec >= 1000 * MS) {
			s.it_value.tv_sec++;
			s.it_value.tv_nsec -= 1000 * MS;
		}
		CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME, &s, NULL));
		CHECK_EQ(ticks(fd), 1);
		CHECK_OK(clock_gettime(clocks[i], &end));
		CHECK(end.tv_sec > s.it_value.tv_sec || (end.tv_sec == s.it_value.tv_sec && end.tv_nsec >= s.it_value.tv_nsec));
		s.it_value = (struct timespec){0, 1}; /* long ago */
		CHECK_OK(timerfd_settime(fd, TFD_TIMER_ABSTIME | (clocks[i] == CLOCK_REALTIME ? TFD_TIMER_CANCEL_ON_SET : 0), &s, NULL));
		CHECK_EQ(ticks(fd), 1);
		close(fd);
	}
}

TEST(errors)
{
	int fd = new_timer(TFD_NONBLOCK | TFD_CLOEXEC), other = new_file("f");
	struct itimerspec s = {{0, 0}, {1, 0}};
	char c[8];

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERR(timerfd_create(CLOCK_PROCESS_CPUTIME_ID, 0), EINVAL);
	CHECK_ERR(timerfd_create(99, 0), EINVAL);
	CHECK_ERR(timerfd_create(CLOCK_MONOTONIC, 1), EINVAL);
	CHECK_ERR(timerfd_settime(other, 0, &s, NULL), EINVAL);
	CHECK_ERR(timerfd_settime(99, 0, &s, NULL), EBADF);
	CHECK_ERR(timerfd_settime(fd, 4, &s, NULL), EINVAL);
	CHECK_ERR(timerfd_gettime(other, &s), EINVAL);
	CHECK_ERR(timerfd_gettime(99, &s), EBADF);
	CHECK_ERR(syscall(SYS_timerfd_settime, fd, 0, map_edge(), NULL), EFAULT);
	CHECK_ERR(syscall(SYS_timerfd_gettime, fd, map_edge()), EFAULT);
	s.it_value.tv_nsec = 1000 * MS;
	CHECK_ERR(timerfd_settime(fd, 0, &s, NULL), EINVAL);
	s.it_value.tv_nsec = -1;
	CHECK_ERR(timerfd_settime(fd, 0, &s, NULL), EINVAL);
	CHECK_ERR(read(fd, c, 7), EINVAL);
	CHECK_ERR(write(fd, c, 8), EINVAL);
}

TEST(wide_forms)
{
	int fd = new_timer(0);
	struct { int64_t i_sec, i_nsec, sec, nsec; } s = {0, 0, 0, 20 * MS}, now;

	CHECK_OK(syscall(411, fd, 0, &s, &now));
	CHECK_EQ(now.sec | now.nsec, 0);
	CHECK_EQ(ticks(fd), 1);
	s.sec = 5000000000LL;
	CHECK_OK(syscall(411, fd, 0, &s, NULL));
	CHECK_OK(syscall(410, fd, &now));
	CHECK(now.sec >= 4999999990LL && now.sec <= 5000000000LL);
}

/* A timer lives with its descriptors, and fires for whoever has it. */
TEST(shared_by_fork)
{
	int fd = new_timer(0);
	pid_t pid;

	FORK(pid) {
		CHECK_EQ(ticks(fd), 1);
	}
	wait_state(pid, "S");
	arm(fd, 10, 0);
	reap_ok(pid);
}

TEST(epoll_of_timers)
{
	int ep = CHECK_OK(epoll_create1(0)), fd[3], seen = 0;
	struct epoll_event ev;

	for (int i = 0; i < 3; i++) {
		fd[i] = new_timer(0);
		arm(fd[i], 20 + 15 * i, 0);
		ev = (struct epoll_event){.events = EPOLLIN | EPOLLET, .data.u32 = (uint32_t)i};
		CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd[i], &ev));
	}
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(epoll_wait(ep, &ev, 1, -1), 1);
		seen |= 1 << ev.data.u32;
	}
	CHECK_EQ(seen, 7);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
}

/* A short interval costs nothing until somebody reads. */
TEST(fast_beat)
{
	int fd = new_timer(0);
	struct itimerspec s = {{0, 1}, {0, 1}};

	CHECK_OK(timerfd_settime(fd, 0, &s, NULL));
	sleep_ms(10);
	CHECK(ticks(fd) > 1000000);
	CHECK(ticks(fd) >= 1);
}

/* ---- signalfd ---- */

static int signals_of(const int *signals, int flags)
{
	sigset_t set;

	sigemptyset(&set);
	while (*signals)
		sigaddset(&set, *signals++);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	return CHECK_OK(signalfd(-1, &set, flags));
}

TEST(signal_of_kill)
{
	int fd = signals_of((int[]){SIGUSR1, SIGUSR2, 0}, SFD_NONBLOCK | SFD_CLOEXEC);
	struct signalfd_siginfo info[3];

	CHECK_EQ(fcntl(fd, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(fd, F_GETFL), O_RDWR | O_NONBLOCK);
	CHECK_ERR(read(fd, info, sizeof(info)), EAGAIN);
	CHECK_OK(kill(getpid(), SIGUSR2));
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_OK(kill(getpid(), SIGUSR1));
	memset(info, 1, sizeof(info));
	CHECK_EQ(read(fd, info, sizeof(info)), 2 * sizeof(info[0]));
	CHECK_EQ(info[0].ssi_signo, SIGUSR1);
	CHECK_EQ(info[0].ssi_code, SI_USER);
	CHECK_EQ(info[0].ssi_pid, getpid());
	CHECK_EQ(info[0].ssi_uid, getuid());
	CHECK_EQ(info[0].ssi_ptr, 0);
	CHECK_EQ(info[0].ssi_status, 0);
	CHECK_EQ(info[1].ssi_signo, SIGUSR2);
	CHECK_ERR(read(fd, info, sizeof(info)), EAGAIN);
	CHECK_ERR(read(fd, info, sizeof(info[0]) - 1), EINVAL);
	CHECK_ERR(write(fd, info, sizeof(info[0])), EINVAL);
}

TEST(signal_values)
{
	int fd = signals_of((int[]){SIGRTMIN, 0}, 0);
	struct signalfd_siginfo info;

	for (int i = 0; i < 3; i++)
		CHECK_OK(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 70 + i}));
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
		CHECK_EQ(info.ssi_signo, SIGRTMIN);
		CHECK_EQ(info.ssi_code, SI_QUEUE);
		CHECK_EQ(info.ssi_int, 70 + i);
		CHECK_EQ(info.ssi_ptr, 70 + i);
	}
}

TEST(signal_of_child)
{
	int fd = signals_of((int[]){SIGCHLD, 0}, 0);
	struct signalfd_siginfo info;
	pid_t pid = CHECK_OK(fork());

	if (pid == 0)
		_exit(7);
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(info.ssi_signo, SIGCHLD);
	CHECK_EQ(info.ssi_code, CLD_EXITED);
	CHECK_EQ(info.ssi_pid, pid);
	CHECK_EQ(info.ssi_status, 7);
	reap_exit(pid, 7);
}

TEST(signal_set_changes)
{
	int fd = signals_of((int[]){SIGUSR1, SIGUSR2, 0}, SFD_NONBLOCK);
	struct signalfd_siginfo info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGKILL);
	CHECK_EQ(signalfd(fd, &set, 0), fd);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_ERR(read(fd, &info, sizeof(info)), EAGAIN);
	CHECK_OK(kill(getpid(), SIGUSR2));
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(info.ssi_signo, SIGUSR2);
	CHECK_ERR(signalfd(99, &set, 0), EBADF);
	CHECK_ERR(signalfd(new_file("f"), &set, 0), EINVAL);
	CHECK_ERR(signalfd(-1, &set, 1), EINVAL);
	CHECK_ERR(syscall(SYS_signalfd4, -1, &set, 4, 0), EINVAL);
	CHECK_ERR(syscall(SYS_signalfd4, -1, map_edge(), 8, 0), EFAULT);
}

TEST(signals_wake_pollers)
{
	int fd = signals_of((int[]){SIGUSR1, 0}, 0), ep = CHECK_OK(epoll_create1(0));
	struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};
	struct epoll_event ev = {.events = EPOLLIN};
	struct signalfd_siginfo info;
	struct gate first = gate_make();
	pid_t pid;

	CHECK_EQ(poll(&p, 1, 0), 0);
	FORK(pid) {
		CHECK_EQ(poll(&p, 1, -1), 1);
		CHECK_EQ(p.revents, POLLIN);
		CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
		gate_open(&first);
		CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
		CHECK_EQ(epoll_wait(ep, &ev, 1, -1), 1);
	}
	wait_state(pid, "S");
	CHECK_OK(kill(pid, SIGUSR1));
	gate_wait(&first);
	wait_state(pid, "S");
	CHECK_OK(kill(pid, SIGUSR1));
	reap_ok(pid);
	/* the set, and the descriptor in it, outlive the process that watched its own signals by it */
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
	CHECK_OK(kill(getpid(), SIGUSR1));
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	ev.events = EPOLLIN;
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 1);
}
