/* SPDX-License-Identifier: MIT */
/* Torture of copies: fork while other threads write, map and unmap, and generations that write their own pages. */
#include "torture.h"

#define PAGES 64

static uint32_t seed;
static volatile int stop;
static volatile uint32_t *pages;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/*
 * Three threads each add to their word on page after page, upward: at any moment the words of one writer are, along the
 * pages, n+1 ... n+1, n ... n. In a child that is true of the one moment of fork (for pages that one CPU wrote in order).
 */
static void write_in_order(int i)
{
	for (uint32_t n = 1; !get(&stop); n++)
		for (int p = 0; p < PAGES; p++)
			__atomic_store_n(&pages[p * 1024 + i * 16], n, __ATOMIC_SEQ_CST);
}

static void writers_in_order(int i)
{
	uint32_t first = pages[i * 16], last;
	bool fell = false;

	last = first;
	for (int p = 1; p < PAGES; p++) {
		uint32_t now = pages[p * 1024 + i * 16];

		if (now != last) {
			if (fell || now + 1 != last)
				FAIL("writer %d: page %d has %u after %u, the first %u", i, p, now, last, first);
			fell = true;
		}
		last = now;
	}
}

/* The child writes all pages; the parent's writers go on: neither sees the other's. */
static void child_of_writers(void)
{
	for (int i = 0; i < 3; i++)
		writers_in_order(i);
	for (int p = 0; p < PAGES; p++)
		for (int i = 0; i < 3; i++)
			pages[p * 1024 + i * 16] = 0x80000000u + (uint32_t)p;
	spin_for(3000);
	for (int p = 0; p < PAGES; p++)
		for (int i = 0; i < 3; i++)
			CHECK_EQ(pages[p * 1024 + i * 16], 0x80000000u + (uint32_t)p);
}

TEST(fork_is_one_moment)
{
	struct gang_member m[3];
	pid_t pid;

	pages = (uint32_t *)map_rw(PAGES * PAGE);
	gang_start(m, 3, write_in_order);
	for (int k = rounds(60); k > 0 && in_time(); k--) {
		FORK(pid)
			child_of_writers();
		for (int p = 0; p < PAGES; p++)
			for (int i = 0; i < 3; i++)
				CHECK(pages[p * 1024 + i * 16] < 0x80000000u);
		reap_ok(pid);
	}
	put(&stop, 1);
	gang_join(m, 3);
}

/* Pairs that are equal whenever the lock is free: fork under the lock sees them equal. */
static void keep_pairs(int i)
{
	uint32_t s = draw_start(seed, i);

	while (!get(&stop)) {
		int p = (int)draw(&s, PAGES / 2);

		pthread_mutex_lock(&lock);
		pages[p * 1024]++;
		pages[(PAGES - 1 - p) * 1024]++;
		pthread_mutex_unlock(&lock);
	}
}

static void pairs_hold(void)
{
	for (int p = 0; p < PAGES / 2; p++)
		CHECK_EQ(pages[p * 1024], pages[(PAGES - 1 - p) * 1024]);
}

TEST(fork_under_a_lock)
{
	struct gang_member m[3];
	pid_t pid;

	seed = torture_seed();
	pages = (uint32_t *)map_rw(PAGES * PAGE);
	gang_start(m, 3, keep_pairs);
	for (int k = rounds(60); k > 0 && in_time(); k--) {
		pthread_mutex_lock(&lock);
		FORK(pid)
			pairs_hold();
		pthread_mutex_unlock(&lock);
		reap_ok(pid);
	}
	put(&stop, 1);
	gang_join(m, 3);
	pairs_hold();
}

/* Threads map, write, check and unmap while others fork children that do the same. */
static void map_and_check(uint32_t *s, int times)
{
	while (times-- > 0) {
		uint32_t mark = draw(s, 1u << 30), n = 1 + draw(s, 40);
		volatile uint32_t *p = (uint32_t *)map_rw(n * PAGE);

		for (uint32_t k = 0; k < n; k++)
			p[k * 1024] = mark + k;
		for (uint32_t k = 0; k < n; k++)
			CHECK_EQ(p[k * 1024], mark + k);
		CHECK_OK(munmap((void *)p, n * PAGE));
	}
}

static void map_or_fork(int i)
{
	uint32_t s = draw_start(seed, i);
	pid_t pid;

	if (i < 2) {
		for (int k = rounds(40); k > 0 && in_time(); k--)
			map_and_check(&s, 10);
		return;
	}
	for (int k = rounds(20); k > 0 && in_time(); k--) {
		FORK(pid)
			map_and_check(&s, 20);
		reap_ok(pid);
	}
}

TEST(fork_while_mapping)
{
	seed = torture_seed();
	gang(4, map_or_fork);
	no_children();
}

/* The private pages of parent and child never mix, though both write all of them at once, in many threads. */
static uint32_t own_mark;

static void write_and_check(int i)
{
	for (int k = 0; k < 6; k++) {
		for (int p = i; p < PAGES; p += 3)
			pages[p * 1024 + 7] = own_mark + (uint32_t)(k * PAGES + p);
		for (int p = i; p < PAGES; p += 3)
			CHECK_EQ(pages[p * 1024 + 7], own_mark + (uint32_t)(k * PAGES + p));
	}
}

TEST(both_sides_write)
{
	pid_t pid[3];

	pages = (uint32_t *)map_rw(PAGES * PAGE);
	for (int k = rounds(60); k > 0 && in_time(); k--) {
		for (uint32_t c = 0; c < 3; c++)
			FORK(pid[c]) {
				own_mark = (c + 1) << 24;
				gang(3, write_and_check);
			}
		own_mark = 0x70000000;
		gang(3, write_and_check);
		for (int c = 0; c < 3; c++)
			reap_ok(pid[c]);
		write_and_check(0);
	}
}

/* ---- generations ---- */

static uint32_t expected[PAGES];

static void verify(void)
{
	for (int p = 0; p < PAGES; p++)
		CHECK_EQ(pages[p * 1024 + 5], expected[p]);
}

static void change(uint32_t *s)
{
	for (uint32_t k = draw(s, 12); k > 0; k--) {
		uint32_t p = draw(s, PAGES), v = draw(s, 1u << 30);

		pages[p * 1024 + 5] = expected[p] = v;
	}
}

/* Each process writes, has children, verifies, writes, verifies; children live on while their ancestors change. */
static void generation(int depth, uint32_t s)
{
	pid_t pid[2];
	int n = depth > 0 ? 2 : 0;

	change(&s);
	for (int c = 0; c < n; c++)
		FORK(pid[c])
			generation(depth - 1, draw_start(s, c));
	change(&s);
	verify();
	for (int c = 0; c < n; c++)
		reap_ok(pid[c]);
	verify();
}

static void family(int i)
{
	for (int k = rounds(3); k > 0; k--)
		if (in_time())
			generation(4, draw_start(seed, i * 100 + k));
}

TEST(generations)
{
	seed = torture_seed();
	pages = (uint32_t *)map_rw(PAGES * PAGE);
	crowd(2, family);
	no_children();
}

/* A chain: each process forks the next and ends or stays; forty deep. */
static void chain(int left, uint32_t s)
{
	pid_t pid;

	change(&s);
	verify();
	if (left == 0)
		return;
	FORK(pid)
		chain(left - 1, s + 2);
	change(&s);
	verify();
	reap_ok(pid);
	verify();
}

static void chains(int i)
{
	for (int k = rounds(2); k > 0; k--)
		chain(40, draw_start(seed, i * 100 + k));
}

TEST(a_chain_of_forks)
{
	seed = torture_seed();
	pages = (uint32_t *)map_rw(PAGES * PAGE);
	crowd(2, chains);
}

/* Shared memory stays shared through generations: no count is lost; private next to it stays private. */
static volatile int *common;

static void count_shared(int i)
{
	volatile int *private = (int *)map_rw(PAGE);

	for (int k = rounds(3000); k > 0; k--) {
		add(&common[(k % 8) * 1024], 1);
		add(private, 1);
	}
	CHECK_EQ(*private, rounds(3000));
	(void)i;
}

TEST(shared_counts_are_exact)
{
	int sum = 0, fd = new_file("counts");

	CHECK_OK(ftruncate(fd, 8 * PAGE));
	common = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(common != MAP_FAILED);
	crowd(6, count_shared);
	for (int k = 0; k < 8; k++) {
		int in_file;

		CHECK_EQ(pread(fd, &in_file, sizeof(in_file), k * (off_t)PAGE), sizeof(in_file));
		CHECK_EQ(in_file, common[k * 1024]);
		sum += in_file;
	}
	CHECK_EQ(sum, 6 * rounds(3000));
}
