/* SPDX-License-Identifier: MIT */
/* I/O ports for programs: ioperm(2), iopl(2). */
#include "guest.h"

#include <pthread.h>
#include <sched.h>
#include <sys/io.h>
#include <sys/prctl.h>

#define ALL 65536ul

static long allow(unsigned long from, unsigned long n, int on) { return syscall(SYS_ioperm, from, n, on); }
static long level(unsigned n) { return syscall(SYS_iopl, n); }

static void use_16(volatile char *port) { (void)inw((unsigned short)(uintptr_t)port); }
static void use_32(volatile char *port) { (void)inl((unsigned short)(uintptr_t)port); }
static void clear_interrupts(volatile char *p UNUSED) { __asm__ volatile("cli"); }
static void set_interrupts(volatile char *p UNUSED) { __asm__ volatile("sti"); }
static void halt(volatile char *p UNUSED) { __asm__ volatile("hlt"); }

static __thread sigjmp_buf refused;

static void on_refused(int sig) { siglongjmp(refused, sig); }

/* Several threads may ask at once. */
static bool can(unsigned port)
{
	signal(SIGSEGV, on_refused);
	if (sigsetjmp(refused, 1))
		return false;
	(void)inb((unsigned short)port);
	return true;
}

static bool can_16(unsigned port) { return fault_of(use_16, (void *)(uintptr_t)port) == 0; }
static bool can_32(unsigned port) { return fault_of(use_32, (void *)(uintptr_t)port) == 0; }

TEST(arguments_and_rights)
{
	pid_t pid;

	CHECK_ERR(allow(0, 0, 1), EINVAL);
	CHECK_ERR(allow(0, ALL + 1, 1), EINVAL);
	CHECK_ERR(allow(ALL, 1, 1), EINVAL);
	CHECK_ERR(allow(1, -1ul, 1), EINVAL);
	CHECK_ERR(allow(-1ul, 1, 0), EINVAL);
	CHECK_ERR(allow(-1ul, 2, 0), EINVAL);
	CHECK_ERR(level(4), EINVAL);
	CHECK_ERR(level(-1), EINVAL);
	FORK(pid) {
		CHECK_OK(allow(0x61, 1, 1));
		CHECK_OK(level(2));
		CHECK_OK(setuid(1000));
		CHECK_ERR(allow(0x62, 1, 1), EPERM);
		CHECK_ERR(allow(0, 0, 1), EINVAL);
		CHECK_OK(allow(0x62, 1, 0));
		CHECK_ERR(level(3), EPERM);
		CHECK_OK(level(2));
		CHECK_OK(level(1));
		CHECK_ERR(level(2), EPERM);
		CHECK_OK(level(0));
		CHECK(can(0x61)); /* what it has it keeps */
		CHECK_OK(allow(0, ALL, 0));
		CHECK(!can(0x61));
		CHECK_ERR(allow(0x61, 1, 1), EPERM);
	}
	reap_ok(pid);
}

TEST(each_port_by_itself)
{
	CHECK(!can(0x61));
	CHECK_OK(allow(0x61, 1, 1));
	CHECK(can(0x61) && !can(0x60) && !can(0x62) && !can_16(0x61) && !can_16(0x60));
	CHECK_OK(allow(0x81, 30, 1)); /* page registers of a controller that nobody uses */
	for (unsigned p = 0x7e; p < 0xa2; p++)
		if (p < 0x80 || p > 0x9f)
			continue;
		else
			CHECK_EQ(can(p), p >= 0x81 && p < 0x81 + 30);
	CHECK(can_32(0x84) && can_16(0x84));
	CHECK_OK(allow(0x87, 1, 0));
	CHECK(can(0x86) && !can(0x87) && can(0x88) && !can_16(0x86) && !can_32(0x84) && can_16(0x84));
	CHECK_OK(allow(0xffff, 1, 1));
	CHECK(can(0xffff) && !can_16(0xffff) && !can(0xfffe));
	CHECK_OK(allow(0, ALL, 0));
	CHECK(!can(0x61) && !can(0x84) && !can(0xffff));
	CHECK_OK(allow(0, ALL, 1));
	CHECK(can(0x61) && can(0xffff) && can(0x80));
	CHECK_OK(allow(0, ALL, 0));
	CHECK_OK(allow(0, ALL, 0));
	CHECK(!can(0x61));
}

/* Level 3 is the ports, and not the processor's own privilege. */
TEST(level_three)
{
	unsigned flags;

	CHECK_OK(level(1));
	CHECK(!can(0x61));
	CHECK_OK(level(3));
	CHECK(can(0x61) && can(0x84) && can_16(0x84) && can(0xffff));
	__asm__ volatile("pushfl; popl %0" : "=r"(flags));
	CHECK_EQ(flags >> 12 & 3, 0);
	CHECK_EQ(fault_of(clear_interrupts, NULL), 0); /* passed over */
	__asm__ volatile("pushfl; popl %0" : "=r"(flags));
	CHECK(flags & 0x200);
	CHECK_EQ(fault_of(set_interrupts, NULL), 0);
	CHECK_EQ(fault_of(halt, NULL), SIGSEGV);
	CHECK_OK(allow(0x62, 1, 1));
	CHECK_OK(level(0));
	CHECK(!can(0x61) && can(0x62)); /* the two are apart */
	CHECK_EQ(fault_of(clear_interrupts, NULL), SIGSEGV);
	CHECK_OK(level(3));
	CHECK_OK(allow(0x62, 1, 0));
	CHECK(can(0x62));
	CHECK_OK(level(0));
	CHECK(!can(0x62));
	CHECK_EQ(fault_of(set_interrupts, NULL), SIGSEGV);
}

static void *thread(void *arg)
{
	CHECK(can(0x61) && !can(0x84));
	CHECK_OK(allow(0x84, 1, 1));
	CHECK_OK(level(3));
	for (int i = 0; i < 50; i++) {
		CHECK(can(0xfff0));
		sched_yield();
	}
	CHECK_OK(level(0));
	CHECK(can(0x84));
	return arg;
}

TEST(threads_and_children_begin_with_the_same)
{
	pthread_t t[2];
	pid_t pid;

	CHECK_OK(allow(0x61, 1, 1));
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, thread, NULL), 0);
	for (int i = 0; i < 50; i++) {
		CHECK(can(0x61) && !can(0x84));
		sched_yield();
	}
	for (int i = 0; i < 2; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	CHECK(!can(0x84));
	CHECK_OK(level(3));
	FORK(pid) {
		CHECK(can(0x84));
		CHECK_OK(level(0));
		CHECK(can(0x61) && !can(0x84));
		CHECK_OK(allow(0x61, 1, 0));
		CHECK(!can(0x61));
	}
	reap_ok(pid);
	CHECK(can(0x84));
}

/* Those without ports run in between on the same CPU, and moves from one to another do not change anything. */
TEST(others_have_none)
{
	pid_t pid, other;
	cpu_set_t set;

	CHECK_OK(sched_getaffinity(0, sizeof(set), &set));
	FORK(other) {
		for (int i = 0; i < 300; i++) {
			CHECK(!can(0x61));
			sched_yield();
		}
	}
	FORK(pid) {
		int n = CPU_COUNT(&set);

		CHECK_OK(allow(0x61, 1, 1));
		for (int i = 0; i < 300; i++) {
			if (i % 10 == 0) {
				CPU_ZERO(&set);
				CPU_SET(i / 10 % n, &set);
				CHECK_OK(sched_setaffinity(0, sizeof(set), &set));
			}
			CHECK(can(0x61) && !can(0x62));
			sched_yield();
		}
	}
	reap_ok(pid);
	reap_ok(other);
}

HELPER(after_exec)
{
	return can(0x61) && !can(0x62) && level(0) == 0 ? 0 : 1;
}

TEST(exec_keeps_them)
{
	char *argv[] = {"ports", "@after_exec", NULL}, *env[] = {NULL};
	pid_t pid;

	FORK(pid) {
		CHECK_OK(allow(0x61, 1, 1));
		execve("/proc/self/exe", argv, env);
		FAIL("exec: %s", strerror(errno));
	}
	reap_ok(pid);
}

/* Signals that come while a thread uses its ports, and what is left of it when it is killed there. */
TEST(killed_in_the_middle)
{
	for (int i = 0; i < 30; i++) {
		struct gate g = gate_make();
		pid_t pid;

		FORK(pid) {
			CHECK_OK(i & 1 ? level(3) : allow(0x61, 1, 1));
			gate_open(&g);
			for (;;)
				(void)inb(0x61);
		}
		gate_wait(&g);
		kill(pid, SIGKILL);
		reap_signal(pid, SIGKILL);
		close(g.fd[0]);
		close(g.fd[1]);
		CHECK(!can(0x61));
	}
}
