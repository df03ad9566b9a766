/* SPDX-License-Identifier: MIT */
/* Times, vectors, ids and device numbers between user space's layouts and the kernel's, through pretended user memory. */
#include "abi/convert.h"
#include "core/clock.h"
#include "fixture.h"
#include "mem/slab.h"
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define AT 0x40000ul
#define NOWHERE 0x10000000ul

static struct aspace *as;

static int set_up(void **state)
{
	(void)state;
	as = aspace_new();
	assert_non_null(as);
	test_enter(as);
	test_map_anon(as, AT, 4, PROT_READ | PROT_WRITE, 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	test_enter(NULL);
	aspace_put(as);
	return 0;
}

static long from_user(int64_t sec, int64_t nsec, bool wide, uint64_t *ns)
{
	struct u_timespec t = { (int32_t)sec, (int32_t)nsec };
	struct u_timespec64 w = { sec, (int32_t)nsec, -1 };

	assert_int_equal(wide ? user_put(AT, &w) : user_put(AT, &t), 0);
	return time_from_user(AT, wide, ns);
}

static void test_times_come_in(void **state)
{
	uint64_t ns = 7;

	(void)state;
	for (int wide = 0; wide < 2; wide++) {
		assert_int_equal(from_user(0, 0, wide, &ns), 0);
		assert_int_equal(ns, 0);
		assert_int_equal(from_user(3, 999999999, wide, &ns), 0);
		assert_int_equal(ns, 3999999999ull);
		assert_int_equal(from_user(INT32_MAX, 1, wide, &ns), 0);
		assert_int_equal(ns, 2147483647000000001ull);
		assert_int_equal(from_user(1, 1000000000, wide, &ns), -EINVAL);
		assert_int_equal(from_user(1, -1, wide, &ns), -EINVAL);
		assert_int_equal(from_user(-1, 0, wide, &ns), -EINVAL);
		assert_int_equal(time_from_user(NOWHERE, wide, &ns), -EFAULT);
		assert_int_equal(time_from_user(AT + 4 * PAGE_SIZE - 4, wide, &ns), -EFAULT);
	}
	assert_int_equal(from_user(INT64_MAX, 999999999, true, &ns), 0);
	assert_int_equal(ns, INT64_MAX); /* as long as can be said */
}

static void test_times_go_out(void **state)
{
	struct u_timespec t;
	struct u_timespec64 w;
	struct u_timeval v;

	(void)state;
	assert_int_equal(time_to_user(AT, false, 5000000007ull), 0);
	assert_int_equal(user_get(&t, AT), 0);
	assert_int_equal(t.sec, 5);
	assert_int_equal(t.nsec, 7);
	assert_int_equal(time_to_user(AT, true, 5000000000000000007ull), 0);
	assert_int_equal(user_get(&w, AT), 0);
	assert_int_equal(w.sec, 5000000000ll);
	assert_int_equal(w.nsec, 7);
	assert_int_equal(w.pad, 0);
	assert_int_equal(time_to_user(NOWHERE, true, 1), -EFAULT);
	timeval_from_ns(&v, 1999999999);
	assert_int_equal(v.sec, 1);
	assert_int_equal(v.usec, 999999); /* rounded down */
}

static void test_timevals_come_in(void **state)
{
	struct u_timeval v = { 2, 999999 };
	uint64_t ns;

	(void)state;
	assert_int_equal(user_put(AT, &v), 0);
	assert_int_equal(timeval_from_user(AT, &ns), 0);
	assert_int_equal(ns, 2999999000ull);
	v.usec = 1000000;
	assert_int_equal(user_put(AT, &v), 0);
	assert_int_equal(timeval_from_user(AT, &ns), -EINVAL);
	v = (struct u_timeval){ -1, 0 };
	assert_int_equal(user_put(AT, &v), 0);
	assert_int_equal(timeval_from_user(AT, &ns), -EINVAL);
	assert_int_equal(timeval_from_user(NOWHERE, &ns), -EFAULT);
}

static void test_deadlines_do_not_wrap(void **state)
{
	(void)state;
	assert_int_equal(deadline_after(5), clock_now() + 5);
	assert_int_equal(deadline_after(UINT64_MAX), INT64_MAX);
	assert_int_equal(deadline_after(INT64_MAX), INT64_MAX);
}

static struct uio_seg *vector(const struct u_iovec *v, unsigned long n, size_t *total)
{
	assert_int_equal(user_write(AT, v, n * sizeof(*v)), 0);
	return iovec_from_user(AT, n, total);
}

static void test_vectors(void **state)
{
	struct u_iovec v[3] = { { 0x1000, 10 }, { 0x2000, 0 }, { 0x3000, 5 } };
	struct uio_seg *segs;
	size_t total = 7;

	(void)state;
	segs = vector(v, 3, &total);
	assert_false(IS_ERR(segs));
	assert_int_equal(total, 15);
	assert_int_equal(segs[2].base, 0x3000);
	assert_int_equal(segs[2].len, 5);
	kfree(segs);
	segs = vector(v, 0, &total);
	assert_false(IS_ERR(segs));
	assert_int_equal(total, 0);
	kfree(segs);
	if (ARCH_PT_LEVELS > 2) { /* there is room for so much */
		v[0].len = 0x7fffffff; /* more in all than one call moves: clipped, as in Linux */
		v[2].len = 0x70000000;
		segs = vector(v, 3, &total);
		assert_false(IS_ERR(segs));
		assert_int_equal(total, 0x7ffff000);
		kfree(segs);
	}
	v[2].len = 0x80000000;
	v[0].base = 0xfffff000u;
	assert_int_equal(PTR_ERR(vector(v, 3, &total)), -EINVAL); /* before any address is looked at */
	assert_int_equal(PTR_ERR(iovec_from_user(AT, 1025, &total)), -EINVAL);
	assert_int_equal(PTR_ERR(iovec_from_user(AT, ~0ul, &total)), -EINVAL);
	assert_int_equal(PTR_ERR(iovec_from_user(NOWHERE, 1, &total)), -EFAULT);
	assert_int_equal(PTR_ERR(iovec_from_user(AT + 4 * PAGE_SIZE - 8, 2, &total)), -EFAULT);
	atomic_set(&alloc_fail_after, 1);
	assert_int_equal(PTR_ERR(iovec_from_user(AT, 2, &total)), -ENOMEM);
	atomic_set(&alloc_fail_after, 0);
}

static void test_a_vector_outside_of_user_memory(void **state)
{
	struct u_iovec v[2] = { { AT, 10 }, { 0xfffff000u, 10 } };
	size_t total;

	(void)state;
	if (ARCH_PT_LEVELS > 2) { /* all that 32 bits can say is user memory */
		kfree(vector(v, 2, &total));
		assert_int_equal(total, 20);
		return;
	}
	assert_int_equal(PTR_ERR(vector(v, 2, &total)), -EFAULT);
	v[1] = (struct u_iovec){ (uint32_t)ARCH_USER_TOP - 10, 10 };
	kfree(vector(v, 2, &total));
	v[1].len = 11;
	assert_int_equal(PTR_ERR(vector(v, 2, &total)), -EFAULT);
}

static void test_ids_and_devices(void **state)
{
	(void)state;
	assert_int_equal(id_from16(5), 5);
	assert_int_equal(id_from16(0xffff), ~0u);
	assert_int_equal(id_from16(0x12345), 0x2345);
	assert_int_equal(id_to16(65535), 65535);
	assert_int_equal(id_to16(65536), 65534);
	assert_int_equal(dev_to_user(5ull << 20 | 1), 0x501); /* /dev/console */
	for (uint64_t ma = 0; ma < 4096; ma += 37)
		for (uint64_t mi = 0; mi < 1 << 20; mi += 4099)
			assert_int_equal(dev_from_user((unsigned long)dev_to_user(ma << 20 | mi)), ma << 20 | mi);
}

static void test_usage_is_laid_out(void **state)
{
	struct usage u = { .user_ns = 1500000000, .system_ns = 2000999, .minflt = 3, .majflt = 4, .nvcsw = 5, .nivcsw = 6, .maxrss_pages = 7 };
	struct u_rusage r;

	(void)state;
	memset(&r, 0xff, sizeof(r));
	rusage_fill(&r, &u);
	assert_int_equal(r.utime.sec, 1);
	assert_int_equal(r.utime.usec, 500000);
	assert_int_equal(r.stime.usec, 2000);
	assert_int_equal(r.maxrss, 28);
	assert_int_equal(r.minflt, 3);
	assert_int_equal(r.nivcsw, 6);
	assert_int_equal(r.nswap, 0);
	assert_int_equal(r.nsignals, 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_times_come_in), CASE(test_times_go_out), CASE(test_timevals_come_in), CASE(test_deadlines_do_not_wrap), CASE(test_vectors),
		CASE(test_a_vector_outside_of_user_memory), CASE(test_ids_and_devices), CASE(test_usage_is_laid_out),
	};

	return cmocka_run_group_tests_name("convert", tests, test_machine, NULL);
}
