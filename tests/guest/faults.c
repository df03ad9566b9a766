/* SPDX-License-Identifier: MIT */
/*
 * What hardware raises in a program becomes a signal with Linux's number, code and address; where a program may not
 * go, it does not get; and nothing of it harms the kernel.
 */
#include "guest.h"

static volatile int handled;
static volatile unsigned long at_eip;

static void run_ud2(volatile char *p UNUSED)
{
	__asm__ volatile("ud2");
}

static void run_int3(volatile char *p UNUSED)
{
	__asm__ volatile("int3");
}

static void run_divide(volatile char *p)
{
	int zero = (int)(uintptr_t)p;

	__asm__ volatile("xorl %%edx, %%edx\n movl $1, %%eax\n idivl %0" : : "r"(zero) : "eax", "edx");
}

static void run_overflowing_divide(volatile char *p UNUSED)
{
	__asm__ volatile("movl $0x80000000, %%eax\n cltd\n idivl %0" : : "r"(-1) : "eax", "edx");
}

static void run_into(volatile char *p UNUSED)
{
	__asm__ volatile("movl $0x7fffffff, %%eax\n incl %%eax\n into" : : : "eax", "cc");
}

static void run_bound(volatile char *p UNUSED)
{
	int bounds[2] = {1, 2};

	__asm__ volatile("boundl %0, %1" : : "r"(5), "m"(bounds));
}

static void run_cli(volatile char *p UNUSED)
{
	__asm__ volatile("cli");
}

static void run_hlt(volatile char *p UNUSED)
{
	__asm__ volatile("hlt");
}

static void run_in(volatile char *p UNUSED)
{
	__asm__ volatile("inb $0x64, %%al" : : : "eax");
}

static void run_wrmsr(volatile char *p UNUSED)
{
	__asm__ volatile("wrmsr" : : "a"(0), "c"(0x174), "d"(0));
}

static void run_read_cr3(volatile char *p UNUSED)
{
	__asm__ volatile("movl %%cr3, %%eax" : : : "eax");
}

static void run_lidt(volatile char *p UNUSED)
{
	char table[6] = {0};

	__asm__ volatile("lidt %0" : : "m"(table));
}

static void run_kernel_gate(volatile char *p UNUSED)
{
	__asm__ volatile("int $0x0e");
}

static void run_unused_gate(volatile char *p UNUSED)
{
	__asm__ volatile("int $0x71");
}

static void run_bad_segment(volatile char *p UNUSED)
{
	__asm__ volatile("movw %0, %%es" : : "r"((uint16_t)0x0010));
}

static void run_far_jump(volatile char *p UNUSED)
{
	struct __attribute__((packed)) { uint32_t offset; uint16_t segment; } to = {0, 0x0008};

	__asm__ volatile("ljmp *%0" : : "m"(to));
}

static void run_single_step(volatile char *p UNUSED)
{
	__asm__ volatile("pushfl\n orl $0x100, (%esp)\n popfl\n nop\n nop");
}

static void run_x87_divide(volatile char *p UNUSED)
{
	uint16_t control = 0x037b, plain = 0x037f;

	__asm__ volatile("fninit\n fldcw %0\n fld1\n fldz\n fdivrp\n fwait\n fldcw %1" : : "m"(control), "m"(plain));
}

static void run_sse_divide(volatile char *p UNUSED)
{
	uint32_t mxcsr = 0x1d80, plain = 0x1f80;
	float one = 1;

	__asm__ volatile("ldmxcsr %0\n xorps %%xmm1, %%xmm1\n movss %2, %%xmm0\n divss %%xmm1, %%xmm0\n ldmxcsr %1"
			 :
			 : "m"(mxcsr), "m"(plain), "m"(one));
}

static void run_misaligned_sse(volatile char *p)
{
	__asm__ volatile("movaps 4(%0), %%xmm0" : : "r"((uintptr_t)p & ~15ul));
}

#define CHECK_RAISES(how, signal, code)                                                                                \
	do {                                                                                                           \
		CHECK_EQ(fault_of(how, NULL), signal);                                                                 \
		CHECK_EQ(guest_fault.si_code, code);                                                                   \
	} while (0)

TEST(illegal_instruction)
{
	CHECK_RAISES(run_ud2, SIGILL, ILL_ILLOPN);
	CHECK(guest_fault.si_addr != NULL);
}

TEST(breakpoint)
{
	CHECK_RAISES(run_int3, SIGTRAP, SI_KERNEL);
}

TEST(divide)
{
	CHECK_RAISES(run_divide, SIGFPE, FPE_INTDIV);
	CHECK(guest_fault.si_addr != NULL);
	CHECK_RAISES(run_overflowing_divide, SIGFPE, FPE_INTDIV);
}

TEST(into_and_bound)
{
	CHECK_RAISES(run_into, SIGSEGV, SI_KERNEL);
	CHECK_RAISES(run_bound, SIGSEGV, SI_KERNEL);
}

TEST(privileged_instructions)
{
	static void (*const each[])(volatile char *) = {run_cli, run_hlt, run_in, run_wrmsr, run_read_cr3, run_lidt};

	for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++)
		CHECK_RAISES(each[i], SIGSEGV, SI_KERNEL);
	CHECK_EQ((uintptr_t)guest_fault.si_addr, 0);
}

TEST(gates_not_for_users)
{
	CHECK_RAISES(run_kernel_gate, SIGSEGV, SI_KERNEL);
	CHECK_RAISES(run_unused_gate, SIGSEGV, SI_KERNEL);
}

TEST(segments_not_for_users)
{
	CHECK_RAISES(run_bad_segment, SIGSEGV, SI_KERNEL);
	CHECK_RAISES(run_far_jump, SIGSEGV, SI_KERNEL);
}

TEST(single_step)
{
	CHECK_RAISES(run_single_step, SIGTRAP, TRAP_TRACE);
}

TEST(x87_exception)
{
	CHECK_RAISES(run_x87_divide, SIGFPE, FPE_FLTDIV);
	__asm__ volatile("fninit");
}

TEST(sse_exception)
{
	uint32_t plain = 0x1f80;
	int sig = fault_of(run_sse_divide, NULL);

	__asm__ volatile("ldmxcsr %0" : : "m"(plain));
	if (sig == 0)
		SKIP("this processor (an emulator) does not raise SSE exceptions");
	CHECK_EQ(sig, SIGFPE);
	CHECK_EQ(guest_fault.si_code, FPE_FLTDIV);
}

TEST(misaligned_sse)
{
	char buffer[64];
	int sig = fault_of(run_misaligned_sse, buffer);

	if (sig == 0)
		SKIP("this processor (an emulator) does not check the alignment");
	CHECK_EQ(sig, SIGSEGV);
	CHECK_EQ(guest_fault.si_code, SI_KERNEL);
}

TEST(null_pointer)
{
	CHECK_FAULT(touch_read, 0, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(touch_write, 4, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(touch_call, 0, SIGSEGV, SEGV_MAPERR);
}

static bool is_64_bit_kernel(void)
{
	char text[400];
	int fd = open("/proc/self/maps", O_RDONLY);
	bool high = false;
	ssize_t n;

	while ((n = read(fd, text, sizeof(text) - 1)) > 0) {
		text[n] = 0;
		high |= strstr(text, "-ffff") || strstr(text, "-fff");
	}
	close(fd);
	return high || (uintptr_t)text > 0xc0000000;
}

TEST(kernel_addresses_are_out_of_reach)
{
	static const uintptr_t each[] = {0xc0000000, 0xc0100000, 0xd0000000, 0xffc00000, 0xfffff000, 0xffffffff};

	if (is_64_bit_kernel())
		SKIP("a 64-bit kernel lies elsewhere");
	for (unsigned i = 0; i < sizeof(each) / sizeof(each[0]); i++) {
		CHECK_EQ(fault_of(touch_read, (void *)each[i]), SIGSEGV);
		CHECK_EQ((uintptr_t)guest_fault.si_addr, each[i]);
		CHECK_EQ(fault_of(touch_write, (void *)each[i]), SIGSEGV);
		CHECK_EQ(fault_of(touch_call, (void *)each[i]), SIGSEGV);
	}
}

static void on_segv(int sig UNUSED, siginfo_t *info, void *context)
{
	ucontext_t *u = context;

	handled++;
	at_eip = (unsigned long)u->uc_mcontext.gregs[REG_EIP];
	CHECK_OK(mprotect((void *)((uintptr_t)info->si_addr & ~(PAGE - 1)), PAGE, PROT_READ | PROT_WRITE));
}

TEST(fault_is_retried_after_the_handler)
{
	struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
	volatile char *p = map_anon(8 * PAGE, PROT_NONE, MAP_PRIVATE);

	CHECK_OK(sigaction(SIGSEGV, &action, NULL));
	for (unsigned i = 0; i < 8; i++)
		p[i * PAGE + i] = (char)i;
	CHECK_EQ(handled, 8);
	for (unsigned i = 0; i < 8; i++)
		CHECK_EQ(p[i * PAGE + i], i);
	CHECK_EQ(handled, 8);
}

TEST(trap_number_and_error_code_in_the_context)
{
	struct sigaction action = {.sa_sigaction = on_segv, .sa_flags = SA_SIGINFO};
	volatile char *p = map_anon(PAGE, PROT_NONE, MAP_PRIVATE);

	CHECK_OK(sigaction(SIGSEGV, &action, NULL));
	*p = 1;
	CHECK(at_eip >= (unsigned long)(uintptr_t)0x8048000);
}

static volatile char *volatile nowhere = (volatile char *)8;

static void on_segv_plain(int sig UNUSED)
{
	handled++;
}

TEST(blocked_fault_kills)
{
	sigset_t set;
	pid_t pid;

	FORK(pid) {
		signal(SIGSEGV, on_segv_plain);
		sigfillset(&set);
		sigprocmask(SIG_SETMASK, &set, NULL);
		touch_write(nowhere);
	}
	reap_signal(pid, SIGSEGV);
}

TEST(ignored_fault_kills)
{
	pid_t pid;

	FORK(pid) {
		signal(SIGSEGV, SIG_IGN);
		touch_write(nowhere);
	}
	reap_signal(pid, SIGSEGV);
	FORK(pid) {
		signal(SIGILL, SIG_IGN);
		run_ud2(NULL);
	}
	reap_signal(pid, SIGILL);
	FORK(pid) {
		signal(SIGSEGV, SIG_IGN);
		CHECK_OK(kill(getpid(), SIGSEGV)); /* sent, not raised: ignored */
	}
	reap_ok(pid);
}

TEST(bad_handler_address_kills)
{
	pid_t pid;

	FORK(pid) {
		struct sigaction action = {.sa_handler = (sighandler_t)0xdead0000};

		CHECK_OK(sigaction(SIGUSR1, &action, NULL));
		raise(SIGUSR1);
	}
	reap_signal(pid, SIGSEGV);
}

TEST(int80_keeps_registers)
{
	uint32_t before[6] = {0x11111111, 0x22222222, 0x33333333, 0x44444444, 0x55555555, 0}, after[6], eax;

	__asm__ volatile("pushl %%ebp\n"
			 "movl $20, %%eax\n movl $0x11111111, %%ebx\n movl $0x22222222, %%ecx\n"
			 "movl $0x33333333, %%edx\n movl $0x44444444, %%esi\n movl $0x55555555, %%ebp\n"
			 "int $0x80\n"
			 "movl %%ebx, (%%edi)\n movl %%ecx, 4(%%edi)\n movl %%edx, 8(%%edi)\n movl %%esi, 12(%%edi)\n"
			 "movl %%ebp, 16(%%edi)\n movl %%eax, 20(%%edi)\n popl %%ebp"
			 :
			 : "D"(after)
			 : "eax", "ebx", "ecx", "edx", "esi", "memory");
	eax = after[5];
	for (int i = 0; i < 5; i++)
		CHECK_EQ(after[i], before[i]);
	CHECK_EQ(eax, getpid());
}

TEST(flags_after_a_system_call)
{
	uint32_t flags;

	__asm__ volatile("std\n stc\n movl $20, %%eax\n int $0x80\n pushfl\n popl %0\n cld" : "=r"(flags) : : "eax", "cc");
	CHECK_EQ(flags & 0x401, 0x401);
	CHECK(flags & 0x200);
}
