/* SPDX-License-Identifier: MIT */
/*
 * Torture of address spaces against a model: threads of one process and their descendants change the mappings of shared page tables in random
 * ways at once; each knows what each of its own pages must hold. Private memory, memory of a file, and memory that is shared.
 */
#include "torture.h"

#define SLOTS 64
#define SLOT (64 * 1024UL) /* SLOTS of them fill one page table */
#define WORKERS 3

enum { GONE, WRITABLE, READABLE };

/* What one worker knows of its slots: how they are mapped, and the word at the start and in the last page of each. */
struct model {
	char *at;
	uint32_t s;
	unsigned char how[SLOTS];
	uint32_t value[SLOTS], last[SLOTS];
};

static uint32_t seed;
static __thread sigjmp_buf fault_jmp;
static __thread volatile int expect_fault;

static volatile uint32_t *first_word(struct model *m, int i) { return (volatile uint32_t *)(m->at + (size_t)i * SLOT); }
static volatile uint32_t *last_word(struct model *m, int i) { return (volatile uint32_t *)(m->at + (size_t)i * SLOT + SLOT - 4); }

static void on_fault(int sig, siginfo_t *info, void *context UNUSED)
{
	if (!expect_fault)
		FAIL("signal %d at %p", sig, info->si_addr);
	siglongjmp(fault_jmp, 1);
}

static bool faults(volatile uint32_t *p, bool write)
{
	volatile bool fault = true;

	expect_fault = 1;
	if (sigsetjmp(fault_jmp, 1) == 0) {
		if (write)
			*p = 1;
		else
			(void)*p;
		fault = false;
	}
	expect_fault = 0;
	return fault;
}

static void check_slot(struct model *m, int i)
{
	if (m->how[i] == GONE) {
		CHECK(faults(first_word(m, i), false));
		return;
	}
	if (*first_word(m, i) != m->value[i] || *last_word(m, i) != m->last[i])
		FAIL("slot %d at %p holds %#x %#x, not %#x %#x", i, (void *)first_word(m, i), *first_word(m, i), *last_word(m, i), m->value[i],
		     m->last[i]);
	if (m->how[i] == READABLE)
		CHECK(faults(last_word(m, i), true));
}

static void check_all(struct model *m)
{
	for (int i = 0; i < SLOTS; i++)
		check_slot(m, i);
}

static void fill_slots(struct model *m, int from, int n)
{
	for (int i = from; i < from + n; i++) {
		if (m->how[i] != WRITABLE)
			continue;
		*first_word(m, i) = m->value[i] = draw(&m->s, 1u << 29) + 1;
		if (draw(&m->s, 2))
			*last_word(m, i) = m->last[i] = draw(&m->s, 1u << 29) + 1;
	}
}

static void become(struct model *m, int from, int n, int how, bool zero)
{
	for (int i = from; i < from + n; i++) {
		m->how[i] = (unsigned char)how;
		if (zero)
			m->value[i] = m->last[i] = 0;
	}
}

static void map_slots(struct model *m, int from, int n)
{
	CHECK(mmap(m->at + (size_t)from * SLOT, (size_t)n * SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED);
	become(m, from, n, WRITABLE, true);
}

static bool all_mapped(struct model *m, int from, int n)
{
	for (int i = from; i < from + n; i++)
		if (m->how[i] == GONE)
			return false;
	return true;
}

static void protect_slots(struct model *m, int from, int n)
{
	int how = draw(&m->s, 2) ? WRITABLE : READABLE;

	if (!all_mapped(m, from, n))
		return;
	CHECK_OK(mprotect(m->at + (size_t)from * SLOT, (size_t)n * SLOT, how == WRITABLE ? PROT_READ | PROT_WRITE : PROT_READ));
	become(m, from, n, how, false);
}

/* One mapping is moved over another place of the same worker. */
static void move_slot(struct model *m, int from)
{
	int to = (int)draw(&m->s, SLOTS);

	if (to == from || m->how[from] == GONE)
		return;
	CHECK(mremap(m->at + (size_t)from * SLOT, SLOT, SLOT, MREMAP_MAYMOVE | MREMAP_FIXED, m->at + (size_t)to * SLOT) == m->at + (size_t)to * SLOT);
	m->how[to] = m->how[from];
	m->value[to] = m->value[from];
	m->last[to] = m->last[from];
	become(m, from, 1, GONE, true);
	map_slots(m, from, 1);
}

static void descend(struct model *m, int depth);

static void change(struct model *m, int depth)
{
	int from = (int)draw(&m->s, SLOTS), n = 1 + (int)draw(&m->s, 6);

	n = n < SLOTS - from ? n : SLOTS - from;
	switch (draw(&m->s, depth > 0 ? 22 : 20)) {
	case 0: case 1:
		CHECK_OK(munmap(m->at + (size_t)from * SLOT, (size_t)n * SLOT));
		become(m, from, n, GONE, true);
		break;
	case 2: case 3: map_slots(m, from, n); break;
	case 4: case 5: protect_slots(m, from, n); break;
	case 6: move_slot(m, from); break;
	case 7:
		if (all_mapped(m, from, n)) {
			CHECK_OK(madvise(m->at + (size_t)from * SLOT, (size_t)n * SLOT, MADV_DONTNEED));
			for (int i = from; i < from + n; i++)
				m->value[i] = m->last[i] = 0;
		}
		break;
	case 8: check_all(m); break;
	case 20: case 21: descend(m, depth); break;
	default:
		fill_slots(m, from, n);
		for (int i = from; i < from + n; i++)
			check_slot(m, i);
	}
}

/* A child goes on with a copy of the worker's slots; neither sees what the other does. */
static void descend(struct model *m, int depth)
{
	pid_t pid;

	FORK(pid) {
		m->s = draw_start(m->s, 77);
		for (int k = 0; k < 40 && in_time(); k++)
			change(m, depth - 1);
		check_all(m);
	}
	for (int k = 0; k < 20; k++)
		change(m, 0);
	reap_ok(pid);
	check_all(m);
}

static char *region;
static pthread_barrier_t all_there; /* before, the stack of one could be mapped where another just unmapped */

static void work(int i)
{
	struct model m = {.at = region + (size_t)i * SLOTS * SLOT, .s = draw_start(seed, i)};

	map_slots(&m, 0, SLOTS);
	pthread_barrier_wait(&all_there);
	for (int k = rounds(250); k > 0 && in_time(); k--)
		change(&m, 2);
	check_all(&m);
}

static void catch_faults(void)
{
	struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};

	CHECK_OK(sigaction(SIGSEGV, &action, NULL));
	CHECK_OK(sigaction(SIGBUS, &action, NULL));
}

TEST(threads_and_descendants)
{
	seed = torture_seed();
	catch_faults();
	region = map_rw((WORKERS + 1) * SLOTS * SLOT);
	region = (char *)(((uintptr_t)region + SLOTS * SLOT - 1) & ~(SLOTS * SLOT - 1));
	pthread_barrier_init(&all_there, NULL, WORKERS);
	gang(WORKERS, work);
	no_children();
}

/* The workers' slots interleave in the same page tables: worker i has every third slot. */
static char *common;

static void work_interleaved(int w)
{
	uint32_t s = draw_start(seed, w), value[SLOTS] = {0};
	pid_t pid;

	for (int k = rounds(300); k > 0 && in_time(); k--) {
		int i = (int)draw(&s, SLOTS / WORKERS) * WORKERS + w;
		volatile uint32_t *p = (volatile uint32_t *)(common + (size_t)i * SLOT);

		switch (draw(&s, 12)) {
		case 0:
			CHECK(mmap((void *)p, SLOT, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
			value[i] = 0;
			break;
		case 1:
			CHECK_OK(madvise((void *)p, SLOT, MADV_DONTNEED));
			value[i] = 0;
			break;
		case 2:
			FORK(pid)
				for (int n = w; n < SLOTS; n += WORKERS) {
					volatile uint32_t *q = (volatile uint32_t *)(common + (size_t)n * SLOT);

					CHECK_EQ(*q, value[n]);
					*q = ~value[n];
					CHECK_EQ(*q, ~value[n]);
				}
			reap_ok(pid);
			break;
		default:
			CHECK_EQ(*p, value[i]);
			*p = value[i] = draw(&s, 1u << 30);
		}
	}
	for (int n = w; n < SLOTS; n += WORKERS)
		CHECK_EQ(*(volatile uint32_t *)(common + (size_t)n * SLOT), value[n]);
}

TEST(one_table_for_all)
{
	seed = torture_seed();
	common = map_rw(SLOTS * SLOT);
	gang(WORKERS, work_interleaved);
	no_children();
}

/* ---- files and shared memory ---- */

/* A private mapping of a file that others write: a page holds what the file held at some time until it is written; then only that. */
static volatile int stop;

static void write_file_pages(int i)
{
	int fd = CHECK_OK(open("f", O_RDWR));
	uint32_t s = draw_start(seed, i);

	for (uint32_t k = 1; k < (uint32_t)rounds(400) && in_time(); k++) {
		uint32_t value = 0x40000000u | k;

		CHECK_EQ(pwrite(fd, &value, 4, (off_t)draw(&s, 16) * (off_t)PAGE), 4);
	}
	add(&stop, 1);
}

static void map_privately(int i)
{
	int fd = CHECK_OK(open("f", O_RDWR));
	uint32_t s = draw_start(seed, i);

	while (!get(&stop)) {
		volatile uint32_t *p = mmap(NULL, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
		uint32_t own[16] = {0};

		CHECK(p != MAP_FAILED);
		for (int k = 0; k < 40; k++) {
			int n = (int)draw(&s, 16);
			uint32_t now = p[n * 1024];

			if (own[n])
				CHECK_EQ(now, own[n]);
			else
				CHECK(now == 0 || now >> 28 == 4);
			if (draw(&s, 3) == 0)
				p[n * 1024] = own[n] = 0x80000000u | draw(&s, 1u << 20);
		}
		CHECK_OK(munmap((void *)p, 16 * PAGE));
	}
	close(fd);
}

static void write_or_map(int i)
{
	if (i == 0)
		write_file_pages(i);
	else
		map_privately(i);
}

TEST(private_pages_of_a_changing_file)
{
	int fd = new_file("f");

	seed = torture_seed();
	CHECK_OK(ftruncate(fd, 16 * PAGE));
	gang(4, write_or_map);
}

/* A file is cut and grown under a shared mapping: whoever touches it finds counters or zero, or SIGBUS; never what others hold. */
static void cut(int i UNUSED)
{
	int fd = CHECK_OK(open("f", O_RDWR));

	for (int k = rounds(100); k > 0 && in_time(); k--) {
		CHECK_OK(ftruncate(fd, (k % 4) * (off_t)PAGE));
		spin_for(500);
		CHECK_OK(ftruncate(fd, 8 * PAGE));
	}
	add(&stop, 1);
}

__attribute__((noinline)) static void use_page(volatile uint32_t *p, uint32_t mark)
{
	volatile uint32_t seen = 0;

	expect_fault = 1;
	if (sigsetjmp(fault_jmp, 1) == 0) {
		seen = *p;
		*p = mark;
	}
	expect_fault = 0;
	CHECK(seen == 0 || seen == mark);
}

static void use_mapping(int i)
{
	uint32_t s = draw_start(seed, i);

	while (!get(&stop)) {
		uint32_t n = draw(&s, 8);

		use_page((volatile uint32_t *)region + n * 1024, 0x51000000u | n);
	}
}

static void cut_or_use(int i)
{
	if (i == 0)
		cut(i);
	else
		use_mapping(i);
}

TEST(a_mapped_file_is_cut)
{
	int fd = new_file("f");

	seed = torture_seed();
	catch_faults();
	CHECK_OK(ftruncate(fd, 8 * PAGE));
	region = mmap(NULL, 8 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(region != MAP_FAILED);
	gang(3, cut_or_use);
}
