/* SPDX-License-Identifier: MIT */
/*
 * The memory of forked processes: what is private is copied when one side writes, what is shared stays shared, and
 * nothing that one side does to its mappings is seen by the other.
 */
#include "guest.h"

#include <sched.h>

TEST(shared_anonymous_is_shared)
{
	volatile int *p = map_anon(3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid_t pid;

	p[0] = 1;
	FORK(pid) {
		CHECK_EQ(p[0], 1);
		p[0] = 2;
		p[1024] = 3; /* a page that the parent has not touched */
	}
	reap_ok(pid);
	CHECK_EQ(p[0], 2);
	CHECK_EQ(p[1024], 3);
	FORK(pid) {
		pid_t inner;

		FORK(inner)
			p[2048] = 7;
		reap_ok(inner);
		CHECK_EQ(p[2048], 7);
	}
	reap_ok(pid);
	CHECK_EQ(p[2048], 7);
}

TEST(private_is_copied_both_ways)
{
	struct gate up = gate_make(), down = gate_make();
	volatile char *p = map_rw(4 * PAGE);
	pid_t pid;

	p[0] = p[PAGE] = 1;
	FORK(pid) {
		CHECK_EQ(p[0], 1);
		p[0] = 2;
		gate_open(&up);
		gate_wait(&down);
		CHECK_EQ(p[0], 2);
		CHECK_EQ(p[PAGE], 1);
		CHECK_EQ(p[2 * PAGE], 0);
	}
	gate_wait(&up);
	CHECK_EQ(p[0], 1);
	p[PAGE] = 3;
	p[2 * PAGE] = 4;
	gate_open(&down);
	reap_ok(pid);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[PAGE], 3);
}

static void generation(volatile int *p, int depth)
{
	pid_t pid;

	for (int i = 0; i < depth; i++)
		CHECK_EQ(p[i * 1024], 100 + i);
	p[depth * 1024] = 100 + depth;
	if (depth == 7)
		return;
	FORK(pid) {
		generation(p, depth + 1);
		p[0] = -1;
	}
	reap_ok(pid);
	CHECK_EQ(p[0], 100);
	CHECK_EQ(p[(depth + 1) * 1024], 0);
}

TEST(private_through_generations)
{
	generation((volatile int *)map_rw(16 * PAGE), 0);
}

TEST(private_between_siblings)
{
	volatile int *p = (volatile int *)map_rw(8 * PAGE);
	struct gate go = gate_make();
	pid_t pid[8];

	p[0] = 42;
	for (int i = 0; i < 8; i++)
		FORK(pid[i]) {
			gate_wait(&go);
			CHECK_EQ(p[0], 42);
			for (int page = 0; page < 8; page++)
				p[page * 1024] = i + 1;
			sched_yield();
			for (int page = 0; page < 8; page++)
				CHECK_EQ(p[page * 1024], i + 1);
		}
	for (int i = 0; i < 8; i++)
		gate_open(&go);
	for (int i = 0; i < 8; i++)
		reap_ok(pid[i]);
	CHECK_EQ(p[0], 42);
	CHECK_EQ(p[1024], 0);
}

TEST(write_across_a_page_border)
{
	char *p = map_rw(4 * PAGE);
	uint32_t value, *odd = (uint32_t *)(p + PAGE - 2);
	pid_t pid;

	memset(p, 0x11, 4 * PAGE);
	FORK(pid) {
		value = 0xa1b2c3d4;
		__asm__ volatile("movl %1, %0" : "=m"(*odd) : "r"(value));
		CHECK_EQ((unsigned char)p[PAGE - 2], 0xd4);
		CHECK_EQ((unsigned char)p[PAGE + 1], 0xa1);
		CHECK_EQ(p[PAGE - 3], 0x11);
		CHECK_EQ(p[PAGE + 2], 0x11);
	}
	reap_ok(pid);
	for (unsigned i = 0; i < 4 * PAGE; i++)
		CHECK_EQ(p[i], 0x11);
}

TEST(kernel_writes_copy_too)
{
	char *p = map_rw(2 * PAGE);
	struct gate g = gate_make();
	pid_t pid;

	memset(p, 'p', 2 * PAGE);
	CHECK_EQ(write(g.fd[1], "childchild", 10), 10);
	FORK(pid) {
		CHECK_EQ(read(g.fd[0], p + PAGE - 5, 10), 10);
		CHECK(memcmp(p + PAGE - 5, "childchild", 10) == 0);
	}
	reap_ok(pid);
	for (unsigned i = 0; i < 2 * PAGE; i++)
		CHECK_EQ(p[i], 'p');
	CHECK_EQ(write(g.fd[1], "x", 1), 1);
	FORK(pid)
		sleep_ms(1);
	CHECK_EQ(read(g.fd[0], p, 1), 1);
	reap_ok(pid);
	CHECK_EQ(p[0], 'x');
}

TEST(munmap_leaves_nothing_readable)
{
	char *p = map_rw(3 * PAGE);
	pid_t pid;

	memset(p, 1, 3 * PAGE);
	FORK(pid) {
		CHECK_OK(munmap(p + PAGE, PAGE));
		CHECK_FAULT(touch_read, p + PAGE, SIGSEGV, SEGV_MAPERR);
		CHECK_FAULT(touch_write, p + 2 * PAGE - 1, SIGSEGV, SEGV_MAPERR);
		CHECK_EQ(p[0] + p[2 * PAGE], 2);
	}
	reap_ok(pid);
	CHECK_EQ(p[PAGE], 1);
	CHECK_OK(munmap(p, 3 * PAGE));
	CHECK_FAULT(touch_read, p, SIGSEGV, SEGV_MAPERR);
}

TEST(read_only_pages_stay_read_only)
{
	char *p = map_rw(2 * PAGE);
	pid_t pid;

	p[0] = 5;
	CHECK_OK(mprotect(p, 2 * PAGE, PROT_READ));
	CHECK_FAULT(touch_write, p, SIGSEGV, SEGV_ACCERR);
	FORK(pid) {
		CHECK_FAULT(touch_write, p, SIGSEGV, SEGV_ACCERR);
		CHECK_FAULT(touch_write, p + PAGE, SIGSEGV, SEGV_ACCERR);
		CHECK_OK(mprotect(p, PAGE, PROT_READ | PROT_WRITE));
		p[0] = 6;
	}
	reap_ok(pid);
	CHECK_EQ(p[0], 5);
	CHECK_FAULT(touch_write, p, SIGSEGV, SEGV_ACCERR);
}

TEST(text_is_not_writable)
{
	pid_t pid;

	CHECK_FAULT(touch_write, (uintptr_t)generation, SIGSEGV, SEGV_ACCERR);
	FORK(pid)
		CHECK_FAULT(touch_write, (uintptr_t)generation, SIGSEGV, SEGV_ACCERR);
	reap_ok(pid);
	CHECK_FAULT(touch_write, "a constant", SIGSEGV, SEGV_ACCERR);
}

TEST(sole_owner_writes_in_place)
{
	char *p = map_rw(64 * PAGE);
	struct rusage before, after;
	pid_t pid;

	memset(p, 1, 64 * PAGE);
	FORK(pid)
		_exit(0);
	reap_ok(pid);
	getrusage(RUSAGE_SELF, &before);
	memset(p, 2, 64 * PAGE);
	getrusage(RUSAGE_SELF, &after);
	CHECK(after.ru_minflt - before.ru_minflt <= 80);
	memset(p, 3, 64 * PAGE); /* all writable again: no more faults */
	getrusage(RUSAGE_SELF, &before);
	CHECK(before.ru_minflt - after.ru_minflt <= 8);
}

static int use_stack(int pages)
{
	volatile char room[PAGE];
	pid_t pid;
	int sum;

	memset((char *)room, pages & 0x7f, sizeof(room));
	if (pages > 0) {
		sum = use_stack(pages - 1);
	} else {
		FORK(pid)
			return 0;
		reap_ok(pid);
		sum = 0;
	}
	return sum + (room[100] != (pages & 0x7f));
}

TEST(fork_deep_in_a_big_stack)
{
	pid_t outer = getpid();
	int wrong = use_stack(500);

	CHECK_EQ(wrong, 0);
	if (getpid() != outer)
		_exit(0);
}

static void chain(volatile int *p, int depth)
{
	pid_t pid;

	p[depth * 1024] = depth + 1;
	if (depth == 63) {
		for (int i = 0; i < 64; i++)
			CHECK_EQ(p[i * 1024], i + 1);
		return;
	}
	FORK(pid)
		chain(p, depth + 1);
	reap_ok(pid);
	CHECK_EQ(p[(depth + 1) * 1024], 0);
}

TEST(chain_of_64)
{
	chain((volatile int *)map_rw(64 * PAGE), 0);
}

TEST(two_hundred_children_alive)
{
	volatile int *p = (volatile int *)map_rw(16 * PAGE);
	struct gate up = gate_make(), down = gate_make();
	pid_t pid[200];

	for (int i = 0; i < 16; i++)
		p[i * 1024] = i;
	for (int n = 0; n < 200; n++)
		FORK(pid[n]) {
			for (int i = 0; i < 4; i++)
				p[(n + i) % 16 * 1024] = 1000 + n;
			gate_open(&up);
			gate_wait(&down);
			for (int i = 0; i < 16; i++)
				CHECK_EQ(p[i * 1024], (i - n % 16 + 16) % 16 < 4 ? 1000 + n : i);
		}
	for (int n = 0; n < 200; n++)
		gate_wait(&up);
	for (int n = 0; n < 200; n++)
		gate_open(&down);
	for (int n = 0; n < 200; n++)
		reap_ok(pid[n]);
	for (int i = 0; i < 16; i++)
		CHECK_EQ(p[i * 1024], i);
}

TEST(unmap_protect_and_brk_in_the_child_stay_there)
{
	char *p = map_rw(1024 * PAGE), *heap = sbrk(4 * PAGE);
	pid_t pid;

	memset(p, 1, 1024 * PAGE);
	heap[0] = 9;
	FORK(pid) {
		CHECK_OK(munmap(p, 512 * PAGE));
		CHECK_OK(mprotect(p + 512 * PAGE, 512 * PAGE, PROT_NONE));
		CHECK_OK(brk(heap));
		CHECK_FAULT(touch_read, p + 700 * PAGE, SIGSEGV, SEGV_ACCERR);
		CHECK(mmap(p, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
		CHECK_EQ(p[0], 0);
	}
	reap_ok(pid);
	for (int i = 0; i < 1024; i++)
		CHECK_EQ(p[(unsigned)i * PAGE], 1);
	CHECK_EQ(heap[0], 9);
	p[700 * PAGE] = 2;
}

TEST(discarding_in_the_child_stays_there)
{
	char *p = map_rw(1100 * PAGE);
	pid_t pid;

	memset(p, 1, 1100 * PAGE);
	FORK(pid) {
		CHECK_OK(madvise(p + PAGE, 1050 * PAGE, MADV_DONTNEED));
		CHECK_EQ(p[0], 1);
		CHECK_EQ(p[PAGE], 0);
		CHECK_EQ(p[1050 * PAGE], 0);
		CHECK_EQ(p[1051 * PAGE], 1);
	}
	reap_ok(pid);
	for (int i = 0; i < 1100; i++)
		CHECK_EQ(p[(unsigned)i * PAGE], 1);
}

TEST(private_file_mapping_copied)
{
	int fd = new_file("f");
	volatile char *p;
	char c;
	pid_t pid;

	CHECK_OK(ftruncate(fd, 2 * PAGE));
	CHECK_EQ(pwrite(fd, "a", 1, 0), 1);
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	CHECK(p != MAP_FAILED);
	p[1] = 'b';
	FORK(pid) {
		CHECK_EQ(p[0], 'a');
		CHECK_EQ(p[1], 'b');
		p[1] = 'c';
		p[PAGE] = 'd';
	}
	reap_ok(pid);
	CHECK_EQ(p[1], 'b');
	CHECK_EQ(p[PAGE], 0);
	CHECK_EQ(pread(fd, &c, 1, 1), 1);
	CHECK_EQ(c, 0);
}

TEST(many_regions)
{
	char *p = map_rw(600 * PAGE);
	pid_t pid;

	for (unsigned i = 0; i < 600; i += 2)
		CHECK_OK(mprotect(p + i * PAGE, PAGE, PROT_READ));
	p[301 * PAGE] = 1;
	FORK(pid) {
		CHECK_FAULT(touch_write, p + 300 * PAGE, SIGSEGV, SEGV_ACCERR);
		p[301 * PAGE] = 2;
		p[599 * PAGE] = 3;
	}
	reap_ok(pid);
	CHECK_EQ(p[301 * PAGE], 1);
	CHECK_EQ(p[599 * PAGE], 0);
}

/* A tree of processes writes at random, by the seed; each knows from its seed what its memory must hold. */
static void random_tree(unsigned char *p, unsigned char *model, unsigned seed, int depth)
{
	pid_t pid[2];

	for (int i = 0; i < 20; i++) {
		unsigned at = (seed = seed * 1103515245u + 12345u) >> 8;
		unsigned page = at % 96;

		p[page * PAGE + at / 96 % PAGE] = p[page * PAGE] = model[page] = (unsigned char)seed >> 1;
	}
	for (int child = 0; child < 2 && depth < 5; child++)
		FORK(pid[child])
			random_tree(p, model, seed + (unsigned)child * 7919u, depth + 1);
	for (unsigned page = 0; page < 96; page++)
		CHECK_EQ(p[page * PAGE], model[page]);
	for (int child = 0; child < 2 && depth < 5; child++)
		reap_ok(pid[child]);
	for (unsigned page = 0; page < 96; page++)
		CHECK_EQ(p[page * PAGE], model[page]);
}

TEST(random_tree_of_writers)
{
	unsigned char *p = (unsigned char *)map_rw(2048 * PAGE) + 500 * PAGE; /* over several page tables */
	unsigned char model[96] = {0};

	for (unsigned seed = 1; seed <= 4; seed++) {
		pid_t pid;

		FORK(pid)
			random_tree(p, model, seed, 0);
		reap_ok(pid);
	}
}
