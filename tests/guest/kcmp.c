/* SPDX-License-Identifier: MIT */
/*
 * kcmp: what two threads share, told as an order; who may ask.
 */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/sem.h>

enum { FILES_OPEN, MEMORY, FILES, PLACES, HANDLERS, IO, UNDO, EPOLL_TARGET };
struct slot { uint32_t epoll, target, skip; };

static long kcmp(pid_t a, pid_t b, int type, unsigned long x, unsigned long y)
{
	return syscall(SYS_kcmp, a, b, type, x, y);
}

static pid_t me(void) { return (pid_t)syscall(SYS_gettid); }

TEST(open_files)
{
	int a = new_file("a"), b = new_file("b"), c = CHECK_OK(dup(a)), again = CHECK_OK(open("a", O_RDONLY)), path = CHECK_OK(open("a", O_PATH));
	long ab = CHECK_OK(kcmp(me(), me(), FILES_OPEN, a, b)), ba = CHECK_OK(kcmp(me(), me(), FILES_OPEN, b, a));

	CHECK_EQ(kcmp(me(), me(), FILES_OPEN, a, a), 0);
	CHECK_EQ(kcmp(me(), me(), FILES_OPEN, a, c), 0);
	CHECK((ab == 1 && ba == 2) || (ab == 2 && ba == 1));
	CHECK(kcmp(me(), me(), FILES_OPEN, a, again) > 0);
	CHECK(kcmp(me(), me(), FILES_OPEN, a, path) > 0);
	CHECK_EQ(kcmp(me(), me(), FILES_OPEN, path, path), 0);
	CHECK_ERR(kcmp(me(), me(), FILES_OPEN, a, 999), EBADF);
	CHECK_ERR(kcmp(me(), me(), FILES_OPEN, -1, a), EBADF);
}

static int compare_descriptors(const void *x, const void *y)
{
	long r = CHECK_OK(kcmp(me(), me(), FILES_OPEN, *(const int *)x, *(const int *)y));

	return r == 0 ? 0 : r == 1 ? -1 : 1;
}

TEST(is_an_order)
{
	int fds[40];

	for (int i = 0; i < 40; i++)
		fds[i] = i < 30 ? CHECK_OK(open("/dev/null", O_RDONLY)) : CHECK_OK(dup(fds[i - 30]));
	qsort(fds, 40, sizeof(fds[0]), compare_descriptors);
	for (int i = 0; i < 40; i++)
		for (int j = i + 1; j < 40; j++) {
			long r = CHECK_OK(kcmp(me(), me(), FILES_OPEN, fds[i], fds[j]));

			CHECK(r == 1 || (r == 0 && j == i + 1));
		}
}

TEST(a_forked_child)
{
	struct gate g = gate_make();
	int fd = new_file("f");
	pid_t pid;

	FORK(pid)
		gate_wait(&g);
	CHECK_EQ(kcmp(me(), pid, FILES_OPEN, fd, fd), 0);
	CHECK(kcmp(me(), pid, MEMORY, 0, 0) > 0);
	CHECK(kcmp(me(), pid, FILES, 0, 0) > 0);
	CHECK(kcmp(me(), pid, PLACES, 0, 0) > 0);
	CHECK(kcmp(me(), pid, HANDLERS, 0, 0) > 0);
	CHECK_EQ(kcmp(pid, pid, MEMORY, 7, 7), 0);
	gate_open(&g);
	reap_ok(pid);
	CHECK_ERR(kcmp(me(), pid, MEMORY, 0, 0), ESRCH);
}

struct shared {
	struct gate ready, done;
	pid_t tid;
};

static int sleeps(void *arg)
{
	struct shared *s = arg;

	s->tid = me();
	gate_open(&s->ready);
	gate_wait(&s->done);
	return 0;
}

/* What a child that was made with these flags shares, as bits. */
static unsigned shares(int flags)
{
	struct shared *s = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *stack = map_rw(16 * PAGE);
	unsigned bits = 0;
	pid_t pid;

	*s = (struct shared){gate_make(), gate_make(), 0};
	pid = CHECK_OK(clone(sleeps, stack + 16 * PAGE, flags | SIGCHLD, s));
	gate_wait(&s->ready);
	for (int type = MEMORY; type <= UNDO; type++)
		if (type != IO && CHECK_OK(kcmp(me(), pid, type, 0, 0)) == 0)
			bits |= 1u << type;
	gate_open(&s->done);
	reap_ok(pid);
	return bits;
}

TEST(what_clone_shares)
{
	int id = CHECK_OK(semget(IPC_PRIVATE, 1, 0600));
	struct sembuf up = {0, 1, SEM_UNDO};

	CHECK_EQ(shares(0), 1u << UNDO); /* neither has anything to take back */
	CHECK_OK(semop(id, &up, 1));
	CHECK_OK(semctl(id, 0, IPC_RMID));
	CHECK_EQ(shares(0), 0);
	CHECK_EQ(shares(CLONE_VM), 1u << MEMORY);
	CHECK_EQ(shares(CLONE_FILES), 1u << FILES);
	CHECK_EQ(shares(CLONE_FS), 1u << PLACES);
	CHECK_EQ(shares(CLONE_VM | CLONE_SIGHAND), 1u << MEMORY | 1u << HANDLERS);
	CHECK_EQ(shares(CLONE_SYSVSEM), 1u << UNDO);
}

static void *thread(void *arg)
{
	struct shared *s = arg;
	int fd = -1;

	CHECK_OK(unshare(CLONE_FILES));
	fd = CHECK_OK(open("/dev/null", O_RDONLY));
	CHECK_EQ(kcmp(me(), me(), FILES_OPEN, fd, fd), 0);
	s->tid = me();
	gate_open(&s->ready);
	gate_wait(&s->done);
	return NULL;
}

/* Numbers are of threads, and files are each thread's own. */
TEST(threads)
{
	struct shared s = {gate_make(), gate_make(), 0};
	int last = CHECK_OK(dup(0));
	pthread_t t;

	close(last);
	CHECK_EQ(pthread_create(&t, NULL, thread, &s), 0);
	gate_wait(&s.ready);
	CHECK_EQ(kcmp(me(), s.tid, MEMORY, 0, 0), 0);
	CHECK_EQ(kcmp(me(), s.tid, HANDLERS, 0, 0), 0);
	CHECK_EQ(kcmp(me(), s.tid, PLACES, 0, 0), 0);
	CHECK(kcmp(me(), s.tid, FILES, 0, 0) > 0);
	CHECK_EQ(kcmp(me(), s.tid, FILES_OPEN, 0, 0), 0);
	CHECK_ERR(kcmp(me(), s.tid, FILES_OPEN, 0, last + 1), EBADF);
	CHECK_ERR(kcmp(me(), s.tid, FILES_OPEN, last, 0), EBADF);
	CHECK_EQ(kcmp(s.tid, s.tid, FILES_OPEN, last, last), 0);
	gate_open(&s.done);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

TEST(a_zombie)
{
	int fd = new_file("f");
	pid_t pid;

	FORK(pid)
		;
	wait_state(pid, "Z");
	CHECK(kcmp(me(), pid, MEMORY, 0, 0) > 0);
	CHECK(kcmp(me(), pid, FILES, 0, 0) > 0);
	CHECK(kcmp(me(), pid, HANDLERS, 0, 0) > 0);
	CHECK_EQ(kcmp(pid, pid, PLACES, 0, 0), 0);
	CHECK_ERR(kcmp(me(), pid, FILES_OPEN, fd, fd), EBADF);
	reap_ok(pid);
}

TEST(watched_files)
{
	int ep = CHECK_OK(epoll_create1(0)), p[2], copy;
	struct epoll_event ev = {.events = EPOLLIN};
	struct slot slot;

	CHECK_OK(pipe(p));
	copy = CHECK_OK(dup(p[0]));
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	slot = (struct slot){(uint32_t)ep, (uint32_t)p[0], 0};
	CHECK_EQ(kcmp(me(), me(), EPOLL_TARGET, p[0], (unsigned long)&slot), 0);
	CHECK_EQ(kcmp(me(), me(), EPOLL_TARGET, copy, (unsigned long)&slot), 0);
	CHECK(kcmp(me(), me(), EPOLL_TARGET, p[1], (unsigned long)&slot) > 0);
	slot.skip = 1;
	CHECK_ERR(kcmp(me(), me(), EPOLL_TARGET, p[0], (unsigned long)&slot), ENOENT);
	slot = (struct slot){(uint32_t)ep, (uint32_t)copy, 0};
	CHECK_ERR(kcmp(me(), me(), EPOLL_TARGET, p[0], (unsigned long)&slot), ENOENT);
	slot.epoll = (uint32_t)p[0];
	CHECK_ERR(kcmp(me(), me(), EPOLL_TARGET, p[0], (unsigned long)&slot), EINVAL);
	slot.epoll = 999;
	CHECK_ERR(kcmp(me(), me(), EPOLL_TARGET, p[0], (unsigned long)&slot), EBADF);
	CHECK_ERR(kcmp(me(), me(), EPOLL_TARGET, 999, (unsigned long)&slot), EBADF);
	CHECK_ERR(kcmp(me(), me(), EPOLL_TARGET, 999, (unsigned long)map_edge()), EFAULT);
}

/* A number that names something else by now is still watched as what it was. */
TEST(watched_under_one_number)
{
	int ep = CHECK_OK(epoll_create1(0)), p[2], keep, other = new_file("f");
	struct epoll_event ev = {.events = EPOLLIN};
	long zero[2], one[2];
	struct slot slot;

	CHECK_OK(pipe(p));
	keep = CHECK_OK(dup(p[0]));
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	CHECK_OK(dup2(p[1], p[0]));
	CHECK_OK(epoll_ctl(ep, EPOLL_CTL_ADD, p[0], &ev));
	for (int i = 0; i < 2; i++) {
		slot = (struct slot){(uint32_t)ep, (uint32_t)p[0], (uint32_t)i};
		zero[i] = CHECK_OK(kcmp(me(), me(), EPOLL_TARGET, keep, (unsigned long)&slot));
		one[i] = CHECK_OK(kcmp(me(), me(), EPOLL_TARGET, p[1], (unsigned long)&slot));
		CHECK(kcmp(me(), me(), EPOLL_TARGET, other, (unsigned long)&slot) > 0);
	}
	CHECK((!zero[0] && zero[1] && one[0] && !one[1]) || (zero[0] && !zero[1] && !one[0] && one[1]));
	slot.skip = 2;
	CHECK_ERR(kcmp(me(), me(), EPOLL_TARGET, keep, (unsigned long)&slot), ENOENT);
}

TEST(errors)
{
	CHECK_ERR(kcmp(me(), 0, MEMORY, 0, 0), ESRCH);
	CHECK_ERR(kcmp(-1, me(), MEMORY, 0, 0), ESRCH);
	CHECK_ERR(kcmp(me(), me(), 8, 0, 0), EINVAL);
	CHECK_ERR(kcmp(me(), me(), -1, 0, 0), EINVAL);
	CHECK_ERR(kcmp(0, me(), 8, 0, 0), ESRCH);
}

TEST(who_may_ask)
{
	pid_t root = getpid(), pid, nobody;
	struct gate ready = gate_make(), g = gate_make();

	FORK(nobody) {
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK_OK(prctl(PR_SET_DUMPABLE, 1));
		gate_open(&ready);
		gate_wait(&g);
	}
	gate_wait(&ready);
	CHECK(kcmp(root, nobody, MEMORY, 0, 0) > 0);
	FORK(pid) {
		CHECK_OK(setresgid(65534, 65534, 65534));
		CHECK_OK(setresuid(65534, 65534, 65534));
		CHECK(kcmp(me(), nobody, MEMORY, 0, 0) > 0);
		CHECK_ERR(kcmp(me(), root, MEMORY, 0, 0), EPERM);
		CHECK_ERR(kcmp(root, me(), FILES_OPEN, 999, 999), EPERM);
		CHECK_ERR(kcmp(root, root, 8, 0, 0), EPERM);
		CHECK_EQ(kcmp(me(), me(), MEMORY, 0, 0), 0);
	}
	reap_ok(pid);
	gate_open(&g);
	reap_ok(nobody);
}

/* Who has set a priority for input and output has something of its own to compare, and so has its child. */
TEST(priorities_of_input_and_output)
{
	struct gate done = gate_make();
	pid_t pid;

	FORK(pid)
		gate_wait(&done);
	CHECK_EQ(kcmp(me(), me(), IO, 0, 0), 0);
	CHECK_EQ(kcmp(me(), pid, IO, 0, 0), 0);
	CHECK_OK(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6));
	CHECK_EQ(kcmp(me(), me(), IO, 0, 0), 0);
	CHECK(CHECK_OK(kcmp(me(), pid, IO, 0, 0)) != 0);
	gate_open(&done);
	reap_ok(pid);
	done = gate_make();
	FORK(pid)
		gate_wait(&done);
	CHECK(CHECK_OK(kcmp(me(), pid, IO, 0, 0)) != 0);
	gate_open(&done);
	reap_ok(pid);
}
