/* SPDX-License-Identifier: MIT */
/*
 * epoll: what is ready, level- and edge-triggered; nested sets; files that go while they are watched; several waiters.
 */
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

static int new_set(void)
{
	return CHECK_OK(epoll_create1(EPOLL_CLOEXEC));
}

static int control(int ep, int op, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};

	return epoll_ctl(ep, op, fd, &ev);
}

static void watch(int ep, int fd, uint32_t events)
{
	CHECK_OK(control(ep, EPOLL_CTL_ADD, fd, events, (uint64_t)fd));
}

/* The one event that is there; 0 when there is none. */
static uint32_t event(int ep)
{
	struct epoll_event ev[4];
	int n = CHECK_OK(epoll_wait(ep, ev, 4, 0));

	CHECK(n <= 1);
	return n ? ev[0].events : 0;
}

/* Of one that is bound to come. */
static uint32_t event_in_time(int ep)
{
	struct epoll_event ev = {0};

	CHECK_EQ(epoll_wait(ep, &ev, 1, -1), 1);
	return ev.events;
}

static void pipe_of(int fd[2])
{
	CHECK_OK(pipe2(fd, O_CLOEXEC | O_NONBLOCK));
}

static void put(int fd)
{
	CHECK_EQ(write(fd, "x", 1), 1);
}

static void get(int fd)
{
	char c;

	CHECK_EQ(read(fd, &c, 1), 1);
}

static void nothing(int sig UNUSED)
{
}

TEST(level)
{
	int ep = new_set(), p[2];
	struct epoll_event ev;

	pipe_of(p);
	CHECK_OK(control(ep, EPOLL_CTL_ADD, p[0], EPOLLIN, 0x123456789abcULL));
	CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 0);
	put(p[1]);
	for (int i = 0; i < 3; i++) {
		CHECK_EQ(epoll_wait(ep, &ev, 1, -1), 1);
		CHECK_EQ(ev.events, EPOLLIN);
		CHECK_EQ(ev.data.u64, 0x123456789abcULL);
	}
	get(p[0]);
	CHECK_EQ(event(ep), 0);
}

TEST(edge)
{
	int ep = new_set(), p[2];

	pipe_of(p);
	put(p[1]);
	watch(ep, p[0], EPOLLIN | EPOLLET);
	CHECK_EQ(event(ep), EPOLLIN);
	CHECK_EQ(event(ep), 0);
	put(p[1]);
	CHECK_EQ(event(ep), EPOLLIN);
	CHECK_EQ(event(ep), 0);
	get(p[0]);
	CHECK_EQ(event(ep), 0);
}

TEST(oneshot)
{
	int ep = new_set(), p[2];

	pipe_of(p);
	put(p[1]);
	watch(ep, p[0], EPOLLIN | EPOLLONESHOT);
	CHECK_EQ(event(ep), EPOLLIN);
	put(p[1]);
	CHECK_EQ(event(ep), 0);
	CHECK_OK(control(ep, EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT, 1));
	CHECK_EQ(event(ep), EPOLLIN);
	CHECK_EQ(event(ep), 0);
	close(p[1]); /* not even that is told */
	CHECK_EQ(event(ep), 0);
}

TEST(modify_and_delete)
{
	int ep = new_set(), p[2];

	pipe_of(p);
	watch(ep, p[1], EPOLLIN);
	CHECK_EQ(event(ep), 0);
	CHECK_OK(control(ep, EPOLL_CTL_MOD, p[1], EPOLLOUT, 0));
	CHECK_EQ(event(ep), EPOLLOUT);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL));
	CHECK_EQ(event(ep), 0);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_DEL, p[1], NULL), ENOENT);
	CHECK_ERR(control(ep, EPOLL_CTL_MOD, p[1], EPOLLOUT, 0), ENOENT);
}

TEST(errors)
{
	int ep = new_set(), p[2], file = new_file("f");
	struct epoll_event ev = {.events = EPOLLIN};
	struct epoll_event *edge = (void *)map_edge();

	pipe_of(p);
	CHECK_ERR(epoll_create(0), EINVAL);
	CHECK_ERR(epoll_create(-1), EINVAL);
	CHECK_ERR(epoll_create1(1), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, 99, &ev), EBADF);
	CHECK_ERR(epoll_ctl(99, EPOLL_CTL_ADD, p[0], &ev), EBADF);
	CHECK_ERR(epoll_ctl(p[0], EPOLL_CTL_ADD, p[1], &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, ep, &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, 7, p[0], &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, 0, p[0], &ev), EINVAL);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, file, &ev), EPERM);
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], edge), EFAULT);
	CHECK_ERR(epoll_ctl(99, EPOLL_CTL_ADD, p[0], edge), EFAULT);
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	CHECK_ERR(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
	CHECK_ERR(epoll_wait(ep, &ev, 0, 0), EINVAL);
	CHECK_ERR(epoll_wait(ep, &ev, -1, 0), EINVAL);
	CHECK_ERR(epoll_wait(ep, &ev, 0x7fffffff, 0), EINVAL);
	CHECK_ERR(epoll_wait(99, &ev, 1, 0), EBADF);
	CHECK_ERR(epoll_wait(p[0], &ev, 1, 0), EINVAL);
	CHECK_ERR(epoll_wait(ep, (void *)0xf0000000, 1, 0), EFAULT);
	CHECK_ERR(read(ep, &ev, 1), EINVAL);
	CHECK_ERR(write(ep, &ev, 1), EINVAL);
	CHECK_EQ(fcntl(ep, F_GETFL), O_RDWR);
	CHECK_EQ(fcntl(ep, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(CHECK_OK(epoll_create(1)), F_GETFD), 0);
}

/* An event that could not be written is not lost. */
TEST(fault_keeps_event)
{
	struct epoll_event *edge = (void *)map_edge(), ev[2];
	int ep = new_set(), p[2], q[2];

	pipe_of(p);
	pipe_of(q);
	watch(ep, p[0], EPOLLIN | EPOLLET);
	watch(ep, q[0], EPOLLIN | EPOLLONESHOT);
	put(p[1]);
	put(q[1]);
	CHECK_ERR(epoll_wait(ep, edge, 2, 0), EFAULT);
	CHECK_EQ(epoll_wait(ep, edge - 1, 2, 0), 1);
	CHECK_EQ(epoll_wait(ep, ev, 2, 0), 1);
	CHECK_EQ(epoll_wait(ep, ev, 2, 0), 0);
}

TEST(hang_up_and_error)
{
	int ep = new_set(), p[2], q[2];

	pipe_of(p);
	watch(ep, p[0], 0);
	CHECK_EQ(event(ep), 0);
	close(p[1]);
	CHECK_EQ(event(ep), EPOLLHUP);
	close(p[0]);
	CHECK_EQ(event(ep), 0);
	pipe_of(q);
	watch(ep, q[1], 0);
	close(q[0]);
	CHECK_EQ(event(ep), EPOLLERR);
}

TEST(close_removes)
{
	int ep = new_set(), p[2], copy;

	pipe_of(p);
	put(p[1]);
	watch(ep, p[0], EPOLLIN);
	copy = CHECK_OK(dup(p[0]));
	close(p[0]);
	CHECK_EQ(event(ep), EPOLLIN); /* the file is open still */
	close(copy);
	CHECK_EQ(event(ep), 0);
	pipe_of(p);
	watch(ep, p[0], EPOLLIN); /* the number is free again */
}

TEST(same_file_by_two_numbers)
{
	struct epoll_event ev[4];
	int ep = new_set(), p[2], copy;

	pipe_of(p);
	copy = CHECK_OK(dup(p[0]));
	watch(ep, p[0], EPOLLIN);
	watch(ep, copy, EPOLLIN);
	put(p[1]);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 2);
	CHECK_EQ(ev[0].data.u64 + ev[1].data.u64, p[0] + copy);
}

/* Level-triggered events take turns when fewer are asked for than there are. */
TEST(turns)
{
	int ep = new_set(), p[3][2], seen[3] = {0};
	struct epoll_event ev;

	for (int i = 0; i < 3; i++) {
		pipe_of(p[i]);
		put(p[i][1]);
		CHECK_OK(control(ep, EPOLL_CTL_ADD, p[i][0], EPOLLIN, (uint64_t)i));
	}
	for (int i = 0; i < 6; i++) {
		CHECK_EQ(epoll_wait(ep, &ev, 1, 0), 1);
		seen[ev.data.u64]++;
	}
	for (int i = 0; i < 3; i++)
		CHECK_EQ(seen[i], 2);
}

TEST(many)
{
	static struct epoll_event ev[300];
	int ep = new_set(), n = 0;

	for (int i = 0; i < 200; i++)
		watch(ep, CHECK_OK(eventfd(i & 1, 0)), EPOLLIN);
	CHECK_EQ(epoll_wait(ep, ev, 300, 0), 100);
	CHECK_EQ(epoll_wait(ep, ev, 70, 0), 70);
	for (int i = 0; i < 70; i++)
		n += ev[i].events == EPOLLIN;
	CHECK_EQ(n, 70);
}

TEST(timeout)
{
	struct epoll_event ev;
	struct timespec from, to, wait = {0, 30000000};
	long ms;
	int ep = new_set();

	clock_gettime(CLOCK_MONOTONIC, &from);
	CHECK_EQ(epoll_wait(ep, &ev, 1, 30), 0);
	clock_gettime(CLOCK_MONOTONIC, &to);
	ms = (to.tv_sec - from.tv_sec) * 1000 + (to.tv_nsec - from.tv_nsec) / 1000000;
	CHECK(ms >= 29 && ms < LATE_MS);
	CHECK_EQ(syscall(441, ep, &ev, 1, (struct { int64_t s, ns; }[]){{0, wait.tv_nsec}}, NULL, 8), 0);
	CHECK_ERR(syscall(441, ep, &ev, 1, (struct { int64_t s, ns; }[]){{0, 1000000000}}, NULL, 8), EINVAL);
	CHECK_ERR(syscall(441, ep, &ev, 1, (struct { int64_t s, ns; }[]){{0, 1}}, &ev, 4), EINVAL);
	CHECK_ERR(syscall(441, ep, &ev, 1, map_edge(), NULL, 8), EFAULT);
}

TEST(signal_interrupts)
{
	struct sigaction act = {.sa_handler = nothing, .sa_flags = SA_RESTART};
	struct itimerval soon = {{0, 20000}, {0, 20000}};
	struct epoll_event ev;
	int ep = new_set();
	sigset_t all, none;

	CHECK_OK(sigaction(SIGALRM, &act, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	CHECK_ERR(epoll_wait(ep, &ev, 1, -1), EINTR);
	sigfillset(&all);
	sigemptyset(&none);
	CHECK_EQ(epoll_pwait(ep, &ev, 1, 60, &all), 0);
	CHECK_OK(sigprocmask(SIG_SETMASK, &all, NULL));
	CHECK_ERR(epoll_pwait(ep, &ev, 1, -1, &none), EINTR);
	CHECK_OK(sigprocmask(SIG_SETMASK, NULL, &none));
	CHECK_EQ(sigismember(&none, SIGALRM), 1);
}

TEST(descriptor_is_pollable)
{
	struct pollfd p = {.events = POLLIN | POLLOUT};
	int ep = new_set(), q[2];
	pid_t pid;

	pipe_of(q);
	watch(ep, q[0], EPOLLIN);
	p.fd = ep;
	CHECK_EQ(poll(&p, 1, 0), 0);
	put(q[1]);
	CHECK_EQ(poll(&p, 1, 0), 1);
	CHECK_EQ(p.revents, POLLIN);
	get(q[0]);
	CHECK_EQ(poll(&p, 1, 0), 0);
	FORK(pid) {
		CHECK_EQ(poll(&p, 1, -1), 1);
	}
	wait_state(pid, "S");
	put(q[1]);
	reap_ok(pid);
}

TEST(nested)
{
	int outer = new_set(), inner = new_set(), p[2];
	struct epoll_event ev;
	pid_t pid;

	pipe_of(p);
	watch(outer, inner, EPOLLIN);
	watch(inner, p[0], EPOLLIN);
	CHECK_EQ(event(outer), 0);
	FORK(pid) {
		CHECK_EQ(epoll_wait(outer, &ev, 1, -1), 1);
		CHECK_EQ(ev.data.u64, inner);
	}
	wait_state(pid, "S");
	put(p[1]);
	reap_ok(pid);
	CHECK_EQ(event(outer), EPOLLIN);
	CHECK_EQ(event(inner), EPOLLIN);
	get(p[0]);
	CHECK_EQ(event(outer), 0);
	put(p[1]);
	close(inner);
	CHECK_EQ(event(outer), 0);
}

TEST(nested_edge)
{
	int outer = new_set(), inner = new_set(), p[2];

	pipe_of(p);
	watch(outer, inner, EPOLLIN | EPOLLET);
	watch(inner, p[0], EPOLLIN);
	put(p[1]);
	CHECK_EQ(event(outer), EPOLLIN);
	CHECK_EQ(event(outer), 0);
	CHECK_EQ(event(inner), EPOLLIN);
	put(p[1]);
	CHECK_EQ(event(inner), EPOLLIN);
}

TEST(loops)
{
	int a = new_set(), b = new_set(), c = new_set(), chain[9];
	struct epoll_event ev = {.events = EPOLLIN};

	watch(a, b, EPOLLIN);
	CHECK_ERR(epoll_ctl(b, EPOLL_CTL_ADD, a, &ev), ELOOP);
	watch(b, c, EPOLLIN);
	CHECK_ERR(epoll_ctl(c, EPOLL_CTL_ADD, a, &ev), ELOOP);
	for (int i = 0; i < 9; i++)
		chain[i] = new_set();
	for (int i = 0; i < 4; i++)
		watch(chain[i + 1], chain[i], EPOLLIN);
	CHECK_ERR(epoll_ctl(chain[5], EPOLL_CTL_ADD, chain[4], &ev), ELOOP);
	CHECK_ERR(epoll_ctl(chain[0], EPOLL_CTL_ADD, chain[5], &ev), ELOOP);
	watch(chain[5], chain[3], EPOLLIN);
}

/* A file that too many epolls watch over others. */
TEST(too_many_paths)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int chain[5], fd = CHECK_OK(eventfd(0, 0));

	for (int i = 0; i < 5; i++)
		chain[i] = new_set();
	for (int i = 0; i < 4; i++)
		watch(chain[i + 1], chain[i], EPOLLIN);
	watch(chain[0], fd, EPOLLIN);
	for (int i = 0; i < 9; i++)
		watch(new_set(), chain[3], EPOLLIN);
	CHECK_ERR(epoll_ctl(new_set(), EPOLL_CTL_ADD, chain[3], &ev), EINVAL);
	CHECK_OK(epoll_ctl(chain[0], EPOLL_CTL_DEL, fd, &ev));
	watch(new_set(), chain[3], EPOLLIN);
	CHECK_ERR(epoll_ctl(chain[0], EPOLL_CTL_ADD, fd, &ev), EINVAL);
	CHECK_ERR(epoll_ctl(chain[0], EPOLL_CTL_DEL, fd, &ev), ENOENT);
}

TEST(exclusive)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLEXCLUSIVE};
	int a = new_set(), b = new_set(), p[2];

	pipe_of(p);
	CHECK_ERR(epoll_ctl(a, EPOLL_CTL_ADD, b, &ev), EINVAL);
	ev.events |= EPOLLONESHOT;
	CHECK_ERR(epoll_ctl(a, EPOLL_CTL_ADD, p[0], &ev), EINVAL);
	ev.events = EPOLLIN | EPOLLEXCLUSIVE;
	CHECK_OK(epoll_ctl(a, EPOLL_CTL_ADD, p[0], &ev));
	CHECK_OK(epoll_ctl(b, EPOLL_CTL_ADD, p[0], &ev));
	CHECK_ERR(epoll_ctl(a, EPOLL_CTL_MOD, p[0], &ev), EINVAL);
	ev.events = EPOLLIN;
	CHECK_ERR(epoll_ctl(a, EPOLL_CTL_MOD, p[0], &ev), EINVAL);
	put(p[1]);
	CHECK_EQ(event(a) | event(b), EPOLLIN);
}

/* A set is shared by fork; each side may change it. */
TEST(shared_by_fork)
{
	int ep = new_set(), p[2];
	pid_t pid;

	pipe_of(p);
	FORK(pid) {
		watch(ep, p[0], EPOLLIN);
	}
	reap_ok(pid);
	put(p[1]);
	CHECK_EQ(event(ep), EPOLLIN); /* the file lives in this process as well */
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
}

TEST(watches_terminals)
{
	int ep = new_set(), master = CHECK_OK(posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK)), slave;

	CHECK_OK(grantpt(master));
	CHECK_OK(unlockpt(master));
	slave = CHECK_OK(open(ptsname(master), O_RDWR | O_NOCTTY));
	watch(ep, slave, EPOLLIN);
	CHECK_EQ(event(ep), 0);
	CHECK_EQ(write(master, "a\n", 2), 2);
	CHECK_EQ(event_in_time(ep), EPOLLIN); /* Linux carries it over in its own time */
	close(master);
	CHECK(event(ep) & EPOLLHUP);
	close(slave);
	CHECK_EQ(event(ep), 0);
}

struct race {
	int ep, fd[4], counted[4];
	int stop;
};

static void *consumer(void *arg)
{
	struct race *r = arg;
	struct epoll_event ev[4];

	while (!__atomic_load_n(&r->stop, __ATOMIC_SEQ_CST)) {
		int n = epoll_wait(r->ep, ev, 4, -1);

		for (int i = 0; i < n; i++) {
			uint64_t k = ev[i].data.u64, got;

			while (read(r->fd[k], &got, 8) == 8)
				__atomic_add_fetch(&r->counted[k], (int)got, __ATOMIC_SEQ_CST);
		}
	}
	return NULL;
}

#define PUTS 3000

static void *producer(void *arg)
{
	struct race *r = arg;
	uint64_t one = 1;

	for (int i = 0; i < PUTS; i++)
		for (int k = 0; k < 4; k++)
			CHECK_EQ(write(r->fd[k], &one, 8), 8);
	return NULL;
}

/* Edge-triggered, several producers and consumers: all that was put in is taken out by somebody, without another nudge. */
TEST(no_edge_is_lost)
{
	static struct race r;
	pthread_t c[2], p[2];

	r.ep = new_set();
	for (int k = 0; k < 4; k++) {
		r.fd[k] = CHECK_OK(eventfd(0, EFD_NONBLOCK));
		CHECK_OK(control(r.ep, EPOLL_CTL_ADD, r.fd[k], EPOLLIN | EPOLLET, (uint64_t)k));
	}
	for (int i = 0; i < 2; i++) {
		CHECK_EQ(pthread_create(&c[i], NULL, consumer, &r), 0);
		CHECK_EQ(pthread_create(&p[i], NULL, producer, &r), 0);
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(p[i], NULL), 0);
	for (int k = 0; k < 4; k++)
		CHECK_SOON(__atomic_load_n(&r.counted[k], __ATOMIC_SEQ_CST) == 2 * PUTS);
	__atomic_store_n(&r.stop, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 2; i++) {
		int fd = CHECK_OK(eventfd(1, 0));

		watch(r.ep, fd, EPOLLIN);
	}
}

/* Files that come and go under a set that others wait on: nothing stays behind, nobody crashes. */
static void *churner(void *arg)
{
	int ep = (int)(intptr_t)arg;

	for (int i = 0; i < 500; i++) {
		int p[2];

		pipe_of(p);
		watch(ep, p[0], EPOLLIN);
		put(p[1]);
		if (i & 1)
			CHECK_OK(epoll_ctl(ep, EPOLL_CTL_DEL, p[0], NULL));
		close(p[i >> 1 & 1]);
		close(p[~i >> 1 & 1]);
	}
	return NULL;
}

TEST(churn)
{
	struct epoll_event ev[4];
	int ep = new_set(), outer = new_set();
	pthread_t t[2];

	watch(outer, ep, EPOLLIN | EPOLLET);
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, churner, (void *)(intptr_t)ep), 0);
	for (int i = 0; i < 500; i++) {
		CHECK_OK(epoll_wait(ep, ev, 4, 1));
		CHECK_OK(epoll_wait(outer, ev, 4, 0));
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(epoll_wait(ep, ev, 4, 0), 0);
}
