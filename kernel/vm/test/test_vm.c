/* SPDX-License-Identifier: MIT */
/* Regions, faults, sharing of tables, the mmap family's errors, user copies: one case each. Runs with 2 and with 4 levels. */
#include "fixture.h"
#include "lib/bits.h"
#include "mem/slab.h"
#include "vm/anon.h"
#include "vm/mlock.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define RW (PROT_READ | PROT_WRITE)
#define BASE (pt_span(ARCH_PT_LEVELS - 1) * 16) /* start of a root entry's span */
#define AT(page) (BASE + ((uaddr_t)(page) << PAGE_SHIFT))
#define PAGES(n) ((unsigned long)(n) << PAGE_SHIFT)

static unsigned long frames_before, objects_before;
static struct aspace *as;

/* Each test has a fresh space to run in; afterwards every frame and object is back. */
static int set_up(void **state)
{
	(void)state;
	frames_before = test_settled_free();
	objects_before = slab_live();
	as = aspace_new();
	assert_non_null(as);
	test_enter(as);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_enter(NULL);
	aspace_put(as);
	assert_int_equal(slab_live(), objects_before);
	assert_int_equal(test_settled_free(), frames_before);
	return 0;
}

static uint32_t word_at(uaddr_t va)
{
	uint32_t v = 0;

	assert_int_equal(user_get(&v, va), 0);
	return v;
}

static void set_word(uaddr_t va, uint32_t v) { assert_int_equal(user_put(va, &v), 0); }

static bool readable(uaddr_t va)
{
	char c;

	return user_get(&c, va) == 0;
}

static bool writable(uaddr_t va)
{
	char c = 1;

	return user_put(va, &c) == 0;
}

static struct page *leaf_table(struct aspace *a, uaddr_t va)
{
	struct page *t = a->root;

	for (unsigned level = ARCH_PT_LEVELS - 1; level > 0; level--) {
		pte_t e = ((pte_t *)arch_direct(page_phys(t)))[pt_index(va, level)];

		if (!pte_present(e))
			return NULL;
		t = pfn_page(pte_pfn(e));
	}
	return t;
}

static struct page *page_at(struct aspace *a, uaddr_t va)
{
	pte_t e = ptshare_peek(a, va, NULL);

	return pte_mapped(e) ? ptshare_page(e) : NULL;
}

static struct aspace *forked(struct aspace *parent)
{
	struct aspace *child = aspace_fork(parent);

	assert_false(IS_ERR(child));
	return child;
}

static unsigned long map(unsigned long bytes, int prot, int flags, uaddr_t hint)
{
	struct map_request r = test_anon_request(hint, bytes, prot, flags);

	return vm_map(as, &r);
}

static void test_untouched_memory_is_the_zero_page(void **state)
{
	(void)state;
	test_map_anon(as, BASE, 4, RW, 0);
	assert_int_equal(word_at(AT(1)), 0);
	assert_ptr_equal(page_at(as, AT(1)), anon_zero_page());
	set_word(AT(1), 7);
	assert_ptr_not_equal(page_at(as, AT(1)), anon_zero_page());
	assert_int_equal(word_at(AT(1)), 7);
	assert_int_equal(as->rss_anon, 1);
}

static void test_fork_shares_tables_and_touches_no_page(void **state)
{
	struct aspace *child;
	struct page *page, *table;

	(void)state;
	test_map_anon(as, BASE, 2 * ARCH_PT_ENTRIES, RW, 0);
	set_word(AT(3), 33);
	page = page_at(as, AT(3));
	table = leaf_table(as, AT(3));
	child = forked(as);
	assert_ptr_equal(leaf_table(child, AT(3)), table);
	assert_int_equal(page_count(page), 1);
	assert_int_equal(child->rss_anon, as->rss_anon);
	set_word(AT(3), 44);
	assert_ptr_not_equal(leaf_table(as, AT(3)), leaf_table(child, AT(3)));
	test_enter(child);
	assert_int_equal(word_at(AT(3)), 33);
	test_enter(as);
	aspace_put(child);
}

static void test_fork_costs_as_many_frames_whatever_the_size(void **state)
{
	unsigned long before;
	struct aspace *child;

	(void)state;
	test_map_anon(as, BASE, 3 * ARCH_PT_ENTRIES, RW, 0);
	for (unsigned i = 0; i < 3 * ARCH_PT_ENTRIES; i++)
		set_word(AT(i), i);
	aspace_put(forked(as)); /* object caches are filled */
	before = frame_free_count();
	child = forked(as);
	assert_int_equal(before - frame_free_count(), 1);
	aspace_put(child);
	assert_int_equal(before, frame_free_count());
}

static void test_last_holder_takes_the_table_and_pages_over(void **state)
{
	struct page *page, *table;

	(void)state;
	test_map_anon(as, BASE, 4, RW, 0);
	set_word(AT(0), 1);
	page = page_at(as, AT(0));
	table = leaf_table(as, AT(0));
	aspace_put(forked(as));
	set_word(AT(0), 2);
	assert_ptr_equal(page_at(as, AT(0)), page);
	assert_ptr_equal(leaf_table(as, AT(0)), table);
}

static void test_many_generations(void **state)
{
	struct aspace *line[40];

	(void)state;
	test_map_anon(as, BASE, 1, RW, 0);
	line[0] = as;
	for (uint32_t i = 1; i < ARRAY_SIZE(line); i++) {
		test_enter(line[i - 1]);
		set_word(BASE, i - 1);
		line[i] = forked(line[i - 1]);
	}
	ptshare_verify(line, ARRAY_SIZE(line));
	for (uint32_t i = 0; i < ARRAY_SIZE(line); i++) {
		test_enter(line[i]);
		assert_int_equal(word_at(BASE), MIN(i, (uint32_t)ARRAY_SIZE(line) - 2));
	}
	test_enter(as);
	for (unsigned i = 1; i < ARRAY_SIZE(line); i++)
		aspace_put(line[i]);
	set_word(BASE, 5);
}

static void test_more_holders_than_eight_bits_count(void **state)
{
	static struct aspace *kids[300];

	(void)state;
	test_map_anon(as, BASE, 2, RW, 0);
	set_word(BASE, 9);
	for (unsigned i = 0; i < ARRAY_SIZE(kids); i++)
		kids[i] = forked(as);
	assert_int_equal(page_count(leaf_table(as, BASE)), ARCH_PT_LEVELS == 2 ? ARRAY_SIZE(kids) + 1 : 1);
	for (unsigned i = 0; i < ARRAY_SIZE(kids); i++) {
		test_enter(kids[i]);
		assert_int_equal(word_at(BASE), 9);
		set_word(AT(1), i);
	}
	test_enter(as);
	assert_int_equal(page_count(page_at(as, BASE)), ARRAY_SIZE(kids) + 1);
	for (unsigned i = 0; i < ARRAY_SIZE(kids); i++)
		aspace_put(kids[i]);
	assert_int_equal(page_count(page_at(as, BASE)), 1);
}

static void test_unmapped_whole_table_goes_by_its_count(void **state)
{
	struct aspace *child;
	unsigned long before;

	(void)state;
	test_map_anon(as, BASE, ARCH_PT_ENTRIES, RW, 0);
	set_word(AT(5), 55);
	child = forked(as);
	before = frame_free_count();
	assert_int_equal(vm_unmap(as, BASE, PAGES(ARCH_PT_ENTRIES)), 0);
	assert_true(frame_free_count() >= before || ARCH_PT_LEVELS > 2);
	assert_false(readable(AT(5)));
	test_enter(child);
	assert_int_equal(word_at(AT(5)), 55);
	test_enter(as);
	aspace_put(child);
	assert_int_equal(as->rss_anon, 0);
}

/* A table that is left empty is kept as long as a region may need it again. */
static void test_emptied_table_goes_with_its_last_region(void **state)
{
	(void)state;
	test_map_anon(as, AT(2), 4, RW, 0);
	test_map_anon(as, AT(10), 4, RW, 0);
	set_word(AT(3), 1);
	set_word(AT(11), 1);
	assert_int_equal(vm_drop_pages(as, AT(10), AT(14)), 0);
	assert_int_equal(vm_unmap(as, AT(2), PAGES(4)), 0);
	assert_non_null(leaf_table(as, BASE));
	assert_int_equal(as->rss_anon, 0);
	ptshare_verify(&as, 1);
	set_word(AT(12), 7);
	assert_int_equal(vm_drop_pages(as, AT(10), AT(14)), 0);
	assert_int_equal(word_at(AT(12)), 0);
	assert_int_equal(vm_drop_pages(as, AT(10), AT(14)), 0);
	assert_int_equal(vm_unmap(as, AT(11), PAGES(3)), 0);
	assert_non_null(leaf_table(as, BASE));
	assert_int_equal(vm_unmap(as, AT(10), PAGES(1)), 0);
	assert_null(leaf_table(as, BASE));
	ptshare_verify(&as, 1);
}

/* Pages on both sides of a border between tables are forgotten at once. */
static void test_one_flush_for_a_range(void **state)
{
	uaddr_t at = BASE + pt_span(1) - PAGES(16);
	unsigned long before;

	(void)state;
	test_map_anon(as, at - PAGES(1), 34, RW, 0);
	for (unsigned i = 0; i < 34; i++)
		set_word(at + PAGES(i) - PAGES(1), 1);
	before = host_mmu_counts.user_flushes;
	assert_int_equal(vm_unmap(as, at, PAGES(32)), 0);
	assert_int_equal(host_mmu_counts.user_flushes, before + 1);
	assert_int_equal(as->rss_anon, 2);
	assert_false(readable(at));
	assert_false(readable(at + PAGES(31)));
}

static void test_unmap_changes_nothing_without_memory(void **state)
{
	struct aspace *child;
	int err = -ENOMEM;
	long n;

	(void)state;
	test_map_anon(as, BASE, 16, RW, 0);
	set_word(AT(5), 55);
	child = forked(as);
	for (n = 0; err; n++) {
		alloc_fail_after.v = n + 1;
		err = vm_unmap(as, AT(4), PAGES(4));
		alloc_fail_after.v = 0;
		if (!err)
			break;
		assert_int_equal(err, -ENOMEM);
		assert_int_equal(word_at(AT(5)), 55);
		ptshare_verify((struct aspace *[]){ as, child }, 2);
	}
	assert_true(n >= 2); /* it lacked a region and a table */
	assert_false(readable(AT(5)));
	aspace_put(child);
}

static void test_fork_fails_without_a_trace(void **state)
{
	struct aspace *child;
	long n = 0;

	(void)state;
	for (unsigned i = 0; i < 12; i += 2)
		test_map_anon(as, AT(i), 1, RW, 0);
	set_word(AT(2), 1);
	do {
		alloc_fail_after.v = ++n;
		child = aspace_fork(as);
		if (!IS_ERR(child))
			break;
		assert_int_equal(PTR_ERR(child), -ENOMEM);
		ptshare_verify(&as, 1);
		set_word(AT(2), (uint32_t)n);
	} while (n < 100);
	alloc_fail_after.v = 0;
	assert_true(n > 2 && n < 100);
	aspace_put(child);
}

static void test_shared_memory_stays_shared(void **state)
{
	struct aspace *child;

	(void)state;
	assert_true(map(PAGES(3), RW, MAP_SHARED | MAP_FIXED, BASE) == BASE);
	set_word(AT(1), 1);
	child = forked(as);
	test_enter(child);
	set_word(AT(1), 2);
	set_word(AT(2), 3);
	test_enter(as);
	assert_int_equal(word_at(AT(1)), 2);
	assert_int_equal(word_at(AT(2)), 3);
	set_word(AT(1), 4);
	test_enter(child);
	assert_int_equal(word_at(AT(1)), 4);
	test_enter(as);
	aspace_put(child);
}

static void test_private_file_pages(void **state)
{
	struct test_file *f = test_file_new(2);
	struct map_request r = { .addr = BASE, .len = PAGES(4), .prot = RW, .flags = MAP_PRIVATE | MAP_FIXED, .ops = &test_file_ops, .object = f,
				 .may = VMA_MAYREAD | VMA_MAYWRITE };

	(void)state;
	assert_true(vm_map(as, &r) == BASE);
	assert_int_equal(word_at(BASE), 0);
	assert_ptr_equal(page_at(as, BASE), f->pages[0]);
	assert_int_equal(as->rss_file, 1);
	set_word(BASE, 6);
	assert_ptr_not_equal(page_at(as, BASE), f->pages[0]);
	assert_int_equal(as->rss_file, 0);
	assert_int_equal(vm_fault(as, AT(2), FAULT_READ, false), FAULT_BUS);
	assert_int_equal(vm_fault(as, AT(9), FAULT_READ, false), FAULT_MAPERR);
	test_file_truncate(f, 0);
	assert_int_equal(vm_fault(as, BASE, FAULT_READ, false), FAULT_BUS);
	assert_int_equal(vm_unmap(as, BASE, PAGES(4)), 0);
	test_file_put(f);
}

static void test_neighbours_in_memory_are_mapped_along(void **state)
{
	struct test_file *f = test_file_new(8);
	struct map_request r = { .addr = AT(2), .len = PAGES(6), .prot = PROT_READ, .flags = MAP_PRIVATE | MAP_FIXED, .ops = &test_file_ops, .object = f,
				 .pgoff = 1, .may = VMA_MAYREAD };

	(void)state;
	assert_true(vm_map(as, &r) == AT(2));
	assert_int_equal(word_at(AT(3)), 0);
	assert_int_equal(word_at(AT(6)), 0);
	assert_int_equal(vm_drop_pages(as, AT(2), AT(8)), 0);
	assert_int_equal(word_at(AT(6)), 0);
	assert_int_equal(as->rss_file, 2);
	assert_ptr_equal(page_at(as, AT(3)), f->pages[2]);
	assert_null(page_at(as, AT(4)));
	assert_false(pte_writable(ptshare_peek(as, AT(3), NULL)));
	assert_int_equal(vm_unmap(as, AT(2), PAGES(6)), 0);
	test_file_put(f);
}

static void test_protections(void **state)
{
	(void)state;
	test_map_anon(as, BASE, 4, RW, 0);
	set_word(BASE, 1);
	assert_int_equal(vm_protect(as, BASE, PAGES(1), PROT_READ), 0);
	assert_int_equal(vm_fault(as, BASE, FAULT_WRITE, false), FAULT_ACCERR);
	assert_false(writable(BASE));
	assert_int_equal(vm_protect(as, BASE, PAGES(1), PROT_NONE), 0);
	assert_false(readable(BASE));
	assert_int_equal(vm_protect(as, BASE, PAGES(1), RW), 0);
	assert_int_equal(word_at(BASE), 1);
	assert_true(writable(BASE));
	assert_int_equal(as->vma_count, 1);
	assert_int_equal(vm_protect(as, AT(2), PAGES(4), PROT_READ), -ENOMEM);
	assert_int_equal(vm_protect(as, BASE + 1, PAGES(1), PROT_READ), -EINVAL);
	assert_int_equal(vm_protect(as, BASE, PAGES(1), 0x40), -EINVAL);
	assert_int_equal(vm_protect(as, BASE, 0, PROT_READ), 0);
	assert_int_equal(vm_protect(as, BASE, -PAGE_SIZE + 1ul, PROT_READ), -ENOMEM);
	assert_int_equal(vm_protect(as, AT(3), PAGES(1), RW | PROT_EXEC), 0);
	assert_int_equal(host_user_exec(AT(3)), 0);
	assert_int_equal(host_user_exec(BASE), -EFAULT);
}

static void test_rights_of_the_object_bound_mprotect(void **state)
{
	struct test_file *f = test_file_new(2);
	struct map_request r = { .addr = BASE, .len = PAGES(2), .prot = PROT_READ, .flags = MAP_SHARED | MAP_FIXED, .ops = &test_file_ops, .object = f,
				 .may = VMA_MAYREAD };

	(void)state;
	assert_true(vm_map(as, &r) == BASE);
	assert_int_equal(vm_protect(as, BASE, PAGES(2), RW), -EACCES);
	assert_int_equal(vm_unmap(as, BASE, PAGES(2)), 0);
	test_file_put(f);
}

static void test_map_errors(void **state)
{
	(void)state;
	assert_int_equal((long)map(0, RW, MAP_PRIVATE, 0), -EINVAL);
	assert_int_equal((long)map(-1ul, RW, MAP_PRIVATE, 0), -ENOMEM);
	assert_int_equal((long)map(ARCH_USER_TOP + PAGE_SIZE, RW, MAP_PRIVATE, 0), -ENOMEM);
	assert_int_equal((long)map(PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, BASE + 1), -EINVAL);
	assert_int_equal((long)map(PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, ARCH_USER_TOP), -ENOMEM);
	assert_int_equal((long)map(PAGE_SIZE, RW, MAP_PRIVATE | MAP_FIXED, 0x1000), -EPERM);
	test_map_anon(as, BASE, 4, RW, 0);
	assert_int_equal((long)map(PAGES(2), RW, MAP_PRIVATE | MAP_FIXED_NOREPLACE, AT(3)), -EEXIST);
	assert_int_equal((long)map(PAGES(2), RW, MAP_PRIVATE | MAP_FIXED_NOREPLACE, AT(4)), (long)AT(4));
	assert_int_equal(vm_unmap(as, BASE + 1, PAGE_SIZE), -EINVAL);
	assert_int_equal(vm_unmap(as, BASE, 0), -EINVAL);
	assert_int_equal(vm_unmap(as, BASE, ARCH_USER_TOP), -EINVAL);
	assert_int_equal(vm_unmap(as, AT(100), PAGE_SIZE), 0);
	as->limit_as = PAGES(7);
	assert_int_equal((long)map(PAGES(2), RW, MAP_PRIVATE, 0), -ENOMEM);
	assert_false(IS_ERR_VALUE(map(PAGES(1), RW, MAP_PRIVATE, 0)));
	as->limit_as = ~0ul;
	as->limit_data = PAGES(7);
	assert_int_equal((long)map(PAGES(2), RW, MAP_PRIVATE, 0), -ENOMEM);
	assert_false(IS_ERR_VALUE(map(PAGES(2), PROT_READ, MAP_PRIVATE, 0)));
}

static void test_placement(void **state)
{
	unsigned long a, b, c;

	(void)state;
	as->mmap_base = AT(1000);
	a = map(PAGES(10), RW, MAP_PRIVATE, 0);
	assert_true(a == AT(990));
	b = map(PAGES(10), PROT_READ, MAP_PRIVATE, 0);
	assert_true(b == AT(980));
	assert_true(map(PAGES(5), RW, MAP_PRIVATE, AT(500) + 5) == AT(500));
	c = map(PAGES(5), RW, MAP_PRIVATE, AT(498));
	assert_true(c == AT(975));
	assert_int_equal(vm_unmap(as, b, PAGES(10)), 0);
	assert_true(map(PAGES(10), RW, MAP_PRIVATE, 0) == b);
	assert_true(map(PAGES(11), RW, MAP_PRIVATE, 0) == AT(964));
}

static void test_neighbours_join_and_split(void **state)
{
	(void)state;
	test_map_anon(as, BASE, 4, RW, 0);
	test_map_anon(as, AT(4), 4, RW, 0);
	assert_int_equal(as->vma_count, 1);
	assert_int_equal(vm_unmap(as, AT(3), PAGES(2)), 0);
	assert_int_equal(as->vma_count, 2);
	test_map_anon(as, AT(3), 2, PROT_READ, 0);
	assert_int_equal(as->vma_count, 3);
	assert_int_equal(vm_protect(as, AT(3), PAGES(2), RW), 0);
	assert_int_equal(as->vma_count, 1);
	assert_int_equal(as->total_pages, 8);
	assert_int_equal(as->data_pages, 8);
}

static void test_break(void **state)
{
	(void)state;
	as->brk_start = as->brk = BASE + 100;
	assert_true(vm_brk(as, 0) == BASE + 100);
	assert_true(vm_brk(as, AT(3) + 1) == AT(3) + 1);
	set_word(AT(3), 3);
	assert_true(vm_brk(as, AT(1)) == AT(1));
	assert_false(readable(AT(1)));
	assert_true(vm_brk(as, AT(4)) == AT(4));
	assert_int_equal(word_at(AT(3)), 0);
	test_map_anon(as, AT(8), 1, RW, 0);
	assert_true(vm_brk(as, AT(8)) == AT(4));
	assert_true(vm_brk(as, AT(7)) == AT(7));
	as->limit_data = PAGES(8);
	assert_true(vm_brk(as, AT(20)) == AT(7));
	assert_true(vm_brk(as, BASE) == AT(7));
	assert_true(vm_brk(as, ARCH_USER_TOP) == AT(7));
}

static void test_stack_grows_to_its_limit_and_guard(void **state)
{
	uaddr_t top = AT(4 * ARCH_PT_ENTRIES);

	(void)state;
	as->limit_stack = PAGES(800);
	test_map_anon(as, top - PAGES(2), 2, RW, MAP_GROWSDOWN);
	assert_true(writable(top - PAGES(100)));
	assert_int_equal(as->stack_pages, 100);
	assert_true(writable(top - PAGES(800)));
	assert_int_equal(vm_fault(as, top - PAGES(801), FAULT_WRITE, false), FAULT_MAPERR);
	assert_int_equal(vm_unmap(as, top - PAGES(800), PAGES(798)), 0);
	test_map_anon(as, top - PAGES(500), 1, RW, 0);
	assert_true(writable(top - PAGES(499 - 256)));
	assert_false(writable(top - PAGES(499 - 255)));
	assert_true(writable(top - PAGES(1)));
}

static void test_remap(void **state)
{
	unsigned long to;

	(void)state;
	as->mmap_base = AT(1000);
	test_map_anon(as, BASE, 4, RW, 0);
	for (unsigned i = 0; i < 4; i++)
		set_word(AT(i), 10 + i);
	assert_true(vm_remap(as, BASE, PAGES(4), PAGES(8), 0, 0) == BASE);
	assert_int_equal(word_at(AT(7)), 0);
	assert_true(vm_remap(as, BASE, PAGES(8), PAGES(4), 0, 0) == BASE);
	test_map_anon(as, AT(4), 1, PROT_READ, 0);
	assert_int_equal((long)vm_remap(as, BASE, PAGES(4), PAGES(8), 0, 0), -ENOMEM);
	to = vm_remap(as, BASE, PAGES(4), PAGES(8), MREMAP_MAYMOVE, 0);
	assert_true(to == AT(992));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(word_at(to + PAGES(i)), 10 + i);
	assert_false(readable(BASE));
	assert_true(vm_remap(as, to, PAGES(8), PAGES(8), MREMAP_MAYMOVE | MREMAP_FIXED, BASE) == BASE);
	assert_int_equal(word_at(AT(3)), 13);
	assert_int_equal((long)vm_remap(as, BASE, PAGES(8), PAGES(8), MREMAP_FIXED, to), -EINVAL);
	assert_int_equal((long)vm_remap(as, BASE, PAGES(8), PAGES(8), 8, 0), -EINVAL);
	assert_int_equal((long)vm_remap(as, BASE + 1, PAGES(8), PAGES(8), 0, 0), -EINVAL);
	assert_int_equal((long)vm_remap(as, BASE, PAGES(8), 0, 0, 0), -EINVAL);
	assert_int_equal((long)vm_remap(as, BASE, 0, PAGES(1), MREMAP_MAYMOVE, 0), -EINVAL);
	assert_int_equal((long)vm_remap(as, AT(500), PAGES(1), PAGES(2), MREMAP_MAYMOVE, 0), -EFAULT);
	assert_int_equal((long)vm_remap(as, BASE, PAGES(9), PAGES(10), MREMAP_MAYMOVE, 0), -EFAULT);
	assert_int_equal((long)vm_remap(as, BASE, PAGES(8), PAGES(8), MREMAP_MAYMOVE | MREMAP_FIXED, AT(4)), -EINVAL);
}

static void test_advice(void **state)
{
	struct aspace *child;

	(void)state;
	test_map_anon(as, BASE, 8, RW, 0);
	for (unsigned i = 0; i < 8; i++)
		set_word(AT(i), i + 1);
	assert_int_equal(vm_advise(as, AT(1), PAGES(2), 4), 0);
	assert_int_equal(word_at(AT(0)), 1);
	assert_int_equal(word_at(AT(1)), 0);
	assert_int_equal(word_at(AT(3)), 4);
	assert_int_equal(vm_advise(as, AT(4), PAGES(1), 10), 0);
	assert_int_equal(vm_advise(as, AT(5), PAGES(1), 18), 0);
	child = forked(as);
	test_enter(child);
	assert_int_equal(word_at(AT(3)), 4);
	assert_false(readable(AT(4)));
	assert_int_equal(word_at(AT(5)), 0);
	test_enter(as);
	assert_int_equal(word_at(AT(4)), 5);
	assert_int_equal(word_at(AT(5)), 6);
	aspace_put(child);
	assert_int_equal(vm_advise(as, AT(4), PAGES(1), 99), -EINVAL);
	assert_int_equal(vm_advise(as, AT(4) + 1, PAGES(1), 4), -EINVAL);
	assert_int_equal(vm_advise(as, AT(6), PAGES(4), 4), -ENOMEM);
	assert_int_equal(word_at(AT(6)), 0);
}

static void test_mincore_tells_what_is_mapped(void **state)
{
	unsigned char in[3];

	(void)state;
	test_map_anon(as, BASE, 8, RW, 0);
	set_word(AT(1), 1);
	assert_int_equal(vm_mincore(as, BASE, PAGES(3), AT(5)), 0);
	assert_int_equal(user_get(&in, AT(5)), 0);
	assert_int_equal(in[0] & 1, 0);
	assert_int_equal(in[1] & 1, 1);
	assert_int_equal(vm_mincore(as, AT(6), PAGES(3), AT(5)), -ENOMEM);
	assert_int_equal(vm_mincore(as, AT(6), PAGES(1), AT(50)), -EFAULT);
	assert_int_equal(vm_mincore(as, AT(6) + 1, PAGES(1), AT(5)), -EINVAL);
}

static void test_locking(void **state)
{
	(void)state;
	test_map_anon(as, BASE, 4, RW, 0);
	assert_int_equal(vm_lock(as, BASE, PAGES(4), false, 3), -ENOMEM);
	assert_int_equal(vm_lock(as, BASE + 10, PAGES(2), false, 3), 0);
	assert_int_equal(as->locked_pages, 3);
	assert_int_equal(vm_advise(as, BASE, PAGES(1), 4), -EINVAL);
	assert_int_equal(vm_unlock(as, BASE, PAGES(4)), 0);
	assert_int_equal(as->locked_pages, 0);
	assert_int_equal(vm_lock_all(as, true, true, false, ~0ul), 0);
	test_map_anon(as, AT(9), 1, RW, 0);
	assert_int_equal(as->locked_pages, 5);
	vm_unlock_all(as);
	assert_int_equal(as->locked_pages, 0);
}

static void test_another_space_is_written_as_if_by_itself(void **state)
{
	struct aspace *child;
	char buf[8] = "";

	(void)state;
	test_map_anon(as, BASE, 2, RW, 0);
	set_word(BASE, 1);
	child = forked(as);
	assert_int_equal(vm_write_foreign(child, AT(1) - 4, "abcdefg", 8), 8);
	assert_int_equal(word_at(AT(1)), 0);
	assert_int_equal(vm_read_foreign(child, AT(1) - 4, buf, 8), 8);
	assert_string_equal(buf, "abcdefg");
	assert_int_equal(vm_write_foreign(child, AT(2) - 4, "abcdefg", 8), 4);
	assert_int_equal(vm_write_foreign(child, AT(2), "abcdefg", 8), -EFAULT);
	assert_int_equal(vm_read_foreign(child, ARCH_USER_TOP, buf, 8), -EFAULT);
	aspace_put(child);
}

static void test_out_of_memory_ends(void **state)
{
	(void)state;
	test_map_anon(as, BASE, 8192, RW, 0);
	for (unsigned i = 0; i < 8192; i++) {
		enum fault_result r = vm_fault(as, AT(i), FAULT_WRITE, true);

		assert_true(r == FAULT_OK || r == FAULT_OOM);
		if (r == FAULT_OOM)
			break;
		assert_true(i < 4096);
	}
	assert_int_equal(vm_unmap(as, BASE, PAGES(4096)), 0); /* works without memory */
	assert_false(readable(AT(0)));
}

static void test_user_copies(void **state)
{
	char buf[32];

	(void)state;
	test_map_anon(as, BASE, 2, RW, 0);
	assert_int_equal(user_write(AT(1) - 3, "hello", 6), 0);
	assert_int_equal(user_strncpy(buf, AT(1) - 3, sizeof(buf)), 5);
	assert_string_equal(buf, "hello");
	assert_int_equal(user_strncpy(buf, AT(1) - 3, 5), -ENAMETOOLONG);
	assert_int_equal(user_strnlen(AT(1) - 3, 100), 6);
	assert_true(user_strnlen(AT(1) - 3, 3) > 3);
	assert_int_equal(user_write(AT(2) - 3, "xyz", 3), 0);
	assert_int_equal(user_strncpy(buf, AT(2) - 3, sizeof(buf)), -EFAULT);
	assert_int_equal(user_strnlen(AT(2) - 3, 100), -EFAULT);
	assert_int_equal(user_read(buf, ARCH_USER_TOP - 2, 4), -EFAULT);
	assert_int_equal(user_read(buf, -1ul, 4), -EFAULT);
	assert_int_equal(user_read(buf, 0, 4), -EFAULT);
	assert_int_equal(user_clear(AT(1) - 3, 6), 0);
	assert_int_equal(word_at(AT(1) - 4), 0);
}

static void test_uio(void **state)
{
	struct uio_seg segs[] = { { AT(0), 3 }, { AT(1), 0 }, { AT(1) - 2, 4 }, { AT(9), 4 } };
	char buf[16] = "", text[] = "0123456789";
	struct uio u;

	(void)state;
	test_map_anon(as, BASE, 2, RW, 0);
	uio_user_segs(&u, segs, 4, 11);
	assert_int_equal(uio_put(&u, text, 5), 5);
	assert_int_equal(uio_put(&u, text + 5, 5), 2); /* the last segment is not mapped */
	assert_int_equal(u.left, 4);
	assert_int_equal(user_read(buf, AT(1) - 2, 4), 0);
	assert_string_equal(buf, "3456");
	uio_user_segs(&u, segs, 3, 7);
	assert_int_equal(uio_get(&u, buf, 100), 7);
	assert_memory_equal(buf, "0123456", 7);
	uio_kernel(&u, buf, 4);
	assert_int_equal(uio_put(&u, text + 6, 9), 4);
	assert_memory_equal(buf, "6789456", 7);
	uio_user(&u, BASE, 3);
	assert_int_equal(uio_put_zero(&u, 2), 2);
	assert_int_equal(word_at(BASE) & 0xffff, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_untouched_memory_is_the_zero_page), CASE(test_fork_shares_tables_and_touches_no_page),
		CASE(test_fork_costs_as_many_frames_whatever_the_size), CASE(test_last_holder_takes_the_table_and_pages_over),
		CASE(test_many_generations), CASE(test_more_holders_than_eight_bits_count), CASE(test_unmapped_whole_table_goes_by_its_count),
		CASE(test_emptied_table_goes_with_its_last_region), CASE(test_one_flush_for_a_range),
		CASE(test_unmap_changes_nothing_without_memory), CASE(test_fork_fails_without_a_trace), CASE(test_shared_memory_stays_shared),
		CASE(test_private_file_pages), CASE(test_neighbours_in_memory_are_mapped_along),
		CASE(test_protections), CASE(test_rights_of_the_object_bound_mprotect), CASE(test_map_errors),
		CASE(test_placement), CASE(test_neighbours_join_and_split), CASE(test_break), CASE(test_stack_grows_to_its_limit_and_guard),
		CASE(test_remap), CASE(test_advice), CASE(test_mincore_tells_what_is_mapped), CASE(test_locking),
		CASE(test_another_space_is_written_as_if_by_itself), CASE(test_out_of_memory_ends), CASE(test_user_copies), CASE(test_uio),
	};

	return cmocka_run_group_tests(tests, test_machine, NULL);
}
