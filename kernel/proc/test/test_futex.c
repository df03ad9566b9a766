/* SPDX-License-Identifier: MIT */
/* Waiting on words of user memory, private and shared: waking, moving waiters, limits of time, signals, and the locks of those who die. */
#include "arch/clock.h"
#include "core/clock.h"
#include "mem/slab.h"
#include "proc/futex.h"
#include "vfs/pagecache.h"
#include "vfs/test/machine.h"
#include "vm/aspace.h"
#include "vm/mmap.h"
#include "vm/tlb.h"

#define WAIT 0u
#define WAKE 1u
#define REQUEUE 3u
#define CMP_REQUEUE 4u
#define WAIT_BITSET 9u
#define WAKE_BITSET 10u
#define PRIVATE 128u
#define WORD 0x100000ul
#define OTHER (WORD + 64)

static struct aspace *as;
static bool shared;
static unsigned started, woken;
static long results[16];

static void enter(bool in)
{
	if (in) {
		aspace_activate(as);
		return;
	}
	thread_current()->aspace = NULL;
	tlb_switch(NULL);
}

static void make_space(bool with_shared_memory)
{
	struct map_request r = { .addr = WORD, .len = 4 * PAGE_SIZE, .prot = PROT_READ | PROT_WRITE, .flags = MAP_FIXED | MAP_ANONYMOUS,
				 .may = VMA_MAYREAD | VMA_MAYWRITE };

	shared = with_shared_memory;
	r.flags |= shared ? MAP_SHARED : MAP_PRIVATE;
	as = aspace_new();
	assert_non_null(as);
	assert_int_equal(vm_map(as, &r), WORD);
	enter(true);
	started = woken = 0;
}

static void drop_space(void)
{
	enter(false);
	aspace_put(as);
}

static void set_word(uaddr_t at, uint32_t v) { assert_int_equal(user_put(at, &v), 0); }

static long call(unsigned op, uaddr_t addr, uint32_t val, uint32_t val2, uaddr_t addr2, uint32_t val3)
{
	struct futex_request r = { .op = op | (shared ? 0 : PRIVATE), .addr = addr, .addr2 = addr2, .val = val, .val2 = val2, .val3 = val3,
				   .deadline = WAIT_FOREVER };

	return futex_call(&r);
}

static long wake(uaddr_t addr, uint32_t n) { return call(WAKE, addr, n, 0, 0, 0); }

static void wait_for_zero(void *addr)
{
	unsigned me = started++;

	enter(true);
	results[me] = call(WAIT, (uaddr_t)addr, 0, 0, 0, 0);
	woken++;
	enter(false);
}

static void start_waiters(unsigned n, uaddr_t addr)
{
	while (n--)
		test_child(wait_for_zero, (void *)addr);
}

static void waiting_and_waking(void)
{
	assert_int_equal(wake(WORD, 1), 0);
	assert_int_equal(call(WAIT, WORD, 1, 0, 0, 0), -EAGAIN); /* it is 0 */
	start_waiters(5, WORD);
	start_waiters(1, OTHER);
	assert_int_equal(woken, 0);
	assert_int_equal(wake(WORD, 2), 2);
	test_let_run();
	assert_int_equal(woken, 2);
	assert_int_equal(wake(WORD, 100), 3);
	assert_int_equal(wake(WORD, 100), 0);
	assert_int_equal(wake(OTHER, 1), 1);
	test_let_run();
	assert_int_equal(woken, 6);
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(results[i], 0);
}

static void test_private_words(void)
{
	make_space(false);
	waiting_and_waking();
	drop_space();
}

static void test_shared_words(void)
{
	make_space(true);
	waiting_and_waking();
	drop_space();
}

static void test_bad_words(void)
{
	make_space(false);
	for (int i = 0; i < 2; i++, shared = true) {
		assert_int_equal(call(WAIT, WORD + 2, 0, 0, 0, 0), -EINVAL);
		assert_int_equal(wake(WORD + 1, 1), -EINVAL);
		assert_int_equal(call(WAIT, 0x5000000, 0, 0, 0, 0), -EFAULT);
		assert_int_equal(call(WAIT, ~3ul, 0, 0, 0, 0), -EFAULT);
		assert_int_equal(wake(~3ul, 1), -EFAULT);
		assert_int_equal(call(WAIT_BITSET, WORD, 0, 0, 0, 0), -EINVAL);
		assert_int_equal(call(WAKE_BITSET, WORD, 1, 0, 0, 0), -EINVAL);
		assert_int_equal(call(CMP_REQUEUE, WORD, 0, 0, OTHER + 1, 0), -EINVAL);
		assert_int_equal(call(CMP_REQUEUE, WORD, -1, 0, OTHER, 0), -EINVAL);
		assert_int_equal(call(CMP_REQUEUE, WORD, 0, -1, OTHER, 0), -EINVAL);
	}
	assert_int_equal(call(99, WORD, 0, 0, 0, 0), -ENOSYS);
	drop_space();
}

static void moving(void)
{
	start_waiters(6, WORD);
	set_word(WORD, 7);
	assert_int_equal(call(CMP_REQUEUE, WORD, 1, 2, OTHER, 8), -EAGAIN);
	test_let_run();
	assert_int_equal(woken, 0);
	assert_int_equal(call(CMP_REQUEUE, WORD, 1, 2, OTHER, 7), 3);
	test_let_run();
	assert_int_equal(woken, 1);
	assert_int_equal(wake(OTHER, 100), 2);
	assert_int_equal(call(CMP_REQUEUE, WORD, 0, 100, WORD, 7), 3); /* onto itself */
	assert_int_equal(wake(WORD, 100), 3);
	test_let_run();
	assert_int_equal(woken, 6);
}

static void test_waiters_move_to_another_word(void)
{
	make_space(false);
	moving();
	drop_space();
	make_space(true);
	moving();
	drop_space();
}

static void test_refused_moves_leave_no_reference(void)
{
	unsigned long before, after;

	make_space(true);
	set_word(WORD, 1);
	set_word(WORD + PAGE_SIZE, 1);
	drop_space();
	slab_reap();
	before = frame_free_count();
	make_space(true);
	set_word(WORD, 1);
	set_word(WORD + PAGE_SIZE, 1);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(call(CMP_REQUEUE, WORD, 1, 1, WORD + PAGE_SIZE, 5), -EAGAIN);
		assert_int_equal(call(CMP_REQUEUE, WORD, 1, 1, 0x5000000, 1), -EFAULT);
	}
	drop_space();
	slab_reap();
	after = frame_free_count();
	assert_int_equal(after, before);
}

static void wait_with_bits(void *bits)
{
	unsigned me = started++;

	enter(true);
	results[me] = call(WAIT_BITSET, WORD, 0, 0, 0, (uint32_t)(uintptr_t)bits);
	woken |= (unsigned)(uintptr_t)bits;
	enter(false);
}

static void test_bits_choose(void)
{
	make_space(false);
	test_child(wait_with_bits, (void *)1);
	test_child(wait_with_bits, (void *)2);
	test_child(wait_with_bits, (void *)4);
	assert_int_equal(call(WAKE_BITSET, WORD, 10, 0, 0, 8), 0);
	assert_int_equal(call(WAKE_BITSET, WORD, 10, 0, 0, 6), 2);
	test_let_run();
	assert_int_equal(woken, 6);
	assert_int_equal(wake(WORD, 10), 1);
	test_let_run();
	assert_int_equal(woken, 7);
	drop_space();
}

static struct task *sleeper;

static void wait_a_while(void *ns)
{
	struct futex_request r = { .op = WAIT | PRIVATE, .addr = WORD, .deadline = clock_now() + (ktime_t)(uintptr_t)ns };

	sleeper = task_current();
	task_get(sleeper);
	enter(true);
	results[0] = futex_call(&r);
	woken++;
	enter(false);
}

static void test_the_time_runs_out(void)
{
	make_space(false);
	test_child(wait_a_while, (void *)1000000ul);
	host_clock_advance(900000);
	test_let_run();
	assert_int_equal(woken, 0);
	host_clock_advance(200000);
	test_let_run();
	assert_int_equal(woken, 1);
	assert_int_equal(results[0], -ETIMEDOUT);
	assert_int_equal(wake(WORD, 1), 0); /* it is not there any more */
	task_put(sleeper);
	drop_space();
}

static void test_a_signal_ends_the_wait(void)
{
	struct siginfo info = { .signo = SIGUSR1, .code = SI_USER };

	make_space(false);
	test_child(wait_a_while, (void *)1000000ul);
	sleeper->process->sighand->action[SIGUSR1 - 1].handler = 0x1000;
	assert_int_equal(signal_post_process(sleeper->process, &info), 0);
	test_let_run();
	assert_int_equal(woken, 1);
	assert_int_equal(results[0], -ERESTART_RESTARTBLOCK);
	assert_int_equal(wake(WORD, 1), 0);
	task_put(sleeper);
	drop_space();
}

/* A list with one lock that the thread holds, one of somebody else, and one that it was about to take. */
static void test_the_locks_of_the_dead(void)
{
	struct { uint32_t next; int32_t offset; uint32_t pending; } head = { WORD + 0x200, 16, WORD + 0x400 };
	uint32_t tid = (uint32_t)task_current()->tid, v;

	make_space(false);
	assert_int_equal(user_put(WORD + 0x100, &head), 0);
	set_word(WORD + 0x200, WORD + 0x300);
	set_word(WORD + 0x210, tid | 0x80000000u);
	set_word(WORD + 0x300, WORD + 0x100); /* the end */
	set_word(WORD + 0x310, tid + 1);
	set_word(WORD + 0x410, tid);
	set_word(OTHER, 0);
	task_current()->robust_list = WORD + 0x100;
	futex_exit_robust(task_current());
	assert_int_equal(user_get(&v, WORD + 0x210), 0);
	assert_int_equal(v, 0xc0000000u);
	assert_int_equal(user_get(&v, WORD + 0x310), 0);
	assert_int_equal(v, tid + 1);
	assert_int_equal(user_get(&v, WORD + 0x410), 0);
	assert_int_equal(v, 0x40000000u);
	set_word(WORD + 0x300, WORD + 0x200); /* a ring without an end, and other rubbish */
	task_current()->robust_list = WORD + 0x100;
	futex_exit_robust(task_current());
	set_word(WORD + 0x200, 0x5000000);
	task_current()->robust_list = WORD + 0x100;
	futex_exit_robust(task_current());
	task_current()->robust_list = 0x5000000;
	futex_exit_robust(task_current());
	drop_space();
}

static int set_up(void **state)
{
	int err = test_machine_start(state);

	futex_init();
	return err;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_private_words), CASE(test_shared_words), CASE(test_bad_words), CASE(test_waiters_move_to_another_word),
		CASE(test_refused_moves_leave_no_reference), CASE(test_bits_choose), CASE(test_the_time_runs_out), CASE(test_a_signal_ends_the_wait),
		CASE(test_the_locks_of_the_dead),
	};

	return cmocka_run_group_tests_name("futex", tests, set_up, NULL);
}
