/* SPDX-License-Identifier: MIT */
/* Threads: clone with all that makes one, and what is shared, waited for and ended with them. Words to wait on: futex(2). */
#include "guest.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#define MANY 40

static pid_t own_tid(void) { return (pid_t)syscall(SYS_gettid); }
static void *nothing(void *arg) { return arg; }

TEST(create_and_join)
{
	for (long i = 0; i < 100; i++) {
		pthread_t t;
		void *got;

		CHECK_EQ(pthread_create(&t, NULL, nothing, (void *)i), 0);
		CHECK_EQ(pthread_join(t, &got), 0);
		CHECK_EQ((long)got, i);
	}
}

/* Each thread's own storage, stack and number; one process number. */
static __thread int mine;
static pid_t tids[MANY];

static void *fill(void *arg)
{
	long i = (long)arg;

	mine = (int)i;
	tids[i] = own_tid();
	sched_yield();
	CHECK_EQ(mine, i);
	CHECK_EQ(getpid(), getpgrp());
	return NULL;
}

TEST(many_at_once_have_their_own)
{
	pthread_t t[MANY];

	setpgid(0, 0);
	for (long i = 0; i < MANY; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, fill, (void *)i), 0);
	for (int i = 0; i < MANY; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	for (int i = 0; i < MANY; i++)
		for (int k = 0; k <= i; k++)
			CHECK(k == i ? tids[i] != getpid() : tids[k] != tids[i]);
}

/* The word that CLONE_CHILD_CLEARTID names is cleared and woken, at the end of any thread of the process: whoever waits need not know how. */
static char room[16384] __attribute__((aligned(16)));
static int tid_word;

static int end_at_once(void *arg) { return (int)(long)arg; }

TEST(end_clears_the_word_and_wakes)
{
	int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

	for (int i = 0; i < 50; i++) {
		int seen;

		tid_word = -1;
		CHECK_OK(clone(end_at_once, room + sizeof(room), flags, NULL, &tid_word, NULL, &tid_word));
		while ((seen = __atomic_load_n(&tid_word, __ATOMIC_ACQUIRE)) != 0)
			syscall(SYS_futex, &tid_word, FUTEX_WAIT, seen, NULL, NULL, 0);
	}
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static int turn, counter;

static void *count_up(void *arg)
{
	for (int i = 0; i < 2000; i++) {
		pthread_mutex_lock(&lock);
		int was = counter;
		if (i % 100 == 0)
			sched_yield();
		counter = was + 1;
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

TEST(mutexes_exclude)
{
	pthread_t t[8];

	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, count_up, NULL), 0);
	for (int i = 0; i < 8; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK_EQ(counter, 16000);
}

static void *answer(void *arg)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 500; i++) {
		while (turn != 1)
			pthread_cond_wait(&turned, &lock);
		turn = 0;
		pthread_cond_broadcast(&turned);
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

TEST(conditions_lose_no_wakeup)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, answer, NULL), 0);
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 500; i++) {
		turn = 1;
		pthread_cond_broadcast(&turned);
		while (turn != 0)
			pthread_cond_wait(&turned, &lock);
	}
	pthread_mutex_unlock(&lock);
	CHECK_EQ(pthread_join(t, NULL), 0);
}

static sem_t started;

static void *sleep_for_ever(void *arg)
{
	sem_post(&started);
	for (;;)
		pause();
	return arg;
}

static void start_sleepers(int n)
{
	pthread_t t;

	sem_init(&started, 0, 0);
	for (int i = 0; i < n; i++)
		CHECK_EQ(pthread_create(&t, NULL, sleep_for_ever, NULL), 0);
	for (int i = 0; i < n; i++)
		while (sem_wait(&started))
			;
}

static void *exit_with_7(void *arg) { exit((int)(long)arg); }

TEST(exit_in_any_thread_ends_all)
{
	int status;
	pid_t pid;

	FORK(pid) {
		pthread_t t;

		start_sleepers(5);
		pthread_create(&t, NULL, exit_with_7, (void *)7L);
		pause();
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void *write_to_null(void *arg)
{
	*(volatile int *)arg = 1;
	return arg;
}

TEST(a_fault_in_a_thread_ends_the_process)
{
	int status;
	pid_t pid;

	FORK(pid) {
		pthread_t t;

		start_sleepers(3);
		pthread_create(&t, NULL, write_to_null, NULL);
		pause();
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
}

static void *outlive(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	exit(9);
}

/* The first thread may end before the others: the process lives, and is not a zombie for its parent. */
TEST(the_first_thread_may_go_first)
{
	int status;
	pid_t pid;

	FORK(pid) {
		static pthread_t first;
		pthread_t t;

		first = pthread_self();
		pthread_create(&t, NULL, outlive, &first);
		pthread_exit(NULL);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

static volatile sig_atomic_t caught_in;
static void note_tid(int sig) { (void)sig; caught_in = own_tid(); }

TEST(a_signal_for_one_thread_is_taken_by_it)
{
	pthread_t t;
	pid_t pid = getpid();

	signal(SIGUSR1, note_tid);
	start_sleepers(2);
	CHECK_EQ(pthread_create(&t, NULL, sleep_for_ever, NULL), 0);
	while (sem_wait(&started))
		;
	CHECK_EQ(pthread_kill(t, SIGUSR1), 0);
	while (!caught_in)
		sched_yield();
	CHECK(caught_in != pid);
	CHECK_ERR(syscall(SYS_tgkill, pid, 1, SIGUSR1), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, pid + 1, caught_in, SIGUSR1), ESRCH);
	CHECK_OK(syscall(SYS_tgkill, pid, caught_in, 0));
}

/* A signal for the process goes to a thread that does not block it. */
TEST(a_signal_for_the_process_finds_the_open_thread)
{
	sigset_t set;

	signal(SIGUSR1, note_tid);
	start_sleepers(1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	CHECK_OK(kill(getpid(), SIGUSR1));
	while (!caught_in)
		sched_yield();
	CHECK(caught_in != getpid());
}

HELPER(tell_tid)
{
	(void)argc;
	(void)argv;
	return own_tid() == getpid() ? 5 : 6;
}

static void *exec_from_here(void *arg)
{
	execl("/proc/self/exe", "threads", "@tell_tid", NULL);
	return arg;
}

/* The others end, and the one that called exec has the process's number. */
TEST(exec_in_a_thread_leaves_one)
{
	int status;
	pid_t pid;

	FORK(pid) {
		pthread_t t;

		start_sleepers(4);
		pthread_create(&t, NULL, exec_from_here, NULL);
		pause();
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
}

TEST(fork_takes_only_the_caller)
{
	pid_t pid;

	start_sleepers(4);
	FORK(pid) {
		DIR *d = opendir("/proc/self/task");
		int n = 0;

		for (struct dirent *e; d && (e = readdir(d));)
			n += e->d_name[0] != '.';
		CHECK_EQ(n, 1);
	}
	reap_ok(pid);
}

static pthread_mutex_t robust;
static void *die_with_it(void *arg)
{
	pthread_mutex_lock(&robust);
	return arg;
}

TEST(a_robust_mutex_tells_of_its_dead_owner)
{
	pthread_mutexattr_t attr;
	pthread_t t;

	pthread_mutexattr_init(&attr);
	pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&robust, &attr);
	CHECK_EQ(pthread_create(&t, NULL, die_with_it, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(pthread_mutex_lock(&robust), EOWNERDEAD);
	CHECK_EQ(pthread_mutex_consistent(&robust), 0);
	CHECK_EQ(pthread_mutex_unlock(&robust), 0);
}

TEST(timed_waits_end)
{
	struct timespec until;
	sem_t s;

	sem_init(&s, 0, 0);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 20000000;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	CHECK_EQ(sem_timedwait(&s, &until), -1);
	CHECK_EQ(errno, ETIMEDOUT);
}

TEST(futex_errors)
{
	int word = 1;
	struct timespec bad = {.tv_sec = 1, .tv_nsec = 1000000000};

	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT, 2, NULL, NULL, 0), EAGAIN);
	CHECK_ERR(syscall(SYS_futex, (char *)&word + 1, FUTEX_WAIT, 1, NULL, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex, 0xc0000000, FUTEX_WAIT, 1, NULL, NULL, 0), EFAULT);
	CHECK_ERR(syscall(SYS_futex, 16, FUTEX_WAIT, 1, NULL, NULL, 0), EFAULT);
	CHECK_ERR(syscall(SYS_futex, &word, FUTEX_WAIT, 1, &bad, NULL, 0), EINVAL);
	CHECK_ERR(syscall(SYS_futex, &word, 99, 1, NULL, NULL, 0), ENOSYS);
	CHECK_EQ(syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
}

/* Descriptors, the directory and handlers are one set for all threads. */
static void *change_all(void *arg)
{
	CHECK_OK(mkdir("d", 0700));
	CHECK_OK(chdir("d"));
	*(int *)arg = CHECK_OK(open("/dev/null", O_RDONLY));
	signal(SIGUSR2, SIG_IGN);
	return NULL;
}

TEST(threads_share_files_and_handlers)
{
	char cwd[256];
	pthread_t t;
	int fd = -1;

	CHECK_EQ(pthread_create(&t, NULL, change_all, &fd), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_OK(fcntl(fd, F_GETFD));
	CHECK(getcwd(cwd, sizeof(cwd)) && strstr(cwd, "/d"));
	CHECK(signal(SIGUSR2, SIG_DFL) == SIG_IGN);
}

/* A thread waits for its siblings' children, too. */
static void *fork_one(void *arg)
{
	pid_t pid;

	FORK(pid)
		_exit(3);
	*(pid_t *)arg = pid;
	return NULL;
}

TEST(children_belong_to_the_process)
{
	pthread_t t;
	pid_t pid = 0;
	int status;

	CHECK_EQ(pthread_create(&t, NULL, fork_one, &pid), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(WEXITSTATUS(status), 3);
}

/* The clock of a sibling's CPU time, by the C library's name for it and by number; not that of another process's thread. */
static void *use_cpu(void *arg)
{
	struct timespec t;

	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	while (t.tv_sec == 0 && t.tv_nsec < 5000000);
	sem_post(&started);
	for (;;)
		pause();
	return arg;
}

TEST(a_siblings_cpu_clock)
{
	struct timespec t, mine;
	pthread_t other;
	clockid_t id;
	pid_t pid;

	sem_init(&started, 0, 0);
	CHECK_EQ(pthread_create(&other, NULL, use_cpu, NULL), 0);
	CHECK_EQ(pthread_getcpuclockid(other, &id), 0);
	while (sem_wait(&started))
		;
	CHECK_OK(clock_gettime(id, &t));
	CHECK(t.tv_sec > 0 || t.tv_nsec >= 5000000);
	CHECK_OK(clock_getcpuclockid(0, &id));
	CHECK_OK(clock_gettime(id, &mine));
	CHECK(mine.tv_sec > t.tv_sec || mine.tv_nsec >= t.tv_nsec);
	CHECK_ERR(clock_settime(id, &mine), EPERM);
	CHECK_ERR(syscall(SYS_clock_gettime, ~getpid() << 3 | 3, &t), EINVAL);
	CHECK_ERR(syscall(SYS_clock_gettime, ~getppid() << 3 | 6, &t), EINVAL);
	CHECK_OK(syscall(SYS_clock_gettime, ~getppid() << 3 | 2, &t));
	CHECK_OK(syscall(SYS_clock_gettime, ~getpid() << 3 | 4, &t));
	FORK(pid)
		CHECK_ERR(syscall(SYS_clock_gettime, ~getppid() << 3 | 6, &t), EINVAL);
	reap_ok(pid);
}

/* Niceness is a thread's own. */
static void *be_nice(void *arg)
{
	pid_t tid = own_tid();

	CHECK_OK(setpriority(PRIO_PROCESS, 0, 3));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 3);
	CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)tid), 3);
	CHECK_OK(setpriority(PRIO_PROCESS, (id_t)tid, 7));
	CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)tid), 7);
	CHECK_EQ(getpriority(PRIO_PROCESS, (id_t)getpid()), 0);
	CHECK_EQ(getpriority(PRIO_PGRP, 0), 0); /* the best of the group */
	return arg;
}

TEST(niceness_is_a_threads)
{
	pthread_t t;

	CHECK_EQ(pthread_create(&t, NULL, be_nice, NULL), 0);
	CHECK_EQ(pthread_join(t, NULL), 0);
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 0);
	CHECK_OK(setpriority(PRIO_PGRP, 0, 2));
	CHECK_EQ(getpriority(PRIO_PROCESS, 0), 2);
	CHECK_ERR(setpriority(PRIO_PROCESS, 0x3fffffff, 2), ESRCH);
}
