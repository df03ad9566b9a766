/* SPDX-License-Identifier: MIT */
/*
 * The scheduler, the wait queues, the locks and the workers on several pretend CPUs, with every change of CPUs chosen by a seed: at any access to memory that
 * the kernel makes (arch_target/interleave.h). In each schedule some threads do random things to what they share and to one another: pass tokens,
 * take mutexes and read-write locks, sleep, yield, change one another's CPUs and policies, queue work and wait for it, start others. A token that gets
 * lost, a lock had twice or a thread that nobody wakes again shows as a wrong count at the end, or as a machine where nothing goes on.
 * TRACE=1 prints what they do.
 */
#include "arch_target/interleave.h"
#include "core/clock.h"
#include "lib/check.h"
#include "sched/balance.h"
#include "sched/kthread.h"
#include "sched/mutex.h"
#include "sched/rwlock.h"
#include "sched/test/cpus.h"
#include "sched/test/machine.h"
#include "sched/test/schedules.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define US (NSEC_PER_MSEC / 1000)
#define CPUS 4u
#define WORKERS 6u
#define STEPS 12u
#define BATCH 100ul
#define SCHEDULES 8000ul

static unsigned long first_seed, last_seed;
static bool trace;

#define SAY(...) (trace ? (void)fprintf(stderr, __VA_ARGS__) : (void)0)

static void print_queues(void)
{
	for (unsigned i = 0; i < cpu_count; i++)
		fprintf(stderr, "cpu %u: current %s, %u wait, kicked %d, idle bit %d\n", i, runqs[i].curr->name, runqs[i].queued, runqs[i].kicked,
			!!(cpus_idle & CPU_BIT(i)));
}

static void nothing_goes_on(const char *why)
{
	print_queues();
	schedules_stuck(why);
}

/* ---- what they share ---- */

struct worker {
	unsigned id;
	struct thread *t;
	uint32_t rnd;
	struct waitq q; /* for its tokens */
	unsigned tokens;
	unsigned moves_begun, moves_done; /* changes of its CPUs by others */
};
static struct worker workers[WORKERS];

static struct mutex mutexes[2];
static struct rwlock rw;
static int inside[2], readers, writers;
static unsigned locked_count, locked_seen;
static struct work works[3];
static unsigned work_runs[3], work_asked[3], work_inside[3];
static unsigned working, tokens_total, children;
static struct waitq finished = WAITQ_INIT(finished);

static unsigned rnd(struct worker *w, unsigned n)
{
	w->rnd = w->rnd * 1664525u + 1013904223u;
	return (w->rnd >> 8) % n;
}

static unsigned add(unsigned *n, int by) { return __atomic_add_fetch(n, (unsigned)by, __ATOMIC_SEQ_CST); }

/* A few accesses that others may come between. */
static void linger(struct worker *w)
{
	static volatile unsigned place;

	for (unsigned n = rnd(w, 6); n; n--) {
		(void)place;
		host_point(HOST_WRITE);
	}
}

static void pass_token(struct worker *w)
{
	struct worker *to = &workers[rnd(w, WORKERS)];

	add(&tokens_total, 1);
	add(&to->tokens, 1);
	waitq_wake_one(&to->q);
}

static bool take_token(struct worker *w)
{
	unsigned n = READ_ONCE(w->tokens);

	return n && __atomic_compare_exchange_n(&w->tokens, &n, n - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

/* Gives one to itself, through somebody else now and then, so that there is one to wait for. */
static void wait_token(struct worker *w)
{
	add(&w->tokens, 1);
	EXPECT(!waitq_wait(&w->q, take_token(w), WAIT_UNINTERRUPTIBLE));
}

static void use_mutex(struct worker *w)
{
	unsigned i = rnd(w, 2);
	struct mutex *m = &mutexes[i];

	if (rnd(w, 4) == 0) {
		if (mutex_lock_interruptible(m)) {
			thread_clear_work(w->t, WORK_SIGNAL);
			return;
		}
	} else {
		mutex_lock(m);
	}
	EXPECT(++inside[i] == 1);
	locked_count += i == 0;
	linger(w);
	if (rnd(w, 4) == 0)
		sched_yield();
	if (rnd(w, 6) == 0)
		sched_sleep_until(clock_now() + rnd(w, 20) * US, false);
	EXPECT(inside[i]-- == 1);
	if (i == 0)
		locked_seen++;
	mutex_unlock(m);
}

static void use_rwlock(struct worker *w)
{
	if (rnd(w, 3)) {
		rwlock_read_lock(&rw);
		__atomic_add_fetch(&readers, 1, __ATOMIC_SEQ_CST);
		EXPECT(!READ_ONCE(writers));
		linger(w);
		if (rnd(w, 4) == 0)
			sched_yield();
		__atomic_sub_fetch(&readers, 1, __ATOMIC_SEQ_CST);
		rwlock_read_unlock(&rw);
		return;
	}
	rwlock_write_lock(&rw);
	EXPECT(++writers == 1 && !READ_ONCE(readers));
	linger(w);
	if (rnd(w, 4) == 0)
		sched_yield();
	writers--;
	rwlock_write_unlock(&rw);
}

static void do_work(struct work *k)
{
	unsigned i = (unsigned)(k - works);

	EXPECT(add(&work_inside[i], 1) == 1);
	add(&work_runs[i], 1);
	host_point(HOST_WRITE);
	add(&work_inside[i], -1);
}

static void use_work(struct worker *w)
{
	unsigned i = rnd(w, 3), runs;

	add(&work_asked[i], 1);
	runs = READ_ONCE(work_runs[i]);
	if (rnd(w, 2))
		work_queue(&works[i]);
	else
		work_queue_on(rnd(w, CPUS), &works[i]);
	if (rnd(w, 2)) {
		work_flush(&works[i]);
		EXPECT(READ_ONCE(work_runs[i]) != runs); /* it has run once at least since it was asked for */
	}
}

static void child(void *p)
{
	(void)p;
	host_point(HOST_WRITE);
	if (add(&children, -1) == 0)
		waitq_wake_all(&finished);
}

static void interfere(struct worker *w)
{
	struct worker *other = &workers[rnd(w, WORKERS)];
	uint32_t mask = 1 + rnd(w, (1u << CPUS) - 1);
	unsigned moves;

	switch (rnd(w, 6)) {
	case 0:
	case 1:
		add(&other->moves_begun, 1);
		EXPECT(!sched_set_affinity(other->t, mask));
		add(&other->moves_done, 1);
		break;
	case 2: /* its own: it is there at once, unless others send it elsewhere meanwhile */
		moves = READ_ONCE(w->moves_done);
		EXPECT(!sched_set_affinity(w->t, mask));
		preempt_disable();
		EXPECT(CPU_BIT(this_cpu()->id) & mask || READ_ONCE(w->moves_begun) != moves);
		preempt_enable();
		break;
	case 3:
		sched_set_nice(other->t, (int)rnd(w, 40) - 20);
		break;
	case 4:
		sched_set_policy(other->t, rnd(w, 2) ? SCHED_NORMAL : SCHED_FIFO, 0);
		if (rnd(w, 3) == 0)
			sched_set_policy(other->t, SCHED_RR, 1 + (int)rnd(w, 50));
		break;
	default:
		thread_set_work(other->t, WORK_SIGNAL);
		sched_wake(other->t, WAKE_ANY);
	}
}

/* Every schedule has what it does most. */
static unsigned choose(struct worker *w)
{
	static const uint8_t favourites[][4] = { { 0, 1, 9, 9 }, { 2, 2, 3, 9 }, { 1, 7, 9, 9 }, { 4, 5, 5, 9 } };

	return rnd(w, 2) ? favourites[schedule_seed % ARRAY_SIZE(favourites)][rnd(w, 4)] : rnd(w, 10);
}

static void step(struct worker *w)
{
	switch (choose(w)) {
	case 0: pass_token(w); break;
	case 1: wait_token(w); break;
	case 2:
	case 3: use_mutex(w); break;
	case 4: use_rwlock(w); break;
	case 5: use_work(w); break;
	case 6: sched_yield(); break;
	case 7: sched_sleep_until(clock_now() + rnd(w, 50) * US, rnd(w, 2)); break;
	case 8:
		add(&children, 1);
		if (!kthread_start("child", child, NULL))
			add(&children, -1);
		break;
	default: interfere(w);
	}
}

static unsigned round_number;
static struct waitq begin = WAITQ_INIT(begin);

static void worker_main(void *p)
{
	struct worker *w = p;

	for (unsigned round = 1;; round++) {
		waitq_wait(&begin, READ_ONCE(round_number) >= round, WAIT_UNINTERRUPTIBLE);
		for (unsigned i = 0; i < STEPS; i++)
			step(w);
		if (add(&working, -1) == 0)
			waitq_wake_all(&finished);
	}
}

static void check_end(void)
{
	unsigned left = 0;

	for (unsigned i = 0; i < WORKERS; i++)
		left += workers[i].tokens;
	EXPECT(left == tokens_total);
	EXPECT(locked_count == locked_seen);
	EXPECT(!mutexes[0].owner && !mutexes[1].owner && !mutexes[0].heir && !mutexes[1].heir);
	EXPECT(!readers && !writers && !rw.readers && !rw.writers_waiting && !rw.readers_waiting && !rw.passes);
	for (unsigned i = 0; i < 3; i++) {
		work_flush(&works[i]);
		EXPECT(work_runs[i] <= work_asked[i]);
		EXPECT(!work_asked[i] || work_runs[i]);
	}
}

static void prepare(void)
{
	for (unsigned i = 0; i < WORKERS; i++) {
		struct worker *w = &workers[i];

		w->rnd = (uint32_t)schedule_seed * 2654435761u + i * 97;
		w->tokens = 0;
		thread_clear_work(w->t, WORK_SIGNAL);
		sched_set_affinity(w->t, ~0u);
		sched_set_policy(w->t, SCHED_NORMAL, 0);
		sched_set_nice(w->t, 0);
	}
	tokens_total = 0;
	memset(work_runs, 0, sizeof(work_runs));
	memset(work_asked, 0, sizeof(work_asked));
}

static void director(void *unused)
{
	(void)unused;
	for (unsigned long n = first_seed; n <= last_seed; n++) {
		schedule_seed = n;
		SAY("schedule %lu\n", n);
		host_interleave(n, 1u << n % 10);
		prepare();
		__atomic_store_n(&working, WORKERS, __ATOMIC_SEQ_CST);
		add(&round_number, 1);
		waitq_wake_all(&begin);
		waitq_wait(&finished, !READ_ONCE(working) && !READ_ONCE(children), WAIT_UNINTERRUPTIBLE);
		check_end();
	}
	_exit(0);
}

static void machine(void)
{
	check_panic_hook = schedules_wrong;
	host_stuck = nothing_goes_on;
	test_boot(16384, 16384, &test_kernel_traps);
	kthread_init();
	test_cpus_start(CPUS, 1);
	for (unsigned n = 1; n < CPUS; n++)
		kthread_init_cpu(n);
	mutex_init(&mutexes[0], LOCK_PIPE);
	mutex_init(&mutexes[1], LOCK_INODE);
	rwlock_init(&rw, LOCK_ASPACE);
	for (unsigned i = 0; i < 3; i++)
		work_init(&works[i], do_work);
}

static void run_batch(unsigned long first, unsigned long last)
{
	first_seed = first;
	last_seed = last;
	trace = getenv("TRACE") != NULL;
	machine();
	for (unsigned i = 0; i < WORKERS; i++) {
		workers[i].id = i;
		waitq_init(&workers[i].q);
		workers[i].t = kthread_start("worker", worker_main, &workers[i]);
	}
	kthread_start("director", director, NULL);
	sched_idle_loop();
}

int main(int argc, char **argv)
{
	static const struct schedules storms = { SCHEDULES, BATCH, run_batch };

	return schedules_main(&storms, argc, argv);
}
