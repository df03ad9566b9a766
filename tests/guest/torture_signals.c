/* SPDX-License-Identifier: MIT */
/* Torture of signals: between all, counted; queued ones exact; masks, waits, handlers in many threads, children's ends. */
#include "torture.h"

#define RT (SIGRTMIN + 3)

static uint32_t seed;
static volatile int *words;
static volatile int *sent, *got; /* per value */

/* ---- queued signals are counted exactly ---- */

static void count_value(int sig UNUSED, siginfo_t *info, void *context UNUSED)
{
	add(&got[info->si_value.sival_int], 1);
	add(&words[0], 1);
}

static void handle(int sig, void (*fn)(int, siginfo_t *, void *))
{
	struct sigaction action = {.sa_sigaction = fn, .sa_flags = SA_SIGINFO | SA_RESTART};

	CHECK_OK(sigaction(sig, &action, NULL));
}

static pid_t target;

static void send_queued(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(150); k > 0; k--) {
		int value = (int)draw(&s, 100);

		while (sigqueue(target, RT + (int)draw(&s, 3), (union sigval){.sival_int = value}) < 0) {
			CHECK_EQ(errno, EAGAIN); /* the limit of pending ones; they are being taken */
			sched_yield();
		}
		add(&sent[value], 1);
	}
}

static void counts_agree(int all)
{
	CHECK_SOON(get(&words[0]) == all);
	for (int v = 0; v < 100; v++)
		CHECK_EQ(got[v], sent[v]);
}

TEST(queued_signals_are_exact)
{
	seed = torture_seed();
	words = shared(3 * PAGE);
	sent = words + 1024;
	got = words + 2048;
	target = getpid();
	for (int k = 0; k < 3; k++)
		handle(RT + k, count_value);
	crowd(4, send_queued);
	counts_agree(4 * rounds(150));
}

/* Taken by sigwaitinfo in three threads, sent by processes. */
static void take_queued(int i UNUSED)
{
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	for (int k = 0; k < 3; k++)
		sigaddset(&set, RT + k);
	for (;;) {
		int sig;

		do {
			sig = sigwaitinfo(&set, &info);
		} while (sig < 0 && errno == EINTR);
		CHECK(sig >= RT && sig < RT + 3);
		if (info.si_value.sival_int == 1000)
			return;
		add(&got[info.si_value.sival_int], 1);
		add(&words[0], 1);
	}
}

TEST(waited_for_signals_are_exact)
{
	struct gang_member m[3];
	sigset_t set;

	seed = torture_seed();
	words = shared(3 * PAGE);
	sent = words + 1024;
	got = words + 2048;
	target = getpid();
	sigemptyset(&set);
	for (int k = 0; k < 3; k++)
		sigaddset(&set, RT + k);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	gang_start(m, 3, take_queued);
	crowd(4, send_queued);
	counts_agree(4 * rounds(150));
	for (int k = 0; k < 3; k++)
		CHECK_OK(sigqueue(target, RT, (union sigval){.sival_int = 1000}));
	gang_join(m, 3);
}

/* Signals for one thread each, by tgkill, from all threads to all: each is handled by its thread, none is lost. */
#define THREADS 5
static pid_t tid[THREADS];
static volatile int at_gate, handled[THREADS], aimed[THREADS];
static __thread int self_number;

static void count_own(int sig UNUSED)
{
	if (tid[self_number] != (pid_t)syscall(SYS_gettid))
		FAIL("thread %d ran the handler of another", self_number);
	add(&handled[self_number], 1);
}

/* Standard signals merge; so the sender waits until the one before has been handled. */
static void aim_at_all(int i)
{
	uint32_t s = draw_start(seed, i);

	self_number = i;
	tid[i] = (pid_t)syscall(SYS_gettid);
	add(&at_gate, 1);
	while (get(&at_gate) < THREADS)
		sched_yield();
	for (int k = rounds(60); k > 0; k--) {
		int to = (int)draw(&s, THREADS);

		CHECK_OK(syscall(SYS_rt_tgsigqueueinfo, getpid(), tid[to], RT,
				 &(siginfo_t){.si_signo = RT, .si_code = SI_QUEUE, .si_pid = getpid()}));
		add(&aimed[to], 1);
		if (draw(&s, 4) == 0)
			sched_yield();
	}
	add(&at_gate, 1);
	while (get(&at_gate) < 2 * THREADS)
		sched_yield();
	for (int n = 0; n < 20000 && get(&handled[i]) != get(&aimed[i]); n++)
		sched_yield();
	CHECK_EQ(handled[i], aimed[i]);
}

TEST(threads_signal_threads)
{
	seed = torture_seed();
	signal(RT, count_own);
	gang(THREADS, aim_at_all);
}

/* ---- standard signals between all ---- */

static volatile int taken;
static void note(int sig UNUSED) { add(&taken, 1); }

static void storm(int i)
{
	uint32_t s = draw_start(seed, i);
	sigset_t set, old;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	for (int k = rounds(400); k > 0; k--) {
		int peer = get(&words[draw(&s, 6)]), sig = draw(&s, 2) ? SIGUSR1 : SIGUSR2;

		switch (draw(&s, 4)) {
		case 0: /* nothing is delivered while blocked; what came is delivered once open */
			CHECK_OK(sigprocmask(SIG_BLOCK, &set, &old));
			int before = get(&taken);
			CHECK_OK(kill(getpid(), sig));
			spin_for(draw(&s, 300));
			CHECK_EQ(get(&taken), before);
			CHECK_OK(sigprocmask(SIG_SETMASK, &old, NULL));
			CHECK(get(&taken) > before);
			break;
		case 1:
			signal(sig, note);
			break;
		default:
			CHECK_OK(kill(peer, sig));
		}
	}
}

static void storm_member(int i)
{
	signal(SIGUSR1, note);
	signal(SIGUSR2, note);
	put(&words[i], getpid());
	add(&words[8], 1);
	while (get(&words[8]) < 6)
		sched_yield();
	storm(i);
	add(&words[9], 1);
	while (get(&words[9]) < 6) /* peers may still send */
		sched_yield();
}

TEST(storm_between_processes)
{
	seed = torture_seed();
	words = shared(PAGE);
	crowd(6, storm_member);
}

/* ---- a signal and a call that it interrupts: never both asleep and signalled ---- */

static void interrupt_me(int sig UNUSED) { add(&taken, 1); }

TEST(sigsuspend_misses_nothing)
{
	sigset_t block, open;
	pid_t pid, parent = getpid();
	int fd[2];
	char c;

	CHECK_OK(pipe(fd));
	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	CHECK_OK(sigprocmask(SIG_BLOCK, &block, &open));
	signal(SIGUSR1, interrupt_me);
	FORK(pid) {
		while (read(fd[0], &c, 1) == 1 && c == 'g')
			CHECK_OK(kill(parent, SIGUSR1));
	}
	for (int k = 0; k < rounds(400); k++) {
		CHECK_EQ(write(fd[1], "g", 1), 1);
		spin_for((uint32_t)k * 37 % 2000);
		CHECK_ERR(sigsuspend(&open), EINTR);
		CHECK_EQ(get(&taken), k + 1);
	}
	CHECK_EQ(write(fd[1], "e", 1), 1);
	reap_ok(pid);
}

/* Every SIGCHLD finds all children that have ended: none is left when the handler has seen the last. */
static volatile int reaped;

static void reap_all(int sig UNUSED)
{
	int was = errno, status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		CHECK_EQ(status, ((pid * 5 + 1) & 0x7f) << 8);
		add(&reaped, 1);
	}
	errno = was;
}

TEST(sigchld_storm)
{
	struct sigaction action = {.sa_handler = reap_all, .sa_flags = SA_RESTART | SA_NOCLDSTOP};
	uint32_t s = torture_seed();
	sigset_t block, open;

	CHECK_OK(sigaction(SIGCHLD, &action, NULL));
	for (int k = rounds(120); k > 0; k--) {
		uint32_t wait = draw(&s, 2000);
		pid_t pid = CHECK_OK(fork());

		if (pid == 0) {
			spin_for(wait);
			_exit((getpid() * 5 + 1) & 0x7f);
		}
	}
	sigemptyset(&block);
	sigaddset(&block, SIGCHLD);
	CHECK_OK(sigprocmask(SIG_BLOCK, &block, &open));
	while (reaped < rounds(120))
		sigsuspend(&open);
	no_children();
}

/* Ignored SIGCHLD: no zombies, and wait returns when the last has ended. */
TEST(ignored_children_vanish)
{
	uint32_t s = torture_seed();

	signal(SIGCHLD, SIG_IGN);
	for (int k = rounds(12); k > 0; k--) {
		for (int c = 0; c < 8; c++) {
			uint32_t wait = draw(&s, 3000);
			pid_t pid;

			FORK(pid)
				spin_for(wait);
		}
		CHECK_ERR(waitpid(-1, NULL, 0), ECHILD);
	}
}

/* A signal for a process goes to exactly one thread that has it open, while the threads change their masks. */
static void mask_and_unmask(int i)
{
	uint32_t s = draw_start(seed, i);
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, RT);
	while (get(&words[1]) == 0) {
		CHECK_EQ(pthread_sigmask(SIG_BLOCK, &set, NULL), 0);
		spin_for(draw(&s, 500));
		CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &set, NULL), 0);
		spin_for(draw(&s, 500));
	}
}

TEST(changing_masks_lose_nothing)
{
	struct gang_member m[4];
	sigset_t set;

	seed = torture_seed();
	words = shared(3 * PAGE);
	sent = words + 1024;
	got = words + 2048;
	target = getpid();
	handle(RT, count_value);
	handle(RT + 1, count_value);
	handle(RT + 2, count_value);
	sigemptyset(&set);
	sigaddset(&set, RT);
	CHECK_OK(sigprocmask(SIG_BLOCK, &set, NULL));
	gang_start(m, 4, mask_and_unmask);
	crowd(2, send_queued);
	counts_agree(2 * rounds(150));
	put(&words[1], 1);
	gang_join(m, 4);
}

/* Interval timers ring while the process forks, writes and gets other signals. */
TEST(timers_ring_through_it_all)
{
	struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
	struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
	pid_t pid;

	CHECK_OK(sigaction(SIGALRM, &action, NULL));
	CHECK_OK(setitimer(ITIMER_REAL, &often, NULL));
	for (int k = rounds(100); k > 0; k--) {
		volatile double x = k;
		char *p = map_rw(8 * PAGE);

		memset(p, k, 8 * PAGE);
		FORK(pid)
			spin_for(100);
		for (int n = 1; n < 200; n++)
			x = x * n / n;
		CHECK(x == k);
		reap_ok(pid);
		for (size_t n = 0; n < 8 * PAGE; n += 512)
			CHECK_EQ(p[n], (char)k);
		CHECK_OK(munmap(p, 8 * PAGE));
	}
	CHECK_SOON(get(&taken) > 3);
	CHECK_OK(setitimer(ITIMER_REAL, &never, NULL));
}
