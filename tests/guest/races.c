/* SPDX-License-Identifier: MIT */
/*
 * What goes wrong only when two CPUs, or two threads that take turns in the wrong place, meet: each test brings two sides together many times
 * and checks what must hold whoever was first.
 */
#include "guest.h"

#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void *shared_page(void) { return CHECK_OK(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)); }

/* ---- signals ---- */

/* A SIGCONT that is sent after a stop signal makes the process go on, however far the stop had come. */
TEST(continue_comes_after_stop)
{
	volatile unsigned *count = shared_page();
	unsigned before;
	pid_t pid;

	FORK(pid) {
		for (;;)
			++*count;
	}
	for (double end = seconds() + 1; seconds() < end;) {
		static const int stops[] = { SIGSTOP, SIGTSTP, SIGTTIN };

		for (int i = 0; i < 300; i++) {
			CHECK_OK(kill(pid, stops[i % 3]));
			CHECK_OK(kill(pid, SIGCONT));
		}
		before = *count;
		for (double limit = seconds() + LATE_MS / 1e3; *count == before; sched_yield())
			if (seconds() > limit)
				FAIL("stopped for good");
	}
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_OK(waitpid(pid, NULL, 0));
}

/* Stops that are told of are followed by the state they tell of: stopped, until a SIGCONT, and then running. */
TEST(stop_and_continue_are_told)
{
	int status;
	pid_t pid;

	FORK(pid) {
		for (;;)
			getppid();
	}
	for (int i = 0; i < 200; i++) {
		CHECK_OK(kill(pid, SIGSTOP));
		CHECK_EQ(CHECK_OK(waitpid(pid, &status, WUNTRACED)), pid);
		CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
		CHECK_OK(kill(pid, SIGCONT));
		CHECK_EQ(CHECK_OK(waitpid(pid, &status, WCONTINUED)), pid);
		CHECK(WIFCONTINUED(status));
	}
	CHECK_OK(kill(pid, SIGKILL));
	CHECK_OK(waitpid(pid, NULL, 0));
}

static volatile unsigned handled;
static volatile bool over;

static void count_signal(int sig UNUSED) { __atomic_fetch_add(&handled, 1, __ATOMIC_SEQ_CST); }

static void *toggle_mask(void *arg UNUSED)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	while (!over) {
		pthread_sigmask(SIG_BLOCK, &set, NULL);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	}
	return NULL;
}

static void *take_signals(void *arg UNUSED)
{
	while (!over)
		usleep(1000000);
	return NULL;
}

static void await_handled(unsigned n)
{
	for (double limit = seconds() + LATE_MS / 1e3; handled < n; sched_yield())
		if (seconds() > limit)
			FAIL("signal %u lies about while a thread could take it", n);
}

/* A signal of the process is taken by a thread that does not block it, even if the one that was to take it blocks it first. */
TEST(a_blocked_signal_goes_to_another_thread)
{
	pthread_t toggler, taker;
	sigset_t set;

	signal(SIGUSR1, count_signal);
	CHECK_EQ(pthread_create(&toggler, NULL, toggle_mask, NULL), 0);
	CHECK_EQ(pthread_create(&taker, NULL, take_signals, NULL), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* only those two take it */
	for (unsigned i = 1; i <= 200; i++) {
		CHECK_OK(kill(getpid(), SIGUSR1));
		await_handled(i);
	}
	over = true;
	CHECK_OK(pthread_kill(taker, SIGUSR1));
	pthread_join(toggler, NULL);
	pthread_join(taker, NULL);
}

static void *end_soon(void *arg UNUSED)
{
	sigset_t set;

	sigemptyset(&set);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
	sched_yield();
	return NULL;
}

/* The same if the thread that was to take it ends. */
TEST(an_ended_threads_signal_goes_to_another)
{
	pthread_t taker, t;
	sigset_t set;

	signal(SIGUSR1, count_signal);
	CHECK_EQ(pthread_create(&taker, NULL, take_signals, NULL), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	for (unsigned i = 1; i <= 200; i++) {
		CHECK_EQ(pthread_create(&t, NULL, end_soon, NULL), 0);
		CHECK_OK(kill(getpid(), SIGUSR1));
		await_handled(i);
		pthread_join(t, NULL);
	}
	over = true;
	CHECK_OK(pthread_kill(taker, SIGUSR1));
	pthread_join(taker, NULL);
}

HELPER(quiet)
{
	return 0;
}

static int run_quiet(void *arg UNUSED)
{
	execl("/proc/self/exe", "races", "@quiet", NULL);
	_exit(1);
}

/* exec gives the process a table of signal actions of its own in place of the shared one, while others send it signals. */
TEST(signals_meet_exec_that_leaves_a_shared_table)
{
	char *stack = CHECK_OK(mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	volatile pid_t *target = shared_page();
	int status;
	pid_t sender;

	signal(SIGUSR1, SIG_IGN);
	FORK(sender) {
		for (;;)
			if (*target)
				kill(*target, SIGUSR1);
	}
	for (int i = 0; i < 60; i++) {
		pid_t pid = CHECK_OK(clone(run_quiet, stack + 16 * PAGE, CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL));

		*target = pid;
		CHECK_EQ(CHECK_OK(waitpid(pid, &status, 0)), pid);
		*target = 0;
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	CHECK_OK(kill(sender, SIGKILL));
	CHECK_OK(waitpid(sender, NULL, 0));
}

/* Who was born while its group got a signal has it too, or a parent that had it before the fork: nobody is left out. */
static volatile sig_atomic_t told;
static volatile pid_t maker;

static void on_told(int sig UNUSED)
{
	told = 1;
	if (getpid() != maker)
		_exit(0);
}

static pid_t start_maker(void (*make)(void))
{
	pid_t pid;

	told = 0;
	FORK(pid) {
		maker = getpid();
		CHECK(signal(SIGUSR1, on_told) != SIG_ERR);
		CHECK_OK(setpgid(0, 0));
		make();
	}
	return pid;
}

static void make_until_told(void)
{
	pid_t pid;

	for (int n = 0; !told && n < 300; n++)
		FORK(pid)
			while (!told)
				pause(); /* the handler ends it */
	while (!told)
		sched_yield();
}

static void everybody_ends(pid_t group)
{
	for (double limit = seconds() + LATE_MS / 1e3; waitpid(-group, NULL, WNOHANG) >= 0; sched_yield()) {
		if (seconds() > limit) {
			kill(-group, SIGKILL);
			FAIL("somebody was left out");
		}
	}
	CHECK_EQ(errno, ECHILD);
}

static void a_while(unsigned us)
{
	for (double end = seconds() + us / 1e6; seconds() < end;)
		;
}

static void tell_many(bool everybody)
{
	double end = seconds() + 6;

	CHECK_OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	for (int i = 0; i < 100 && seconds() < end; i++) {
		pid_t pid = start_maker(make_until_told);

		while (kill(-pid, 0) < 0)
			sched_yield();
		if (i % 2)
			a_while(300 + i * 7 % 1000);
		else
			usleep(300 + i * 7 % 1000); /* wakes up amid whatever the one processor does */
		CHECK_OK(kill(everybody ? -1 : -pid, SIGUSR1));
		everybody_ends(pid);
	}
}

TEST(a_groups_signal_reaches_the_newborn) { tell_many(false); }

TEST(everybodys_signal_reaches_the_newborn)
{
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setresuid(4242, 4242, 4242));
		tell_many(true);
	}
	reap_ok(pid);
}

/* ---- timers ---- */

static void *set_alarms(void *arg UNUSED)
{
	struct itimerval soon = { { 0, 5000 }, { 0, 100 } }, none = { 0 }, old;

	for (double end = seconds() + 1; seconds() < end;) {
		CHECK_OK(setitimer(ITIMER_REAL, &soon, &old));
		CHECK(old.it_interval.tv_usec == 0 || old.it_interval.tv_usec == 5000);
		CHECK_OK(setitimer(ITIMER_REAL, &none, NULL));
	}
	return NULL;
}

/* The one real timer of a process, set by several of its threads while it goes off. */
TEST(threads_set_one_timer)
{
	pthread_t t[3];
	unsigned n;

	signal(SIGALRM, count_signal);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, set_alarms, NULL), 0);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	n = handled;
	usleep(20000);
	CHECK(handled <= n + 1); /* it is off: but for one that was on its way */
}

/* ---- ends ---- */

static void *wait_child(void *pid)
{
	int status;

	return (void *)(long)(waitpid((pid_t)(long)pid, &status, 0) > 0 ? 1 : errno == ECHILD ? 0 : 100);
}

/* A child that nobody wants to hear of ends the wait of its parent, which may look just while it goes. */
TEST(the_last_ignored_child_ends_the_wait)
{
	pid_t pid;

	CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
	for (double end = seconds() + 2; seconds() < end;) {
		for (int i = 0; i < 6; i++)
			FORK(pid)
				;
		CHECK_ERR(wait(NULL), ECHILD);
	}
}

/* Two threads wait for one child: one has it, the other is told that there is none. */
TEST(one_child_is_waited_for_twice)
{
	for (int i = 0; i < 100; i++) {
		pthread_t a, b;
		void *ra, *rb;
		pid_t pid;

		FORK(pid) { sched_yield(); }
		CHECK_EQ(pthread_create(&a, NULL, wait_child, (void *)(long)pid), 0);
		CHECK_EQ(pthread_create(&b, NULL, wait_child, (void *)(long)pid), 0);
		pthread_join(a, &ra);
		pthread_join(b, &rb);
		CHECK_EQ((long)ra + (long)rb, 1);
	}
}

static void *leave(void *arg UNUSED)
{
	_exit(7);
}

/* Several threads end the process with the same status at once; nobody is left behind. */
TEST(threads_end_the_process_together)
{
	for (int i = 0; i < 100; i++) {
		int status;
		pid_t pid;

		FORK(pid) {
			pthread_t t;

			for (int k = 0; k < 3; k++)
				CHECK_EQ(pthread_create(&t, NULL, leave, NULL), 0);
			_exit(7);
		}
		CHECK_EQ(CHECK_OK(waitpid(pid, &status, 0)), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
}

static void *exec_quiet(void *arg UNUSED)
{
	run_quiet(NULL);
	return NULL;
}

/* Several threads exec at once: one of them does, and the program runs once with the process's number. */
TEST(threads_exec_together)
{
	for (int i = 0; i < 50; i++) {
		int status;
		pid_t pid;

		FORK(pid) {
			pthread_t t;

			/* none is made any more once the first is about to exec */
			for (int k = 0; k < 3 && pthread_create(&t, NULL, exec_quiet, NULL) == 0; k++)
				;
			for (;;)
				pause();
		}
		CHECK_EQ(CHECK_OK(waitpid(pid, &status, 0)), pid);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	}
	CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
}


/* ---- names ---- */

#define DEEP "top/middle/here/inner/file"

static void make_deep(const char *here, ino_t *ino)
{
	char name[64];
	struct stat st;
	int fd;

	snprintf(name, sizeof(name), "top/middle/%s", here);
	CHECK_OK(mkdir(name, 0755));
	snprintf(name, sizeof(name), "top/middle/%s/inner", here);
	CHECK_OK(mkdir(name, 0755));
	snprintf(name, sizeof(name), "top/middle/%s/inner/file", here);
	fd = CHECK_OK(open(name, O_CREAT | O_RDWR, 0644));
	CHECK_OK(fstat(fd, &st));
	close(fd);
	*ino = st.st_ino;
}

static void *exchange(void *arg UNUSED)
{
	while (!over)
		CHECK_OK(syscall(SYS_renameat2, AT_FDCWD, "top/middle/here", AT_FDCWD, "top/middle/there", 2 /* RENAME_EXCHANGE */));
	return NULL;
}

/* A walk through directories that change places finds one or the other, and neither nothing nor a mixture. */
TEST(walks_meet_renames)
{
	struct stat st;
	ino_t a, b;
	pthread_t t;

	CHECK_OK(mkdir("top", 0755));
	CHECK_OK(mkdir("top/middle", 0755));
	make_deep("here", &a);
	make_deep("there", &b);
	CHECK_EQ(pthread_create(&t, NULL, exchange, NULL), 0);
	for (double end = seconds() + 1; seconds() < end;) {
		for (int i = 0; i < 200; i++) {
			CHECK_OK(stat(DEEP, &st));
			CHECK(st.st_ino == a || st.st_ino == b);
			CHECK_ERR(stat("top/middle/here/inner/none", &st), ENOENT);
		}
	}
	over = true;
	pthread_join(t, NULL);
}

static void *come_and_go(void *arg UNUSED)
{
	while (!over) {
		CHECK_OK(mkdir("top/dir", 0755));
		close(CHECK_OK(open("top/dir/file", O_CREAT | O_RDWR, 0600)));
		CHECK_OK(unlink("top/dir/file"));
		CHECK_OK(rmdir("top/dir"));
	}
	return NULL;
}

/* The same through names that come and go, with the cache emptied now and then. */
TEST(walks_meet_removals)
{
	int fd, drop = open("/proc/sys/vm/drop_caches", O_WRONLY | O_CLOEXEC);
	pthread_t t;

	CHECK_OK(mkdir("top", 0755));
	CHECK_EQ(pthread_create(&t, NULL, come_and_go, NULL), 0);
	for (double end = seconds() + 1; seconds() < end;) {
		for (int i = 0; i < 200; i++) {
			fd = open("top/dir/file", O_RDWR);
			CHECK(fd >= 0 || errno == ENOENT);
			if (fd >= 0)
				close(fd);
		}
		if (drop >= 0)
			(void)!write(drop, "2", 1);
	}
	over = true;
	pthread_join(t, NULL);
}

/* ---- tracers ---- */

enum { MANY_FILES = 800 };
static volatile int *going;

/* Closing its own descriptors is most of its end. */
static void *fork_and_end(void *arg)
{
	pid_t *child = arg, me = (pid_t)syscall(SYS_gettid);

	CHECK_OK(unshare(CLONE_FILES));
	for (int i = 0; i < MANY_FILES; i++)
		CHECK_OK(dup(0));
	FORK(*child) {
		while (!*going)
			;
		for (volatile int i = 0; i < getpid() % 32 * 2000; i++)
			;
		CHECK_OK(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		while (!syscall(SYS_tgkill, getppid(), me, 0))
			;
	}
	*going = 1;
	return NULL;
}

/* Who wants to be traced by the thread that made it, which is just ending, is traced by another one or by nobody; its parent hears of its end as of any. */
TEST(traced_by_a_thread_that_ends)
{
	pthread_t t;
	pid_t child;

	going = shared_page();
	for (int i = 0; i < 100; i++) {
		*going = 0;
		CHECK_EQ(pthread_create(&t, NULL, fork_and_end, &child), 0);
		CHECK_EQ(pthread_join(t, NULL), 0);
		reap_ok(child);
	}
}

/* ---- memory ---- */

enum { FRESH = 48 };
static volatile unsigned *probe;
static volatile unsigned begun, done;

/* Looks at the probe after each of many faults, at first to know where it is, then to see what it has become. */
static void *fault_and_look(void *arg UNUSED)
{
	volatile char *own = CHECK_OK(mmap(NULL, FRESH * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	unsigned at_least, found;

	while (!over) {
		for (int i = 0; i < FRESH; i++) {
			at_least = done;
			own[i * PAGE] = 1;
			found = *probe;
			if (found && (found < at_least || found > begun))
				FAIL("found %#x after %u changes", found, at_least);
		}
		CHECK_OK(madvise((void *)own, FRESH * PAGE, MADV_DONTNEED));
	}
	return NULL;
}

/*
 * Who is in the middle of a fault while another thread unmaps a page finds what is there next, and not what the page that was there has become: it is
 * another thread's stack of letters by then.
 */
TEST(faults_meet_unmapping)
{
	char *at = CHECK_OK(mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	pthread_t t;

	probe = (volatile unsigned *)at;
	CHECK_EQ(pthread_create(&t, NULL, fault_and_look, NULL), 0);
	for (double end = seconds() + 1; seconds() < end;) {
		for (unsigned i = 0; i < 50; i++) {
			begun++;
			if (i % 2)
				CHECK_OK(mmap(at, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
			else
				CHECK_OK(madvise(at, 2 * PAGE, MADV_DONTNEED));
			memset(at + PAGE, 'x', PAGE); /* gets the page that the probe was */
			*probe = begun;
			done = begun;
		}
	}
	over = true;
	pthread_join(t, NULL);
}

enum { RUN = 24, ALL = 64 };

static void *write_in_a_row(void *arg)
{
	volatile char *p = arg;

	while (!over) {
		for (int i = 0; i < RUN; i++)
			p[i * PAGE] = 1;
		CHECK_OK(madvise((void *)p, RUN * PAGE, MADV_DONTNEED));
	}
	return NULL;
}

/* A thread writes to page after page; what begins behind its last one is replaced meanwhile, and holds nothing that the kernel made ready for the thread. */
TEST(a_run_of_writes_meets_a_new_region)
{
	char *p = map_rw(ALL * PAGE), text[PAGE];
	int fd = new_file("f");
	pthread_t t;

	memset(text, 'F', sizeof(text));
	for (int i = 0; i < ALL; i++)
		CHECK_EQ(write(fd, text, PAGE), PAGE);
	CHECK_EQ(pthread_create(&t, NULL, write_in_a_row, p), 0);
	for (double end = seconds() + 1; seconds() < end;) {
		for (unsigned k = 0; k < 20; k++) {
			bool file = k % 2;

			CHECK_OK(mmap(p + RUN * PAGE, (ALL - RUN) * PAGE, PROT_READ | (k % 4 ? PROT_WRITE : 0),
				      MAP_PRIVATE | MAP_FIXED | (file ? 0 : MAP_ANONYMOUS), file ? fd : -1, 0));
			for (int i = RUN; i < ALL; i++)
				CHECK_EQ(((volatile char *)p)[i * PAGE], file ? 'F' : 0);
		}
	}
	over = true;
	pthread_join(t, NULL);
}
