/* SPDX-License-Identifier: MIT */
/* The calls of memory, and a core dump, when memory runs out in the middle: see nomemory.h. */
#include "nomemory.h"

#include <asm/ldt.h>

static void do_core(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGQUIT, SIG_DFL);
		raise(SIGQUIT);
		_exit(91);
	}
	expect(pid);
	if (pid < 0)
		return;
	status = reap(pid);
	CHECK(status == SIGQUIT || status == (SIGQUIT | 0x80) || status == SIGKILL);
}

/* As do_core, but what fails is in the dump, or behind. */
static void do_only_core(void)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		signal(SIGQUIT, SIG_DFL);
		fail_after(step);
		raise(SIGQUIT);
		_exit(91);
	}
	CHECK(pid > 0);
	status = reap(pid);
	armed = true;
	stop();
	CHECK(status == SIGQUIT || status == (SIGQUIT | 0x80) || status == SIGKILL);
}

static void prepare_core(void)
{
	struct rlimit rl = {24 * PAGE, RLIM_INFINITY};

	CHECK_OK(setrlimit(RLIMIT_CORE, &rl));
}

static void do_only_core_step(void)
{
	fail_after(0);
	do_only_core();
}

static void do_copy_of_region(void)
{
	char *p = mmap(NULL, 600 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q = MAP_FAILED;
	long r = p == MAP_FAILED ? -1 : 0;

	if (r == 0) {
		p[0] = 1;
		p[599 * PAGE] = 2;
		q = mremap(p, 600 * PAGE, 600 * PAGE, MREMAP_MAYMOVE | 4 /* MREMAP_DONTUNMAP */, NULL);
		r = q == MAP_FAILED ? -1 : 0;
	}
	expect(r);
	if (q != MAP_FAILED)
		CHECK_EQ(q[0] * 1000 + q[599 * PAGE] * 100 + p[0] * 10 + p[599 * PAGE], 1200);
	else if (p != MAP_FAILED)
		CHECK_EQ(p[0] * 10 + p[599 * PAGE], 12);
}

static void do_advice(void)
{
	char *p = mmap(NULL, 64 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0), *q;
	long r = p == MAP_FAILED ? -1 : madvise(p, 8 * PAGE, 23 /* MADV_POPULATE_WRITE */);

	if (r == 0)
		r = madvise(p + PAGE, PAGE, MADV_REMOVE);
	if (r == 0)
		r = madvise(p + 2 * PAGE, PAGE, MADV_DONTDUMP);
	if (r == 0)
		r = remap_file_pages(p + 4 * PAGE, PAGE, 0, 0, 0);
	q = r == 0 ? mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : MAP_FAILED;
	if (r == 0)
		r = q == MAP_FAILED ? -1 : mlock2(q + PAGE, 4 * PAGE, 0);
	if (r == 0)
		r = mlockall(MCL_CURRENT | MCL_FUTURE);
	expect(r);
	munlockall();
}

/* What a child has of its parent besides memory: segments, ports. Half of each may be there when a fork fails. */
static void do_segments_and_ports(void)
{
	struct user_desc d = {.entry_number = 700, .limit = 5, .seg_32bit = 1};
	char table[64];
	pid_t pid = -1;
	long r = syscall(SYS_modify_ldt, 0x11, &d, sizeof(d));

	d.entry_number = 3;
	if (r == 0)
		r = syscall(SYS_modify_ldt, 1, &d, sizeof(d));
	if (r == 0)
		r = syscall(SYS_modify_ldt, 0, table, sizeof(table));
	if (r >= 0)
		r = syscall(SYS_ioperm, 0x61, 1, 1);
	if (r == 0)
		r = syscall(SYS_iopl, 3);
	if (r == 0)
		r = pid = fork();
	if (pid == 0)
		_exit(0);
	expect(r);
	if (pid > 0)
		reap_ok(pid);
	CHECK_OK(syscall(SYS_iopl, 0));
	CHECK_OK(syscall(SYS_ioperm, 0, 65536, 0));
}

TEST(core_without) { each_step(prepare_core, do_core); }
TEST(only_core_without) { each_step(prepare_core, do_only_core_step); }
TEST(copy_of_region_without) { each_step(NULL, do_copy_of_region); }
TEST(advice_without) { each_step(NULL, do_advice); }
TEST(segments_and_ports_without) { each_step(NULL, do_segments_and_ports); }
