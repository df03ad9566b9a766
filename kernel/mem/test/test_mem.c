/* SPDX-License-Identifier: MIT */
/* Frames, object caches, windows and stacks over pretend RAM: 32 MiB, of which the upper half is high memory. */
#include "core/panic.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "mem/bootmem.h"
#include "mem/frame.h"
#include "mem/kmap.h"
#include "mem/slab.h"
#include "mem/vmap.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define FRAMES 8192ul
#define DIRECT 4096ul

static unsigned long rnd_state = 12345;
static unsigned long rnd(unsigned long n)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state % n;
}

static void failed_check(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

static int init_machine(void **state)
{
	(void)state;
	check_panic_hook = failed_check;
	host_machine_init(FRAMES, DIRECT);
	bootmem_init();
	frame_init();
	slab_init();
	vmap_init();
	return 0;
}

/* Frees what caches hold, so that figures can be compared. */
static unsigned long settled_free(void)
{
	slab_reap();
	vmap_reap();
	frame_check();
	return frame_free_count();
}

static void test_boot_accounts_for_every_frame(void **state)
{
	struct frame_stats s;
	unsigned long sum = 0;

	(void)state;
	frame_stats(&s);
	for (int k = 0; k < PAGE_KIND_COUNT; k++)
		sum += s.by_kind[k];
	assert_int_equal(sum, FRAMES);
	assert_int_equal(s.by_kind[PAGE_FREE], s.free);
	assert_int_equal(s.total, FRAMES - s.by_kind[PAGE_RESERVED]);
	assert_true(s.by_kind[PAGE_RESERVED] < 128);
	frame_check();
}

static void test_zones(void **state)
{
	struct page *any = frame_alloc(0, PAGE_ANON, FRAME_ANY);
	struct page *low = frame_alloc(0, PAGE_TABLE, FRAME_DIRECT | FRAME_ZERO);

	(void)state;
	assert_true(page_pfn(any) >= DIRECT);
	assert_true(page_pfn(low) < DIRECT);
	assert_int_equal(low->kind, PAGE_TABLE);
	assert_int_equal(*(unsigned char *)arch_direct(page_phys(low)), 0);
	page_put(any);
	page_put(low);
}

/* Random blocks against a map of who owns each frame. */
static void test_random_blocks_do_not_overlap_and_merge_again(void **state)
{
	static unsigned char owned[FRAMES];
	static struct { struct page *p; unsigned order; } held[600];
	unsigned long before = settled_free(), n = 0;

	(void)state;
	for (int i = 0; i < 40000; i++) {
		if (n < 600 && rnd(5) < 3) {
			unsigned order = (unsigned)(rnd(8) ? rnd(3) : rnd(FRAME_MAX_ORDER + 1));
			struct page *p = frame_alloc(order, PAGE_KERNEL, rnd(2) ? FRAME_DIRECT : FRAME_ANY);

			if (!p)
				continue;
			assert_true(IS_ALIGNED(page_pfn(p), BIT(order)));
			for (unsigned long f = 0; f < BIT(order); f++) {
				assert_false(owned[page_pfn(p) + f]);
				owned[page_pfn(p) + f] = 1;
			}
			held[n].p = p;
			held[n++].order = order;
		} else if (n) {
			unsigned long v = rnd(n);

			memset(owned + page_pfn(held[v].p), 0, BIT(held[v].order));
			frame_free(held[v].p);
			held[v] = held[--n];
		}
		if (i % 1000 == 0)
			frame_check();
	}
	while (n)
		frame_free(held[--n].p);
	assert_int_equal(settled_free(), before);
	/* All merged: the largest block can be had from either zone. */
	for (unsigned flags = 0; flags <= FRAME_DIRECT; flags++) {
		struct page *p = frame_alloc(FRAME_MAX_ORDER, PAGE_KERNEL, flags);

		assert_non_null(p);
		frame_free(p);
	}
}

static void test_exhaustion_keeps_a_reserve(void **state)
{
	unsigned long before = settled_free(), n = 0;
	struct list taken = LIST_INIT(taken);
	struct page *p, *tmp;

	(void)state;
	while ((p = frame_alloc(0, PAGE_ANON, FRAME_ANY)) != NULL)
		list_push_back(&taken, &p->link), n++;
	while ((p = frame_alloc(0, PAGE_KERNEL, FRAME_DIRECT)) != NULL)
		list_push_back(&taken, &p->link), n++;
	assert_true(frame_free_count() >= frame_reserve());
	assert_null(frame_alloc(2, PAGE_KERNEL, FRAME_DIRECT));
	while ((p = frame_alloc(0, PAGE_KERNEL, FRAME_RESERVE)) != NULL)
		list_push_back(&taken, &p->link), n++;
	assert_int_equal(n, before);
	assert_int_equal(frame_free_count(), 0);
	list_for_each_entry_safe(p, tmp, &taken, link)
		frame_free(p);
	assert_int_equal(settled_free(), before);
}

static void test_released_range_is_used(void **state)
{
	struct page *p = frame_alloc(5, PAGE_KERNEL, FRAME_DIRECT);
	pfn_t pfn = page_pfn(p);
	unsigned long before = frame_free_count(), total = frame_total();

	(void)state;
	for (unsigned i = 0; i < 32; i++) {
		p[i].kind = PAGE_RESERVED;
		p[i].order = 0;
		p[i].count = 1;
	}
	frame_release_range((pfn << PAGE_SHIFT) + 1, (pfn + 32) << PAGE_SHIFT); /* the first frame is not whole */
	assert_int_equal(frame_free_count(), before + 31);
	frame_release_range(pfn << PAGE_SHIFT, (pfn + 32) << PAGE_SHIFT);
	assert_int_equal(frame_free_count(), before + 32);
	assert_int_equal(frame_total(), total + 32);
	frame_check();
}

static void test_copy_and_zero_of_high_frames(void **state)
{
	struct page *a = frame_alloc(0, PAGE_ANON, FRAME_ANY), *b = frame_alloc(0, PAGE_ANON, FRAME_ANY | FRAME_ZERO);
	char *va = kmap_local(a);

	(void)state;
	memset(va, 0x5a, PAGE_SIZE);
	kunmap_local(va);
	va = kmap_local(b);
	assert_int_equal(va[100], 0);
	kunmap_local(va);
	frame_copy(b, a);
	va = kmap_local(b);
	assert_int_equal(va[4095], 0x5a);
	kunmap_local(va);
	page_put(a);
	page_put(b);
}

static void test_windows_follow_their_thread(void **state)
{
	struct page *a = frame_alloc(0, PAGE_ANON, FRAME_ANY), *b = frame_alloc(0, PAGE_ANON, FRAME_ANY);
	struct kmap_state *mine = kmap_current_hook(), saved, other = { .depth = 1 };
	char *va = kmap_local(a);

	(void)state;
	va[0] = 'a';
	other.pfn[0] = page_pfn(b);
	saved = *mine;
	kmap_switch(&saved, &other);
	va[0] = 'b';
	kmap_switch(&other, &saved);
	assert_int_equal(va[0], 'a');
	kunmap_local(va);
	va = kmap_local(b);
	assert_int_equal(va[0], 'b');
	kunmap_local(va);
	page_put(a);
	page_put(b);
}

struct thing { long words[5]; };
static SLAB_CACHE(thing_cache, thing);
struct big { char bytes[1500]; };
static SLAB_CACHE(big_cache, big);

static void exercise_cache(struct slab_cache *c, unsigned max)
{
	unsigned char **held = calloc(max, sizeof(*held));
	unsigned long before = settled_free(), live = slab_live(), n = 0;

	for (int i = 0; i < 30000; i++) {
		if (n < max && rnd(1000) < (i / 5000 % 2 ? 400 : 600)) {
			unsigned char *o = slab_alloc(c, rnd(2) ? ALLOC_ZERO : 0);

			assert_non_null(o);
			assert_true(IS_ALIGNED((unsigned long)o, c->align));
			memset(o, (int)(n % 251), c->size);
			o[0] = (unsigned char)((unsigned long)o >> 4);
			o[c->size - 1] = o[0];
			held[n++] = o;
		} else if (n) {
			unsigned long v = rnd(n);
			unsigned char *o = held[v];

			assert_int_equal(o[0], (unsigned char)((unsigned long)o >> 4));
			assert_int_equal(o[c->size - 1], o[0]);
			slab_free(c, o);
			held[v] = held[--n];
		}
		assert_int_equal(slab_cache_live(c), n);
	}
	assert_int_equal(slab_live(), live + n);
	while (n)
		slab_free(c, held[--n]);
	assert_int_equal(slab_live(), live);
	assert_int_equal(settled_free(), before);
	assert_int_equal(c->slabs, 0);
	free(held);
}

static void test_object_caches(void **state)
{
	(void)state;
	exercise_cache(&thing_cache, 3000);
	exercise_cache(&big_cache, 500);
}

static void test_empty_slabs_are_given_back_by_themselves(void **state)
{
	static void *held[2000];
	unsigned long before = settled_free();

	(void)state;
	for (int i = 0; i < 2000; i++)
		held[i] = slab_alloc(&thing_cache, 0);
	for (int i = 0; i < 2000; i++)
		slab_free(&thing_cache, held[i]);
	assert_true(before - frame_free_count() < 8);
	slab_reap();
	assert_int_equal(frame_free_count(), before);
}

struct kept_thing { void *first; unsigned long count; char rest[40]; struct kept_thing *next; };

static const struct slab_kept kept_words[] = { SLAB_KEEP(kept_thing, count), SLAB_KEEP(kept_thing, next), { 0 } };
static SLAB_CACHE_STABLE(kept_cache, kept_thing, kept_words);
static unsigned graces;
static unsigned long frames_at_grace;

static void count_grace(void)
{
	graces++;
	frames_at_grace = frame_free_count();
}

/* Free objects of a stable cache keep some words, and their memory stays theirs until every reader is gone. */
static void test_stable_objects(void **state)
{
	static struct kept_thing *held[2000];
	unsigned long before = settled_free(), with;

	(void)state;
	slab_grace_hook = count_grace;
	for (unsigned long i = 0; i < 2000; i++) {
		held[i] = slab_alloc(&kept_cache, ALLOC_ZERO);
		*held[i] = (struct kept_thing){ .count = i, .next = held[i / 2] };
	}
	with = frame_free_count();
	for (int i = 0; i < 2000; i++)
		slab_free(&kept_cache, held[i]);
	assert_int_equal(frame_free_count(), with);
	for (unsigned long i = 0; i < 2000; i++) {
		assert_int_equal(held[i]->count, i);
		assert_ptr_equal(held[i]->next, held[i / 2]);
	}
	graces = 0;
	slab_reap();
	assert_int_equal(graces, 1);
	assert_true(frames_at_grace < before);
	assert_int_equal(frame_free_count(), before);
	slab_grace_hook = NULL;
}

static void test_kmalloc_sizes(void **state)
{
	unsigned long before = settled_free(), live = slab_live();

	(void)state;
	for (size_t n = 1; n < 20000; n += n < 4100 ? 1 : 777) {
		char *p = kmalloc(n, 0);

		assert_non_null(p);
		assert_true(kmalloc_usable(p) >= n);
		assert_true(n <= 16 || n > 3072 || kmalloc_usable(p) < 2 * n);
		memset(p, 0xee, n);
		kfree(p);
	}
	kfree(NULL);
	assert_null(kmalloc((PAGE_SIZE << FRAME_MAX_ORDER) + 1, 0));
	assert_null(kmalloc(~0ul, 0));
	assert_int_equal(slab_live(), live);
	assert_int_equal(settled_free(), before);
}

static void test_zeroed_memory_is_zero(void **state)
{
	(void)state;
	for (size_t n = 1; n < 9000; n = n * 3 / 2 + 1) {
		char *p = kmalloc(n, 0);

		memset(p, 0xff, n);
		kfree(p);
		p = kzalloc(n);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(p[i], 0);
		kfree(p);
	}
	char *s = kstrdup("hello");
	assert_string_equal(s, "hello");
	kfree(s);
}

static void test_injected_failures(void **state)
{
	void *warm = slab_alloc(&thing_cache, 0), *p; /* so that the next objects need no new slab */

	(void)state;
	atomic_set(&alloc_fail_after, 2);
	p = slab_alloc(&thing_cache, 0);
	assert_non_null(p);
	assert_null(slab_alloc(&thing_cache, 0));
	slab_free(&thing_cache, p);
	slab_free(&thing_cache, warm);
	assert_int_equal(atomic_read(&alloc_fail_after), 0);
	atomic_set(&alloc_fail_after, 1);
	assert_null(frame_alloc(0, PAGE_ANON, 0));
	atomic_set(&alloc_fail_after, 1);
	assert_null(kmalloc(5000, 0));
	atomic_set(&alloc_fail_after, 1);
	assert_null(vmap_stack_alloc(2));
}

/* Each allocation that a stack makes fails once; nothing may leak. */
static void test_stack_survives_every_failure(void **state)
{
	unsigned long before = settled_free();
	void *s = NULL;

	(void)state;
	for (long n = 1; !s; n++) {
		vmap_reap();
		atomic_set(&alloc_fail_after, n);
		s = vmap_stack_alloc(2);
		assert_true(n < 10);
	}
	atomic_set(&alloc_fail_after, 0);
	vmap_stack_free(s, 2);
	assert_int_equal(settled_free(), before);
}

static void test_the_depth_of_stacks_is_known(void **state)
{
	char *a = vmap_stack_alloc(2), *b;
	unsigned long before = vmap_stack_least_left();

	(void)state;
	a[2 * PAGE_SIZE - 104] = 1;
	assert_int_equal(vmap_stack_least_left(), MIN(before, 2 * PAGE_SIZE - 104));
	a[1004] = 1;
	assert_int_equal(vmap_stack_least_left(), 1000); /* while it is in use: the word that it is in */
	vmap_stack_free(a, 2);
	b = vmap_stack_alloc(2);
	assert_ptr_equal(a, b);
	b[800] = 1;
	vmap_stack_free(b, 2); /* what nobody looked at before its end */
	assert_int_equal(vmap_stack_least_left(), 800);
	vmap_reap();
	a = vmap_stack_alloc(2);
	a[1200] = 1;
	assert_int_equal(vmap_stack_least_left(), 800); /* the deepest is kept */
	vmap_stack_free(a, 2);
}

static void test_stacks_have_guards_and_are_reused(void **state)
{
	unsigned long before = settled_free();
	char *a = vmap_stack_alloc(2), *b = vmap_stack_alloc(2);

	(void)state;
	assert_true(b >= a + 3 * PAGE_SIZE || a >= b + 3 * PAGE_SIZE);
	memset(a + 256, 1, 2 * PAGE_SIZE - 256);
	assert_true(vmap_is_guard((vaddr_t)a - 1));
	assert_false(arch_kernel_mapped((vaddr_t)a - 1));
	assert_false(vmap_is_guard((vaddr_t)a));
	vmap_stack_free(a, 2);
	assert_ptr_equal(vmap_stack_alloc(2), a);
	vmap_stack_free(a, 2);
	vmap_stack_free(b, 2);
	assert_int_equal(vmap_reap(), 4);
	assert_false(arch_kernel_mapped((vaddr_t)a));
	assert_int_equal(settled_free(), before);
}

static void test_many_stacks(void **state)
{
	static void *held[1000];
	unsigned long before = settled_free();

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 1000; i++)
			assert_non_null(held[i] = vmap_stack_alloc(2));
		for (int i = 0; i < 1000; i++)
			vmap_stack_free(held[i], 2);
	}
	assert_int_equal(settled_free(), before);
}

static void test_device_mapping_keeps_the_offset(void **state)
{
	char *p = vmap_device(0x5123, 0x1000);

	(void)state;
	assert_int_equal((vaddr_t)p & ~PAGE_MASK, 0x123);
	assert_true(arch_kernel_mapped((vaddr_t)p) && arch_kernel_mapped((vaddr_t)p + 0xfff));
	assert_null(vmap_device(0, ~0ul >> 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_boot_accounts_for_every_frame),
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_random_blocks_do_not_overlap_and_merge_again),
		cmocka_unit_test(test_exhaustion_keeps_a_reserve),
		cmocka_unit_test(test_released_range_is_used),
		cmocka_unit_test(test_copy_and_zero_of_high_frames),
		cmocka_unit_test(test_windows_follow_their_thread),
		cmocka_unit_test(test_object_caches),
		cmocka_unit_test(test_empty_slabs_are_given_back_by_themselves),
		cmocka_unit_test(test_kmalloc_sizes),
		cmocka_unit_test(test_zeroed_memory_is_zero),
		cmocka_unit_test(test_stable_objects),
		cmocka_unit_test(test_injected_failures),
		cmocka_unit_test(test_stack_survives_every_failure),
		cmocka_unit_test(test_the_depth_of_stacks_is_known),
		cmocka_unit_test(test_stacks_have_guards_and_are_reused),
		cmocka_unit_test(test_many_stacks),
		cmocka_unit_test(test_device_mapping_keeps_the_offset),
	};

	return cmocka_run_group_tests(tests, init_machine, NULL);
}
