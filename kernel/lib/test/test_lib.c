/* SPDX-License-Identifier: MIT */
/* The library against models and against the host's C library. */
#include "lib/bitmap.h"
#include "lib/bits.h"
#include "lib/check.h"
#include "lib/div64.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/idr.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/refcount.h"
#include "lib/ring.h"
#include "lib/string.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint64_t rnd_state = 88172645463325252ull;
static uint64_t rnd64(void)
{
	rnd_state ^= rnd_state << 13;
	rnd_state ^= rnd_state >> 7;
	rnd_state ^= rnd_state << 17;
	return rnd_state;
}
static unsigned long rnd(unsigned long n) { return rnd64() % n; }

static jmp_buf check_jump;
static void check_caught(const char *file, int line, const char *what)
{
	(void)file, (void)line, (void)what;
	longjmp(check_jump, 1);
}
/* True if evaluating the statement fails an assertion. */
#define fails(statement) ({ \
	volatile bool failed_ = true; \
	check_panic_hook = check_caught; \
	if (!setjmp(check_jump)) { statement; failed_ = false; } \
	check_panic_hook = NULL; \
	failed_; })

/* ---- red-black tree against a sorted array ---- */

struct item { int key, seq; struct rbnode node; bool in; };

static int item_cmp(const struct rbnode *a, const struct rbnode *b)
{
	const struct item *x = rb_entry(a, struct item, node), *y = rb_entry(b, struct item, node);

	return x->key < y->key ? -1 : x->key > y->key;
}

static void test_rbtree_against_model(void **state)
{
	static struct item items[500];
	struct rbtree t;
	unsigned long n = 0;

	(void)state;
	rb_init(&t);
	for (int i = 0; i < 20000; i++) {
		struct item *it = &items[rnd(500)];

		if (it->in) {
			rb_erase(&t, &it->node);
			n--;
		} else {
			it->key = (int)rnd(200);
			rb_insert(&t, &it->node, item_cmp);
			n++;
		}
		it->in = !it->in;
		if (i % 50 == 0)
			assert_int_equal(rb_check(&t, item_cmp), n);
	}
	/* the same set, in both directions */
	unsigned long up = 0, down = 0;
	for (struct rbnode *p = rb_first(&t); p; p = rb_next(p)) {
		assert_true(rb_entry(p, struct item, node)->in);
		up++;
	}
	for (struct rbnode *p = rb_last(&t); p; p = rb_prev(p))
		down++;
	assert_int_equal(up, n);
	assert_int_equal(down, n);
}

/* Nodes in ascending order go below the last one; in postorder each node is freed (and spoiled) before its successor is touched. */
static void test_rbtree_built_at_its_end_and_freed(void **state)
{
	(void)state;
	for (int count = 0; count < 200; count++) {
		struct rbtree t;
		struct item *last = NULL;
		int freed = 0;

		rb_init(&t);
		for (int i = 0; i < count; i++) {
			struct item *it = calloc(1, sizeof(*it));

			it->key = i;
			rb_link(&t, last ? &last->node : NULL, last ? &last->node.right : &t.root, &it->node);
			last = it;
		}
		assert_int_equal(rb_check(&t, item_cmp), count);
		for (struct rbnode *n = rb_first_postorder(&t), *next; n; n = next, freed++) {
			next = rb_next_postorder(n);
			memset(n, 0xa5, sizeof(*n));
			free(rb_entry(n, struct item, node));
		}
		assert_int_equal(freed, count);
	}
}

/* Each node knows the greatest weight in its subtree. */
struct weighed {
	struct rbnode node;
	int key, weight, greatest;
	bool in;
};

static struct weighed *weighed_of(struct rbnode *n) { return rb_entry(n, struct weighed, node); }

static int weighed_cmp(const struct rbnode *a, const struct rbnode *b)
{
	return rb_entry(a, struct weighed, node)->key - rb_entry(b, struct weighed, node)->key;
}

static bool update_greatest(struct rbnode *n)
{
	struct weighed *w = weighed_of(n);
	int before = w->greatest;

	w->greatest = w->weight;
	if (n->left && weighed_of(n->left)->greatest > w->greatest)
		w->greatest = weighed_of(n->left)->greatest;
	if (n->right && weighed_of(n->right)->greatest > w->greatest)
		w->greatest = weighed_of(n->right)->greatest;
	return w->greatest != before;
}

static int greatest_below(struct rbnode *n)
{
	int left = n ? greatest_below(n->left) : 0, right = n ? greatest_below(n->right) : 0, most = left > right ? left : right;

	if (!n)
		return 0;
	if (weighed_of(n)->weight > most)
		most = weighed_of(n)->weight;
	assert_int_equal(weighed_of(n)->greatest, most);
	return most;
}

static void link_weighed(struct rbtree *t, struct weighed *w)
{
	struct rbnode **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = w->key < weighed_of(parent)->key ? &parent->left : &parent->right;
	}
	rb_link_updating(t, parent, link, &w->node, update_greatest);
}

static void test_rbtree_nodes_know_their_subtrees(void **state)
{
	static struct weighed items[300];
	struct rbtree t;
	unsigned long n = 0;

	(void)state;
	rb_init(&t);
	for (int i = 0; i < 20000; i++) {
		struct weighed *w = &items[rnd(300)];

		if (w->in && rnd(2)) {
			w->weight = (int)rnd(1000);
			rb_propagate(&w->node, update_greatest);
		} else if (w->in) {
			rb_erase_updating(&t, &w->node, update_greatest);
			w->in = false;
			n--;
		} else {
			w->key = (int)rnd(100);
			w->weight = (int)rnd(1000);
			w->greatest = rnd(2) ? w->weight : -1; /* what stands there means nothing */
			link_weighed(&t, w);
			w->in = true;
			n++;
		}
		greatest_below(t.root);
		if (i % 50 == 0)
			assert_int_equal(rb_check(&t, weighed_cmp), n);
	}
}

static void test_rbtree_keeps_order_of_equals(void **state)
{
	struct item items[64];
	struct rbtree t;
	int seq = 0;

	(void)state;
	rb_init(&t);
	for (int i = 0; i < 64; i++) {
		items[i] = (struct item){ .key = i % 4, .seq = i };
		rb_insert(&t, &items[i].node, item_cmp);
	}
	for (struct rbnode *p = rb_first(&t), *prev = NULL; p; prev = p, p = rb_next(p)) {
		struct item *it = rb_entry(p, struct item, node);

		if (prev && rb_entry(prev, struct item, node)->key == it->key)
			assert_true(it->seq > seq);
		seq = it->seq;
	}
}

static void test_rb_check_sees_damage(void **state)
{
	struct item items[16];
	struct rbtree t;

	(void)state;
	rb_init(&t);
	for (int i = 0; i < 16; i++) {
		items[i] = (struct item){ .key = i };
		rb_insert(&t, &items[i].node, item_cmp);
	}
	assert_false(fails(rb_check(&t, item_cmp)));
	items[3].key = 30;
	assert_true(fails(rb_check(&t, item_cmp)));
	items[3].key = 3;
	t.root->red = true;
	assert_true(fails(rb_check(&t, item_cmp)));
}

/* ---- bitmap against an array of bools ---- */

#define BITS 333
static void test_bitmap_against_model(void **state)
{
	unsigned long map[BITMAP_WORDS(BITS)] = { 0 };
	bool model[BITS] = { false };

	(void)state;
	for (int i = 0; i < 20000; i++) {
		unsigned long s = rnd(BITS), len = rnd(BITS - s + 1), op = rnd(6), expect = BITMAP_NONE, run = 0;
		bool want = op == 3;

		if (op < 2) {
			(op ? bitmap_set_run : bitmap_clear_run)(map, s, op ? len : MIN(len, 9ul));
			memset(model + s, (int)op, op ? len : MIN(len, 9ul));
		} else if (op < 4) {
			for (unsigned long b = s; b < BITS && expect == BITMAP_NONE; b++)
				if (model[b] == want)
					expect = b;
			assert_int_equal((want ? bitmap_find_set : bitmap_find_clear)(map, BITS, s), expect);
		} else if (op == 4) {
			len = len % 20 + 1;
			for (unsigned long b = s; b < BITS && expect == BITMAP_NONE; b++) {
				run = model[b] ? 0 : run + 1;
				if (run == len)
					expect = b + 1 - len;
			}
			assert_int_equal(bitmap_find_clear_run(map, BITS, s, len), expect);
		} else {
			unsigned long n = 0;

			for (unsigned long b = 0; b < BITS; b++) {
				n += model[b];
				assert_int_equal(bitmap_test(map, b), model[b]);
			}
			assert_int_equal(bitmap_count(map, BITS), n);
			if (n > BITS / 2) {
				memset(map, 0, sizeof(map));
				memset(model, 0, sizeof(model));
			}
		}
	}
}

/* ---- formatting against the host's snprintf ---- */

#define same(...) do { \
	char mine_[200], theirs_[200]; \
	size_t a_ = fmt_buf(mine_, sizeof(mine_), __VA_ARGS__); \
	int b_ = snprintf(theirs_, sizeof(theirs_), __VA_ARGS__); \
	assert_string_equal(mine_, theirs_); \
	assert_int_equal(a_, b_); \
} while (0)

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat"
#pragma GCC diagnostic ignored "-Wformat-security"
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static void test_fmt_numbers_in_every_form(void **state)
{
	static const char *const flags[] = { "", "-", "0", "+", " ", "#", "-0", "+0", "#0", "-+ #", " 0" };
	static const char *const widths[] = { "", "1", "8", "20", ".0", ".1", ".5", ".20", "8.3", "3.8", "12.12" };
	static const char *const convs[] = { "d", "i", "u", "x", "X", "o" };
	static const long long values[] = { 0, 1, -1, 7, 8, 9, 10, 255, -128, 32767, 65536, 2147483647, -2147483648ll,
					    4294967295ll, 9223372036854775807ll, -9223372036854775807ll - 1, 123456789012345ll };

	(void)state;
	for (size_t f = 0; f < ARRAY_SIZE(flags); f++)
		for (size_t w = 0; w < ARRAY_SIZE(widths); w++)
			for (size_t c = 0; c < ARRAY_SIZE(convs); c++)
				for (size_t v = 0; v < ARRAY_SIZE(values); v++) {
					char spec[40];

					snprintf(spec, sizeof(spec), "<%%%s%s%s>", flags[f], widths[w], convs[c]);
					same(spec, (int)values[v]);
					snprintf(spec, sizeof(spec), "<%%%s%sll%s>", flags[f], widths[w], convs[c]);
					same(spec, values[v]);
					snprintf(spec, sizeof(spec), "%%%s%shh%s %%l%s", flags[f], widths[w], convs[c], convs[c]);
					same(spec, (int)values[v], (long)values[v]);
					snprintf(spec, sizeof(spec), "%%%s%sh%s %%z%s", flags[f], widths[w], convs[c], convs[c]);
					same(spec, (int)values[v], (size_t)values[v]);
				}
}
#pragma GCC diagnostic pop

static void test_fmt_text(void **state)
{
	(void)state;
	same("plain");
	same("%s|%10s|%-10s|%.2s|%5.1s|%.0s", "abc", "abc", "abc", "abc", "abc", "abc");
	same("%c%5c%-5c|", 'x', 'y', 'z');
	same("%%|%d%%", 5);
	same("%*d|%-*d|%.*d|%*d", 6, 42, 6, 42, 4, 42, -6, 42);
	same("%.*s", -1, "all of it");
	same("%jd %td", (intmax_t)-5, (ptrdiff_t)7);
	same("%p", (void *)0x1234abcd);
	char buf[8];
	assert_int_equal(fmt_buf(buf, sizeof(buf), "%s", "0123456789"), 10);
	assert_string_equal(buf, "0123456");
	assert_int_equal(fmt_buf(NULL, 0, "%d", 12345), 5);
	assert_int_equal(fmt_buf(buf, 1, "%d", 12345), 5);
	assert_string_equal(buf, "");
	const char *volatile nothing = NULL; /* volatile: compilers object to a NULL that they see */
	fmt_buf(buf, sizeof(buf), "%s", nothing);
	assert_string_equal(buf, "(null)");
}

/* ---- numbers ---- */

static void *zalloc(size_t n) { return calloc(1, n); }

static void test_idr(void **state)
{
	struct idr t;
	void *model[300] = { 0 };
	char things[300];

	(void)state;
	idr_init(&t, 300, zalloc, free);
	for (int i = 0; i < 20000; i++) {
		unsigned long at = rnd(300);

		if (rnd(100) < 55) {
			long expect = -ENOSPC, got = idr_add(&t, at, &things[at]);

			for (unsigned long k = at; k < 300 && expect < 0; k++)
				if (!model[k])
					expect = (long)k;
			assert_int_equal(got, expect);
			if (got >= 0)
				model[got] = &things[at];
		} else {
			assert_ptr_equal(idr_remove(&t, at), model[at]);
			model[at] = NULL;
		}
		assert_ptr_equal(idr_get(&t, at), model[at]);
		assert_null(idr_get(&t, 300 + at));
	}
	idr_destroy(&t);
}

static int allocs_left;
static void *failing_zalloc(size_t n) { return allocs_left-- > 0 ? calloc(1, n) : NULL; }

static void test_idr_without_memory(void **state)
{
	struct idr t;
	char thing;

	(void)state;
	idr_init(&t, 1000, failing_zalloc, free);
	for (allocs_left = 0; allocs_left < 2; allocs_left++) {
		int n = allocs_left;

		assert_int_equal(idr_add(&t, 0, &thing), -ENOMEM);
		allocs_left = n;
	}
	assert_int_equal(idr_add(&t, 0, &thing), 0);
	allocs_left = 1;
	assert_int_equal(idr_add(&t, 100, &thing), -ENOMEM);
	assert_ptr_equal(idr_get(&t, 0), &thing);
	assert_int_equal(idr_add(&t, 1000, &thing), -ENOSPC);
	idr_destroy(&t);
}

static void test_div64_and_scaling(void **state)
{
	(void)state;
	for (int i = 0; i < 100000; i++) {
		uint64_t a = rnd64() >> rnd(64), n = a;
		uint32_t d = (uint32_t)(rnd64() >> rnd(32)) | 1;
		unsigned shift = (unsigned)rnd(64);
		unsigned __int128 wide = (unsigned __int128)a * d >> shift;

		assert_int_equal(div64_32(&n, d), a % d);
		assert_true(n == a / d);
		if (!(wide >> 64))
			assert_true(mul_u64_u32_shr(a, d, shift) == (uint64_t)wide);
	}
}

static void test_bits(void **state)
{
	(void)state;
	for (unsigned long x = 1; x < 5000; x++) {
		assert_true(1ul << ilog2(x) <= x && x < 2ul << ilog2(x));
		assert_true(x <= 1ul << log2_up(x) && (x == 1 || 1ul << (log2_up(x) - 1) < x));
		assert_int_equal(ALIGN_UP(x, 64), (x + 63) / 64 * 64);
		assert_int_equal(ALIGN_DOWN(x, 64), x / 64 * 64);
	}
	assert_int_equal(PAGE_UP(1ul), PAGE_SIZE);
	assert_true(ALIGN_UP((uint64_t)0x100000001ull, 0x1000u) == 0x100001000ull);
}

/* ---- ring against a queue ---- */

static void test_ring_against_model(void **state)
{
	unsigned char buf[64], model[64], tmp[100];
	struct ring r;
	size_t fill = 0;
	unsigned char next = 0;

	(void)state;
	ring_init(&r, buf, sizeof(buf));
	r.head = r.tail = (size_t)-20; /* the indices wrap on the way */
	for (int i = 0; i < 50000; i++) {
		size_t n = rnd(80), expect;

		if (rnd(2)) {
			for (size_t k = 0; k < n; k++)
				tmp[k] = (unsigned char)(next + k);
			expect = MIN(n, sizeof(buf) - fill);
			assert_int_equal(n == 1 ? (size_t)ring_put(&r, tmp[0]) : ring_write(&r, tmp, n), expect);
			memcpy(model + fill, tmp, expect);
			fill += expect;
			next = (unsigned char)(next + expect);
		} else {
			expect = MIN(n, fill);
			if (n == 1) {
				assert_int_equal(ring_get(&r), fill ? model[0] : -1);
			} else {
				assert_int_equal(ring_read(&r, tmp, n), expect);
				assert_memory_equal(tmp, model, expect);
			}
			memmove(model, model + expect, fill - expect);
			fill -= expect;
		}
		assert_int_equal(ring_used(&r), fill);
		assert_int_equal(ring_space(&r), sizeof(buf) - fill);
	}
	assert_true(fails(ring_init(&r, buf, 48)));
}

/* ---- strings, lists, counts ---- */

static void test_strings(void **state)
{
	char buf[5];
	const char *end;

	(void)state;
	assert_int_equal(str_copy(buf, "abc", sizeof(buf)), 3);
	assert_string_equal(buf, "abc");
	assert_int_equal(str_copy(buf, "abcdefg", sizeof(buf)), 7);
	assert_string_equal(buf, "abcd");
	assert_int_equal(str_to_u64("0x1fG", &end, 0), 0x1f);
	assert_string_equal(end, "G");
	assert_int_equal(str_to_u64("0755", NULL, 0), 0755);
	assert_int_equal(str_to_u64("089", &end, 0), 0);
	assert_string_equal(end, "89");
	assert_int_equal(str_to_u64("10", NULL, 16), 16);
	assert_int_equal(str_to_u64("0x", &end, 0), 0);
	assert_string_equal(end, "x");
	assert_int_equal(str_to_u64("", &end, 10), 0);
	assert_true(str_to_u64("18446744073709551615", NULL, 10) == ~0ull);
}

static void test_lists(void **state)
{
	struct node { struct list link; int v; } n[6], *p, *tmp;
	struct list a = LIST_INIT(a), b = LIST_INIT(b);
	int sum = 0;

	(void)state;
	for (int i = 0; i < 6; i++) {
		n[i].v = i;
		if (i < 3)
			list_push_back(&a, &n[i].link);
		else
			list_push_front(&b, &n[i].link);
	}
	list_splice_back(&a, &b);
	assert_true(list_empty(&b));
	list_for_each_entry(p, &a, link)
		sum = sum * 10 + p->v;
	assert_int_equal(sum, 12543);
	assert_int_equal(list_first(&a, struct node, link)->v, 0);
	assert_int_equal(list_last(&a, struct node, link)->v, 3);
	list_for_each_entry_safe(p, tmp, &a, link)
		if (p->v % 2)
			list_del(&p->link);
	assert_true(list_empty(&n[1].link));
	sum = 0;
	list_for_each_entry(p, &a, link)
		sum = sum * 10 + p->v;
	assert_int_equal(sum, 24);
}

static void test_refcounts_do_not_resurrect(void **state)
{
	refcount_t r;

	(void)state;
	refcount_set(&r, 1);
	refcount_get(&r);
	assert_false(refcount_put(&r));
	assert_true(refcount_put(&r));
	assert_false(refcount_get_unless_zero(&r));
	assert_true(fails(refcount_get(&r)));
	refcount_set(&r, 0);
	assert_true(fails(refcount_put(&r)));
	refcount_set(&r, UINT32_MAX);
	assert_true(fails(refcount_get(&r)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rbtree_against_model),
		cmocka_unit_test(test_rbtree_built_at_its_end_and_freed),
		cmocka_unit_test(test_rbtree_nodes_know_their_subtrees),
		cmocka_unit_test(test_rbtree_keeps_order_of_equals),
		cmocka_unit_test(test_rb_check_sees_damage),
		cmocka_unit_test(test_bitmap_against_model),
		cmocka_unit_test(test_fmt_numbers_in_every_form),
		cmocka_unit_test(test_fmt_text),
		cmocka_unit_test(test_idr),
		cmocka_unit_test(test_idr_without_memory),
		cmocka_unit_test(test_div64_and_scaling),
		cmocka_unit_test(test_bits),
		cmocka_unit_test(test_ring_against_model),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_refcounts_do_not_resurrect),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
