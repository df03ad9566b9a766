/* SPDX-License-Identifier: MIT */
/* Code that no compiler makes: returns to other modes and privileges, strange segments, and random instructions. The machine must survive them all. */
#include "guest.h"
#include <grp.h>

#define FLAG_IOPL 0x3000u
#define FLAG_NT 0x4000u
#define FLAG_VM 0x20000u
#define CHILDREN 400
#define CODE_BYTES 4096

static sigjmp_buf back;
static volatile int got;

static void leave(int sig)
{
	/* what the code left behind may be anything */
	__asm__ volatile("cld");
	got = sig;
	siglongjmp(back, 1);
}

static void catch_all(void)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP};
	stack_t stack = {.ss_sp = map_rw(8 * PAGE), .ss_size = 8 * PAGE};
	struct sigaction action = {.sa_handler = leave, .sa_flags = SA_ONSTACK | SA_NODEFER};

	CHECK_OK(sigaltstack(&stack, NULL));
	for (size_t i = 0; i < sizeof(signals) / sizeof(*signals); i++)
		CHECK_OK(sigaction(signals[i], &action, NULL));
}

/* Returns by IRET to the next instruction with these flags, then to a CLI, which no program may execute. */
static void iret_then_cli(unsigned flags)
{
	__asm__ volatile("pushfl\n orl %0, (%%esp)\n pushl %%cs\n call 1f\n 1: addl $2f - 1b, (%%esp)\n iret\n 2: cli" : : "r"(flags) : "memory", "cc");
}

/* The same with a code segment, too. */
static void iret_to(unsigned flags, unsigned cs)
{
	__asm__ volatile("pushfl\n orl %0, (%%esp)\n pushl %1\n call 1f\n 1: addl $2f - 1b, (%%esp)\n iret\n 2: cli" : : "r"(flags), "r"(cs) : "memory", "cc");
}

static void popf_then_cli(unsigned flags)
{
	__asm__ volatile("pushfl\n orl %0, (%%esp)\n popfl\n cli" : : "r"(flags) : "memory", "cc");
}

static int signal_of(void (*f)(unsigned), unsigned flags)
{
	got = 0;
	if (!sigsetjmp(back, 1))
		f(flags);
	return got;
}

TEST(no_io_privilege_by_popf)
{
	catch_all();
	CHECK_EQ(signal_of(popf_then_cli, FLAG_IOPL), SIGSEGV);
	CHECK_EQ(signal_of(iret_then_cli, FLAG_IOPL), SIGSEGV);
}

/* A nested-task IRET is an exception of the program; the processor ignores VM at this privilege, but emulators do not. */
TEST(iret_to_other_modes)
{
	static const unsigned flags[] = {FLAG_NT, FLAG_VM, FLAG_VM | FLAG_IOPL, FLAG_VM | FLAG_NT, FLAG_VM | FLAG_IOPL | 0x100};
	static const unsigned segments[] = {0, 0x60, 0x63, 0x9d00, 0xffff};
	pid_t pid;

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
		FORK(pid)
			iret_then_cli(flags[i]);
		CHECK(WIFSIGNALED(reap(pid)));
		for (size_t j = 0; j < sizeof(segments) / sizeof(*segments); j++) {
			FORK(pid)
				iret_to(flags[i], segments[j]);
			CHECK(WIFSIGNALED(reap(pid)));
		}
	}
	CHECK_EQ(getpgrp(), getpid());
}

static uint32_t seed;

static uint32_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 17;
	seed ^= seed << 5;
	return seed;
}

/* Instructions that reach into the kernel more often than random bytes do; the first byte is the length. */
static const char *const special[] = {
	"\2\xcd\x80", "\2\x0f\x34", "\1\xcf", "\1\x9d", "\2\x8e\xd8", "\2\x8e\xc0", "\2\x8e\xe0", "\2\x8e\xe8", "\2\x8e\xd0", "\1\xcb", "\1\xcc", "\1\xce",
	"\1\xf1", "\2\x0f\x0b", "\1\xf4", "\2\x0f\x31", "\3\x0f\x01\xcb", "\2\x0f\x35", "\2\x0f\x05", "\1\x17", "\1\x1f", "\1\x07", "\2\x0f\xa1", "\2\x0f\xa9",
	"\3\x0f\xae\x08", "\3\x0f\xae\x10", "\2\xdb\xe3", "\2\xdd\x20", "\3\x0f\x22\xc0", "\3\x0f\x23\xc0", "\2\xcd\x03", "\2\xcd\xff", "\2\xcd\x20", "\1\xea",
	"\1\x9a", "\6\x68\x00\x41\x04\x00\x9d",
};

static uint32_t interesting(unsigned char *code)
{
	uint32_t v = rnd();

	switch (rnd() % 6) {
	case 0: return v % 450;
	case 1: return 0xc0000000u + (v & 0xffffff);
	case 2: return (uint32_t)(uintptr_t)code + (v & 0xfff);
	case 3: return v & 0xff;
	case 4: return 0xbffff000u + (v & 0xfff);
	default: return v;
	}
}

static void fill(unsigned char *code)
{
	for (size_t i = 0; i < CODE_BYTES - 16;) {
		const char *s = special[rnd() % (sizeof(special) / sizeof(*special))];
		uint32_t v;

		switch (rnd() % 4) {
		case 0:
			memcpy(code + i, s + 1, s[0]);
			i += s[0];
			break;
		case 1: /* a register gets a value */
			code[i++] = 0xb8 + rnd() % 8;
			v = interesting(code);
			memcpy(code + i, &v, 4);
			i += 4;
			break;
		case 2: /* the flags do */
			code[i++] = 0x68;
			v = rnd() & 0x47fff;
			memcpy(code + i, &v, 4);
			i += 4;
			code[i++] = 0x9d;
			break;
		default:
			code[i++] = rnd();
		}
	}
}

/* As nobody, within narrow limits: what it calls by chance harms nobody else. */
static void run_random(unsigned n)
{
	static const struct { int what; rlim_t limit; } limits[] = {{RLIMIT_AS, 64 << 20}, {RLIMIT_FSIZE, 1 << 20}, {RLIMIT_CPU, 1}};
	struct itimerval ring = {.it_value = {0, 20000}};
	unsigned char *code = map_anon(2 * CODE_BYTES, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE);

	for (size_t i = 0; i < sizeof(limits) / sizeof(*limits); i++)
		CHECK_OK(setrlimit(limits[i].what, &(struct rlimit){limits[i].limit, limits[i].limit}));
	for (int fd = 0; fd < 1024; fd++)
		close(fd);
	setgroups(0, NULL);
	CHECK_OK(setresgid(65534, 65534, 65534));
	CHECK_OK(setresuid(65534, 65534, 65534));
	setrlimit(RLIMIT_NPROC, &(struct rlimit){0, 0});
	seed = n * 2654435761u + 1;
	fill(code);
	setitimer(ITIMER_REAL, &ring, NULL);
	__asm__ volatile("movl %1, %%ebp\n jmp *%0" : : "r"(code + rnd() % 2048), "r"(interesting(code)) : "memory");
}

TEST(random_code)
{
	for (unsigned n = 0; n < CHILDREN; n++) {
		int status = 0, looks = 0;
		pid_t pid;

		FORK(pid)
			run_random(n);
		while (waitpid(pid, &status, WNOHANG | WUNTRACED) == 0 || WIFSTOPPED(status)) {
			if (++looks > 100 || WIFSTOPPED(status)) /* it blocked the alarm, or stopped itself */
				kill(pid, SIGKILL);
			status = 0;
			usleep(500);
		}
	}
	CHECK_EQ(getpgrp(), getpid());
}
