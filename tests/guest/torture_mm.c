/* SPDX-License-Identifier: MIT */
/* Torture of address spaces: many threads change one, fork meanwhile, and generations of copies. */
#include "torture.h"

#define THREADS 6
#define AREA_PAGES 16

static uint32_t seed;
static volatile int stop;

static void check_pages(const volatile uint32_t *p, int from, int to, uint32_t mark)
{
	for (int i = from; i < to; i++) {
		CHECK_EQ(p[(size_t)i * 1024], mark + (uint32_t)i);
		CHECK_EQ(p[(size_t)i * 1024 + 1023], mark ^ (uint32_t)i);
	}
}

static void fill_pages(volatile uint32_t *p, int from, int to, uint32_t mark)
{
	for (int i = from; i < to; i++) {
		p[(size_t)i * 1024] = mark + (uint32_t)i;
		p[(size_t)i * 1024 + 1023] = mark ^ (uint32_t)i;
	}
}

/* ---- one address space, many threads ---- */

static void unmap_middle(uint32_t *p, uint32_t mark, uint32_t *s)
{
	int from = 1 + (int)draw(s, 6), to = from + 1 + (int)draw(s, 6);

	CHECK_OK(munmap(p + from * 1024, (size_t)(to - from) * PAGE));
	check_pages(p, 0, from, mark);
	check_pages(p, to, AREA_PAGES, mark);
	CHECK_OK(munmap(p, AREA_PAGES * PAGE));
}

static void protect_and_look(uint32_t *p, uint32_t mark, uint32_t *s)
{
	int from = (int)draw(s, 8), to = from + 1 + (int)draw(s, 8);

	CHECK_OK(mprotect(p + from * 1024, (size_t)(to - from) * PAGE, PROT_READ));
	check_pages(p, 0, AREA_PAGES, mark);
	CHECK_OK(mprotect(p, AREA_PAGES * PAGE, PROT_READ | PROT_WRITE));
	fill_pages(p, 0, AREA_PAGES, mark + 9);
	check_pages(p, 0, AREA_PAGES, mark + 9);
	CHECK_OK(munmap(p, AREA_PAGES * PAGE));
}

static void move_and_look(uint32_t *p, uint32_t mark)
{
	uint32_t *q = CHECK_OK(mremap(p, AREA_PAGES * PAGE, 2 * AREA_PAGES * PAGE, MREMAP_MAYMOVE));

	check_pages(q, 0, AREA_PAGES, mark);
	for (int i = AREA_PAGES; i < 2 * AREA_PAGES; i++)
		CHECK_EQ(q[i * 1024], 0);
	fill_pages(q, AREA_PAGES, 2 * AREA_PAGES, mark);
	check_pages(q, 0, 2 * AREA_PAGES, mark);
	CHECK_OK(munmap(q, 2 * AREA_PAGES * PAGE));
}

static void forget_and_look(uint32_t *p, uint32_t mark, uint32_t *s)
{
	int from = (int)draw(s, 8), to = from + 1 + (int)draw(s, 8);

	CHECK_OK(madvise(p + from * 1024, (size_t)(to - from) * PAGE, MADV_DONTNEED));
	check_pages(p, 0, from, mark);
	check_pages(p, to, AREA_PAGES, mark);
	for (int i = from; i < to; i++)
		CHECK(p[i * 1024] == 0 && p[i * 1024 + 1023] == 0);
	CHECK_OK(munmap(p, AREA_PAGES * PAGE));
}

static void change_own(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(100); k > 0 && in_time(); k--) {
		uint32_t mark = draw(&s, 1u << 28) * 16 + (uint32_t)i;
		uint32_t *p = (uint32_t *)map_rw(AREA_PAGES * PAGE);

		fill_pages(p, 0, AREA_PAGES, mark);
		check_pages(p, 0, AREA_PAGES, mark);
		switch (draw(&s, 4)) {
		case 0: unmap_middle(p, mark, &s); break;
		case 1: protect_and_look(p, mark, &s); break;
		case 2: move_and_look(p, mark); break;
		default: forget_and_look(p, mark, &s); break;
		}
	}
}

TEST(threads_change_their_own_pages)
{
	seed = torture_seed();
	gang(THREADS, change_own);
}

/* A page that a sibling unmaps, maps again, forgets and protects: a reader finds its mark, zero, or SIGSEGV; never another's. */
static __thread sigjmp_buf fault_jmp;
static volatile uint32_t *arena; /* THREADS areas; writer i marks area i */
static volatile int faults_taken;

static void on_fault(int sig UNUSED) { siglongjmp(fault_jmp, 1); }

static void catch_faults(void)
{
	struct sigaction action = {.sa_handler = on_fault};

	CHECK_OK(sigaction(SIGSEGV, &action, NULL));
}

static void read_area(int area, uint32_t *s)
{
	volatile uint32_t *p = arena + (size_t)area * AREA_PAGES * 1024 + (size_t)draw(s, AREA_PAGES) * 1024;

	if (sigsetjmp(fault_jmp, 1) == 0) {
		uint32_t value = *p;

		if (value != 0 && value >> 24 != 0xa0u + (uint32_t)area)
			FAIL("area %d holds %#x", area, value);
	} else {
		add(&faults_taken, 1);
	}
}

static void read_others(int i)
{
	uint32_t s = draw_start(seed, i);

	while (!get(&stop))
		read_area((int)draw(&s, 3), &s);
}

static void remap_area(int i)
{
	uint32_t *p = (uint32_t *)arena + (size_t)i * AREA_PAGES * 1024, s = draw_start(seed, i);

	for (uint32_t k = 0; k < (uint32_t)rounds(200) && in_time(); k++) {
		uint32_t mark = (0xa0u + (uint32_t)i) << 24 | (k & 0xffff);

		CHECK_OK(mprotect(p, AREA_PAGES * PAGE, PROT_READ | PROT_WRITE));
		for (int n = 0; n < AREA_PAGES; n++)
			p[n * 1024] = mark;
		for (int n = 0; n < AREA_PAGES; n++)
			CHECK_EQ(p[n * 1024], mark);
		switch (draw(&s, 3)) {
		case 0: CHECK_OK(mprotect(p, AREA_PAGES * PAGE, PROT_NONE)); break;
		case 1: CHECK_OK(madvise(p, AREA_PAGES * PAGE, MADV_DONTNEED)); break;
		default:
			CHECK_OK(munmap(p, AREA_PAGES * PAGE / 2));
			CHECK(mmap(p, AREA_PAGES * PAGE / 2, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
		}
	}
	add(&stop, i == 0);
}

static void remap_or_read(int i)
{
	if (i < 3)
		remap_area(i);
	else
		read_others(i);
}

TEST(readers_of_pages_that_go)
{
	seed = torture_seed();
	catch_faults();
	arena = (uint32_t *)map_rw(3 * AREA_PAGES * PAGE);
	gang(5, remap_or_read);
}

/*
 * When munmap, mprotect or madvise has returned in one thread, no other thread can use what it took away: the writer says
 * when, and whoever reads afterwards must fault (or read zeros).
 */
static volatile int epoch; /* even: mapped; odd: gone */

static void write_after_unmap(int i)
{
	volatile uint32_t *p = arena + (size_t)(i - 1) * 1024;

	while (!get(&stop)) {
		int before = get(&epoch);

		if (sigsetjmp(fault_jmp, 1) == 0) {
			*p = 1;
			int after = get(&epoch);
			if (before == after && (before & 1))
				FAIL("a write to what is read-only succeeded in epoch %d", before);
		} else {
			add(&faults_taken, 1);
			sched_yield();
		}
	}
}

static void take_away(int i UNUSED)
{
	for (int k = rounds(300); k > 0 && in_time(); k--) {
		CHECK_OK(mprotect((void *)arena, 4 * PAGE, k & 1 ? PROT_NONE : PROT_READ));
		add(&epoch, 1);
		spin_for(500);
		add(&epoch, 1);
		CHECK_OK(mprotect((void *)arena, 4 * PAGE, PROT_READ | PROT_WRITE));
		spin_for(500);
	}
	put(&stop, 1);
}

static void take_or_write(int i)
{
	if (i == 0)
		take_away(i);
	else
		write_after_unmap(i);
}

TEST(what_is_taken_away_is_gone_everywhere)
{
	catch_faults();
	arena = (uint32_t *)map_rw(4 * PAGE);
	gang(4, take_or_write);
}

/* MADV_DONTNEED under writers: a frame that was given up is never written through another CPU's translation. */
static volatile uint32_t *victims;

static void recycle(int i)
{
	uint32_t s = draw_start(seed, i);

	for (int k = rounds(150); k > 0 && in_time(); k--) {
		uint32_t mark = draw(&s, 1u << 30);
		uint32_t *p = (uint32_t *)map_rw(8 * PAGE);

		fill_pages(p, 0, 8, mark);
		spin_for(200);
		check_pages(p, 0, 8, mark);
		CHECK_OK(munmap(p, 8 * PAGE));
	}
	add(&stop, 1);
}

static void scribble(int i)
{
	while (get(&stop) < 2)
		for (int n = 0; n < 8; n++)
			victims[n * 1024 + i] = 0xdeadbeef;
}

static void forget(void)
{
	while (get(&stop) < 2)
		CHECK_OK(madvise((void *)victims, 8 * PAGE, MADV_DONTNEED));
}

static void recycle_role(int i)
{
	if (i < 2)
		recycle(i);
	else if (i < 4)
		scribble(i);
	else
		forget();
}

TEST(no_write_into_a_freed_frame)
{
	seed = torture_seed();
	victims = (uint32_t *)map_rw(8 * PAGE);
	gang(5, recycle_role);
}

/* All threads fault the same fresh pages at once: one zeroed page for all, no count is lost. */
static volatile int *fresh;
static pthread_barrier_t barrier;

static void count_in_fresh(int i)
{
	for (int k = rounds(40); k > 0; k--) {
		if (i == 0)
			fresh = (int *)map_rw(32 * PAGE);
		pthread_barrier_wait(&barrier);
		for (int n = 0; n < 32; n++)
			add(&fresh[n * 1024], 1);
		pthread_barrier_wait(&barrier);
		if (i == 0) {
			for (int n = 0; n < 32; n++)
				CHECK_EQ(fresh[n * 1024], 4);
			CHECK_OK(munmap((void *)fresh, 32 * PAGE));
		}
	}
}

TEST(all_fault_the_same_page)
{
	pthread_barrier_init(&barrier, NULL, 4);
	gang(4, count_in_fresh);
}
