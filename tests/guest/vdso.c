/* SPDX-License-Identifier: MIT */
/* The [vdso] page: its ELF image, calls through AT_SYSINFO and by SYSENTER itself, restarts, signals, and what hostile programs do with it. */
#include "guest.h"
#include <cpuid.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sched.h>
#include <ucontext.h>

unsigned long vdso_entry __asm__("vdso_entry") __attribute__((used));
static ucontext_t seen;
static volatile int hits;
static void *volatile returns_to;

static unsigned long need_entry(void)
{
	vdso_entry = getauxval(AT_SYSINFO);
	if (!vdso_entry)
		SKIP("no AT_SYSINFO");
	return vdso_entry;
}

/* A system call with six arguments through the page. */
static long vcall(long nr, long a, long b, long c, long d, long e, long f)
{
	long args[7] = {nr, a, b, c, d, e, f}, ret;

	__asm__ volatile("pushl %%ebp\n pushl %%ebx\n movl %1, %%eax\n movl 4(%%eax), %%ebx\n movl 8(%%eax), %%ecx\n movl 12(%%eax), %%edx\n"
			 "movl 16(%%eax), %%esi\n movl 20(%%eax), %%edi\n movl 24(%%eax), %%ebp\n movl (%%eax), %%eax\n call *vdso_entry\n"
			 "popl %%ebx\n popl %%ebp\n movl %%eax, %0"
			 : "=&r"(ret) : "r"(args) : "eax", "ecx", "edx", "esi", "edi", "memory", "cc");
	return ret;
}

/* Offset of a symbol of the image that has version LINUX_2.5; 0: none. */
static unsigned long image_symbol(const char *base, const char *name)
{
	const Elf32_Ehdr *h = (const void *)base;
	const Elf32_Phdr *p = (const void *)(base + h->e_phoff);
	const Elf32_Sym *symbols = NULL;
	const Elf32_Half *versions = NULL;
	const Elf32_Verdef *def = NULL;
	const char *strings = NULL;
	const Elf32_Word *hash = NULL;

	for (int i = 0; i < h->e_phnum; i++) {
		if (p[i].p_type != PT_DYNAMIC)
			continue;
		for (const Elf32_Dyn *d = (const void *)(base + p[i].p_vaddr); d->d_tag; d++) {
			const void *at = base + d->d_un.d_ptr;

			if (d->d_tag == DT_SYMTAB)
				symbols = at;
			if (d->d_tag == DT_STRTAB)
				strings = at;
			if (d->d_tag == DT_HASH)
				hash = at;
			if (d->d_tag == DT_VERSYM)
				versions = at;
			if (d->d_tag == DT_VERDEF)
				def = at;
		}
	}
	CHECK(symbols && strings && hash && versions && def);
	for (Elf32_Word i = 1; i < hash[1]; i++) {
		const Elf32_Verdef *v = def;

		if (strcmp(strings + symbols[i].st_name, name) || symbols[i].st_shndx == SHN_UNDEF)
			continue;
		while (v->vd_ndx != (versions[i] & 0x7fff) && v->vd_next)
			v = (const void *)((const char *)v + v->vd_next);
		CHECK_STR(strings + ((const Elf32_Verdaux *)((const char *)v + v->vd_aux))->vda_name, "LINUX_2.5");
		return symbols[i].st_value;
	}
	return 0;
}

TEST(image)
{
	unsigned long entry = need_entry(), base = getauxval(AT_SYSINFO_EHDR);
	const Elf32_Ehdr *h = (const void *)base;

	CHECK(base && base % PAGE == 0);
	CHECK(!memcmp(h->e_ident, ELFMAG, SELFMAG));
	CHECK_EQ(h->e_type, ET_DYN);
	CHECK_EQ(h->e_machine, EM_386);
	CHECK_EQ(base + image_symbol((const char *)base, "__kernel_vsyscall"), entry);
	CHECK(image_symbol((const char *)base, "__kernel_sigreturn"));
	CHECK(image_symbol((const char *)base, "__kernel_rt_sigreturn"));
	CHECK_EQ(image_symbol((const char *)base, "__kernel_nothing"), 0);
}

TEST(in_maps)
{
	unsigned long base = getauxval(AT_SYSINFO_EHDR), from = 0, to;
	char line[300], perms[5];
	FILE *f = fopen("/proc/self/maps", "r");

	need_entry();
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "[vdso]"))
			CHECK_EQ(sscanf(line, "%lx-%lx %4s", &from, &to, perms), 3);
	CHECK_EQ(from, base);
	CHECK_STR(perms, "r-xp");
	CHECK_FAULT(touch_write, base, SIGSEGV, SEGV_ACCERR);
}

TEST(six_arguments)
{
	char *p;
	int fd = new_file("f");

	need_entry();
	CHECK_EQ(vcall(SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
	CHECK_EQ(vcall(SYS_close, -1, 0, 0, 0, 0, 0), -EBADF);
	CHECK_EQ(vcall(100000, 0, 0, 0, 0, 0, 0), -ENOSYS);
	CHECK_EQ(pwrite(fd, "x", 1, 2 * PAGE), 1);
	p = (char *)vcall(SYS_mmap2, 0, PAGE, PROT_READ, MAP_PRIVATE, fd, 2);
	CHECK((unsigned long)p < 0xfffff000ul);
	CHECK_EQ(p[0], 'x');
}

TEST(registers_are_kept)
{
	unsigned long b, bp, c, d, s, di, flags;

	need_entry();
	__asm__ volatile("pushl %%ebx\n pushl %%ebp\n movl $0x11111111, %%ebx\n movl $0x22222222, %%ecx\n movl $0x33333333, %%edx\n"
			 "movl $0x44444444, %%esi\n movl $0x55555555, %%edi\n movl $0x66666666, %%ebp\n movl $20, %%eax\n call *vdso_entry\n"
			 "movl %%ebp, %%eax\n popl %%ebp\n popl %%ebx"
			 : "=a"(bp), "=c"(c), "=d"(d), "=S"(s), "=D"(di) : : "memory", "cc");
	CHECK_EQ(bp, 0x66666666);
	CHECK_EQ(c, 0x22222222);
	CHECK_EQ(d, 0x33333333);
	CHECK_EQ(s, 0x44444444);
	CHECK_EQ(di, 0x55555555);
	__asm__ volatile("pushl %%ebx\n movl $0x11111111, %%ebx\n movl $20, %%eax\n std\n call *vdso_entry\n pushfl\n popl %%ecx\n cld\n"
			 "movl %%ebx, %%eax\n popl %%ebx"
			 : "=a"(b), "=c"(flags) : : "edx", "memory", "cc");
	CHECK_EQ(b, 0x11111111);
	CHECK(flags & 0x400);
	CHECK(flags & 0x200);
}

static void note_context(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
	memcpy(&seen, context, sizeof(seen));
	returns_to = __builtin_return_address(0);
	hits++;
}

static void catch_with(int sig, int flags)
{
	struct sigaction action = {.sa_sigaction = note_context, .sa_flags = SA_SIGINFO | flags};

	CHECK_OK(sigaction(sig, &action, NULL));
}

/* Sends sig to this process once it sleeps, then writes to fd. */
static pid_t disturb(int sig, int fd)
{
	pid_t parent = getpid(), pid;

	FORK(pid) {
		wait_state(parent, "S");
		CHECK_OK(kill(parent, sig));
		if (fd >= 0) {
			wait_state(parent, "S");
			CHECK_EQ(write(fd, "y", 1), 1);
		}
	}
	return pid;
}

TEST(interrupted)
{
	unsigned long base = getauxval(AT_SYSINFO_EHDR);
	int fd[2];
	char c;
	pid_t pid;

	need_entry();
	CHECK_OK(pipe(fd));
	catch_with(SIGUSR1, 0);
	pid = disturb(SIGUSR1, -1);
	CHECK_EQ(vcall(SYS_read, fd[0], (long)&c, 1, 0, 0, 0), -EINTR);
	CHECK_EQ(hits, 1);
	CHECK((unsigned long)seen.uc_mcontext.gregs[REG_EIP] - base < 2 * PAGE);
	reap_ok(pid);
}

TEST(restarted)
{
	unsigned long base = getauxval(AT_SYSINFO_EHDR), ip;
	int fd[2];
	char c = 0;
	pid_t pid;

	need_entry();
	CHECK_OK(pipe(fd));
	catch_with(SIGUSR1, SA_RESTART);
	pid = disturb(SIGUSR1, fd[1]);
	CHECK_EQ(vcall(SYS_read, fd[0], (long)&c, 1, 0, 0, 0), 1);
	CHECK_EQ(c, 'y');
	CHECK_EQ(hits, 1);
	ip = (unsigned long)seen.uc_mcontext.gregs[REG_EIP];
	CHECK(ip - base < 2 * PAGE);
	CHECK(!memcmp((void *)ip, "\xcd\x80", 2));
	CHECK_EQ(seen.uc_mcontext.gregs[REG_EAX], SYS_read);
	reap_ok(pid);
}

/* The sixth argument survives the way from SYSENTER to the restarted int $0x80: futex's val3 is the bit set that it waits for. */
TEST(restarted_with_six_arguments)
{
	int *word = (int *)map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid_t parent = getpid(), pid;

	need_entry();
	catch_with(SIGUSR1, SA_RESTART);
	FORK(pid) {
		wait_state(parent, "S");
		CHECK_OK(kill(parent, SIGUSR1));
		wait_state(parent, "S");
		while (syscall(SYS_futex, word, 10, 1, NULL, NULL, 0x40) != 1) /* FUTEX_WAKE_BITSET */
			sleep_ms(1);
	}
	CHECK_EQ(vcall(SYS_futex, (long)word, 9, 0, 0, 0, 0x40), 0); /* FUTEX_WAIT_BITSET */
	CHECK_EQ(hits, 1);
	reap_ok(pid);
}

static void count(int sig UNUSED)
{
	returns_to = __builtin_return_address(0);
	hits++;
}

TEST(signal_return_without_restorer)
{
	struct { void *handler; unsigned long flags; void *restorer; unsigned long mask[2]; } action = {note_context, SA_SIGINFO, NULL, {0, 0}};
	char *base = (char *)getauxval(AT_SYSINFO_EHDR);

	need_entry();
	CHECK_OK(syscall(SYS_rt_sigaction, SIGUSR1, &action, NULL, 8));
	raise(SIGUSR1);
	CHECK_EQ(hits, 1);
	CHECK((char *)returns_to == base + image_symbol(base, "__kernel_rt_sigreturn"));
	action.handler = count;
	action.flags = 0;
	CHECK_OK(syscall(SYS_rt_sigaction, SIGUSR2, &action, NULL, 8));
	raise(SIGUSR2);
	CHECK_EQ(hits, 2);
	CHECK((char *)returns_to == base + image_symbol(base, "__kernel_sigreturn"));
}

static sigjmp_buf back;

static void leave(int sig, siginfo_t *info UNUSED, void *context)
{
	memcpy(&seen, context, sizeof(seen));
	siglongjmp(back, sig);
}

static void leave_on(int sig)
{
	struct sigaction action = {.sa_sigaction = leave, .sa_flags = SA_SIGINFO | SA_ONSTACK};

	CHECK_OK(sigaction(sig, &action, NULL));
}

static void use_other_stack(void)
{
	stack_t stack = {.ss_sp = map_rw(4 * PAGE), .ss_size = 4 * PAGE};

	CHECK_OK(sigaltstack(&stack, NULL));
	leave_on(SIGSEGV);
	leave_on(SIGBUS);
	leave_on(SIGILL);
	leave_on(SIGTRAP);
}

/* Kernels for 64 bits have the instruction only on some processors, whatever CPUID says; there it is SIGILL. */
static void need_sysenter(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(d & 1u << 11))
		SKIP("this processor has no SYSENTER");
}

/* SYSENTER with this stack pointer; the signal that comes of it. */
static int sysenter_with(unsigned long ebp, unsigned long nr)
{
	int sig = sigsetjmp(back, 1);

	if (!sig)
		__asm__ volatile("movl %0, %%ebp\n sysenter\n hlt" : : "r"(ebp), "a"(nr), "b"(0), "c"(0), "d"(0) : "memory");
	return sig;
}

TEST(bad_stack_pointer)
{
	static const unsigned long bad[] = {0, 16, 0xbffffffdul, 0xc0000000ul, 0xc0100000ul, 0xfffffffful, 0xfffffffcul, 0xffc00000ul};

	need_entry();
	need_sysenter();
	use_other_stack();
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		int sig = sysenter_with(bad[i], SYS_getpid);

		if (sig == SIGILL)
			SKIP("this processor has no SYSENTER");
		CHECK(sig == SIGSEGV || sig == SIGBUS);
		if (bad[i] < 0xbffff000ul || bad[i] >= 0xfffff000ul) /* what a 64-bit kernel may map in between is no fault there */
			CHECK_EQ(seen.uc_mcontext.gregs[REG_EAX], -EFAULT);
	}
	CHECK_EQ(vcall(SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
}

TEST(hostile_flags)
{
	static const unsigned flags[] = {0x4000 /* NT */, 0x40000 /* AC */, 0x400 /* DF */, 0x44400};
	long pid;

	need_entry();
	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		__asm__ volatile("pushfl\n orl %1, (%%esp)\n popfl\n movl $20, %%eax\n call *vdso_entry\n pushfl\n andl $~0x44400, (%%esp)\n popfl"
				 : "=&a"(pid) : "r"(flags[i]) : "memory", "cc");
		CHECK_EQ(pid, getpid());
	}
}

/* Single-stepping over the call: a trap for each instruction of the page, and none in the kernel. */
static volatile int steps_in_page, steps_after;

static void step(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
	ucontext_t *c = context;
	unsigned long ip = (unsigned long)c->uc_mcontext.gregs[REG_EIP], base = getauxval(AT_SYSINFO_EHDR);

	if (ip - base < 2 * PAGE)
		steps_in_page++;
	else if (steps_in_page)
		steps_after++;
	if (steps_after)
		c->uc_mcontext.gregs[REG_EFL] &= ~0x100;
	else
		c->uc_mcontext.gregs[REG_EFL] |= 0x100;
}

TEST(single_step)
{
	struct sigaction action = {.sa_sigaction = step, .sa_flags = SA_SIGINFO};
	long pid;

	need_entry();
	CHECK_OK(sigaction(SIGTRAP, &action, NULL));
	__asm__ volatile("pushfl\n orl $0x100, (%%esp)\n popfl\n movl $20, %%eax\n call *vdso_entry\n nop\n nop" : "=&a"(pid) : : "memory", "cc");
	CHECK_EQ(pid, getpid());
	CHECK(steps_in_page >= 5);
	CHECK_EQ(steps_after, 1);
}

/* The C library's own calls go through the page, so from its end on there is only int $0x80. */
TEST(unmapped_page)
{
	unsigned long base = getauxval(AT_SYSINFO_EHDR);
	char *stack = map_rw(PAGE) + PAGE / 2;
	pid_t pid;
	int status;

	need_entry();
	need_sysenter();
	FORK(pid) {
		long err;

		__asm__ volatile("int $0x80" : "=a"(err) : "0"(SYS_munmap), "b"(base), "c"(PAGE) : "memory");
		if (err)
			_exit(3);
		__asm__ volatile("movl %0, %%ebp\n sysenter\n hlt" : : "r"(stack), "a"(SYS_getpid) : "memory");
	}
	status = reap(pid);
	if (status == 3 << 8)
		SKIP("this kernel keeps the page");
	CHECK_EQ(status & 0x7f, SIGSEGV);
}

TEST(children_have_it)
{
	pid_t pid;

	need_entry();
	FORK(pid) {
		CHECK_EQ(vcall(SYS_getpid, 0, 0, 0, 0, 0, 0), getpid());
		sched_yield();
		CHECK_EQ(vcall(SYS_getppid, 0, 0, 0, 0, 0, 0), getppid());
	}
	reap_ok(pid);
	pid = (pid_t)vcall(SYS_fork, 0, 0, 0, 0, 0, 0);
	if (!pid)
		_exit(7);
	reap_exit(pid, 7);
}
