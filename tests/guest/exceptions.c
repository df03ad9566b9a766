/* SPDX-License-Identifier: MIT */
/* Each exception of floating point has its code and the address of the instruction, whoever raises it; other faults, too, say where they were. */
#include "guest.h"
#include <ucontext.h>

static volatile unsigned long fault_eip;
static siginfo_t seen;

static void on_fault(int sig UNUSED, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;

	seen = *info;
	fault_eip = (unsigned long)uc->uc_mcontext.gregs[REG_EIP];
	siglongjmp(guest_fault_jmp, 1);
}

static int raised_by(void (*fn)(void))
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	memset(&seen, 0, sizeof(seen));
	for (int sig = 1; sig < 32; sig++)
		if (sig == SIGFPE || sig == SIGILL || sig == SIGTRAP || sig == SIGSEGV || sig == SIGBUS)
			CHECK_OK(sigaction(sig, &action, NULL));
	if (sigsetjmp(guest_fault_jmp, 1) == 0)
		fn();
	return seen.si_signo;
}

#define CONTROL(mask) uint16_t control = (uint16_t)(0x037f & ~(mask)); __asm__ volatile("fninit\n fldcw %0" : : "m"(control))

static void invalid(void)
{
	CONTROL(1);
	__asm__ volatile("fldz\n fldz\n fdivrp\n fwait");
}

static void stack_empty(void)
{
	CONTROL(1);
	__asm__ volatile("fstp %st(0)\n fwait");
}

static void negative_root(void)
{
	CONTROL(1);
	__asm__ volatile("fld1\n fchs\n fsqrt\n fwait");
}

static void denormal(void)
{
	uint64_t tiny = 1;

	CONTROL(2);
	__asm__ volatile("fldl %0\n fwait" : : "m"(tiny));
}

static void divide(void)
{
	CONTROL(4);
	__asm__ volatile("fldz\n fld1\n fdivp\n fwait");
}

static void overflow(void)
{
	static const double big = 1e308;
	double out;

	CONTROL(8);
	__asm__ volatile("fldl %1\n fldl %1\n fmulp\n fstpl %0\n fwait" : "=m"(out) : "m"(big));
}

static void underflow(void)
{
	static const double small = 1e-300;
	double out;

	CONTROL(16);
	__asm__ volatile("fldl %1\n fldl %1\n fmulp\n fstpl %0\n fwait" : "=m"(out) : "m"(small));
}

static void inexact(void)
{
	static const double three = 3;
	float out;

	CONTROL(32);
	__asm__ volatile("fld1\n fldl %1\n fdivrp\n fstps %0\n fwait" : "=m"(out) : "m"(three));
}

static void sse(uint32_t unmasked, float a, float b, bool multiply)
{
	uint32_t mxcsr = 0x1f80 & ~unmasked;

	__asm__ volatile("ldmxcsr %0" : : "m"(mxcsr));
	if (multiply)
		__asm__ volatile("movss %0, %%xmm0\n mulss %1, %%xmm0" : : "m"(a), "m"(b));
	else
		__asm__ volatile("movss %0, %%xmm0\n divss %1, %%xmm0" : : "m"(a), "m"(b));
}

static void sse_invalid(void) { sse(0x80, 0, 0, false); }
static void sse_divide(void) { sse(0x200, 1, 0, false); }
static void sse_overflow(void) { sse(0x400, 1e38f, 1e38f, true); }
static void sse_underflow(void) { sse(0x800, 1e-38f, 1e-38f, true); }
static void sse_inexact(void) { sse(0x1000, 1, 3, false); }
static void sse_denormal(void) { sse(0x100, 1e-40f, 1, true); }

static void plain(void)
{
	uint32_t mxcsr = 0x1f80;

	__asm__ volatile("fninit\n ldmxcsr %0" : : "m"(mxcsr));
}

#define CHECK_FPE(fn, code)                                                                                            \
	do {                                                                                                           \
		int sig_ = raised_by(fn);                                                                              \
		plain();                                                                                               \
		CHECK_EQ(sig_, SIGFPE);                                                                                \
		CHECK_EQ(seen.si_code, code);                                                                          \
		CHECK_EQ((unsigned long)seen.si_addr, fault_eip);                                                      \
	} while (0)

TEST(x87_codes)
{
	CHECK_FPE(invalid, FPE_FLTINV);
	CHECK_FPE(negative_root, FPE_FLTINV);
	CHECK_FPE(divide, FPE_FLTDIV);
	CHECK_FPE(overflow, FPE_FLTOVF);
	CHECK_FPE(underflow, FPE_FLTUND);
	CHECK_FPE(inexact, FPE_FLTRES);
}

TEST(x87_stack)
{
	int sig = raised_by(stack_empty);

	plain();
	if (sig == 0)
		SKIP("this processor (an emulator) does not watch the stack of the x87");
	CHECK_FPE(stack_empty, FPE_FLTINV);
}

TEST(x87_denormal)
{
	int sig = raised_by(denormal);

	plain();
	if (sig == 0)
		SKIP("this processor (an emulator) does not tell denormal operands");
	CHECK_EQ(sig, SIGFPE);
	CHECK_EQ(seen.si_code, FPE_FLTUND);
}

TEST(sse_codes)
{
	int sig = raised_by(sse_divide);

	plain();
	if (sig == 0)
		SKIP("this processor (an emulator) does not raise SSE exceptions");
	CHECK_FPE(sse_invalid, FPE_FLTINV);
	CHECK_FPE(sse_divide, FPE_FLTDIV);
	CHECK_FPE(sse_overflow, FPE_FLTOVF);
	CHECK_FPE(sse_underflow, FPE_FLTUND);
	CHECK_FPE(sse_inexact, FPE_FLTRES);
	CHECK_FPE(sse_denormal, FPE_FLTUND);
}

static void fpe_in_child(void)
{
	divide();
}

TEST(x87_exception_kills_and_leaves_others_alone)
{
	pid_t pid;

	FORK(pid)
	{
		signal(SIGFPE, SIG_DFL);
		fpe_in_child();
	}
	reap_signal(pid, SIGFPE);
	FORK(pid)
	{
		signal(SIGFPE, SIG_IGN); /* no way to ignore it */
		fpe_in_child();
	}
	reap_signal(pid, SIGFPE);
	__asm__ volatile("fwait");
}

static void integer_divide(void)
{
	__asm__ volatile("xorl %%edx, %%edx\n xorl %%ecx, %%ecx\n divl %%ecx" : : : "eax", "ecx", "edx");
}

static void byte_divide(void)
{
	__asm__ volatile("movw $0x7fff, %%ax\n movb $1, %%cl\n idivb %%cl" : : : "eax", "ecx");
}

static void decimal_divide(void)
{
	__asm__ volatile("movb $5, %%al\n .byte 0xd4, 0x00" : : : "eax"); /* aam $0 */
}

TEST(integer_division)
{
	CHECK_FPE(integer_divide, FPE_INTDIV);
	CHECK_FPE(byte_divide, FPE_INTDIV);
	CHECK_FPE(decimal_divide, FPE_INTDIV);
}

static void lock_nop(void) { __asm__ volatile(".byte 0xf0, 0x90"); }
static void bad_opcode(void) { __asm__ volatile(".byte 0x0f, 0xff, 0xff, 0xff"); }
static void lock_register(void) { __asm__ volatile(".byte 0xf0, 0x01, 0xc0"); } /* lock add eax, eax */
static void lea_register(void) { __asm__ volatile(".byte 0x8d, 0xc0"); }
static void pop_cs(void) { __asm__ volatile(".byte 0x8e, 0xc8"); } /* mov cs, ax */

TEST(illegal_operands)
{
	static void (*const bad[])(void) = {lock_nop, bad_opcode, lock_register, lea_register, pop_cs};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(raised_by(bad[i]), SIGILL);
		CHECK_EQ(seen.si_code, ILL_ILLOPN);
		CHECK_EQ((unsigned long)seen.si_addr, fault_eip);
	}
}

static void run_clts(void) { __asm__ volatile("clts"); }
static void run_invd(void) { __asm__ volatile("invd"); }
static void run_rdmsr(void) { __asm__ volatile("rdmsr" : : "c"(0x10) : "eax", "edx"); }
static void run_lgdt(void) { char table[6] = {0}; __asm__ volatile("lgdt %0" : : "m"(table)); }
static void run_ltr(void) { __asm__ volatile("ltr %%ax" : : "a"(8)); }
static void run_out(void) { __asm__ volatile("outb %%al, $0x80" : : "a"(0)); }
static void run_insb(void) { char c; __asm__ volatile("insb" : : "d"(0x60), "D"(&c) : "memory"); }
static void run_mov_dr(void) { __asm__ volatile("movl %%eax, %%dr7" : : "a"(0)); }
static void run_invlpg(void) { __asm__ volatile("invlpg 0"); }
static void run_sti(void) { __asm__ volatile("sti"); }

TEST(privileged_instructions)
{
	static void (*const bad[])(void) = {run_clts, run_invd, run_rdmsr, run_lgdt, run_ltr, run_out, run_insb, run_mov_dr, run_invlpg, run_sti};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		CHECK_EQ(raised_by(bad[i]), SIGSEGV);
		CHECK_EQ(seen.si_code, SI_KERNEL);
		CHECK_EQ((unsigned long)seen.si_addr, 0);
	}
}

static void run_int3_long(void) { __asm__ volatile(".byte 0xcd, 0x03"); }
static void run_into(void) { __asm__ volatile("movb $0x7f, %%al\n addb $1, %%al\n .byte 0xce" : : : "eax", "cc"); }

TEST(traps_point_behind)
{
	unsigned char *at;

	CHECK_EQ(raised_by(run_int3_long), SIGTRAP);
	CHECK_EQ(seen.si_code, SI_KERNEL);
	at = (unsigned char *)fault_eip;
	CHECK_EQ(at[-2] << 8 | at[-1], 0xcd03);
	CHECK_EQ(raised_by(run_into), SIGSEGV);
	CHECK_EQ(seen.si_code, SI_KERNEL);
	CHECK_EQ(((unsigned char *)fault_eip)[-1], 0xce);
}

static volatile char *aligned;
static void unaligned_access(void)
{
	__asm__ volatile("pushfl\n orl $0x40000, (%%esp)\n popfl\n movl 1(%0), %%eax\n pushfl\n andl $~0x40000, (%%esp)\n popfl" : : "r"(aligned) : "eax", "cc");
}

TEST(alignment_check)
{
	int sig;

	aligned = map_rw(PAGE);
	sig = raised_by(unaligned_access);
	__asm__ volatile("pushfl\n andl $~0x40000, (%%esp)\n popfl" : : : "cc");
	if (sig == 0)
		SKIP("this processor (an emulator) does not check the alignment");
	CHECK_EQ(sig, SIGBUS);
	CHECK_EQ(seen.si_code, BUS_ADRALN);
}

static char *map_short_file(int *fd, int flags)
{
	char *p;

	*fd = new_file("f");
	CHECK_OK(ftruncate(*fd, (off_t)(3 * PAGE)));
	p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, flags, *fd, 0);
	CHECK(p != MAP_FAILED);
	p[0] = p[PAGE] = p[2 * PAGE] = 1;
	CHECK_OK(ftruncate(*fd, (off_t)(PAGE + 5)));
	return p;
}

TEST(truncated_maps)
{
	int fd, fds[2];
	char *p = map_short_file(&fd, MAP_SHARED);

	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[PAGE + 100], 0);
	p[PAGE + 4000] = 1; /* the rest of the page is there, and nothing of it comes into the file */
	CHECK_FAULT(touch_read, p + 2 * PAGE + 7, SIGBUS, BUS_ADRERR);
	CHECK_FAULT(touch_write, p + 2 * PAGE, SIGBUS, BUS_ADRERR);
	CHECK_FAULT(touch_call, p + 2 * PAGE, SIGBUS, BUS_ADRERR);
	CHECK_OK(pipe(fds)); /* the kernel's own accesses are an error */
	CHECK_ERR(write(fds[1], p + 2 * PAGE, 1), EFAULT);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_ERR(read(fds[0], p + 2 * PAGE, 1), EFAULT);
	CHECK_OK(ftruncate(fd, (off_t)(3 * PAGE)));
	CHECK_EQ(p[2 * PAGE], 0);
	p = map_short_file(&fd, MAP_PRIVATE);
	CHECK_FAULT(touch_read, p + 2 * PAGE, SIGBUS, BUS_ADRERR); /* a private copy goes, too */
}

TEST(rights_and_holes)
{
	char *p = map_rw(3 * PAGE);

	CHECK_OK(mprotect(p, PAGE, PROT_READ));
	CHECK_OK(mprotect(p + PAGE, PAGE, PROT_NONE));
	CHECK_OK(munmap(p + 2 * PAGE, PAGE));
	CHECK_FAULT(touch_write, p + 1, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT(touch_read, p + PAGE + 2, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT(touch_call, p + PAGE + 3, SIGSEGV, SEGV_ACCERR);
	CHECK_FAULT(touch_read, p + 2 * PAGE + 4, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(touch_call, p + 2 * PAGE + 5, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(touch_read, 0xffffffff, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(touch_write, 0xc0000000, SIGSEGV, SEGV_MAPERR);
	CHECK_FAULT(touch_call, 0xc0100000, SIGSEGV, SEGV_MAPERR);
}
