/* SPDX-License-Identifier: MIT */
/*
 * Signals: sending, masks, handlers and their flags, queues of real-time signals, and waiting for them. What hardware
 * raises is in faults.c, what terminals and groups do in jobs.c.
 */
#include "guest.h"

static volatile int handled, depth, deepest;
static volatile siginfo_t last;
static volatile int order[64];
static volatile int norder;

static void count_signal(int sig)
{
	if (norder < 64)
		order[norder++] = sig;
	handled++;
}

static void take_info(int sig UNUSED, siginfo_t *info, void *context UNUSED)
{
	memcpy((void *)&last, info, sizeof(*info));
	if (norder < 64)
		order[norder++] = info->si_value.sival_int;
	handled++;
}

static void catch(int sig, int flags)
{
	struct sigaction action = {.sa_flags = flags};

	if (flags & SA_SIGINFO)
		action.sa_sigaction = take_info;
	else
		action.sa_handler = count_signal;
	CHECK_OK(sigaction(sig, &action, NULL));
}

static void block(int how, int sig)
{
	sigset_t set;

	sigemptyset(&set);
	if (sig)
		sigaddset(&set, sig);
	CHECK_OK(sigprocmask(how, &set, NULL));
}

static volatile sig_atomic_t blocked_inside;

static void look_at_mask(int sig UNUSED)
{
	sigset_t now;

	sigprocmask(SIG_BLOCK, NULL, &now);
	blocked_inside = sigismember(&now, SIGUSR1) + sigismember(&now, SIGRTMAX) * 2 + sigismember(&now, SIGRTMIN + 20) * 4 + sigismember(&now, SIGHUP) * 8;
}

/* All 64 signals come back from either frame. */
TEST(mask_after_a_handler)
{
	for (int flags = 0; flags <= SA_SIGINFO; flags += SA_SIGINFO) {
		struct sigaction sa = {.sa_handler = look_at_mask, .sa_flags = flags};
		sigset_t before, after;

		CHECK_OK(sigemptyset(&before));
		CHECK_OK(sigaddset(&before, SIGRTMIN + 20));
		CHECK_OK(sigaddset(&before, SIGUSR2));
		CHECK_OK(sigaddset(&sa.sa_mask, SIGRTMAX));
		CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
		CHECK_OK(sigprocmask(SIG_SETMASK, &before, NULL));
		blocked_inside = 0;
		CHECK_OK(raise(SIGUSR1));
		CHECK_EQ(blocked_inside, 7);
		CHECK_OK(sigprocmask(SIG_BLOCK, NULL, &after));
		for (int sig = 1; sig <= 64; sig++)
			CHECK_EQ(sigismember(&after, sig), sigismember(&before, sig));
	}
}

TEST(blocked_signal_waits)
{
	sigset_t set;

	catch(SIGUSR1, 0);
	block(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	raise(SIGUSR1);
	CHECK_EQ(handled, 0);
	sigpending(&set);
	CHECK(sigismember(&set, SIGUSR1));
	CHECK(!sigismember(&set, SIGUSR2));
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(handled, 1);
	sigpending(&set);
	CHECK(!sigismember(&set, SIGUSR1));
}

TEST(mask_arguments)
{
	sigset_t set, old;

	sigfillset(&set);
	CHECK_OK(sigprocmask(SIG_SETMASK, &set, NULL));
	CHECK_OK(sigprocmask(SIG_SETMASK, NULL, &old));
	CHECK(!sigismember(&old, SIGKILL));
	CHECK(!sigismember(&old, SIGSTOP));
	CHECK(sigismember(&old, SIGTERM));
	CHECK_ERR(syscall(SYS_rt_sigprocmask, 77, &set, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, NULL, 4), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, 8, NULL, 8), EFAULT);
	CHECK_ERR(syscall(SYS_rt_sigprocmask, SIG_BLOCK, NULL, 8, 8), EFAULT);
	CHECK_OK(syscall(SYS_rt_sigprocmask, 77, NULL, &old, 8));
}

TEST(sigaction_arguments)
{
	struct sigaction action = {.sa_handler = SIG_IGN}, old;

	CHECK_ERR(sigaction(SIGKILL, &action, NULL), EINVAL);
	CHECK_ERR(sigaction(SIGSTOP, &action, NULL), EINVAL);
	CHECK_OK(sigaction(SIGKILL, NULL, &old));
	CHECK(old.sa_handler == SIG_DFL);
	CHECK_ERR(syscall(SYS_rt_sigaction, 0, NULL, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, 65, NULL, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, -1, NULL, NULL, 8), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, NULL, NULL, 9), EINVAL);
	CHECK_ERR(syscall(SYS_rt_sigaction, SIGUSR1, 8, NULL, 8), EFAULT);
	catch(SIGUSR1, SA_RESTART | SA_NODEFER);
	CHECK_OK(sigaction(SIGUSR1, NULL, &old));
	CHECK(old.sa_handler == count_signal);
	CHECK_EQ(old.sa_flags & (SA_RESTART | SA_NODEFER | SA_SIGINFO), SA_RESTART | SA_NODEFER);
}

TEST(kill_arguments)
{
	CHECK_ERR(kill(getpid(), 65), EINVAL);
	CHECK_ERR(kill(getpid(), -1), EINVAL);
	CHECK_ERR(kill(0x3fffffff, 0), ESRCH);
	CHECK_ERR(kill(-0x3fffffff, SIGTERM), ESRCH);
	CHECK_ERR(kill(INT_MIN, SIGTERM), ESRCH);
	CHECK_OK(kill(0, 0));
	CHECK_OK(kill(-1, 0));
	CHECK_ERR(syscall(SYS_tgkill, getpid(), getpid() + 1000000, SIGTERM), ESRCH);
	CHECK_ERR(syscall(SYS_tgkill, -1, getpid(), SIGTERM), EINVAL);
	CHECK_ERR(syscall(SYS_tkill, 0, SIGTERM), EINVAL);
	CHECK_OK(syscall(SYS_tgkill, getpid(), getpid(), 0));
}

TEST(kill_permission)
{
	pid_t victim, pid;

	FORK(victim)
		for (;;)
			pause();
	FORK(pid) {
		CHECK_OK(setuid(1000));
		CHECK_ERR(kill(victim, SIGTERM), EPERM);
		CHECK_ERR(kill(victim, 0), EPERM);
		CHECK_ERR(kill(victim, SIGCONT) == 0 ? (errno = EPERM, -1) : -1, EPERM); /* same session: allowed */
		CHECK_ERR(kill(1, SIGTERM), EPERM);
		CHECK_OK(kill(getpid(), 0));
	}
	reap_ok(pid);
	kill(victim, SIGKILL);
	reap_signal(victim, SIGKILL);
}

TEST(kill_whole_group)
{
	pid_t pid[5];

	for (int i = 0; i < 5; i++) {
		FORK(pid[i]) {
			setpgid(0, i ? pid[0] : 0);
			for (;;)
				pause();
		}
		setpgid(pid[i], pid[0]);
	}
	CHECK_OK(kill(-pid[0], SIGTERM));
	for (int i = 0; i < 5; i++)
		reap_signal(pid[i], SIGTERM);
	CHECK_ERR(kill(-pid[0], SIGTERM), ESRCH);
}

static void nest(int sig)
{
	if (++depth > deepest)
		deepest = depth;
	if (handled++ < 3)
		raise(sig);
	depth--;
}

TEST(handler_blocks_its_signal_unless_nodefer)
{
	struct sigaction action = {.sa_handler = nest};

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	CHECK_EQ(handled, 4);
	CHECK_EQ(deepest, 1);
	handled = 0;
	action.sa_flags = SA_NODEFER;
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	CHECK_EQ(handled, 4);
	CHECK_EQ(deepest, 4);
}

static void raise_usr2(int sig UNUSED)
{
	raise(SIGUSR2);
	depth = handled; /* USR2 has not run yet when it is in sa_mask */
}

TEST(handler_mask)
{
	struct sigaction action = {.sa_handler = raise_usr2};
	sigset_t now;

	catch(SIGUSR2, 0);
	sigaddset(&action.sa_mask, SIGUSR2);
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	CHECK_EQ(depth, 0);
	CHECK_EQ(handled, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(!sigismember(&now, SIGUSR1) && !sigismember(&now, SIGUSR2));
}

TEST(resethand)
{
	struct sigaction now;
	pid_t pid;

	FORK(pid) {
		catch(SIGUSR1, (int)SA_RESETHAND);
		raise(SIGUSR1);
		CHECK_EQ(handled, 1);
		sigaction(SIGUSR1, NULL, &now);
		CHECK(now.sa_handler == SIG_DFL);
		raise(SIGUSR1);
	}
	reap_signal(pid, SIGUSR1);
}

TEST(siginfo_of_kill)
{
	pid_t pid, parent = getpid();

	catch(SIGUSR1, SA_SIGINFO);
	FORK(pid) {
		CHECK_OK(setuid(1234));
		CHECK_OK(setuid(1234));
	}
	reap_ok(pid);
	FORK(pid)
		kill(parent, SIGUSR1);
	reap_ok(pid);
	CHECK_EQ(handled, 1);
	CHECK_EQ(last.si_signo, SIGUSR1);
	CHECK_EQ(last.si_code, SI_USER);
	CHECK_EQ(last.si_pid, pid);
	CHECK_EQ(last.si_uid, 0);
	raise(SIGUSR1);
	CHECK_EQ(last.si_code, SI_TKILL);
	CHECK_EQ(last.si_pid, parent);
}

TEST(sigqueue_carries_a_value)
{
	union sigval value = {.sival_int = 0x5ca1ab1e};

	catch(SIGUSR1, SA_SIGINFO);
	CHECK_OK(sigqueue(getpid(), SIGUSR1, value));
	CHECK_EQ(last.si_code, SI_QUEUE);
	CHECK_EQ(last.si_value.sival_int, 0x5ca1ab1e);
	CHECK_EQ(last.si_pid, getpid());
	CHECK_ERR(sigqueue(0x3fffffff, SIGUSR1, value), ESRCH);
	CHECK_ERR(sigqueue(getpid(), 65, value), EINVAL);
}

TEST(realtime_signals_queue_in_order)
{
	int base = SIGRTMIN + 2;

	for (int i = 0; i < 3; i++) {
		catch(base + i, SA_SIGINFO);
		block(SIG_BLOCK, base + i);
	}
	for (int n = 0; n < 10; n++)
		for (int i = 2; i >= 0; i--) {
			union sigval value = {.sival_int = i * 100 + n};
			CHECK_OK(sigqueue(getpid(), base + i, value));
		}
	sigset_t set;
	sigemptyset(&set);
	for (int i = 0; i < 3; i++)
		sigaddset(&set, base + i);
	sigset_t handler_mask = set;
	for (int i = 0; i < 3; i++) {
		struct sigaction action = {.sa_sigaction = take_info, .sa_flags = SA_SIGINFO, .sa_mask = handler_mask};
		CHECK_OK(sigaction(base + i, &action, NULL));
	}
	CHECK_OK(sigprocmask(SIG_UNBLOCK, &set, NULL));
	CHECK_EQ(norder, 30);
	for (int k = 0; k < 30; k++) /* the lowest number first, each in the order sent */
		CHECK_EQ(order[k], k / 10 * 100 + k % 10);
}

TEST(sigsuspend_waits_with_its_mask)
{
	sigset_t none, now;
	pid_t pid, parent = getpid();

	catch(SIGUSR1, 0);
	block(SIG_BLOCK, SIGUSR1);
	FORK(pid)
		kill(parent, SIGUSR1);
	sigemptyset(&none);
	CHECK_ERR(sigsuspend(&none), EINTR);
	CHECK_EQ(handled, 1);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1));
	reap_ok(pid);
}

TEST(pause_returns_after_a_handler)
{
	catch(SIGALRM, SA_RESTART);
	struct itimerval timer = {.it_value = {0, 20000}, .it_interval = {0, 20000}}; /* the first one may come before pause */
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	CHECK_ERR(pause(), EINTR);
	CHECK(handled >= 1);
}

static struct gate told;

static void tell(int sig UNUSED)
{
	handled++;
	gate_open(&told);
}

/* A child that sends SIGUSR1 to who sleeps, and when that has been handled and it sleeps again, opens the gate. */
static void write_later(struct gate *g, pid_t target, pid_t *pid, bool is_handled)
{
	FORK(*pid) {
		wait_state(target, "S");
		kill(target, SIGUSR1);
		if (is_handled)
			gate_wait(&told);
		else
			sleep_ms(20);
		wait_state(target, "S");
		gate_open(g);
	}
}

TEST(read_restarted_or_interrupted)
{
	struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART};
	struct gate g = gate_make();
	pid_t pid;
	char c;

	told = gate_make();
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	write_later(&g, getpid(), &pid, true);
	CHECK_EQ(read(g.fd[0], &c, 1), 1);
	CHECK_EQ(handled, 1);
	reap_ok(pid);
	action.sa_flags = 0;
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	write_later(&g, getpid(), &pid, true);
	CHECK_ERR(read(g.fd[0], &c, 1), EINTR);
	CHECK_EQ(handled, 2);
	reap_ok(pid);
	CHECK_EQ(read(g.fd[0], &c, 1), 1);
}

TEST(ignored_signal_does_not_interrupt)
{
	struct gate g = gate_make();
	pid_t pid;
	char c;

	signal(SIGUSR1, SIG_IGN);
	write_later(&g, getpid(), &pid, false);
	CHECK_EQ(read(g.fd[0], &c, 1), 1);
	reap_ok(pid);
}

TEST(stop_and_continue_do_not_interrupt_read)
{
	struct gate g = gate_make(), h = gate_make();
	int status;
	pid_t pid;

	FORK(pid) {
		gate_open(&h);
		char c;
		CHECK_EQ(read(g.fd[0], &c, 1), 1);
	}
	gate_wait(&h);
	wait_state(pid, "S");
	kill(pid, SIGSTOP);
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	kill(pid, SIGCONT);
	wait_state(pid, "S");
	gate_open(&g);
	reap_ok(pid);
}

static char alternate[32768];
static volatile bool on_alternate;

static void where_am_i(int sig UNUSED)
{
	stack_t now;
	char here;

	on_alternate = &here >= alternate && &here < alternate + sizeof(alternate);
	CHECK_OK(sigaltstack(NULL, &now));
	CHECK_EQ(now.ss_flags & SS_ONSTACK, on_alternate ? SS_ONSTACK : 0);
	if (on_alternate)
		CHECK_ERR(sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL), EPERM);
	handled++;
}

TEST(alternate_stack)
{
	stack_t alt = {.ss_sp = alternate, .ss_size = sizeof(alternate)}, old;
	struct sigaction action = {.sa_handler = where_am_i, .sa_flags = SA_ONSTACK};

	CHECK_OK(sigaltstack(NULL, &old));
	CHECK_EQ(old.ss_flags, SS_DISABLE);
	CHECK_ERR(sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = 100}, NULL), ENOMEM);
	CHECK_ERR(sigaltstack(&(stack_t){.ss_sp = alternate, .ss_size = 32768, .ss_flags = 99}, NULL), EINVAL);
	CHECK_ERR(sigaltstack((void *)8, NULL), EFAULT);
	CHECK_OK(sigaltstack(&alt, NULL));
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	CHECK(on_alternate);
	action.sa_flags = 0;
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	raise(SIGUSR1);
	CHECK(!on_alternate);
	CHECK_EQ(handled, 2);
	CHECK_OK(sigaltstack(NULL, &old));
	CHECK_EQ(old.ss_flags, 0);
}

static sigjmp_buf overflow_jump;

static void on_overflow(int sig UNUSED, siginfo_t *info UNUSED, void *context UNUSED)
{
	siglongjmp(overflow_jump, 1);
}

__attribute__((noinline)) static int recurse(volatile int *p, int left)
{
	volatile int room[500];

	room[0] = p ? p[0] + 1 : 0;
	room[499] = room[0];
	return left ? recurse(room, left - 1) + room[499] : 0;
}

TEST(stack_overflow_is_caught_on_the_alternate_stack)
{
	stack_t alt = {.ss_sp = alternate, .ss_size = sizeof(alternate)};
	struct sigaction action = {.sa_sigaction = on_overflow, .sa_flags = SA_ONSTACK | SA_SIGINFO};
	struct rlimit limit = {1 << 20, 1 << 20};

	CHECK_OK(setrlimit(RLIMIT_STACK, &limit));
	CHECK_OK(sigaltstack(&alt, NULL));
	CHECK_OK(sigaction(SIGSEGV, &action, NULL));
	for (volatile int i = 0; i < 3; i++)
		if (sigsetjmp(overflow_jump, 1) == 0)
			CHECK(recurse(NULL, 1000000) == 0);
}

TEST(no_room_for_the_frame_kills)
{
	struct sigaction action = {.sa_sigaction = on_overflow, .sa_flags = SA_SIGINFO};
	struct rlimit limit = {1 << 20, 1 << 20};
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setrlimit(RLIMIT_STACK, &limit));
		CHECK_OK(sigaction(SIGSEGV, &action, NULL));
		recurse(NULL, 1000000);
	}
	reap_signal(pid, SIGSEGV);
}

TEST(sigtimedwait_takes_without_handler)
{
	struct timespec short_time = {0, 20000000}, zero = {0, 0}, bad = {0, 1000000000};
	sigset_t set;
	siginfo_t info;

	catch(SIGUSR1, 0);
	block(SIG_BLOCK, SIGUSR1);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	CHECK_ERR(sigtimedwait(&set, &info, &zero), EAGAIN);
	CHECK_ERR(sigtimedwait(&set, &info, &short_time), EAGAIN);
	CHECK_ERR(sigtimedwait(&set, &info, &bad), EINVAL);
	kill(getpid(), SIGUSR1);
	CHECK_EQ(sigtimedwait(&set, &info, &short_time), SIGUSR1);
	CHECK_EQ(info.si_pid, getpid());
	CHECK_EQ(info.si_code, SI_USER);
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(handled, 0);
}

TEST(setting_to_ignore_discards_pending)
{
	catch(SIGUSR1, 0);
	block(SIG_BLOCK, SIGUSR1);
	raise(SIGUSR1);
	signal(SIGUSR1, SIG_IGN);
	catch(SIGUSR1, 0);
	block(SIG_UNBLOCK, SIGUSR1);
	CHECK_EQ(handled, 0);
}

TEST(stop_and_continue_cancel_each_other)
{
	sigset_t set;

	block(SIG_BLOCK, SIGTSTP);
	block(SIG_BLOCK, SIGCONT);
	catch(SIGCONT, 0);
	raise(SIGTSTP);
	raise(SIGCONT);
	sigpending(&set);
	CHECK(!sigismember(&set, SIGTSTP));
	CHECK(sigismember(&set, SIGCONT));
	signal(SIGTSTP, count_signal);
	raise(SIGTSTP);
	sigpending(&set);
	CHECK(sigismember(&set, SIGTSTP));
	CHECK(!sigismember(&set, SIGCONT));
}

TEST(sigpipe_and_epipe)
{
	int fd[2];
	pid_t pid;

	CHECK_OK(pipe(fd));
	close(fd[0]);
	FORK(pid)
		(void)!write(fd[1], "x", 1);
	reap_signal(pid, SIGPIPE);
	catch(SIGPIPE, 0);
	CHECK_ERR(write(fd[1], "x", 1), EPIPE);
	CHECK_EQ(handled, 1);
	signal(SIGPIPE, SIG_IGN);
	CHECK_ERR(write(fd[1], "x", 1), EPIPE);
}

TEST(old_style_calls)
{
	struct { void *handler; unsigned long mask, flags; void *restorer; } action = {count_signal, 1u << (SIGUSR2 - 1), SA_RESTART, 0}, old;

	CHECK_OK(syscall(SYS_signal, SIGUSR2, SIG_IGN));
	CHECK_OK(syscall(SYS_sigaction, SIGUSR1, &action, NULL));
	CHECK_OK(syscall(SYS_sigaction, SIGUSR1, NULL, &old));
	CHECK(old.handler == (void *)count_signal);
	CHECK_EQ(old.mask, 1u << (SIGUSR2 - 1));
	kill(getpid(), SIGUSR1);
	CHECK_EQ(handled, 1);
	CHECK_EQ(syscall(SYS_ssetmask, 1u << (SIGUSR1 - 1)), 0);
	CHECK_EQ(syscall(SYS_sgetmask), 1u << (SIGUSR1 - 1));
}

TEST(nobody_of_everybody_may_be_signalled)
{
	pid_t pid;

	FORK(pid) {
		CHECK_OK(setresuid(4243, 4243, 4243));
		CHECK_OK(kill(-1, 0)); /* Linux does not count who may not be signalled */
	}
	reap_ok(pid);
}
