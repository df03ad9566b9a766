/* SPDX-License-Identifier: MIT */
/*
 * A user without rights takes all that he can get of one thing. He is told when it is enough, others have as much as before, and when his processes end
 * everything is there again: he can do it a second time, as far as the first.
 */
#include "guest.h"

#include <mqueue.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/timerfd.h>

#define SOMEBODY 2468
#define FILES_MOST 1500

struct result {
	long n;
	int error;
};

/* Root's and everybody's work goes on. */
static void machine_is_well(void)
{
	int p[2];
	pid_t pid;

	CHECK_OK(pipe(p));
	CHECK_EQ(write(p[1], "x", 1), 1);
	close(p[0]);
	close(p[1]);
	close(new_file("well"));
	FORK(pid)
		memset(map_rw(16 * PAGE), 1, 16 * PAGE);
	reap_ok(pid);
}

static void become_somebody(void)
{
	static const struct { int what; rlim_t most; } limits[] = {{RLIMIT_NOFILE, FILES_MOST}, {RLIMIT_NPROC, 60}, {RLIMIT_SIGPENDING, 200}, {RLIMIT_MEMLOCK, 1 << 20}, {RLIMIT_CORE, 0}};

	for (unsigned i = 0; i < sizeof(limits) / sizeof(limits[0]); i++)
		CHECK_OK(setrlimit(limits[i].what, &(struct rlimit){limits[i].most, limits[i].most}));
	CHECK_OK(setgid(SOMEBODY) ?: setuid(SOMEBODY));
}

/* The taker takes in a process of its own until it is refused; while it still has all that the machine is looked at. Twice. */
static struct result taken(long (*take)(long n), long most)
{
	volatile struct result *shared = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	struct result got[2];

	for (int round = 0; round < 2; round++) {
		struct gate full = gate_make(), end = gate_make();
		pid_t pid;

		FORK(pid) {
			setpgid(0, 0);
			become_somebody();
			shared->n = 0;
			while (shared->n < most && take(shared->n) >= 0)
				shared->n++;
			shared->error = errno;
			gate_open(&full);
			gate_wait(&end);
			signal(SIGTERM, SIG_IGN);
			kill(0, SIGTERM);
			while (wait(NULL) > 0)
				;
		}
		gate_wait(&full);
		machine_is_well();
		gate_open(&end);
		reap_ok(pid);
		for (int i = 0; i < 2; i++) {
			close(full.fd[i]);
			close(end.fd[i]);
		}
		got[round] = *(struct result *)shared;
	}
	CHECK_EQ(got[1].n, got[0].n);
	CHECK_EQ(got[1].error, got[0].error);
	CHECK(got[0].n < most);
	return got[0];
}

#define CHECK_TAKEN(take, error_wanted, least, most)                                                                   \
	do {                                                                                                           \
		struct result r_ = taken(take, (most) + 1);                                                            \
		if (r_.error != (error_wanted) || r_.n < (least) || r_.n > (most))                                     \
			FAIL("%s: %ld were had, then %s", #take, r_.n, strerrorname_np(r_.error) ?: "?");              \
	} while (0)

static long take_file(long n UNUSED) { return open("/dev/null", O_RDONLY); }
static long take_eventfd(long n UNUSED) { return eventfd(0, 0); }
static long take_epoll(long n UNUSED) { return epoll_create1(0); }
static long take_timerfd(long n UNUSED) { return timerfd_create(CLOCK_MONOTONIC, 0); }
static long take_memfd(long n UNUSED) { return memfd_create("x", 0); }
static long take_pidfd(long n UNUSED) { return syscall(SYS_pidfd_open, getpid(), 0); }

TEST(descriptors_of_each_kind)
{
	CHECK_TAKEN(take_file, EMFILE, FILES_MOST - 20, FILES_MOST);
	CHECK_TAKEN(take_eventfd, EMFILE, FILES_MOST - 20, FILES_MOST);
	CHECK_TAKEN(take_epoll, EMFILE, FILES_MOST - 20, FILES_MOST);
	CHECK_TAKEN(take_timerfd, EMFILE, FILES_MOST - 20, FILES_MOST);
	CHECK_TAKEN(take_memfd, EMFILE, FILES_MOST - 20, FILES_MOST);
	CHECK_TAKEN(take_pidfd, EMFILE, FILES_MOST - 20, FILES_MOST);
}

/* Each full to the brim. */
static long take_pipe(long n UNUSED)
{
	static char data[65536];
	int p[2];

	if (pipe2(p, O_NONBLOCK) < 0)
		return -1;
	return write(p[1], data, sizeof(data));
}

TEST(full_pipes)
{
	CHECK_TAKEN(take_pipe, EMFILE, FILES_MOST / 2 - 20, FILES_MOST / 2);
}

static long take_inotify(long n UNUSED) { return inotify_init1(0); }

TEST(inotify_instances)
{
	CHECK_TAKEN(take_inotify, EMFILE, 100, 200); /* max_user_instances */
}

static long take_pty(long n UNUSED) { return open("/dev/ptmx", O_RDWR | O_NOCTTY); }

TEST(pseudo_terminals)
{
	struct result r = taken(take_pty, 5000);

	CHECK(r.error == EMFILE || r.error == ENOSPC);
	CHECK(r.n >= 60);
}

static long take_process(long n UNUSED)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

TEST(processes)
{
	CHECK_TAKEN(take_process, EAGAIN, 59, 59);
}

static int thread_body(void *arg UNUSED)
{
	syscall(SYS_pause);
	syscall(SYS_exit, 0);
	return 0;
}

static long take_thread(long n UNUSED)
{
	char *stack = map_rw(2 * PAGE);

	return clone(thread_body, stack + 2 * PAGE - 64, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD, NULL);
}

TEST(threads)
{
	CHECK_TAKEN(take_thread, EAGAIN, 59, 59);
}

static long take_signal(long n)
{
	sigset_t all;

	sigfillset(&all);
	if (n == 0)
		CHECK_OK(sigprocmask(SIG_BLOCK, &all, NULL));
	return sigqueue(getpid(), SIGRTMIN + (int)(n % 8), (union sigval){.sival_int = 1});
}

TEST(pending_signals)
{
	CHECK_TAKEN(take_signal, EAGAIN, 200, 200);
}

static long take_timer(long n UNUSED)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGURG};
	int id;

	return syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id);
}

TEST(timers)
{
	CHECK_TAKEN(take_timer, EAGAIN, 200, 200);
}

/* Neighbours differ, so that none become one. */
static long take_region(long n)
{
	static char *base;

	if (n == 0)
		base = mmap((void *)0x30000000, 70000 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
	return base == MAP_FAILED || n >= 35000 ? -1 : mprotect(base + (2 * n + 1) * PAGE, PAGE, PROT_READ);
}

TEST(regions)
{
	CHECK_TAKEN(take_region, ENOMEM, 32000, 32765);
}

static long take_locked(long n UNUSED)
{
	char *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return p == MAP_FAILED ? -1 : mlock(p, 16 * PAGE);
}

TEST(locked_memory)
{
	CHECK_TAKEN(take_locked, ENOMEM, 16, 16);
}

static long take_space(long n UNUSED)
{
	return mmap(NULL, 32 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) == MAP_FAILED ? -1 : 0;
}

TEST(address_space)
{
	CHECK_TAKEN(take_space, ENOMEM, 60, 96);
}

static long take_name(long n)
{
	char name[40];

	snprintf(name, sizeof(name), "small/%ld", n);
	return mkdir(name, 0700);
}

static long take_page(long n UNUSED)
{
	static char data[PAGE];
	static int fd = -1;

	if (fd < 0)
		fd = open("small/data", O_CREAT | O_WRONLY | O_APPEND | O_TRUNC, 0666);
	return fd < 0 ? -1 : write(fd, data, sizeof(data));
}

static void empty_small(void)
{
	int fd = CHECK_OK(open("small", O_RDONLY | O_DIRECTORY));
	char name[12];

	for (int i = 0; i < 600; i++) {
		snprintf(name, sizeof(name), "%d", i);
		unlinkat(fd, name, AT_REMOVEDIR);
	}
	close(fd);
}

TEST(file_system)
{
	long n;

	CHECK_OK(mkdir("small", 0777));
	CHECK_OK(mount("t", "small", "tmpfs", 0, "size=256k,mode=777"));
	for (int round = 0; round < 2; round++) {
		for (n = 0; n < 500 && take_page(n) == PAGE; n++)
			;
		CHECK_EQ(errno, ENOSPC);
		CHECK(n >= 32 && n <= 64);
		CHECK_OK(truncate("small/data", 0));
	}
	for (n = 0; n < 300; n++)
		if (take_name(n) < 0)
			CHECK_EQ(errno, ENOSPC);
	empty_small();
	CHECK_OK(umount2("small", MNT_DETACH));
	machine_is_well();
}

static long take_message(long n UNUSED)
{
	static int id = -1;
	struct { long type; char text[512]; } m = {1, ""};

	if (id < 0)
		id = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
	if (id < 0)
		return -1;
	if (msgsnd(id, &m, sizeof(m.text), IPC_NOWAIT) < 0) {
		int e = errno;

		CHECK_OK(msgctl(id, IPC_RMID, NULL));
		errno = e;
		return -1;
	}
	return 0;
}

TEST(messages)
{
	CHECK_TAKEN(take_message, EAGAIN, 20, 40);
}

static long take_queue(long n)
{
	struct mq_attr attr = {.mq_maxmsg = 10, .mq_msgsize = 4096};
	char name[30];
	long id;

	snprintf(name, sizeof(name), "exhaust%ld", n);
	id = syscall(SYS_mq_open, name, O_CREAT | O_RDWR, 0600, &attr);
	if (id >= 0)
		return id;
	for (int e = errno; n-- > 0; errno = e) {
		snprintf(name, sizeof(name), "exhaust%ld", n);
		CHECK_OK(syscall(SYS_mq_unlink, name));
	}
	return -1;
}

TEST(message_queues)
{
	CHECK_TAKEN(take_queue, EMFILE, 10, 30); /* RLIMIT_MSGQUEUE */
}

static long take_semaphores(long n)
{
	static int ids[40];

	ids[n] = semget(IPC_PRIVATE, 32000, IPC_CREAT | 0600);
	if (ids[n] < 0 || n == 39) {
		int e = ids[n] < 0 ? errno : ENOSPC;

		for (long i = 0; i <= n; i++)
			if (ids[i] >= 0)
				CHECK_OK(semctl(ids[i], 0, IPC_RMID));
		errno = e;
		return -1;
	}
	return 0;
}

TEST(semaphores)
{
	struct result r = taken(take_semaphores, 50);

	CHECK(r.error == ENOSPC || r.error == ENOMEM);
}
