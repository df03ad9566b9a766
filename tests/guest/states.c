/* SPDX-License-Identifier: MIT */
/*
 * Processor states that a program can ask for and no sane one does: contexts with every selector, flag and FPU word, segments that cannot be,
 * calls into the middle of the vDSO, far jumps and returns to everywhere, single steps over system calls. Each in a process of its own; it ends by a signal or
 * goes on, and the next one finds the machine as it was.
 */
#include "guest.h"

#include <asm/ldt.h>
#include <elf.h>
#include <sys/auxv.h>

#define IOPL 0x3000
#define VM 0x20000
#define TF 0x100

/* Ends by itself, by a signal, or is killed after so many seconds. */
static int outcome_within(unsigned seconds, void (*body)(unsigned), unsigned arg)
{
	struct rlimit none = {0, 0}, limit = {seconds, seconds};
	pid_t pid;

	FORK(pid) {
		setrlimit(RLIMIT_CORE, &none);
		setrlimit(RLIMIT_CPU, &limit);
		alarm(2 * seconds); /* of a body that waits */
		body(arg);
	}
	return reap(pid);
}

/* Of a body that neither waits nor goes on for ever, however slow the machine. */
static int outcome(void (*body)(unsigned), unsigned arg)
{
	return outcome_within(LATE_MS / 1000, body, arg);
}

#define CHECK_ENDS(body, arg)                                                                                          \
	do {                                                                                                           \
		int status_ = outcome_within(1, body, arg);                                                            \
		if (WIFEXITED(status_) && WEXITSTATUS(status_) == GUEST_FAILED)                                        \
			_exit(GUEST_FAILED);                                                                           \
		CHECK(WIFSIGNALED(status_) || WIFEXITED(status_));                                                     \
	} while (0)

static void machine_is_well(void)
{
	double x = 1.5;
	pid_t pid;

	for (int i = 0; i < 100; i++)
		x = x * 1.25 - 0.375; /* a fixed point */
	CHECK(x == 1.5);
	FORK(pid)
		CHECK_EQ(getppid() > 0, 1);
	reap_ok(pid);
}

/* ---- contexts ---- */

static void (*edit)(ucontext_t *u, unsigned arg);
static volatile unsigned edit_arg;

static void on_edit(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
	edit(context, edit_arg);
}

static void through_context(void (*how)(ucontext_t *, unsigned), unsigned arg)
{
	struct sigaction action = {.sa_sigaction = on_edit, .sa_flags = SA_SIGINFO};

	edit = how;
	edit_arg = arg;
	CHECK_OK(sigaction(SIGUSR1, &action, NULL));
	syscall(SYS_kill, syscall(SYS_getpid), SIGUSR1);
}

static const int segments[] = {REG_CS, REG_SS, REG_DS, REG_ES, REG_FS, REG_GS};

static void edit_segment(ucontext_t *u, unsigned arg)
{
	u->uc_mcontext.gregs[segments[arg >> 16]] = (int)(arg & 0xffff);
}

static void selector(unsigned arg)
{
	through_context(edit_segment, arg);
}

TEST(every_selector_in_a_context)
{
	static const unsigned odd[] = {0xffff, 0xfff8, 0x8000, 0x1000, 0x7fff, 0x0107};

	for (unsigned s = 0; s < 6; s++) {
		for (unsigned sel = 0; sel < 0x100; sel += (sel & 3) == 0 ? 3 : 1)
			CHECK_ENDS(selector, s << 16 | sel);
		for (unsigned i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
			CHECK_ENDS(selector, s << 16 | odd[i]);
	}
	machine_is_well();
}

static unsigned long flags_now(void)
{
	unsigned long f;

	__asm__ volatile("pushfl\n popl %0" : "=r"(f));
	return f;
}

static void edit_flag(ucontext_t *u, unsigned arg)
{
	u->uc_mcontext.gregs[REG_EFL] ^= (int)(1u << arg);
}

static void on_trap(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~TF;
}

static void flag(unsigned bit)
{
	struct sigaction action = {.sa_sigaction = on_trap, .sa_flags = SA_SIGINFO};

	sigaction(SIGTRAP, &action, NULL);
	through_context(edit_flag, bit);
	CHECK_EQ(flags_now() & (IOPL | VM | 0x200), 0x200);
}

TEST(every_flag_in_a_context)
{
	for (unsigned bit = 0; bit < 32; bit++)
		CHECK_EQ(outcome(flag, bit), 0);
	machine_is_well();
}

/* The part of the FPU's state that FXSAVE writes follows the 112 bytes of FSAVE. */
#define FX 112
#define MXCSR (FX + 24)
#define SW_MAGIC (FX + 464)
#define SW_EXTENDED_SIZE (FX + 468)
#define SW_FEATURES (FX + 472)
#define SW_SIZE (FX + 480)
#define HEADER (FX + 512)

static void put(void *at, unsigned long offset, unsigned value)
{
	memcpy((char *)at + offset, &value, 4);
}

static void edit_fpu(ucontext_t *u, unsigned arg)
{
	char *f = (char *)u->uc_mcontext.fpregs, *edge;

	if (!f)
		return;
	switch (arg) {
	case 0: put(f, MXCSR, 0xffffffff); break;
	case 1: put(f, MXCSR, 0x80001f80); break;
	case 2: put(f, MXCSR, 0x10000); break;
	case 3: put(f, SW_MAGIC, 0); break;
	case 4: put(f, SW_SIZE, 0xffffffff); break;
	case 5: put(f, SW_EXTENDED_SIZE, 1); break;
	case 6: put(f, SW_FEATURES, 0xffffffff); put(f, SW_FEATURES + 4, 0xffffffff); break;
	case 7: put(f, HEADER, 0xffffffff); put(f, HEADER + 4, 0xffffffff); break;
	case 8: put(f, HEADER + 8, 0x80000001); break;
	case 9: memset(f + HEADER + 16, 0xff, 48); break;
	case 10: memset(f, 0xff, 112); break;
	case 11: memset(f + FX, 0xff, 512); break;
	case 12: edge = map_edge(); memcpy(edge - 300, f, 300); u->uc_mcontext.fpregs = (void *)(edge - 300); break;
	case 13: edge = map_edge(); memcpy(edge - 112, f, 112); u->uc_mcontext.fpregs = (void *)(edge - 112); break;
	case 14: u->uc_mcontext.fpregs = (void *)(f + 1); break;
	case 15: u->uc_mcontext.fpregs = (void *)0xbffffff0; break;
	case 16: u->uc_mcontext.fpregs = (void *)0xc0000000; break;
	case 17: u->uc_mcontext.fpregs = (void *)0xffffff00; break;
	case 18: u->uc_mcontext.fpregs = NULL; break;
	case 19: put(f, 108, 0xffffffff); break; /* the word that says whether FXSAVE's part is there */
	case 20: put(f, MXCSR, 0); break; /* all exceptions */
	}
}

#define FPU_EDITS 21

static void fpu(unsigned arg)
{
	through_context(edit_fpu, arg);
}

static void fpu_with_arithmetic(unsigned arg)
{
	volatile double x = 1.0, y = 3.0;

	through_context(edit_fpu, arg);
	x = x / y;
	_exit(x > 0);
}

TEST(fpu_states_of_contexts)
{
	for (unsigned arg = 0; arg < FPU_EDITS; arg++) {
		CHECK_ENDS(fpu, arg);
		CHECK_ENDS(fpu_with_arithmetic, arg);
		machine_is_well();
	}
}

/* ---- segments ---- */

static long set_area(const struct user_desc *d)
{
	return syscall(SYS_set_thread_area, d);
}

static struct user_desc good_area(void)
{
	return (struct user_desc){.entry_number = (unsigned)-1, .base_addr = 0, .limit = 0xfffff, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
}

TEST(segments_that_cannot_be)
{
	static const unsigned wrong[] = {0, 1, 2, 5, 9, 12, 15, 16, 31, 0x7fffffff, 0x80000000, 0xfffffffe};
	struct user_desc d;
	char *edge = map_edge();

	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		d = good_area();
		d.entry_number = wrong[i];
		CHECK_ERR(set_area(&d), EINVAL);
		CHECK_ERR(syscall(SYS_get_thread_area, &d), EINVAL);
	}
	d = good_area();
	d.seg_32bit = 0;
	CHECK_ERR(set_area(&d), EINVAL);
	for (unsigned contents = 2; contents < 4; contents++) {
		d = good_area();
		d.contents = contents;
		CHECK_ERR(set_area(&d), EINVAL);
	}
	d = good_area();
	d.seg_not_present = 1;
	CHECK_ERR(set_area(&d), EINVAL);
	CHECK_ERR(set_area((void *)(edge - 8)), EFAULT);
	CHECK_ERR(set_area((void *)0xc0000000), EFAULT);
	CHECK_ERR(syscall(SYS_get_thread_area, edge - 2), EFAULT);
	machine_is_well();
}

/* An area with odd values, used through FS. */
static void odd_area(unsigned arg)
{
	struct user_desc d = good_area();
	unsigned entry;

	d.contents = arg & 1;
	d.read_exec_only = arg >> 1 & 1;
	d.limit_in_pages = arg >> 2 & 1;
	d.useable = arg >> 3 & 1;
	d.base_addr = (const unsigned[]){0, 0xc0000000, 0xfffff000, 0x7fffffff}[arg >> 4 & 3];
	d.limit = (const unsigned[]){0, 0xfffff}[arg >> 6 & 1];
	if (set_area(&d) < 0)
		FAIL("set_thread_area refuses %#x", arg);
	entry = d.entry_number;
	d.entry_number = entry;
	CHECK_OK(syscall(SYS_get_thread_area, &d));
	__asm__ volatile("mov %0, %%fs\n\tmovl $0, %%eax\n\tmovl %%fs:(%%eax), %%ecx\n\tmovl %%ecx, %%fs:(%%eax)" : : "r"(entry << 3 | 3) : "eax", "ecx", "memory");
}

TEST(odd_segments_are_only_the_programs_harm)
{
	for (unsigned arg = 0; arg < 128; arg++) {
		int status = outcome(odd_area, arg);

		CHECK(status == 0 || (WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV));
		if ((arg >> 4 & 3) == 1) /* the kernel's memory */
			CHECK(WIFSIGNALED(status));
	}
	machine_is_well();
}

/* All selectors, loaded by the program itself. */
static void load_selectors(unsigned first)
{
	struct sigaction action = {.sa_sigaction = guest_on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};

	CHECK_OK(sigaction(SIGSEGV, &action, NULL));
	for (volatile unsigned sel = first; sel < first + 0x1000; sel++)
		if (sigsetjmp(guest_fault_jmp, 0) == 0)
			__asm__ volatile("mov %0, %%fs\n\tmov %0, %%es" : : "r"((unsigned short)sel));
	__asm__ volatile("mov %%ds, %%eax\n\tmov %%ax, %%es" : : : "eax");
}

TEST(every_selector_loaded)
{
	for (unsigned first = 0; first < 0x4000; first += 0x1000)
		CHECK_ENDS(load_selectors, first);
	machine_is_well();
}

/* ---- where to go on ---- */

static void far_call(unsigned sel)
{
	struct { unsigned offset; unsigned short selector; } __attribute__((packed)) to = {0, (unsigned short)sel};

	__asm__ volatile("lcall *%0" : : "m"(to) : "memory");
}

static void far_return(unsigned sel)
{
	__asm__ volatile("pushl %0\n\tpushl $0\n\tlret" : : "r"(sel) : "memory");
}

static void interrupt_return(unsigned arg)
{
	__asm__ volatile("pushl $0x7b\n\tpushl $0x1000\n\tpushl %0\n\tpushl %1\n\tpushl $0\n\tiret" : : "r"((arg >> 16) << 8 | 0x202), "r"(arg & 0xffff) : "memory");
}

TEST(far_control_transfers)
{
	for (unsigned sel = 0; sel < 0x100; sel += (sel & 3) == 0 ? 3 : 1) {
		int status[3] = {outcome(far_call, sel), outcome(far_return, sel), outcome(interrupt_return, sel)};

		for (int i = 0; i < 3; i++)
			CHECK(WIFSIGNALED(status[i]));
	}
	for (unsigned flags = 0; flags < 0x4000; flags += 0x100)
		CHECK(WIFSIGNALED(outcome(interrupt_return, flags << 16 | 0x73)));
	machine_is_well();
}

/* Code that raises a vector, made at run time. */
static void raise_vector(unsigned vector)
{
	unsigned char *code = map_anon(PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);

	code[0] = 0xcd;
	code[1] = (unsigned char)vector;
	code[2] = 0xc3;
	__asm__ volatile("call *%1" : : "a"(SYS_getpid), "r"(code) : "ecx", "edx", "memory");
}

TEST(every_vector)
{
	for (unsigned vector = 0; vector < 256; vector++) {
		int status = outcome(raise_vector, vector);

		if (vector == 0x80)
			CHECK_EQ(status, 0);
		else
			CHECK(WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || vector == 3 || vector == 4));
	}
	machine_is_well();
}

/* ---- the middle of the vDSO ---- */

static volatile int tries;

static void on_any(int sig UNUSED)
{
	siglongjmp(guest_fault_jmp, 1);
}

/* Each byte of a part of it is called, with the number of getpid in EAX and a stack full of the way back. */
static void call_bytes(unsigned part)
{
	static const int caught[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGALRM};
	struct sigaction action = {.sa_handler = on_any, .sa_flags = SA_ONSTACK | SA_NODEFER};
	unsigned long base = getauxval(AT_SYSINFO_EHDR), first = base + part * 256;
	struct itimerval soon = {{0, 0}, {0, 5000}};
	unsigned *stack = (unsigned *)map_rw(4 * PAGE);
	static char other[16384];

	CHECK_OK(sigaltstack(&(stack_t){.ss_sp = other, .ss_size = sizeof(other)}, NULL));
	for (unsigned i = 0; i < 6; i++)
		CHECK_OK(sigaction(caught[i], &action, NULL));
	alarm(0);
	for (volatile unsigned long at = first; at < first + 256; at++) {
		if (sigsetjmp(guest_fault_jmp, 1))
			continue;
		CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL)); /* some go round in circles */
		for (unsigned i = 0; i < 4 * PAGE / 4; i++)
			stack[i] = (unsigned)(uintptr_t)&&back;
		__asm__ volatile goto("movl %0, %%esp\n\txorl %%ebp, %%ebp\n\tmovl $20, %%eax\n\txorl %%ecx, %%ecx\n\txorl %%edx, %%edx\n\txorl %%esi, %%esi\n\txorl %%edi, %%edi\n\tjmp *%%ebx"
				      :
				      : "r"(stack + 2 * PAGE / 4), "b"(at)
				      : "eax", "ecx", "edx", "esi", "edi", "memory"
				      : back);
		__builtin_unreachable();
back:
		tries++;
		raise(SIGTRAP); /* the registers are as they are: back by the handler */
	}
	_exit(0);
}

TEST(anywhere_in_the_vdso)
{
	if (!getauxval(AT_SYSINFO_EHDR))
		SKIP("no vDSO");
	for (unsigned part = 0; part < PAGE / 256; part++)
		CHECK_ENDS(call_bytes, part);
	machine_is_well();
}

/* ---- single steps ---- */

static volatile int steps;

static void count_step(int sig UNUSED)
{
	steps++;
}

static long stepped_call(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("pushfl\n\torl $0x100, (%%esp)\n\tpopfl\n\tint $0x80\n\tnop\n\tpushfl\n\tandl $~0x100, (%%esp)\n\tpopfl"
			 : "=a"(ret)
			 : "0"(nr), "b"(a), "c"(b), "d"(c)
			 : "memory", "cc");
	return ret;
}

static void on_usr1(int sig UNUSED) {}

HELPER(flags)
{
	return flags_now() & TF ? 1 : 0;
}

TEST(steps_over_calls)
{
	char *argv[] = {"states", "@flags", NULL}, *envp[] = {NULL};
	long pid;

	signal(SIGTRAP, count_step);
	signal(SIGUSR1, on_usr1);
	CHECK_EQ(stepped_call(SYS_getpid, 0, 0, 0), getpid());
	CHECK_EQ(steps, 4);
	CHECK_EQ(stepped_call(SYS_kill, getpid(), SIGUSR1, 0), 0); /* a handler in between, and its return */
	CHECK_EQ(stepped_call(SYS_read, -1, 0, 0), -EBADF);
	CHECK_EQ(stepped_call(999, 0, 0, 0), -ENOSYS);
	pid = stepped_call(SYS_fork, 0, 0, 0);
	if (pid == 0)
		_exit(flags_now() & TF ? 1 : 0);
	reap_ok((pid_t)pid);
	pid = fork();
	if (pid == 0) {
		stepped_call(SYS_execve, (long)"/proc/self/exe", (long)argv, (long)envp);
		_exit(2);
	}
	reap_ok((pid_t)pid);
	CHECK_EQ(flags_now() & TF, 0);
}

static void step_with_bad_stack(unsigned esp)
{
	signal(SIGTRAP, count_step);
	__asm__ volatile("pushfl\n\torl $0x100, (%%esp)\n\tpopfl\n\tmovl %0, %%esp\n\tint $0x80\n\tnop\n\tud2" : : "r"(esp), "a"(SYS_getpid) : "memory");
}

static void step_without_handler(unsigned nr)
{
	stepped_call((long)nr, 0, 0, 0);
}

TEST(steps_that_kill)
{
	static const unsigned places[] = {0, 1, 0x1000, 0xc0000000, 0xfffffffc};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int status = outcome(step_with_bad_stack, places[i]);

		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	}
	CHECK_EQ(outcome(step_without_handler, SYS_getpid) & 0x7f, SIGTRAP);
	CHECK_EQ(outcome(step_without_handler, SYS_fork) & 0x7f, SIGTRAP);
	CHECK_EQ(outcome(step_without_handler, SYS_vfork) & 0x7f, SIGTRAP);
	machine_is_well();
}

/* ---- stacks ---- */

/* The stack is nowhere when a signal of another process, a fault, or the end of a timer comes. The first one may come too early. */
static void spin_with_stack(unsigned esp)
{
	struct itimerval soon = {{0, 2000}, {0, 2000}};

	signal(SIGALRM, count_step);
	CHECK_OK(setitimer(ITIMER_REAL, &soon, NULL));
	__asm__ volatile("movl %0, %%esp\n1: jmp 1b" : : "r"(esp) : "memory");
}

TEST(signal_while_the_stack_is_nowhere)
{
	static const unsigned places[] = {0, 2, 0xfff, 0x10000, 0xc0000000, 0xc0000004, 0xffc00000, 0xfffffffe};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		int status = outcome(spin_with_stack, places[i]);

		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGSEGV)
			FAIL("stack at %#x: ended with status %#x", places[i], status);
	}
	machine_is_well();
}
