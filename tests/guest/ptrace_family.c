/* SPDX-License-Identifier: MIT */
/* ptrace(2): children, programs and threads of tracees, and many tracers at once. */
#include "tracing.h"

#include <pthread.h>

/* ---- children, programs, threads ---- */

static unsigned long message_of(pid_t pid)
{
	unsigned long v;

	CHECK_OK(trace(PTRACE_GETEVENTMSG, pid, 0, (uintptr_t)&v));
	return v;
}

TEST(children_are_traced)
{
	pid_t pid, child;

	TRACED_CHILD(pid) {
		pid_t c = CHECK_OK(fork());

		if (!c)
			_exit(21);
		reap_exit(c, 21);
		_exit(22);
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEFORK | PTRACE_O_TRACEEXIT));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_FORK << 8);
	child = (pid_t)message_of(pid);
	CHECK_STOP(child, SIGSTOP);
	CHECK_EQ(status_number(child, "PPid:"), pid);
	CHECK_EQ(status_number(child, "TracerPid:"), getpid());
	RESUME(PTRACE_CONT, pid, 0);
	RESUME(PTRACE_CONT, child, 0);
	CHECK_STOP(child, SIGTRAP | PTRACE_EVENT_EXIT << 8);
	CHECK_EQ(message_of(child), 21 << 8);
	RESUME(PTRACE_CONT, child, 0);
	CHECK_EQ(reap(child), 21 << 8);
	CHECK_STOP(pid, SIGCHLD);
	RESUME(PTRACE_CONT, pid, SIGCHLD);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_EXIT << 8);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 22);
}

TEST(vfork_is_told_twice)
{
	pid_t pid, child;

	TRACED_CHILD(pid) {
		pid_t c = vfork();

		if (!c)
			_exit(21);
		reap_exit(c, 21);
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEVFORK | PTRACE_O_TRACEVFORKDONE));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_VFORK << 8);
	child = (pid_t)message_of(pid);
	CHECK_STOP(child, SIGSTOP);
	RESUME(PTRACE_DETACH, child, 0);
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_VFORK_DONE << 8);
	CHECK_EQ(message_of(pid), child);
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGCHLD);
	RESUME(PTRACE_CONT, pid, SIGCHLD);
	reap_exit(pid, 0);
}

HELPER(exits)
{
	return 33;
}

TEST(a_new_program)
{
	pid_t pid;

	for (int option = 0; option < 2; option++) {
		TRACED_CHILD(pid) {
			execl("/proc/self/exe", "x", "@exits", NULL);
			_exit(1);
		}
		if (option)
			CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACEEXEC));
		RESUME(PTRACE_CONT, pid, 0);
		CHECK_STOP(pid, option ? SIGTRAP | PTRACE_EVENT_EXEC << 8 : SIGTRAP);
		if (option)
			CHECK_EQ(message_of(pid), pid);
		RESUME(PTRACE_CONT, pid, 0);
		reap_exit(pid, 33);
	}
}

static void *ends(void *arg)
{
	return arg;
}

TEST(threads_are_traced)
{
	pid_t pid, tid;
	int status;

	TRACED_CHILD(pid) {
		pthread_t t;

		if (pthread_create(&t, NULL, ends, NULL) || pthread_join(t, NULL))
			_exit(1);
		_exit(44);
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_CLONE << 8);
	tid = (pid_t)message_of(pid);
	CHECK(tid != pid);
	CHECK_STOP(tid, SIGSTOP);
	RESUME(PTRACE_CONT, pid, 0);
	RESUME(PTRACE_CONT, tid, 0);
	CHECK_EQ(waitpid(tid, &status, __WALL), tid);
	CHECK(status == 0 || status == 44 << 8); /* joined before it was gone, it may end with the process */
	CHECK_ERR(waitpid(tid, &status, __WALL), ECHILD);
	reap_exit(pid, 44);
}

static void *execs(void *arg UNUSED)
{
	execl("/proc/self/exe", "x", "@exits", NULL);
	return NULL;
}

TEST(a_thread_begins_a_program)
{
	pid_t pid, tid;

	TRACED_CHILD(pid) {
		pthread_t t;

		pthread_create(&t, NULL, execs, NULL);
		for (;;)
			pause();
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC));
	RESUME(PTRACE_CONT, pid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_CLONE << 8);
	tid = (pid_t)message_of(pid);
	CHECK_STOP(tid, SIGSTOP);
	RESUME(PTRACE_CONT, pid, 0);
	RESUME(PTRACE_CONT, tid, 0);
	CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_EXEC << 8);
	CHECK_EQ(message_of(pid), tid);
	RESUME(PTRACE_CONT, pid, 0);
	reap_exit(pid, 33);
}

/* The end of a process whose threads are all traced, by a signal that comes while they are stopped or run. */
TEST(threads_are_killed)
{
	pid_t pid, tid[4];

	TRACED_CHILD(pid) {
		for (int i = 0; i < 4; i++) {
			pthread_t t;

			pthread_create(&t, NULL, i & 1 ? execs : ends, NULL);
		}
		pause();
	}
	CHECK_OK(trace(PTRACE_SETOPTIONS, pid, 0, PTRACE_O_TRACECLONE));
	for (int i = 0; i < 4; i++) {
		RESUME(PTRACE_CONT, pid, 0);
		CHECK_STOP(pid, SIGTRAP | PTRACE_EVENT_CLONE << 8);
		tid[i] = (pid_t)message_of(pid);
		CHECK_STOP(tid[i], SIGSTOP);
	}
	RESUME(PTRACE_CONT, tid[0], 0);
	kill(pid, SIGKILL);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(waitpid(tid[i], NULL, __WALL), tid[i]);
	reap_signal(pid, SIGKILL);
}

/* ---- both at once ---- */

TEST(storms)
{
	pid_t pid, tracer[3];

	FORK(pid)
		for (;;)
			getppid();
	for (int n = 0; n < 3; n++)
		FORK(tracer[n])
			for (int i = 0; i < 100; i++) {
				int status;

				if (trace(PTRACE_SEIZE, pid, 0, 0) < 0) {
					CHECK_EQ(errno, EPERM);
					sched_yield();
					continue;
				}
				CHECK_OK(trace(PTRACE_INTERRUPT, pid, 0, 0));
				CHECK_EQ(waitpid(pid, &status, __WALL), pid);
				CHECK_EQ(status >> 8, SIGTRAP | PTRACE_EVENT_STOP << 8);
				if (i & 1)
					RESUME(PTRACE_SINGLESTEP, pid, 0);
				else
					RESUME(PTRACE_DETACH, pid, 0);
				if (i & 1) {
					CHECK_STOP(pid, SIGTRAP);
					RESUME(PTRACE_DETACH, pid, 0);
				}
			}
	for (int n = 0; n < 3; n++)
		reap_ok(tracer[n]);
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

TEST(tracers_are_killed)
{
	pid_t pid, tracer;

	FORK(pid)
		for (;;)
			getppid();
	for (int i = 0; i < 40; i++) {
		FORK(tracer) {
			CHECK_OK(trace(PTRACE_SEIZE, pid, 0, SYSGOOD));
			CHECK_OK(trace(PTRACE_INTERRUPT, pid, 0, 0));
			wait_stop(pid);
			for (;;) {
				RESUME(PTRACE_SYSCALL, pid, 0);
				wait_stop(pid);
			}
		}
		sleep_ms(i % 5);
		kill(tracer, SIGKILL);
		reap_signal(tracer, SIGKILL);
		CHECK_EQ(waitpid(pid, NULL, WNOHANG), 0);
	}
	kill(pid, SIGKILL);
	reap_signal(pid, SIGKILL);
}

/* ---- whatever comes ---- */

static unsigned long seed = 12345;

static unsigned long any(void)
{
	seed = seed * 1103515245 + 12345;
	return seed >> 8 & 0xffffff;
}

static char *room;

/* An argument: small, an address that is good or bad, or anything. */
static unsigned long any_word(void)
{
	switch (any() % 8) {
	case 0: return 0;
	case 1: return any() % 70;
	case 2: return (uintptr_t)room + any() % PAGE;
	case 3: return (uintptr_t)room + 2 * PAGE - any() % 64; /* runs into what is not there */
	case 4: return 0xc0000000u - any() % 16;
	case 5: return 0xfffffff0u + any() % 16;
	case 6: return any() % 0x300;
	default: return any() << 12 ^ any();
	}
}

static void *lives(void *arg)
{
	for (int i = 0; i < 3; i++)
		getppid();
	return arg;
}

static void busy_life(void)
{
	struct sigaction a = {.sa_handler = SIG_IGN};

	sigaction(SIGUSR1, &a, NULL);
	for (;;) {
		pthread_t t;
		pid_t c;

		raise(SIGUSR1);
		if (!pthread_create(&t, NULL, lives, NULL))
			pthread_join(t, NULL);
		c = fork();
		if (!c)
			_exit(1);
		waitpid(c, NULL, 0);
		c = vfork();
		if (!c) {
			execl("/proc/self/exe", "x", "@exits", NULL);
			_exit(1);
		}
		waitpid(c, NULL, 0);
		raise(SIGTSTP);
		kill(getpid(), SIGCONT);
	}
}

static long any_request(void)
{
	static const short known[] = {1, 2, 3, 4, 5, 6, 7, 9, 12, 13, 14, 15, 17, 18, 19, 24, 24, 25, 26, 31, 32, 0x4200, 0x4201, 0x4202, 0x4203, 0x4204, 0x4205,
				      0x4207, 0x4208, 0x420a, 0x420b, 0x420e, 7, 24, 9};

	return any() % 50 ? known[any() % (sizeof(known) / sizeof(known[0]))] : (long)any();
}

static void any_call(pid_t pid)
{
	long request = any_request();
	unsigned long data = any_word();

	if (request == 6 || request == 13 || request == 15 || request == 19 || request == 0x4205)
		for (int i = 0; i < 64; i++)
			((volatile long *)room)[any() % 256] = (long)any_word(); /* registers that nobody has asked for */
	if (request == PTRACE_SETOPTIONS)
		data = (any() & 0x7f) | PTRACE_O_EXITKILL;
	trace(request, pid, request >= 0x4204 && request <= 0x4205 ? 1 + any() % 2 : any_word(), data);
}

TEST(anything_may_be_asked)
{
	pid_t mine[4];

	room = map_rw(3 * PAGE);
	munmap(room + 2 * PAGE, PAGE);
	for (int n = 0; n < 4; n++) {
		FORK(mine[n])
			busy_life();
		CHECK_OK(trace(PTRACE_SEIZE, mine[n], 0, 0x7e | PTRACE_O_EXITKILL));
	}
	for (int i = 0; i < 4000; i++) {
		pid_t pid = waitpid(-1, NULL, WNOHANG | __WALL);

		if (pid < 0)
			break;
		if (!pid) {
			trace(PTRACE_INTERRUPT, mine[any() % 4], 0, 0);
			continue;
		}
		for (unsigned n = any() % 6; n; n--)
			any_call(pid);
		if (any() % 8 == 0)
			kill(pid, any() % 16 ? (int)(any() % 32) : SIGKILL);
		trace(any() % 3 ? PTRACE_SYSCALL : PTRACE_CONT, pid, 0, any() % 4 ? 0 : any() % 65);
	}
	for (int n = 0; n < 4; n++)
		kill(mine[n], SIGKILL);
}

static int last_gate[2];

static void *last_thread(void *arg UNUSED)
{
	char c;

	(void)!read(last_gate[0], &c, 1);
	syscall(SYS_exit, 0);
	return NULL;
}

/* Its first thread ends, which a stranger traces; then the last one, as the tracer does, and the parent. */
static void ends_between_two(void)
{
	pid_t traced, tracer;
	pthread_t thread;
	struct gate on = gate_make();
	volatile int *first_lives = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	char c;

	*first_lives = 1;
	CHECK_OK(pipe(last_gate));
	FORK(traced) {
		close(last_gate[1]);
		CHECK_EQ(pthread_create(&thread, NULL, last_thread, NULL), 0);
		gate_wait(&on);
		syscall(SYS_set_tid_address, first_lives);
		syscall(SYS_exit, 0);
	}
	FORK(tracer) {
		close(last_gate[1]);
		CHECK_OK(trace(PTRACE_SEIZE, traced, 0, 0));
		gate_open(&on);
		(void)!read(last_gate[0], &c, 1);
	}
	while (*first_lives)
		sched_yield();
	close(last_gate[1]);
	reap_ok(traced);
}

TEST(ends_while_its_tracer_does)
{
	pid_t parent;

	for (int i = 0; i < 100; i++) {
		FORK(parent)
			ends_between_two();
		reap_ok(parent);
	}
}
