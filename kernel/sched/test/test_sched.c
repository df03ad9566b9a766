/* SPDX-License-Identifier: MIT */
/*
 * The scheduler on one pretend CPU. The test itself is the idle thread: run() yields until "done" or everything waits. Time moves only
 * when a thread works (work_ns) or all sleep, so every run is the same.
 */
#include "arch/clock.h"
#include "core/clock.h"
#include "core/panic.h"
#include "lib/check.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "mem/vmap.h"
#include "sched/kthread.h"
#include "sched/mutex.h"
#include "sched/runq.h"
#include "sched/rwlock.h"
#include "sched/test/machine.h"
#include "sched/times.h"
#include "sched/waitq.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define MS NSEC_PER_MSEC

static int init_machine(void **state)
{
	(void)state;
	test_boot(8192, 8192, &test_kernel_traps);
	kthread_init();
	return 0;
}

static int live; /* threads of the test that have not ended */

struct job {
	void (*fn)(void *);
	void *arg;
};

static void run_job(void *p)
{
	struct job j = *(struct job *)p;

	free(p);
	j.fn(j.arg);
	live--;
}

/* Does not switch to the new thread yet. */
static struct thread *start(const char *name, void (*fn)(void *), void *arg)
{
	struct job *j = malloc(sizeof(*j));
	struct thread *t;

	*j = (struct job){ fn, arg };
	live++;
	preempt_disable();
	t = kthread_start(name, run_job, j);
	preempt_enable_no_resched();
	assert_non_null(t);
	return t;
}

/* Runs until all threads of the test have ended. */
static void run(void)
{
	while (live) {
		sched_yield();
		if (live)
			arch_idle();
	}
	sched_yield();
	vmap_reap();
	slab_reap();
}

static void let_run(void)
{
	sched_yield();
}

/* CPU time used by the caller, in small steps, so that ticks arrive on the way. */
static void work_ns(uint64_t ns)
{
	while (ns) {
		uint64_t step = ns < MS / 4 ? ns : MS / 4;

		host_clock_advance(step);
		ns -= step;
	}
}

/* ---- fairness ---- */

struct hog {
	int nice, policy, prio;
	uint64_t until;
	uint64_t got;
};

static void hog(void *p)
{
	struct hog *h = p;

	while (clock_now() < h->until)
		work_ns(MS / 4);
	h->got = sched_thread_cpu_ns(thread_current());
}

static void start_hog(struct hog *h)
{
	struct thread *t;

	preempt_disable(); /* it has not begun to run, so it is still there */
	t = start("hog", hog, h);
	sched_set_nice(t, h->nice);
	assert_int_equal(sched_set_policy(t, h->policy, h->prio), 0);
	preempt_enable_no_resched();
}

static struct waitq crowd;

static void test_equal_threads_share_equally(void **state)
{
	struct hog h[4];

	(void)state;
	for (int i = 0; i < 4; i++) {
		h[i] = (struct hog){ .until = clock_now() + 1000 * MS };
		start_hog(&h[i]);
	}
	run();
	for (int i = 0; i < 4; i++)
		assert_in_range(h[i].got, 230 * MS, 270 * MS);
}

static void test_weights_decide_the_shares(void **state)
{
	struct hog a = { .nice = 0, .until = clock_now() + 2000 * MS }, b = { .nice = 5, .until = a.until };

	(void)state;
	start_hog(&a);
	start_hog(&b);
	run();
	/* 1024 : 335 */
	assert_in_range(a.got * 335 * 100 / (b.got * 1024), 90, 110);
}

static void test_real_time_goes_first(void **state)
{
	struct hog rt = { .policy = SCHED_FIFO, .prio = 10, .until = clock_now() + 200 * MS };
	struct hog normal = { .until = rt.until };

	(void)state;
	start_hog(&normal);
	start_hog(&rt);
	run();
	assert_true(rt.got > 190 * MS);
	assert_true(normal.got < 10 * MS);
}

static void test_round_robin_takes_turns(void **state)
{
	struct hog a = { .policy = SCHED_RR, .prio = 5, .until = clock_now() + 1000 * MS }, b = a, fifo = a;

	(void)state;
	fifo.policy = SCHED_FIFO;
	fifo.prio = 4;
	start_hog(&a);
	start_hog(&b);
	start_hog(&fifo);
	run();
	assert_in_range(a.got, 380 * MS, 620 * MS);
	assert_in_range(b.got, 380 * MS, 620 * MS);
	assert_true(fifo.got < 20 * MS);
}

/* A FIFO thread that something more urgent interrupts goes on before others of its priority. */
static uint64_t first_ended, second_began;
static void first_fifo(void *p)
{
	(void)p;
	for (int i = 0; i < 20; i++) {
		work_ns(MS);
		waitq_wake_all(&crowd);
	}
	first_ended = clock_now();
}
static void second_fifo(void *p)
{
	(void)p;
	second_began = clock_now();
}
static int interruptions;
static void interrupter(void *p)
{
	(void)p;
	for (int i = 0; i < 10; i++) {
		struct waiter w = { .exclusive = false };

		waitq_prepare(&crowd, &w, WAIT_UNINTERRUPTIBLE);
		waitq_sleep(WAIT_FOREVER);
		waitq_finish(&crowd, &w);
		interruptions++;
	}
}
static void start_fifo(void (*fn)(void *), int prio)
{
	preempt_disable();
	assert_int_equal(sched_set_policy(start("fifo", fn, NULL), SCHED_FIFO, prio), 0);
	preempt_enable_no_resched();
}

static void test_fifo_keeps_its_turn(void **state)
{
	(void)state;
	waitq_init(&crowd);
	start_fifo(interrupter, 20);
	let_run();
	start_fifo(first_fifo, 10);
	start_fifo(second_fifo, 10);
	run();
	assert_int_equal(interruptions, 10);
	assert_true(first_ended <= second_began);
}

static void test_real_time_leaves_a_little(void **state)
{
	struct hog rt = { .policy = SCHED_FIFO, .prio = 10, .until = clock_now() + 3000 * MS };
	struct hog normal = { .until = rt.until };

	(void)state;
	start_hog(&normal);
	start_hog(&rt);
	run();
	assert_in_range(normal.got, 100 * MS, 200 * MS);
}

static void test_policy_arguments(void **state)
{
	(void)state;
	assert_int_equal(sched_set_policy(thread_current(), SCHED_FIFO, 0), -EINVAL);
	assert_int_equal(sched_set_policy(thread_current(), SCHED_RR, 100), -EINVAL);
	assert_int_equal(sched_set_policy(thread_current(), SCHED_NORMAL, 1), -EINVAL);
	assert_int_equal(sched_set_policy(thread_current(), 4, 0), -EINVAL);
}

/* A thread that sleeps most of the time is served soon when it wakes. */
static uint64_t worst_latency;
static void sleeper(void *p)
{
	(void)p;
	for (int i = 0; i < 50; i++) {
		uint64_t when = clock_now() + 10 * MS;

		sched_sleep_until(when, false);
		if (clock_now() - when > worst_latency)
			worst_latency = clock_now() - when;
		work_ns(MS / 4);
	}
}

static void test_sleepers_wake_soon(void **state)
{
	struct hog h[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		h[i] = (struct hog){ .until = clock_now() + 600 * MS };
		start_hog(&h[i]);
	}
	start("sleeper", sleeper, NULL);
	run();
	assert_true(worst_latency <= 5 * MS);
}

static void test_idle_takes_no_ticks(void **state)
{
	uint64_t when;

	(void)state;
	run();
	host_clock_advance(100 * MS);
	assert_false(host_timer_armed(&when));
}

/* ---- waiting ---- */

struct pingpong {
	struct waitq q[2];
	int turn, rounds, done;
};

static void play(struct pingpong *p, int me)
{
	for (int i = 0; i < p->rounds; i++) {
		assert_int_equal(waitq_wait(&p->q[me], p->turn == me, WAIT_UNINTERRUPTIBLE), 0);
		p->turn = !me;
		waitq_wake_one(&p->q[!me]);
	}
	p->done++;
}
static void ping(void *p) { play(p, 0); }
static void pong(void *p) { play(p, 1); }

static void test_ping_pong_loses_no_wakeup(void **state)
{
	struct pingpong p = { .rounds = 2000 };
	unsigned long frames = frame_free_count();

	(void)state;
	waitq_init(&p.q[0]);
	waitq_init(&p.q[1]);
	start("ping", ping, &p);
	start("pong", pong, &p);
	run();
	assert_int_equal(p.done, 2);
	assert_in_range(frame_free_count(), frames, frames + 8);
}

struct waiting {
	struct waitq q;
	bool flag;
	enum wait_mode mode;
	ktime_t deadline;
	int result;
	struct thread *t;
};

static void wait_flag(void *arg)
{
	struct waiting *w = arg;

	w->t = thread_current();
	w->result = waitq_wait_until(&w->q, w->flag, w->mode, w->deadline);
}

static void test_deadline(void **state)
{
	struct waiting w = { .mode = WAIT_INTERRUPTIBLE, .deadline = clock_now() + 30 * MS };
	uint64_t start_time = clock_now();

	(void)state;
	waitq_init(&w.q);
	start("late", wait_flag, &w);
	run();
	assert_int_equal(w.result, -ETIMEDOUT);
	assert_int_equal(clock_now() - start_time, 30 * MS);
	w.deadline = clock_now();
	start("past", wait_flag, &w);
	run();
	assert_int_equal(w.result, -ETIMEDOUT);
}

static int waited_with(enum wait_mode mode, uint32_t work, unsigned mask)
{
	struct waiting w = { .mode = mode, .deadline = WAIT_FOREVER, .result = 1 };

	waitq_init(&w.q);
	start("waiter", wait_flag, &w);
	let_run();
	thread_set_work(w.t, work);
	sched_wake(w.t, mask);
	let_run();
	if (live) { /* still waiting: let it go */
		w.flag = true;
		waitq_wake_all(&w.q);
		run();
		return w.result ? w.result : 100;
	}
	run();
	return w.result;
}

static void test_signals_end_the_waits_that_allow_it(void **state)
{
	unsigned sleeping = 1u << THREAD_SLEEPING, killable = sleeping | 1u << THREAD_KILLABLE;

	(void)state;
	assert_int_equal(waited_with(WAIT_INTERRUPTIBLE, WORK_SIGNAL, sleeping), -ERESTARTSYS);
	assert_int_equal(waited_with(WAIT_KILLABLE, WORK_SIGNAL, sleeping), 100);
	assert_int_equal(waited_with(WAIT_KILLABLE, WORK_KILL, killable), -ERESTARTSYS);
	assert_int_equal(waited_with(WAIT_UNINTERRUPTIBLE, WORK_KILL, killable), 100);
	/* a wake-up without reason is no reason to stop waiting */
	assert_int_equal(waited_with(WAIT_UNINTERRUPTIBLE, 0, WAKE_ANY), 100);
}

static int woken_count;
static void exclusive_waiter(void *p)
{
	struct waiter w = { .exclusive = p != NULL };

	waitq_prepare(&crowd, &w, WAIT_UNINTERRUPTIBLE);
	waitq_sleep(WAIT_FOREVER);
	waitq_finish(&crowd, &w);
	woken_count++;
}

static void test_wake_one_wakes_one_of_the_exclusive_and_all_others(void **state)
{
	(void)state;
	waitq_init(&crowd);
	for (long i = 0; i < 6; i++)
		start("crowd", exclusive_waiter, (void *)(i % 2));
	let_run();
	waitq_wake_one(&crowd);
	let_run();
	assert_int_equal(woken_count, 4);
	waitq_wake_one(&crowd);
	waitq_wake_one(&crowd); /* finds the last one asleep, although the one before still stands in the queue */
	let_run();
	assert_int_equal(woken_count, 6);
	run();
}

/* ---- locks ---- */

static struct mutex mtx;
static int inside, most_inside, entries;

static void critical(void *p)
{
	(void)p;
	for (int i = 0; i < 20; i++) {
		mutex_lock(&mtx);
		inside++;
		if (inside > most_inside)
			most_inside = inside;
		if (i % 3 == 0)
			sched_yield();
		if (i % 5 == 0)
			sched_sleep_until(clock_now() + MS, false);
		entries++;
		inside--;
		mutex_unlock(&mtx);
		sched_yield();
	}
}

static void test_mutex_excludes(void **state)
{
	(void)state;
	mutex_init(&mtx, LOCK_INODE);
	for (int i = 0; i < 5; i++)
		start("critical", critical, NULL);
	run();
	assert_int_equal(most_inside, 1);
	assert_int_equal(entries, 100);
	assert_null(mtx.owner);
	assert_true(mutex_trylock(&mtx));
	assert_false(mutex_trylock(&mtx));
	mutex_unlock(&mtx);
}

static int interrupted_result;
static struct thread *interrupted_thread;
static void lock_interruptible(void *p)
{
	(void)p;
	interrupted_thread = thread_current();
	interrupted_result = mutex_lock_interruptible(&mtx);
	if (!interrupted_result)
		mutex_unlock(&mtx);
}

static void test_interrupted_lock_is_not_taken(void **state)
{
	(void)state;
	mutex_init(&mtx, LOCK_INODE);
	mtx.owner = (struct thread *)&mtx; /* somebody */
	start("interrupted", lock_interruptible, NULL);
	let_run();
	thread_set_work(interrupted_thread, WORK_SIGNAL);
	sched_wake(interrupted_thread, WAKE_ANY);
	run();
	assert_int_equal(interrupted_result, -ERESTARTSYS);
	mtx.owner = NULL;
}

static struct rwlock rw;
static int readers_in, writers_in, most_readers, violations, writes;

static void reader(void *p)
{
	(void)p;
	for (int i = 0; i < 30; i++) {
		rwlock_read_lock(&rw);
		readers_in++;
		violations += writers_in != 0;
		if (readers_in > most_readers)
			most_readers = readers_in;
		sched_yield();
		readers_in--;
		rwlock_read_unlock(&rw);
	}
}

static void writer(void *p)
{
	(void)p;
	for (int i = 0; i < 30; i++) {
		rwlock_write_lock(&rw);
		writers_in++;
		violations += readers_in != 0 || writers_in != 1;
		sched_yield();
		writers_in--;
		writes++;
		rwlock_write_unlock(&rw);
		sched_yield();
	}
}

static void test_rwlock(void **state)
{
	(void)state;
	rwlock_init(&rw, LOCK_ASPACE);
	for (int i = 0; i < 4; i++)
		start("reader", reader, NULL);
	for (int i = 0; i < 2; i++)
		start("writer", writer, NULL);
	run();
	assert_int_equal(violations, 0);
	assert_int_equal(writes, 60);
	assert_true(most_readers > 1);
	assert_int_equal(rw.readers, 0);
	assert_int_equal(rw.writers_waiting, 0);
}

static struct thread *killed;
static int killed_result;
static void write_killable(void *p)
{
	(void)p;
	killed = thread_current();
	killed_result = rwlock_write_lock_killable(&rw);
}
static void read_once(void *p)
{
	rwlock_read_lock(&rw);
	*(bool *)p = true;
	rwlock_read_unlock(&rw);
}

static void test_killed_writer_lets_readers_in(void **state)
{
	bool got_in = false;

	(void)state;
	rwlock_init(&rw, LOCK_ASPACE);
	rwlock_read_lock(&rw);
	start("writer", write_killable, NULL);
	let_run();
	start("reader", read_once, &got_in);
	let_run();
	assert_false(got_in);
	thread_set_work(killed, WORK_KILL);
	sched_wake(killed, WAKE_ANY);
	let_run();
	assert_int_equal(killed_result, -EINTR);
	assert_true(got_in);
	rwlock_read_unlock(&rw);
	run();
}

/* ---- preemption, work, accounting ---- */

static struct waitq irq_q;
static bool irq_flag;
static uint64_t seen_at;
static void wait_for_irq(void *p)
{
	(void)p;
	waitq_wait(&irq_q, irq_flag, WAIT_UNINTERRUPTIBLE);
	seen_at = clock_now();
}
static void raise_flag(void)
{
	irq_flag = true;
	waitq_wake_all(&irq_q);
}
static uint64_t raised_at;
static void hog_with_interrupt(void *p)
{
	(void)p;
	work_ns(50 * MS);
	preempt_disable();
	raised_at = clock_now();
	host_interrupt(raise_flag);
	work_ns(MS);
	assert_int_equal(seen_at, 0); /* not while preemption is off */
	preempt_enable();
	assert_int_equal(seen_at, raised_at + MS); /* at once after */
}

static void test_interrupts_preempt_when_allowed(void **state)
{
	(void)state;
	waitq_init(&irq_q);
	start("waiter", wait_for_irq, NULL);
	let_run();
	start("hog", hog_with_interrupt, NULL);
	run();
	assert_true(seen_at);
}

static int work_runs;
static void do_work(struct work *w)
{
	work_runs++;
	if (work_runs < 3)
		work_queue(w);
}

static void test_deferred_work(void **state)
{
	struct work w;

	(void)state;
	work_init(&w, do_work);
	preempt_disable();
	work_queue(&w);
	work_queue(&w); /* once until it runs */
	preempt_enable();
	let_run();
	assert_int_equal(work_runs, 3);
}

static uint64_t user_ns, system_ns;
static void half_user(void *p)
{
	struct thread *t = thread_current();

	(void)p;
	host_in_user = true;
	work_ns(300 * MS);
	host_in_user = false;
	work_ns(100 * MS);
	sched_account_current();
	user_ns = t->user_ns;
	system_ns = t->system_ns;
}

static void test_user_time_is_sampled(void **state)
{
	(void)state;
	start("half", half_user, NULL);
	run();
	assert_int_equal(user_ns + system_ns, 400 * MS);
	assert_in_range(user_ns, 280 * MS, 320 * MS);
}

static void test_load_average_follows_the_queue(void **state)
{
	struct hog h[2];
	struct sched_stats s;

	(void)state;
	for (int i = 0; i < 2; i++) {
		h[i] = (struct hog){ .until = clock_now() + 300000 * MS };
		start_hog(&h[i]);
	}
	run();
	sched_stats(&s);
	assert_in_range(s.load[0], 1950, 2 * 2048 + 60);
	assert_true(s.load[2] < s.load[0]);
	assert_int_equal(s.runnable, 0);
	host_clock_advance(3600000 * MS);
	sched_stats(&s);
	assert_in_range(s.load[0], 0, 20);
}

static void nothing(void *p)
{
	(void)p;
}

static void test_thousand_threads_leave_nothing(void **state)
{
	unsigned long frames, objects;

	(void)state;
	start("warm", nothing, NULL);
	run();
	frames = frame_free_count();
	objects = slab_live();
	for (int i = 0; i < 1000; i++) {
		start("one of many", nothing, NULL);
		if (i % 100 == 99)
			run();
	}
	assert_int_equal(slab_live(), objects);
	assert_int_equal(frame_free_count(), frames);
}

static void test_start_survives_failure(void **state)
{
	unsigned long frames, objects;
	int failures = 0;

	(void)state;
	run();
	frames = frame_free_count();
	objects = slab_live();
	for (long n = 1; n < 20; n++) {
		struct thread *t;

		atomic_set(&alloc_fail_after, n);
		t = kthread_start("maybe", nothing, NULL);
		atomic_set(&alloc_fail_after, 0);
		failures += !t;
		let_run();
		run();
		assert_int_equal(slab_live(), objects);
		assert_int_equal(frame_free_count(), frames);
	}
	assert_true(failures >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equal_threads_share_equally),
		cmocka_unit_test(test_weights_decide_the_shares),
		cmocka_unit_test(test_real_time_goes_first),
		cmocka_unit_test(test_round_robin_takes_turns),
		cmocka_unit_test(test_fifo_keeps_its_turn),
		cmocka_unit_test(test_real_time_leaves_a_little),
		cmocka_unit_test(test_policy_arguments),
		cmocka_unit_test(test_sleepers_wake_soon),
		cmocka_unit_test(test_idle_takes_no_ticks),
		cmocka_unit_test(test_ping_pong_loses_no_wakeup),
		cmocka_unit_test(test_deadline),
		cmocka_unit_test(test_signals_end_the_waits_that_allow_it),
		cmocka_unit_test(test_wake_one_wakes_one_of_the_exclusive_and_all_others),
		cmocka_unit_test(test_mutex_excludes),
		cmocka_unit_test(test_interrupted_lock_is_not_taken),
		cmocka_unit_test(test_rwlock),
		cmocka_unit_test(test_killed_writer_lets_readers_in),
		cmocka_unit_test(test_interrupts_preempt_when_allowed),
		cmocka_unit_test(test_deferred_work),
		cmocka_unit_test(test_user_time_is_sampled),
		cmocka_unit_test(test_load_average_follows_the_queue),
		cmocka_unit_test(test_thousand_threads_leave_nothing),
		cmocka_unit_test(test_start_survives_failure),
	};

	return cmocka_run_group_tests(tests, init_machine, NULL);
}
