/* SPDX-License-Identifier: MIT */
/*
 * What a handler finds on its stack and what sigreturn makes of it: registers and flags that survive, contexts that a handler changes, and
 * ones that nobody can return to.
 */
#include "guest.h"

static volatile int handled;

static void change_everything(int sig UNUSED)
{
	__asm__ volatile("xorl %%eax, %%eax\n movl $1, %%ecx\n movl $2, %%edx\n std\n cld" : : : "eax", "ecx", "edx", "cc");
	handled++;
}

/* Spins on values in all registers and flags while a timer's signals come in; false when one changed. */
static bool spin_with_registers(void)
{
	int ok;

	__asm__ volatile("pushl %%ebp\n pushl %%ebx\n"
			 "movl $0x11111111, %%eax\n movl $0x22222222, %%ebx\n movl $0x33333333, %%edx\n"
			 "movl $0x44444444, %%esi\n movl $0x55555555, %%edi\n movl $0x66666666, %%ebp\n"
			 "movl $3000000, %%ecx\n std\n stc\n"
			 "1: decl %%ecx\n jnz 1b\n"
			 "jnc 2f\n"
			 "cmpl $0x11111111, %%eax\n jne 2f\n cmpl $0x22222222, %%ebx\n jne 2f\n"
			 "cmpl $0x33333333, %%edx\n jne 2f\n cmpl $0x44444444, %%esi\n jne 2f\n"
			 "cmpl $0x55555555, %%edi\n jne 2f\n cmpl $0x66666666, %%ebp\n jne 2f\n"
			 "pushfl\n popl %%eax\n testl $0x400, %%eax\n jz 2f\n"
			 "movl $1, %%eax\n jmp 3f\n"
			 "2: xorl %%eax, %%eax\n"
			 "3: cld\n popl %%ebx\n popl %%ebp\n"
			 : "=a"(ok)
			 :
			 : "ecx", "edx", "esi", "edi", "cc", "memory");
	return ok;
}

TEST(registers_and_flags_survive_handlers)
{
	struct itimerval timer = {{0, 1000}, {0, 1000}}, stop = {{0, 0}, {0, 0}};
	bool good = true;

	signal(SIGALRM, change_everything);
	CHECK_OK(setitimer(ITIMER_REAL, &timer, NULL));
	while (good && handled < 20)
		good = spin_with_registers();
	CHECK_OK(setitimer(ITIMER_REAL, &stop, NULL));
	CHECK(good);
}

static void edit_context(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
	ucontext_t *u = context;

	u->uc_mcontext.gregs[REG_EAX] = 0x600d;
	sigaddset(&u->uc_sigmask, SIGUSR2);
}

TEST(handler_may_change_the_context)
{
	struct sigaction action = {.sa_sigaction = edit_context, .sa_flags = SA_SIGINFO};
	sigset_t now;
	int eax, pid = getpid();

	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	__asm__ volatile("int $0x80" : "=a"(eax) : "0"(SYS_kill), "b"(pid), "c"(SIGUSR1) : "memory");
	CHECK_EQ(eax, 0x600d);
	sigprocmask(SIG_BLOCK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR2));
}

static void break_context(int sig UNUSED, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	switch (info->si_value.sival_int) {
	case 0: u->uc_mcontext.gregs[REG_CS] = 0x10; break;
	case 1: u->uc_mcontext.gregs[REG_SS] = 0x10; break;
	case 2: u->uc_mcontext.gregs[REG_DS] = 0xffff; break;
	case 3: u->uc_mcontext.gregs[REG_EIP] = (int)0xc0000000; break;
	case 4: u->uc_mcontext.gregs[REG_UESP] = 0; u->uc_mcontext.gregs[REG_ESP] = 0; break;
	case 5: u->uc_mcontext.gregs[REG_EFL] = -1; break;
	case 6: u->uc_mcontext.fpregs = (void *)1; break;
	case 7: u->uc_mcontext.gregs[REG_CS] = 0; break;
	case 8: if (u->uc_mcontext.fpregs) memset(u->uc_mcontext.fpregs, 0xff, 600); break;
	case 9: u->uc_mcontext.fpregs = (void *)0xfffffff0; break;
	case 10: u->uc_mcontext.gregs[REG_GS] = 0x1f; u->uc_mcontext.gregs[REG_FS] = 0x33; break;
	}
}

TEST(hostile_contexts_end_in_a_signal)
{
	for (int n = 0; n <= 10; n++) {
		struct sigaction action = {.sa_sigaction = break_context, .sa_flags = SA_SIGINFO};
		union sigval value = {.sival_int = n};
		int status;
		pid_t pid;

		FORK(pid) {
			CHECK_OK(sigaction(SIGUSR1, &action, NULL));
			sigqueue(getpid(), SIGUSR1, value);
			_exit(0);
		}
		status = reap(pid);
		CHECK(status == 0 || WIFSIGNALED(status));
		if (n == 3 || n == 4 || n == 0)
			CHECK(WIFSIGNALED(status));
	}
}

TEST(bare_sigreturn_is_harmless)
{
	for (int n = 0; n < 2; n++) {
		char *edge = map_edge();
		pid_t pid;

		FORK(pid) {
			__asm__ volatile("movl %0, %%esp\n int $0x80"
					 :
					 : "r"(n ? edge - 16 : edge - PAGE + 512), "a"(n ? SYS_sigreturn : SYS_rt_sigreturn)
					 : "memory");
			_exit(0);
		}
		CHECK(WIFSIGNALED(reap(pid)));
	}
}
