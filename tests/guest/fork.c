/* SPDX-License-Identifier: MIT */
/*
 * fork, vfork and clone: what a child has of its parent and what it has not (its memory: cow.c). The first tests carry
 * the names of mistakes that other young kernels made.
 */
#include "guest.h"

#include <sched.h>

static volatile int handled;

static void on_signal(int sig)
{
	handled = sig;
}

TEST(group_inherited)
{
	pid_t group = getpgrp(), pid;

	FORK(pid)
		CHECK_EQ(getpgrp(), group);
	reap_ok(pid);
}

TEST(session_inherited)
{
	pid_t session = getsid(0), pid;

	CHECK(session > 0);
	FORK(pid) {
		CHECK_EQ(getsid(0), session);
		CHECK_EQ(getsid(getppid()), session);
	}
	reap_ok(pid);
}

TEST(handlers_inherited)
{
	pid_t pid;

	signal(SIGUSR1, on_signal);
	FORK(pid) {
		raise(SIGUSR1);
		CHECK_EQ(handled, SIGUSR1);
	}
	reap_ok(pid);
	CHECK_EQ(handled, 0);
	FORK(pid) /* a change in the child stays there */
		signal(SIGUSR1, SIG_IGN);
	reap_ok(pid);
	raise(SIGUSR1);
	CHECK_EQ(handled, SIGUSR1);
}

HELPER(dispositions)
{
	struct sigaction a, b;

	sigaction(SIGUSR1, NULL, &a);
	sigaction(SIGUSR2, NULL, &b);
	return (a.sa_handler == SIG_IGN ? 0 : 1) + (b.sa_handler == SIG_DFL ? 0 : 2);
}

TEST(ignored_kept_and_handlers_reset_by_exec)
{
	pid_t pid;

	signal(SIGUSR1, SIG_IGN);
	signal(SIGUSR2, on_signal);
	FORK(pid) {
		execl("/proc/self/exe", "fork", "@dispositions", NULL);
		FAIL("exec: %s", strerror(errno));
	}
	reap_exit(pid, 0);
}

TEST(effective_ids_inherited)
{
	pid_t pid;
	uid_t r, e, s;

	CHECK_OK(setresgid(5, 6, 7));
	CHECK_OK(setresuid(0, 1001, 1002));
	FORK(pid) {
		CHECK_OK(getresuid(&r, &e, &s));
		CHECK_EQ(r, 0);
		CHECK_EQ(e, 1001);
		CHECK_EQ(s, 1002);
		CHECK_OK(getresgid(&r, &e, &s));
		CHECK_EQ(r, 5);
		CHECK_EQ(e, 6);
		CHECK_EQ(s, 7);
	}
	reap_ok(pid);
}

TEST(pending_not_inherited)
{
	sigset_t set;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	raise(SIGUSR1);
	kill(getpid(), SIGUSR1);
	FORK(pid) {
		sigpending(&set);
		CHECK(!sigismember(&set, SIGUSR1));
	}
	reap_ok(pid);
	sigpending(&set);
	CHECK(sigismember(&set, SIGUSR1));
}

TEST(mask_inherited)
{
	sigset_t set, got;
	pid_t pid;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGRTMIN + 3);
	sigprocmask(SIG_SETMASK, &set, NULL);
	FORK(pid) {
		sigprocmask(SIG_BLOCK, NULL, &got);
		CHECK(sigismember(&got, SIGHUP));
		CHECK(sigismember(&got, SIGRTMIN + 3));
		CHECK(!sigismember(&got, SIGINT));
	}
	reap_ok(pid);
}

TEST(alarm_not_inherited)
{
	struct itimerval timer = {.it_value = {100, 0}}, got;
	pid_t pid;

	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	FORK(pid) {
		CHECK_OK(getitimer(ITIMER_REAL, &got));
		CHECK_EQ(got.it_value.tv_sec, 0);
		CHECK_EQ(got.it_value.tv_usec, 0);
		CHECK_EQ(alarm(0), 0);
	}
	reap_ok(pid);
	CHECK(alarm(0) >= 90);
}

/* Sets the FPU and SSE registers, calls fork by int 0x80, and reads them back. */
static pid_t fork_with_registers(const uint32_t in[32], uint32_t out[32], uint16_t *control, uint32_t *mxcsr,
				 double *x87)
{
	pid_t pid;

	__asm__ volatile("movups (%1), %%xmm0; movups 16(%1), %%xmm1; movups 32(%1), %%xmm2; movups 48(%1), %%xmm3\n"
			 "movups 64(%1), %%xmm4; movups 80(%1), %%xmm5; movups 96(%1), %%xmm6; movups 112(%1), %%xmm7\n"
			 "fldpi\n"
			 "movl $2, %%eax\n"
			 "int $0x80\n"
			 "movups %%xmm0, (%2); movups %%xmm1, 16(%2); movups %%xmm2, 32(%2); movups %%xmm3, 48(%2)\n"
			 "movups %%xmm4, 64(%2); movups %%xmm5, 80(%2); movups %%xmm6, 96(%2); movups %%xmm7, 112(%2)\n"
			 : "=&a"(pid)
			 : "r"(in), "r"(out)
			 : "memory", "st");
	__asm__ volatile("fstpl %0" : "=m"(*x87) : : "memory");
	__asm__ volatile("fnstcw %0; stmxcsr %1" : "=m"(*control), "=m"(*mxcsr));
	return pid;
}

static void load_control(uint16_t control, uint32_t mxcsr)
{
	__asm__ volatile("fldcw %0; ldmxcsr %1" : : "m"(control), "m"(mxcsr));
}

TEST(fpu_state_inherited)
{
	uint32_t in[32], out[32], mxcsr;
	uint16_t control;
	double pi;
	pid_t pid;

	for (int i = 0; i < 32; i++)
		in[i] = 0x01010101u * (unsigned)(i + 1);
	load_control(0x0f7f, 0x7f80);
	pid = fork_with_registers(in, out, &control, &mxcsr, &pi);
	CHECK_EQ(memcmp(in, out, sizeof(in)), 0);
	CHECK_EQ(control & 0x0f3f, 0x0f3f);
	CHECK_EQ(mxcsr & 0x7f80, 0x7f80);
	load_control(0x037f, 0x1f80);
	CHECK(pi > 3.14159 && pi < 3.1416);
	if (pid == 0)
		_exit(0);
	reap_ok(pid);
}

/* Holds a pattern in the SSE and FPU registers for a while; false when it changed. */
static bool hold_registers(uint32_t pattern, int turns)
{
	uint32_t in[4] = {pattern, ~pattern, pattern + 1, pattern * 3}, a[4], b[4];
	double x = pattern, y;

	for (int i = 0; i < turns; i++) {
		__asm__ volatile("fldl %4\n movups %2, %%xmm3; movups %2, %%xmm7\n"
				 "movl $20000, %%ecx\n 1: decl %%ecx; jnz 1b\n"
				 "movups %%xmm3, %0; movups %%xmm7, %1\n fstpl %3"
				 : "=m"(a), "=m"(b), "+m"(in), "=m"(y)
				 : "m"(x)
				 : "ecx", "memory", "st");
		if (memcmp(a, in, 16) != 0 || memcmp(b, in, 16) != 0 || x != y)
			return false;
		if (i % 4 == 0)
			sched_yield();
	}
	return true;
}

TEST(fpu_state_kept_over_switches)
{
	pid_t pid[4];

	for (int i = 0; i < 4; i++)
		FORK(pid[i])
			CHECK(hold_registers(0x1234567u * (unsigned)(i + 1), 300));
	for (int i = 0; i < 4; i++)
		reap_ok(pid[i]);
}

static void scribble_fpu(int sig UNUSED)
{
	uint32_t junk[4] = {1, 2, 3, 4};

	__asm__ volatile("fninit\n fldz\n movups %0, %%xmm3; movups %0, %%xmm7" : : "m"(junk));
	handled++;
}

TEST(fpu_state_kept_over_signals)
{
	struct itimerval timer = {{0, 1000}, {0, 1000}}, stop = {{0, 0}, {0, 0}};
	volatile bool good = true;

	signal(SIGALRM, scribble_fpu);
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	for (int i = 0; good && handled < 30; i++)
		good = hold_registers(0x7777u + (unsigned)i, 20);
	CHECK_OK(setitimer(ITIMER_REAL, &stop, NULL));
	CHECK(good);
}

TEST(kill_of_a_group_whose_leader_is_dead)
{
	struct gate up = gate_make();
	int life[2];
	pid_t leader;
	char c;

	CHECK_OK(pipe(life));
	FORK(leader) {
		pid_t member;

		CHECK_OK(setpgid(0, 0));
		FORK(member) {
			close(life[0]);
			gate_open(&up);
			for (;;)
				pause();
		}
		gate_wait(&up);
	}
	close(life[1]);
	reap_ok(leader);
	CHECK_OK(kill(-leader, 0));
	CHECK_OK(kill(-leader, SIGTERM));
	CHECK_EQ(read(life[0], &c, 1), 0);
	for (int i = 0; i < LATE_MS && kill(-leader, 0) == 0; i++)
		sleep_ms(1); /* init reaps it */
	CHECK_ERR(kill(-leader, 0), ESRCH);
}

TEST(descriptors_copied_and_offsets_shared)
{
	int fd = new_file("f"), twin = dup(fd);
	pid_t pid;

	CHECK_EQ(write(fd, "0123456789", 10), 10);
	CHECK_EQ(lseek(fd, 2, SEEK_SET), 2);
	FORK(pid) {
		char c[3];

		CHECK_EQ(read(fd, c, 3), 3);
		CHECK(memcmp(c, "234", 3) == 0);
		close(fd);
		CHECK_OK(fcntl(twin, F_SETFD, FD_CLOEXEC));
		CHECK_OK(fcntl(twin, F_SETFL, O_APPEND));
	}
	reap_ok(pid);
	CHECK_EQ(lseek(fd, 0, SEEK_CUR), 5);
	CHECK_EQ(fcntl(twin, F_GETFD), 0);
	CHECK(fcntl(fd, F_GETFL) & O_APPEND);
}

TEST(cwd_and_umask_copied)
{
	char before[200], after[200];
	pid_t pid;

	CHECK_OK(mkdir("sub", 0755));
	CHECK(getcwd(before, sizeof(before)));
	umask(027);
	FORK(pid) {
		CHECK(getcwd(after, sizeof(after)));
		CHECK_STR(after, before);
		CHECK_EQ(umask(0), 027);
		CHECK_OK(chdir("sub"));
	}
	reap_ok(pid);
	CHECK(getcwd(after, sizeof(after)));
	CHECK_STR(after, before);
	CHECK_EQ(umask(022), 027);
}

TEST(limits_nice_and_altstack_inherited)
{
	static char stack[16384];
	stack_t alt = {.ss_sp = stack, .ss_size = sizeof(stack)}, got;
	struct rlimit limit = {77, 99};
	pid_t pid;

	CHECK_OK(setrlimit(RLIMIT_NOFILE, &limit));
	CHECK_OK(setpriority(PRIO_PROCESS, 0, 7));
	CHECK_OK(sigaltstack(&alt, NULL));
	FORK(pid) {
		CHECK_OK(getrlimit(RLIMIT_NOFILE, &limit));
		CHECK_EQ(limit.rlim_cur, 77);
		CHECK_EQ(limit.rlim_max, 99);
		CHECK_EQ(getpriority(PRIO_PROCESS, 0), 7);
		CHECK_OK(sigaltstack(NULL, &got));
		CHECK(got.ss_sp == stack && got.ss_size == sizeof(stack));
	}
	reap_ok(pid);
}

TEST(process_limit_is_eagain)
{
	struct rlimit limit = {4, 4};
	struct gate g = gate_make();
	pid_t pid = 0;
	int alive = 0;

	CHECK_OK(setuid(54321));
	CHECK_OK(setrlimit(RLIMIT_NPROC, &limit));
	while (alive < 20) {
		pid = fork();
		if (pid < 0)
			break;
		if (pid == 0) {
			gate_wait(&g);
			_exit(0);
		}
		alive++;
	}
	CHECK_EQ(pid, -1);
	CHECK_EQ(errno, EAGAIN);
	CHECK_EQ(alive, 3);
	for (int i = 0; i < alive; i++)
		gate_open(&g);
	for (int i = 0; i < alive; i++)
		CHECK(wait(NULL) > 0);
	FORK(pid)
		_exit(0);
	reap_ok(pid);
}

static volatile int vfork_value;

TEST(vfork_shares_memory_and_suspends_the_parent)
{
	pid_t pid = vfork();

	if (pid == 0) {
		struct timespec ts = {0, 20000000};

		nanosleep(&ts, NULL);
		vfork_value = 17;
		_exit(3);
	}
	CHECK_EQ(vfork_value, 17);
	reap_exit(pid, 3);
}

HELPER(exit7)
{
	return 7;
}

TEST(vfork_and_exec)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl("/proc/self/exe", "fork", "@exit7", NULL);
		_exit(1);
	}
	reap_exit(pid, 7);
}

HELPER(is_closed)
{
	int open_fd = atoi(argv[2]), closed_fd = atoi(argv[3]);

	return (fcntl(open_fd, F_GETFD) == 0 ? 0 : 1) + (fcntl(closed_fd, F_GETFD) == -1 && errno == EBADF ? 0 : 2);
}

TEST(exec_closes_cloexec)
{
	int kept = new_file("a"), shut = new_file("b");
	char a[12], b[12];
	pid_t pid;

	CHECK_OK(fcntl(kept, F_SETFD, 0));
	CHECK_OK(fcntl(shut, F_SETFD, FD_CLOEXEC));
	snprintf(a, sizeof(a), "%d", kept);
	snprintf(b, sizeof(b), "%d", shut);
	FORK(pid)
		execl("/proc/self/exe", "fork", "@is_closed", a, b, NULL);
	reap_exit(pid, 0);
	CHECK_EQ(fcntl(shut, F_GETFD), FD_CLOEXEC);
}

TEST(parent_and_process_numbers)
{
	pid_t me = getpid(), pid;

	FORK(pid) {
		CHECK_EQ(getppid(), me);
		CHECK(getpid() != me);
		CHECK_EQ(syscall(SYS_gettid), getpid());
	}
	CHECK(pid != me);
	reap_ok(pid);
}

TEST(clone_flags_refused)
{
	CHECK_ERR(syscall(SYS_clone, CLONE_SIGHAND | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_THREAD | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_THREAD | CLONE_VM | SIGCHLD, 0, 0, 0, 0), EINVAL);
	CHECK_ERR(syscall(SYS_clone, CLONE_FS | CLONE_NEWNS | SIGCHLD, 0, 0, 0, 0), EINVAL);
}

static int clone_with(unsigned long flags)
{
	return (int)syscall(SYS_clone, flags, 0, 0, 0, 0);
}

TEST(clone_shares_descriptors_and_cwd)
{
	int fd = new_file("f");
	char cwd[200];
	pid_t pid;

	CHECK_OK(mkdir("sub", 0755));
	pid = CHECK_OK(clone_with(CLONE_FILES | CLONE_FS | SIGCHLD));
	if (pid == 0) {
		close(fd);
		_exit(chdir("sub") != 0);
	}
	reap_ok(pid);
	CHECK_ERR(fcntl(fd, F_GETFD), EBADF);
	CHECK(getcwd(cwd, sizeof(cwd)));
	CHECK_STR(strrchr(cwd, '/'), "/sub");
}

TEST(clone_stores_thread_ids)
{
	static volatile pid_t in_parent, in_child;
	pid_t pid;

	pid = (pid_t)syscall(SYS_clone, CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, 0, &in_parent, 0, &in_child);
	if (pid == 0) {
		CHECK_EQ(in_child, getpid());
		_exit(0);
	}
	CHECK_OK(pid);
	CHECK_EQ(in_parent, pid);
	CHECK_EQ(in_child, 0);
	reap_ok(pid);
}

TEST(vfork_parent_can_be_killed)
{
	pid_t *inner = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED), pid;

	FORK(pid) {
		pid_t mine = vfork();

		if (mine == 0) {
			*inner = getpid();
			for (;;)
				pause();
		}
	}
	CHECK_SOON(*(volatile pid_t *)inner);
	CHECK_OK(kill(pid, SIGKILL));
	reap_signal(pid, SIGKILL);
	CHECK_OK(kill(*inner, SIGKILL)); /* it lived on */
}
