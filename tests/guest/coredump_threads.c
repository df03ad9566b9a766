/* SPDX-License-Identifier: MIT */
/* Core dumps of processes with several threads: all of them are in it, whatever they do meanwhile. */
#include "coredump.h"
#include <pthread.h>

static void *thread_waits(void *arg)
{
	struct gate *g = arg;

	__asm__ volatile("movl $0x5eed, %%esi" : : : "esi");
	gate_wait(g);
	return NULL;
}

static void raise_with_registers(void)
{
	unsigned short control = 0x027f;
	static const float one[4] __attribute__((aligned(16))) = {1.5f, 2.5f, 3.5f, 4.5f};

	__asm__ volatile("fldcw %0\n movaps %1, %%xmm3\n movl $0x12345678, %%esi\n movl $0x55aa55aa, %%edi\n ud2"
			 : : "m"(control), "m"(one) : "esi", "edi", "memory");
}

TEST(notes_of_the_threads)
{
	struct gate g = gate_make();
	struct elf_prstatus *st;
	struct core c;
	unsigned n = 0, *fp;
	size_t len;
	float *fx;
	pid_t pid;

	prepare("core");
	FORK(pid)
	{
		pthread_t t;

		for (int i = 0; i < 5; i++)
			CHECK_EQ(pthread_create(&t, NULL, thread_waits, &g), 0);
		signal(SIGILL, SIG_DFL);
		raise_with_registers();
	}
	CHECK_EQ(reap(pid), SIGILL | CORE_FLAG);
	c = read_core("core");
	st = find_note(&c, NT_PRSTATUS, 0, &len);
	CHECK(st && len == sizeof(*st));
	CHECK_EQ(st->pr_pid, pid);
	CHECK_EQ(st->pr_ppid, getpid());
	CHECK_EQ(st->pr_pgrp, getpgrp());
	CHECK_EQ(st->pr_cursig, SIGILL);
	CHECK_EQ(st->pr_info.si_signo, SIGILL);
	CHECK_EQ(st->pr_fpvalid, 1);
	CHECK_EQ(st->pr_reg[3], 0x12345678); /* esi, edi: struct user_regs_struct */
	CHECK_EQ(st->pr_reg[4], 0x55aa55aa);
	CHECK_EQ(*(unsigned char *)st->pr_reg[12], 0x0f); /* eip: at ud2, in the program, which is the same here */
	CHECK_EQ(byte_at(&c, (void *)st->pr_reg[12]), -1); /* and is not in the core */
	CHECK(byte_at(&c, (void *)st->pr_reg[15]) >= 0); /* the stack */
	while ((st = find_note(&c, NT_PRSTATUS, n, &len)))
		n++;
	CHECK_EQ(n, 6);
	fp = find_note(&c, NT_PRFPREG, 0, &len);
	CHECK(fp && len == 108);
	CHECK_EQ(fp[0] & 0xffff, 0x027f);
	fx = find_note(&c, NT_PRXFPREG, 0, &len);
	CHECK(fx && len == 512);
	CHECK(fx[160 / 4 + 12] == 1.5f && fx[160 / 4 + 15] == 4.5f);
	CHECK(find_note(&c, NT_PRXFPREG, 5, &len) != NULL);
	CHECK(find_note(&c, NT_386_TLS, 5, &len) != NULL);
	CHECK_EQ(len, 48);
}

static void *thread_dies(void *arg)
{
	gate_wait(arg);
	raise_with_registers();
	return NULL;
}

static void *thread_calls(void *arg UNUSED)
{
	for (;;)
		getppid();
	return NULL;
}

TEST(threads_that_all_die_at_once)
{
	prepare("core");
	for (int round = 0; round < 10; round++) {
		struct gate g = gate_make();
		struct core c;
		size_t len;
		pid_t pid;

		FORK(pid)
		{
			pthread_t t;

			signal(SIGILL, SIG_DFL);
			for (int i = 0; i < 4; i++) {
				CHECK_EQ(pthread_create(&t, NULL, thread_dies, &g), 0);
				CHECK_EQ(pthread_create(&t, NULL, thread_calls, &g), 0);
			}
			for (int i = 0; i < 4; i++)
				gate_open(&g);
			pause();
		}
		CHECK_EQ(reap(pid), SIGILL | CORE_FLAG);
		c = read_core("core");
		CHECK(find_note(&c, NT_PRSTATUS, 8, &len) != NULL);
		CHECK(find_note(&c, NT_PRSTATUS, 9, &len) == NULL);
		munmap(c.bytes, c.size);
		close(g.fd[0]);
		close(g.fd[1]);
	}
}

static void *thread_makes_threads(void *arg)
{
	pthread_t t;

	for (int i = 0; i < 50; i++)
		if (pthread_create(&t, NULL, thread_calls, arg) != 0)
			break;
	return NULL;
}

static void *thread_execs(void *arg UNUSED)
{
	char *argv[] = {"/proc/self/exe", "@nothing", NULL};

	execv(argv[0], argv);
	return NULL;
}

static void *thread_forks(void *arg UNUSED)
{
	for (;;) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(0);
		if (pid > 0)
			waitpid(pid, NULL, 0);
	}
	return NULL;
}

static void *thread_raises(void *arg)
{
	gate_wait(arg);
	raise(SIGQUIT);
	return NULL;
}

HELPER(nothing)
{
	return 0;
}

/* Threads are born, fork, exec and end while others dump: one of that is how the process ends, and it does end. */
TEST(dumps_in_the_middle_of_everything)
{
	static void *(*const what[])(void *) = {thread_calls, thread_makes_threads, thread_execs, thread_forks};

	prepare("core");
	for (int round = 0; round < 24; round++) {
		struct gate g = gate_make();
		int status;
		pid_t pid;

		FORK(pid)
		{
			pthread_t t;

			signal(SIGQUIT, SIG_DFL);
			for (int i = 0; i < 3; i++)
				CHECK_EQ(pthread_create(&t, NULL, thread_raises, &g), 0);
			for (int i = 0; i < 3; i++)
				gate_open(&g);
			CHECK_EQ(pthread_create(&t, NULL, what[round % 4], &g), 0);
			for (;;)
				pause();
		}
		if (round % 3 == 0)
			kill(pid, SIGKILL);
		status = reap(pid);
		CHECK(status == (SIGQUIT | CORE_FLAG) || status == SIGKILL || (round % 4 == 2 && status == 0));
		close(g.fd[0]);
		close(g.fd[1]);
	}
}
