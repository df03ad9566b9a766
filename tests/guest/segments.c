/* SPDX-License-Identifier: MIT */
/* Segments that programs make, modify_ldt(2): what is refused, who has them, and what is left of those that go while they are used. */
#include "guest.h"

#include <asm/ldt.h>
#include <pthread.h>
#include <sched.h>
#include <ucontext.h>

#define SELECTOR(n) ((unsigned)(n) << 3 | 7)

typedef struct user_desc desc_t;

static long modify(int func, void *p, unsigned long n) { return syscall(SYS_modify_ldt, func, p, n); }

static desc_t data_at(unsigned entry, const void *base, unsigned limit)
{
	return (desc_t){.entry_number = entry, .base_addr = (unsigned)(uintptr_t)base, .limit = limit, .seg_32bit = 1};
}

static desc_t nothing_at(unsigned entry) { return (desc_t){.entry_number = entry, .read_exec_only = 1, .seg_not_present = 1}; }

static void set(desc_t d) { CHECK_OK(modify(0x11, &d, sizeof(d))); }

static unsigned through_fs(unsigned selector, unsigned offset)
{
	unsigned v, old;

	__asm__ volatile("movl %%fs, %1\n\tmovl %2, %%fs\n\tmovl %%fs:(%3), %0\n\tmovl %1, %%fs" : "=&r"(v), "=&r"(old) : "r"(selector), "r"(offset) : "memory");
	return v;
}

static unsigned loaded_fs(void)
{
	unsigned v;

	__asm__ volatile("movl %%fs, %0" : "=r"(v));
	return v & 0xffff;
}

static void load_fs(unsigned selector) { __asm__ volatile("movl %0, %%fs" :: "r"(selector)); }
static void load_fs_of(volatile char *selector) { load_fs((unsigned)(uintptr_t)selector); }
static void load_ss_of(volatile char *selector) { __asm__ volatile("movl %%ss, %%ecx\n\tmovl %0, %%ss\n\tmovl %%ecx, %%ss" :: "r"(selector) : "ecx"); }

static unsigned numbers[4] = {11, 22, 33, 44};

TEST(arguments)
{
	desc_t d = data_at(0, numbers, 15), bad;
	unsigned char buf[64];

	CHECK_ERR(modify(3, buf, 8), ENOSYS);
	CHECK_ERR(modify(-1, buf, 8), ENOSYS);
	CHECK_EQ(modify(0, buf, sizeof(buf)), 0); /* there is none */
	CHECK_EQ(modify(0, (void *)8, 1u << 20), 0);
	memset(buf, 1, sizeof(buf));
	CHECK_EQ(modify(2, buf, sizeof(buf)), 40);
	CHECK(buf[0] == 0 && buf[39] == 0 && buf[40] == 1);
	CHECK_EQ(modify(2, buf + 50, 3), 3);
	CHECK(buf[52] == 0 && buf[53] == 1);
	CHECK_ERR(modify(2, (void *)8, 40), EFAULT);
	CHECK_ERR(modify(1, &d, 15), EINVAL);
	CHECK_ERR(modify(0x11, &d, 17), EINVAL);
	CHECK_ERR(modify(0x11, (void *)8, sizeof(d)), EFAULT);
	CHECK_ERR(modify(0x11, (void *)0xfffffff8, sizeof(d)), EFAULT);
	CHECK_ERR(modify(0x11, map_edge() - 8, sizeof(d)), EFAULT);
	for (int func = 1; func <= 0x11; func += 0x10) {
		bad = d, bad.entry_number = 8192;
		CHECK_ERR(modify(func, &bad, sizeof(bad)), EINVAL);
		bad.entry_number = ~0u;
		CHECK_ERR(modify(func, &bad, sizeof(bad)), EINVAL);
		bad = d, bad.contents = 3;
		CHECK_ERR(modify(func, &bad, sizeof(bad)), EINVAL);
	}
	bad.seg_not_present = 1;
	CHECK_ERR(modify(1, &bad, sizeof(bad)), EINVAL);
	CHECK_OK(modify(0x11, &bad, sizeof(bad)));
	bad = d, bad.seg_32bit = 0; /* 16 bits: a matter of how the kernel was made */
	if (modify(0x11, &bad, sizeof(bad)) < 0)
		CHECK_EQ(errno, EINVAL);
}

static unsigned long long entry(unsigned n)
{
	unsigned long long all[64];

	memset(all, 0x77, sizeof(all));
	CHECK_EQ(modify(0, all, sizeof(all)), sizeof(all));
	return all[n];
}

TEST(entries_as_the_processor_has_them)
{
	desc_t d = {.entry_number = 3, .base_addr = 0x12345678, .limit = 0xfedcb, .seg_32bit = 1, .limit_in_pages = 1, .useable = 1};
	unsigned char part[5];
	long n;

	CHECK_OK(modify(0x11, &d, sizeof(d)));
	CHECK_EQ(entry(3), 0x12dff3345678edcb);
	CHECK_EQ(entry(2), 0);
	CHECK_EQ(entry(4), 0);
	CHECK_OK(modify(1, &d, sizeof(d))); /* the old call leaves the free bit out */
	CHECK_EQ(entry(3), 0x12cff3345678edcb);
	for (d.contents = 0; d.contents < 3; d.contents++) {
		d.read_exec_only = 1;
		CHECK_OK(modify(1, &d, sizeof(d)));
		CHECK_EQ(entry(3) >> 40 & 0xff, 0xf1 | d.contents << 2);
		d.read_exec_only = 0;
		CHECK_OK(modify(1, &d, sizeof(d)));
		CHECK_EQ(entry(3) >> 40 & 0xff, 0xf3 | d.contents << 2);
	}
	d.seg_not_present = 1;
	d.contents = 3;
	CHECK_OK(modify(0x11, &d, sizeof(d)));
	CHECK_EQ(entry(3) >> 40 & 0xff, 0x7f);
	n = CHECK_OK(modify(0, part, 5)); /* part of an entry */
	CHECK_EQ(n, 5);
	CHECK_ERR(modify(0, (void *)8, 64), EFAULT);
	CHECK_ERR(modify(0, map_edge() - 40, 64), EFAULT);
	set(nothing_at(3));
	CHECK_EQ(entry(3), 0);
	set(data_at(3, numbers, 15));
	d = (desc_t){.entry_number = 3};
	CHECK_OK(modify(1, &d, sizeof(d))); /* no base, no limit: the old way to say empty */
	CHECK_EQ(entry(3), 0);
}

TEST(what_can_be_loaded)
{
	set(data_at(5, numbers, 7));
	CHECK_EQ(through_fs(SELECTOR(5), 0), 11);
	CHECK_EQ(through_fs(SELECTOR(5), 4), 22);
	set(data_at(8191, numbers + 2, 7));
	CHECK_EQ(through_fs(SELECTOR(8191), 4), 44);
	CHECK_EQ(through_fs(SELECTOR(5), 4), 22);
	CHECK_EQ(fault_of(load_fs_of, (void *)SELECTOR(6)), SIGSEGV);   /* empty */
	CHECK_EQ(fault_of(load_fs_of, (void *)(SELECTOR(6) & ~3u)), SIGSEGV);
	CHECK_EQ(fault_of(load_ss_of, (void *)SELECTOR(6)), SIGSEGV);
	set((desc_t){.entry_number = 5, .base_addr = 1, .limit = 5, .seg_32bit = 1, .seg_not_present = 1});
	CHECK_EQ(fault_of(load_fs_of, (void *)SELECTOR(5)), SIGBUS);
	CHECK_EQ(fault_of(load_ss_of, (void *)SELECTOR(5)), SIGBUS);
}

static void read_fs_8(volatile char *p UNUSED) { __asm__ volatile("movl %%fs:8, %%eax" ::: "eax"); }
static void write_fs_0(volatile char *p UNUSED) { __asm__ volatile("movl $7, %%fs:0" ::: "memory"); }

/* Limits are not tested: QEMU's translator does not look at them. */
TEST(kernel_memory_stays_its_own)
{
	desc_t d = data_at(5, (void *)0xc0100000, 0xfffff);

	d.limit_in_pages = 1;
	set(d);
	load_fs(SELECTOR(5));
	CHECK_EQ(fault_of(read_fs_8, NULL), SIGSEGV);
	CHECK_EQ(fault_of(write_fs_0, NULL), SIGSEGV);
	load_fs(0);
}

/* Without a table no selector of one can be loaded, whatever lies at address 0, where a processor's first table is. */
TEST(no_table_at_address_zero)
{
	static const unsigned long long flat = 0x00cff2000000ffff;
	unsigned long long *zero = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (zero == MAP_FAILED)
		SKIP("nothing can be mapped at 0");
	__asm__ volatile("" : "+r"(zero)); /* an address like others */
	for (int i = 0; i < 512; i++)
		zero[i] = flat;
	for (int cpu = 0; cpu < 8; cpu++) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET(cpu, &set);
		if (sched_setaffinity(0, sizeof(set), &set) == 0)
			for (unsigned i = 0; i < 512; i += 100)
				CHECK_EQ(fault_of(load_fs_of, (void *)SELECTOR(i)), SIGSEGV);
	}
}

TEST(a_child_has_a_copy)
{
	static unsigned other[2] = {5, 6};
	pid_t pid;

	set(data_at(1, numbers, 15));
	load_fs(SELECTOR(1));
	FORK(pid) {
		CHECK_EQ(loaded_fs(), SELECTOR(1));
		CHECK_EQ(through_fs(SELECTOR(1), 8), 33);
		set(data_at(1, other, 7));
		set(data_at(300, other, 7));
		CHECK_EQ(through_fs(SELECTOR(1), 4), 6);
	}
	reap_ok(pid);
	CHECK_EQ(through_fs(SELECTOR(1), 8), 33);
	CHECK_EQ(fault_of(load_fs_of, (void *)SELECTOR(300)), SIGSEGV);
	load_fs(SELECTOR(1));
	for (int i = 0; i < 20; i++) { /* switching to those who have none and back keeps it */
		FORK(pid) {
			set(nothing_at(1));
			sched_yield();
		}
		sched_yield();
		CHECK_EQ(loaded_fs(), SELECTOR(1));
		reap_ok(pid);
	}
	load_fs(0);
}

HELPER(none)
{
	char buf[8];

	return modify(0, buf, 8) == 0 && loaded_fs() == 0 ? 0 : 1;
}

TEST(gone_at_exec)
{
	char *argv[] = {"segments", "@none", NULL}, *env[] = {NULL};
	pid_t pid;

	FORK(pid) {
		set(data_at(1, numbers, 15));
		load_fs(SELECTOR(1));
		execve("/proc/self/exe", argv, env);
		FAIL("exec: %s", strerror(errno));
	}
	reap_ok(pid);
}

/* ---- threads ---- */

static volatile int stop;

static void *using(void *arg)
{
	while (!stop)
		if (through_fs(SELECTOR(2), 0) != 11)
			FAIL("another segment");
	return arg;
}

TEST(threads_share_it)
{
	pthread_t t[2];

	set(data_at(2, numbers, 15));
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, using, NULL), 0);
	for (unsigned i = 0; i < 50; i++) { /* others come and go meanwhile: the table grows and is replaced */
		set(data_at(3 + i * 9, numbers, 15));
		CHECK_EQ(through_fs(SELECTOR(3 + i * 9), 12), 44);
		set(nothing_at(3 + i / 2));
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
}

static sigjmp_buf lost;
static volatile int lost_count;

static void on_lost(int sig, siginfo_t *info UNUSED, void *context UNUSED)
{
	lost_count++;
	siglongjmp(lost, sig);
}

/* In a segment that another thread takes away: every selector register in turn. */
static void *in_a_segment_that_goes(void *arg)
{
	char *altstack = map_rw(65536);
	stack_t st = {.ss_sp = altstack, .ss_size = 65536};

	CHECK_OK(sigaltstack(&st, NULL));
	while (!stop) {
		unsigned s = SELECTOR(4);

		if (sigsetjmp(lost, 1))
			continue;
		switch ((long)arg) {
		case 0: __asm__ volatile("pushl %%ds\n\tmovl %0, %%ds\n\tmovl $3000, %%ecx\n1:\tmovl (%1), %%edx\n\tloop 1b\n\tpopl %%ds" :: "r"(s), "r"(0) : "ecx", "edx", "memory"); break;
		case 1: __asm__ volatile("pushl %%es\n\tmovl %0, %%es\n\tmovl $3000, %%ecx\n1:\tmovl %%es:(%1), %%edx\n\tloop 1b\n\tpopl %%es" :: "r"(s), "r"(0) : "ecx", "edx", "memory"); break;
		case 2: __asm__ volatile("movl %0, %%fs\n\tmovl $3000, %%ecx\n1:\tmovl %%fs:(%1), %%edx\n\tloop 1b" :: "r"(s), "r"(0) : "ecx", "edx", "memory"); break;
		case 3: __asm__ volatile("movl %%ss, %%eax\n\tmovl %0, %%ss\n\tmovl $3000, %%ecx\n1:\tloop 1b\n\tmovl %%eax, %%ss" :: "r"(SELECTOR(6)) : "eax", "ecx", "memory"); break;
		default: __asm__ volatile("pushl %%cs\n\tpushl $2f\n\tpushl %0\n\tpushl $1f\n\tlret\n1:\tmovl $3000, %%ecx\n1:\tloop 1b\n\tlret\n2:" :: "r"(SELECTOR(7)) : "ecx", "memory"); break;
		}
	}
	return NULL;
}

TEST(segments_that_go_while_they_are_used)
{
	static const int signals[] = {SIGSEGV, SIGBUS, SIGILL};
	struct sigaction sa = {.sa_sigaction = on_lost, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	desc_t all = data_at(6, NULL, 0xfffff), code;
	pid_t pid;

	all.limit_in_pages = 1;
	code = all;
	code.entry_number = 7;
	code.contents = MODIFY_LDT_CONTENTS_CODE;
	for (long which = 0; which < 5; which++) {
		FORK(pid) { /* the thread's own storage may be lost with its selectors: the checks are the other one's */
			pthread_t t;
			struct timespec from, now;

			for (int i = 0; i < 3; i++)
				CHECK_OK(sigaction(signals[i], &sa, NULL));
			set(data_at(4, numbers, 15));
			set(all);
			set(code);
			CHECK_EQ(pthread_create(&t, NULL, in_a_segment_that_goes, (void *)which), 0);
			clock_gettime(CLOCK_MONOTONIC, &from);
			do {
				unsigned n = which < 3 ? 4 : which == 3 ? 6 : 7;

				sched_yield();
				set(nothing_at(n));
				sched_yield();
				set(n == 4 ? data_at(4, numbers, 15) : n == 6 ? all : code);
				clock_gettime(CLOCK_MONOTONIC, &now);
			} while (now.tv_sec - from.tv_sec < 2);
			_exit(lost_count ? 0 : 1);
		}
		int st = reap(pid);

		/* what it cannot live on without is a signal like others */
		if (st != 0 && st != 1 << 8 && st != SIGSEGV && st != SIGBUS && st != SIGILL)
			FAIL("register %ld: status %#x", which, st);
	}
}

/* ---- code and stacks of its own ---- */

static volatile unsigned cs_then;

static void on_usr1(int sig UNUSED, siginfo_t *info UNUSED, void *context) { cs_then = (unsigned)((ucontext_t *)context)->uc_mcontext.gregs[REG_CS]; }

/* Far calls into code of a segment, system calls and signals from there. */
TEST(code_in_a_segment)
{
	struct sigaction sa = {.sa_sigaction = on_usr1, .sa_flags = SA_SIGINFO};
	desc_t d = {.entry_number = 9, .limit = 0xfffff, .limit_in_pages = 1, .seg_32bit = 1, .contents = MODIFY_LDT_CONTENTS_CODE};
	unsigned cs;
	long pid;

	CHECK_OK(modify(0x11, &d, sizeof(d)));
	CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
	__asm__ volatile("pushl %%cs\n\tpushl $2f\n\tpushl %[s]\n\tpushl $1f\n\tlret\n"
			 "1:\tmovl $20, %%eax\n\tint $0x80\n\tmovl %%eax, %%ebx\n\tmovl $10, %%ecx\n\tmovl $37, %%eax\n\tint $0x80\n\t" /* kill(getpid(), SIGUSR1) */
			 "movl %%cs, %[cs]\n\tlret\n2:" : "=&b"(pid), [cs] "=&d"(cs) : [s] "S"(SELECTOR(9)) : "eax", "ecx", "memory");
	CHECK_EQ(pid, getpid());
	CHECK_EQ(cs & 0xffff, SELECTOR(9));
	CHECK_EQ(cs_then & 0xffff, SELECTOR(9)); /* the handler ran in the usual one, and returned there */
}

static volatile unsigned to_selector;
static volatile int which_register;

static void change_context(int sig UNUSED, siginfo_t *info UNUSED, void *context)
{
	((ucontext_t *)context)->uc_mcontext.gregs[which_register] = (int)to_selector;
}

/* sigreturn takes any selector: what cannot be loaded is null, and where it cannot be null, a signal. */
TEST(sigreturn_with_selectors)
{
	static const unsigned tried[] = {SELECTOR(0), SELECTOR(1), SELECTOR(2), SELECTOR(3), SELECTOR(4), SELECTOR(40), SELECTOR(8191), 4, 5, 6, 0x4c, 0x4f, 0x68, 0x18, 0x23, 0x2b};
	static const int registers[] = {REG_GS, REG_FS, REG_ES, REG_DS, REG_CS, REG_SS};
	struct sigaction sa = {.sa_sigaction = change_context, .sa_flags = SA_SIGINFO};
	desc_t d = data_at(0, numbers, 15);
	pid_t pid;

	for (unsigned i = 0; i < sizeof(tried) / sizeof(tried[0]); i++)
		for (int r = 0; r < 6; r++) {
			int st;

			FORK(pid) {
				struct rlimit none = {0, 0};

				setrlimit(RLIMIT_CORE, &none);
				set(d);
				d = data_at(1, NULL, 0xfffff), d.read_exec_only = 1;
				set(d);
				d = data_at(2, NULL, 3), d.contents = MODIFY_LDT_CONTENTS_CODE;
				set(d);
				d.entry_number = 3, d.seg_not_present = 1;
				set(d);
				d = data_at(4, NULL, 0xfffff), d.contents = MODIFY_LDT_CONTENTS_STACK, d.limit_in_pages = 1;
				set(d);
				CHECK_OK(sigaction(SIGUSR1, &sa, NULL));
				to_selector = tried[i];
				which_register = registers[r];
				__asm__ volatile("int $0x80" :: "a"(SYS_kill), "b"(getpid()), "c"(SIGUSR1) : "memory");
				__asm__ volatile("int $0x80" :: "a"(SYS_exit_group), "b"(55) : "memory");
			}
			st = reap(pid);
			if (st != 55 << 8 && st != SIGSEGV && st != SIGBUS && st != SIGILL)
				FAIL("register %d with %#x: status %#x", registers[r], tried[i], st);
		}
}

/* Random descriptors, loaded wherever they may be. */
TEST(random_descriptors)
{
		pid_t pid;

	for (int round = 0; round < 60; round++) {
		int st;

		FORK(pid) {
			struct rlimit none = {0, 0};
			unsigned x = 12345 + (unsigned)round * 7919;

			setrlimit(RLIMIT_CORE, &none);
			alarm(2);
			for (int i = 0; i < 200; i++) {
				unsigned words[4];

				for (int w = 0; w < 4; w++)
					x = x * 1103515245 + 12345, words[w] = x >> 3 ^ x << 20;
				words[0] %= 16;
				if (x >> 9 & 1)
					words[3] &= 0x7f;
				modify(x >> 10 & 1 ? 0x11 : 1, words, 16);
			}
			switch (round % 4) {
			case 0: load_fs(SELECTOR(round / 4)); break;
			case 1: __asm__ volatile("movl %0, %%es\n\tmovl %%es:(%1), %0" :: "r"(SELECTOR(round / 4)), "r"(numbers)); break;
			case 2: __asm__ volatile("movl %0, %%ss\n\tpushl %%eax\n\tpopl %%eax" :: "r"(SELECTOR(round / 4))); break;
			default: __asm__ volatile("pushl %0\n\tpushl $1f\n\tlret\n1:\tmovl $20, %%eax\n\tint $0x80\n\tint3" :: "r"(SELECTOR(round / 4)) : "eax"); break;
			}
			__asm__ volatile("int $0x80" :: "a"(SYS_exit_group), "b"(0));
		}
		st = reap(pid);
		if (st != 0 && (st & 0xff00))
			FAIL("round %d: status %#x", round, st);
	}
}
