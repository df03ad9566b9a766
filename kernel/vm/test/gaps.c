/* SPDX-License-Identifier: MIT */
/*
 * Where mappings are placed, against a model that tries one address after another: an array with what is mapped at each page of an arena that begins at
 * the lowest address that may be used. Random histories of mapping, unmapping, protecting, moving, stacks that grow, and forks; after each step rooms
 * of random sizes are looked for below random addresses, and what the regions know of their gaps is verified.
 *
 * SEED=n in the environment runs that one history; TRACE=1 prints its steps. HISTORIES=n says how many (400).
 */
#include "fixture.h"
#include "lib/bits.h"
#include "lib/test/history.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PAGES 1400u
#define GUARD (unsigned)(VM_STACK_GUARD >> PAGE_SHIFT)
#define STEPS 300u
#define RW (PROT_READ | PROT_WRITE)

enum kind { FREE, PLAIN, STACK };

static struct aspace *as;
static enum kind pages[PAGES];

static uaddr_t addr_of(unsigned page) { return VM_MIN_ADDR + ((uaddr_t)page << PAGE_SHIFT); }
static unsigned long bytes(unsigned n) { return (unsigned long)n << PAGE_SHIFT; }

static bool all_free(unsigned from, unsigned n)
{
	while (n && from < PAGES && pages[from] == FREE)
		from++, n--;
	return !n;
}

/* A stack right above keeps its distance. */
static bool may_place(unsigned at, unsigned n)
{
	unsigned next = at + n;

	if (!all_free(at, n))
		return false;
	while (next < PAGES && pages[next] == FREE)
		next++;
	return next == PAGES || pages[next] != STACK || next - (at + n) >= GUARD;
}

/* 0: nowhere. */
static uaddr_t place(unsigned n, unsigned top)
{
	for (unsigned at = top; at-- > 0;)
		if (at + n <= top && may_place(at, n))
			return addr_of(at);
	return 0;
}

static void fill(unsigned from, unsigned n, enum kind k)
{
	for (unsigned i = from; i < from + n; i++)
		pages[i] = k;
}

static unsigned page_of(unsigned long addr) { return (unsigned)((addr - VM_MIN_ADDR) >> PAGE_SHIFT); }

static void do_map(unsigned from, unsigned n)
{
	enum kind k = rnd(6) ? PLAIN : STACK;

	test_map_anon(as, addr_of(from), n, rnd(3) ? RW : PROT_READ, k == STACK ? MAP_GROWSDOWN : 0);
	fill(from, n, k);
}

static void do_map_anywhere(unsigned n)
{
	struct map_request r = test_anon_request(0, bytes(n), rnd(3) ? RW : PROT_READ, MAP_PRIVATE);
	uaddr_t want = place(n, page_of(as->mmap_base));

	if (!want)
		return;
	EXPECT(vm_map(as, &r) == want);
	fill(page_of(want), n, PLAIN);
}

static void do_unmap(unsigned from, unsigned n)
{
	EXPECT(vm_unmap(as, addr_of(from), bytes(n)) == 0);
	fill(from, n, FREE);
}

/* In its place, if there is room behind it; else to where a new mapping would be. */
static void do_move(unsigned from, unsigned n, unsigned new_n)
{
	uaddr_t to = all_free(from + n, new_n - n) ? addr_of(from) : place(new_n, page_of(as->mmap_base));
	enum kind k = pages[from];
	unsigned long at;

	if (!to)
		return;
	at = vm_remap(as, addr_of(from), bytes(n), bytes(new_n), MREMAP_MAYMOVE, 0);
	if ((long)at == -EFAULT) /* it is not one region */
		return;
	EXPECT(at == to);
	fill(from, n, FREE);
	fill(page_of(to), new_n, k);
}

static void do_touch(unsigned page)
{
	if (vm_fault(as, addr_of(page), FAULT_READ, true) != FAULT_OK || pages[page] != FREE)
		return;
	while (pages[page] == FREE)
		pages[page++] = STACK;
	EXPECT(pages[page] == STACK);
}

static void do_fork(unsigned from, unsigned n)
{
	struct aspace *child;

	vm_advise(as, addr_of(from), bytes(n), 10 /* MADV_DONTFORK */);
	child = aspace_fork(as);
	EXPECT(!IS_ERR(child));
	vma_verify(child);
	aspace_put(child);
	vm_advise(as, addr_of(from), bytes(n), 11 /* MADV_DOFORK */);
}

static void one_step(void)
{
	unsigned from = rnd(PAGES - 40), n = 1 + rnd(rnd(3) ? 8 : 40), kind = rnd(100);

	SAY("%u: kind %u, %u pages from %u\n", step, kind, n, from);
	if (kind < 25)
		do_map(from, n);
	else if (kind < 45)
		do_map_anywhere(n);
	else if (kind < 65)
		do_unmap(from, rnd(4) ? n : MIN(n * 10, PAGES - from));
	else if (kind < 75)
		vm_protect(as, addr_of(from), bytes(n), rnd(2) ? RW : PROT_READ);
	else if (kind < 85 && pages[from] != FREE)
		do_move(from, 1 + rnd(3), 4 + rnd(10));
	else if (kind < 95)
		do_touch(from);
	else
		do_fork(from, n);
}

static void check(void)
{
	vma_verify(as);
	for (unsigned i = 0; i < 4; i++) {
		unsigned n = 1 + rnd(i < 2 ? 10 : 400), top = 1 + rnd(PAGES);

		EXPECT(vma_find_gap(as, bytes(n), addr_of(top)) == place(n, top));
	}
	for (unsigned i = 0; i < 8; i++) {
		unsigned page = rnd(PAGES);
		struct vma *v = vma_find(as, addr_of(page));

		EXPECT((v && v->start <= addr_of(page)) == (pages[page] != FREE));
	}
}

static void one_history(unsigned long n)
{
	history_begin(n);
	fill(0, PAGES, FREE);
	as = aspace_new();
	as->mmap_base = addr_of(PAGES - rnd(PAGES / 2));
	for (step = 0; step < STEPS; step++) {
		one_step();
		check();
	}
	aspace_put(as);
}

static void test_histories(void **state)
{
	const char *one = getenv("SEED"), *many = getenv("HISTORIES");
	unsigned long count = many ? strtoul(many, NULL, 0) : 400;

	(void)state;
	for (unsigned long i = one ? strtoul(one, NULL, 0) : 1, end = one ? i : count; i <= end; i++)
		one_history(i);
	printf("%lu histories of %u steps, %u levels; seeds 1 to %lu\n", count, STEPS, ARCH_PT_LEVELS, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_histories) };

	return cmocka_run_group_tests(tests, test_machine, NULL);
}
