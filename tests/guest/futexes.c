/* SPDX-License-Identifier: MIT */
/*
 * futex(2) beyond waiting and waking: moving waiters, combined operations, locks with an owner, locks of those who die, several words at once.
 */
#include "guest.h"

#include <linux/futex.h>
#include <sched.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static volatile uint32_t *w; /* words that children share */

static long futex(volatile uint32_t *addr, int op, uint32_t val, long timeout, volatile uint32_t *addr2, uint32_t val3)
{
	return syscall(SYS_futex, addr, op, val, timeout, addr2, val3);
}

static void make(void)
{
	w = map_anon(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
}

static pid_t tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static void on_signal(int sig UNUSED)
{
}

TEST(combined_operation)
{
	pid_t a;

	make();
	FORK(a)
		CHECK_OK(futex(&w[0], FUTEX_WAIT, 0, 0, NULL, 0));
	w[1] = 5;
	wait_state(a, "S");
	/* the word was 5, so the comparison does not hold: only the first is woken */
	CHECK_EQ(futex(&w[0], FUTEX_WAKE_OP, 1, 1, &w[1], FUTEX_OP(FUTEX_OP_ADD, 2, FUTEX_OP_CMP_GT, 5)), 1);
	CHECK_EQ(w[1], 7);
	reap_ok(a);
	CHECK_EQ(futex(&w[2], FUTEX_WAKE_OP, 1, 1, &w[1], FUTEX_OP(FUTEX_OP_SET, 9, FUTEX_OP_CMP_EQ, 8)), 0);
	CHECK_EQ(w[1], 9);
	CHECK_EQ(futex(&w[2], FUTEX_WAKE_OP, 1, 1, &w[3], FUTEX_OP(FUTEX_OP_OR, 6, FUTEX_OP_CMP_LE, -1)), 0);
	CHECK_EQ(w[3], 6);
	CHECK_EQ(futex(&w[2], FUTEX_WAKE_OP, 1, 1, &w[3], FUTEX_OP(FUTEX_OP_ANDN, 2, FUTEX_OP_CMP_LT, 0)), 0);
	CHECK_EQ(w[3], 4);
	CHECK_EQ(futex(&w[2], FUTEX_WAKE_OP, 1, 1, &w[3], FUTEX_OP((FUTEX_OP_XOR | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_NE, 4)), 0);
	CHECK_EQ(w[3], 20);
	CHECK_EQ(futex(&w[2], FUTEX_WAKE_OP, 1, 1, &w[3], FUTEX_OP(FUTEX_OP_ADD, -1, FUTEX_OP_CMP_GE, 100)), 0);
	CHECK_EQ(w[3], 19);
	CHECK_ERR(futex(&w[2], FUTEX_WAKE_OP, 1, 1, &w[3], FUTEX_OP(7, 1, 0, 0)), ENOSYS);
	CHECK_ERR(futex(&w[2], FUTEX_WAKE_OP, 1, 1, &w[3], FUTEX_OP(FUTEX_OP_SET, 1, 9, 0)), ENOSYS);
	CHECK_ERR(futex(&w[2], FUTEX_WAKE_OP, 1, 1, (void *)8, 0), EFAULT);
	CHECK_ERR(futex((void *)((char *)w + 1), FUTEX_WAKE_OP, 1, 1, &w[3], 0), EINVAL);
}

TEST(second_word_is_woken)
{
	pid_t a, b;

	make();
	FORK(a)
		CHECK_OK(futex(&w[0], FUTEX_WAIT, 0, 0, NULL, 0));
	FORK(b)
		CHECK_OK(futex(&w[1], FUTEX_WAIT, 0, 0, NULL, 0));
	wait_state(a, "S");
	wait_state(b, "S");
	CHECK_EQ(futex(&w[0], FUTEX_WAKE_OP, 1, 1, &w[1], FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_EQ, 0)), 2);
	reap_ok(a);
	reap_ok(b);
}

TEST(compared_and_moved)
{
	pid_t pid[3];

	make();
	for (int i = 0; i < 3; i++) {
		FORK(pid[i])
			CHECK_OK(futex(&w[0], FUTEX_WAIT, 0, 0, NULL, 0));
		wait_state(pid[i], "S");
	}
	CHECK_ERR(futex(&w[0], FUTEX_CMP_REQUEUE, 1, 1, &w[1], 1), EAGAIN);
	CHECK_ERR(futex(&w[0], FUTEX_CMP_REQUEUE, -1, 1, &w[1], 0), EINVAL);
	CHECK_ERR(futex(&w[0], FUTEX_CMP_REQUEUE, 1, -1, &w[1], 0), EINVAL);
	CHECK_ERR(futex((void *)8, FUTEX_CMP_REQUEUE, 1, 1, &w[1], 0), EFAULT);
	CHECK_EQ(futex(&w[0], FUTEX_CMP_REQUEUE, 1, 1, &w[1], 0), 2);
	reap_ok(pid[0]);
	CHECK_EQ(futex(&w[0], FUTEX_WAKE, 9, 0, NULL, 0), 1);
	CHECK_EQ(futex(&w[1], FUTEX_WAKE, 9, 0, NULL, 0), 1);
	reap_ok(pid[1]);
	reap_ok(pid[2]);
}

TEST(unknown_flags)
{
	make();
	CHECK_ERR(futex(&w[0], FUTEX_WAKE | FUTEX_CLOCK_REALTIME, 1, 0, NULL, 0), ENOSYS);
	CHECK_ERR(futex(&w[0], FUTEX_WAIT_BITSET, 1, 0, NULL, 0), EINVAL);
	CHECK_ERR(futex(&w[0], FUTEX_WAKE_BITSET, 1, 0, NULL, 0), EINVAL);
	CHECK_ERR(futex(&w[0], 2, 1, 0, NULL, 0), ENOSYS);
}

/* ---- locks with an owner ---- */

TEST(owned_lock)
{
	pid_t pid;

	make();
	CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
	CHECK_EQ(w[0], tid());
	CHECK_ERR(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0), EDEADLK);
	CHECK_ERR(futex(&w[0], FUTEX_TRYLOCK_PI, 0, 0, NULL, 0), EDEADLK);
	FORK(pid) {
		CHECK_ERR(futex(&w[0], FUTEX_TRYLOCK_PI, 0, 0, NULL, 0), EAGAIN);
		CHECK_ERR(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0), EPERM);
		CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
		CHECK_EQ(w[0] & FUTEX_TID_MASK, tid());
		CHECK_EQ(w[0] & FUTEX_OWNER_DIED, 0);
		CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
		CHECK_EQ(w[0], 0);
	}
	CHECK_SOON(w[0] & FUTEX_WAITERS);
	wait_state(pid, "S");
	CHECK_EQ(w[0], tid() | FUTEX_WAITERS);
	CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	reap_ok(pid);
	CHECK_ERR(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0), EPERM);
	w[0] = 0x3ffffff; /* nobody */
	CHECK_ERR(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0), ESRCH);
	CHECK_ERR(futex((void *)8, FUTEX_LOCK_PI, 0, 0, NULL, 0), EFAULT);
	CHECK_ERR(futex((void *)((char *)w + 2), FUTEX_LOCK_PI, 0, 0, NULL, 0), EINVAL);
}

TEST(lock_with_a_limit)
{
	struct timespec past = {1, 0}, bad = {1, -1}, soon;
	pid_t pid;

	make();
	CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, (long)&past, NULL, 0)); /* free: no waiting */
	FORK(pid) {
		CHECK_ERR(futex(&w[0], FUTEX_LOCK_PI, 0, (long)&past, NULL, 0), ETIMEDOUT);
		CHECK_ERR(futex(&w[0], FUTEX_LOCK_PI, 0, (long)&bad, NULL, 0), EINVAL);
		CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &soon));
		soon.tv_nsec += 20000000;
		soon.tv_sec += soon.tv_nsec / 1000000000;
		soon.tv_nsec %= 1000000000;
		CHECK_ERR(futex(&w[0], FUTEX_LOCK_PI2, 0, (long)&soon, NULL, 0), ETIMEDOUT);
		CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &past));
		CHECK(past.tv_sec > soon.tv_sec || (past.tv_sec == soon.tv_sec && past.tv_nsec >= soon.tv_nsec));
	}
	reap_ok(pid);
	CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
}

TEST(highest_priority_first)
{
	static const int priorities[3] = {0, 5, 9};
	pid_t pid[3];

	if (geteuid() != 0)
		SKIP("needs root");
	make();
	CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
	for (int i = 0; i < 3; i++) {
		FORK(pid[i]) {
			struct sched_param p = {.sched_priority = priorities[i]};

			if (p.sched_priority)
				CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &p));
			w[8 + i] = 1;
			CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
			w[4 + w[1]++] = i + 1;
			CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
		}
		CHECK_SOON(w[8 + i] == 1);
		wait_state(pid[i], "S");
	}
	CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	for (int i = 0; i < 3; i++)
		reap_ok(pid[i]);
	CHECK(w[4] == 3 && w[5] == 2 && w[6] == 1);
}

/*
 * One CPU. The lowest has the lock, the highest waits for it, and the one between computes: the lowest goes on with the priority of the highest, and
 * has its own again when it gives the lock up. By way of another lock, too.
 */
static void inversion(bool chain)
{
	struct sched_param prio[] = { { .sched_priority = 10 }, { .sched_priority = 20 }, { .sched_priority = 30 }, { .sched_priority = 5 } }, now;
	struct sched_param top = { .sched_priority = 40 };
	cpu_set_t one;
	pid_t low, mid, high, lowest = 0;

	make();
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	CHECK_OK(sched_setaffinity(0, sizeof(one), &one));
	CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &top));
	if (chain) {
		FORK(lowest) {
			CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &prio[3]));
			CHECK_OK(futex(&w[1], FUTEX_LOCK_PI, 0, 0, NULL, 0));
			CHECK_OK(futex(&w[8], FUTEX_WAIT, 0, 0, NULL, 0));
			CHECK_OK(futex(&w[1], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
		}
		wait_state(lowest, "S");
	}
	FORK(low) {
		CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &prio[0]));
		CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
		if (chain) {
			CHECK_OK(futex(&w[1], FUTEX_LOCK_PI, 0, 0, NULL, 0));
			CHECK_OK(futex(&w[1], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
		} else {
			CHECK_OK(futex(&w[8], FUTEX_WAIT, 0, 0, NULL, 0));
		}
		CHECK_OK(sched_getparam(0, &now));
		CHECK_EQ(now.sched_priority, 10); /* its own is what is told */
		CHECK_EQ(w[3], 0);                /* the one between is kept waiting */
		CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
		CHECK_EQ(w[4], 1);                /* the highest went first, */
		CHECK_EQ(w[3], 1);                /* and then the one between, before this one */
	}
	wait_state(low, "S");
	FORK(high) {
		CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &prio[2]));
		CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
		w[4] = 1;
		CHECK_EQ(w[3], 0);
		CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	}
	wait_state(high, "S");
	FORK(mid) {
		CHECK_OK(sched_setscheduler(0, SCHED_FIFO, &prio[1]));
		w[3] = 1;
	}
	w[8] = 1;
	CHECK_EQ(futex(&w[8], FUTEX_WAKE, 1, 0, NULL, 0), 1);
	reap_ok(high);
	reap_ok(mid);
	reap_ok(low);
	if (chain)
		reap_ok(lowest);
}

TEST(priority_is_lent)
{
	inversion(false);
}

TEST(priority_is_lent_on)
{
	inversion(true);
}

TEST(circles_are_found)
{
	pid_t pid;

	make();
	CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
	FORK(pid) {
		CHECK_OK(futex(&w[1], FUTEX_LOCK_PI, 0, 0, NULL, 0));
		CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
		CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
		CHECK_OK(futex(&w[1], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	}
	CHECK_SOON(w[0] & FUTEX_WAITERS);
	wait_state(pid, "S");
	CHECK_ERR(futex(&w[1], FUTEX_LOCK_PI, 0, 0, NULL, 0), EDEADLK);
	CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	reap_ok(pid);
}

/* The owner ends without unlocking while others wait. */
TEST(owner_dies)
{
	pid_t owner, waiter[2];
	int heirs = 0;

	make();
	FORK(owner) {
		CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
		w[1] = 1;
		pause();
	}
	CHECK_SOON(w[1] == 1);
	for (int i = 0; i < 2; i++) {
		FORK(waiter[i]) {
			CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
			CHECK_EQ(w[0] & FUTEX_TID_MASK, tid());
			if (w[0] & FUTEX_OWNER_DIED)
				w[2]++;
			CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
		}
		wait_state(waiter[i], "S");
	}
	CHECK_OK(kill(owner, SIGKILL));
	reap_signal(owner, SIGKILL);
	for (int i = 0; i < 2; i++)
		reap_ok(waiter[i]);
	heirs = w[2];
	CHECK_EQ(heirs, 1);
	CHECK_EQ(w[0], 0);
}

struct head {
	void *next;
	long offset;
	void *pending;
};

/* An owner that keeps a list of its locks: the kernel marks them at its end. */
TEST(robust_list)
{
	struct node {
		void *next;
		uint32_t word;
	} *n;
	pid_t pid;

	make();
	n = (struct node *)&w[16];
	FORK(pid) {
		static struct head h;

		h.offset = offsetof(struct node, word);
		h.next = (char *)&n[0];
		n[0].next = (char *)&n[1] + 1; /* one with an owner that others wait for in turn */
		n[1].next = &h;
		n[0].word = tid() | FUTEX_WAITERS;
		n[1].word = tid();
		n[2].word = tid() | FUTEX_WAITERS;
		h.pending = &n[2];
		CHECK_OK(syscall(SYS_set_robust_list, &h, sizeof(h)));
	}
	reap_ok(pid);
	CHECK_EQ(n[0].word, FUTEX_OWNER_DIED | FUTEX_WAITERS);
	CHECK_EQ(n[1].word, FUTEX_OWNER_DIED);
	CHECK_EQ(n[2].word, FUTEX_OWNER_DIED | FUTEX_WAITERS);
	n[1].word = FUTEX_OWNER_DIED;
	CHECK_OK(futex(&n[1].word, FUTEX_LOCK_PI, 0, 0, NULL, 0));
	CHECK_EQ(n[1].word, tid() | FUTEX_OWNER_DIED);
	CHECK_ERR(syscall(SYS_set_robust_list, NULL, 11), EINVAL);
}

TEST(robust_waiter_is_woken)
{
	static struct head h;
	pid_t pid, waiter;

	make();
	FORK(pid) {
		h = (struct head){.next = (void *)&w[16], .offset = 4};
		w[16] = (uint32_t)(uintptr_t)&h;
		w[17] = tid() | FUTEX_WAITERS;
		CHECK_OK(syscall(SYS_set_robust_list, &h, sizeof(h)));
		w[0] = 1;
		pause();
	}
	CHECK_SOON(w[0] == 1);
	FORK(waiter) {
		CHECK_OK(futex(&w[17], FUTEX_WAIT, w[17], 0, NULL, 0));
		CHECK(w[17] & FUTEX_OWNER_DIED);
	}
	wait_state(waiter, "S");
	CHECK_OK(kill(pid, SIGKILL));
	reap_signal(pid, SIGKILL);
	reap_ok(waiter);
}

TEST(signal_in_a_lock)
{
	struct sigaction action = {.sa_handler = on_signal};
	pid_t pid;

	make();
	CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
	FORK(pid) {
		CHECK_OK(sigaction(SIGUSR1, &action, NULL));
		w[1] = 1;
		CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0)); /* goes on waiting after the handler */
	}
	CHECK_SOON(w[0] & FUTEX_WAITERS);
	wait_state(pid, "S");
	CHECK_OK(kill(pid, SIGUSR1));
	sleep_ms(20);
	wait_state(pid, "S");
	CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	reap_ok(pid);
	CHECK_OK(futex(&w[0], FUTEX_TRYLOCK_PI, 0, 0, NULL, 0) == 0 || errno == ESRCH ? 0 : -1);
}

/* A condition variable over a lock with an owner. */
TEST(moved_to_a_lock)
{
	struct timespec past = {1, 0};
	pid_t pid[3];

	make();
	CHECK_ERR(futex(&w[0], FUTEX_WAIT_REQUEUE_PI, 1, 0, &w[1], 0), EAGAIN);
	CHECK_ERR(futex(&w[0], FUTEX_WAIT_REQUEUE_PI, 0, 0, &w[0], 0), EINVAL);
	CHECK_ERR(futex(&w[0], FUTEX_WAIT_REQUEUE_PI, 0, (long)&past, &w[1], 0), ETIMEDOUT);
	CHECK_ERR(futex(&w[0], FUTEX_CMP_REQUEUE_PI, 2, 1, &w[1], 0), EINVAL);
	CHECK_ERR(futex(&w[0], FUTEX_CMP_REQUEUE_PI, 1, 1, &w[1], 1), EAGAIN);
	for (int i = 0; i < 3; i++) {
		FORK(pid[i]) {
			CHECK_OK(futex(&w[0], FUTEX_WAIT_REQUEUE_PI, 0, 0, &w[1], 0));
			CHECK_EQ(w[1] & FUTEX_TID_MASK, tid());
			w[2]++;
			CHECK_OK(futex(&w[1], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
		}
		wait_state(pid[i], "S");
	}
	CHECK_OK(futex(&w[1], FUTEX_LOCK_PI, 0, 0, NULL, 0));
	CHECK_EQ(futex(&w[0], FUTEX_CMP_REQUEUE_PI, 1, 0, &w[1], 0), 1);
	sleep_ms(10);
	CHECK_EQ(w[2], 0); /* it waits for the lock */
	CHECK(w[1] & FUTEX_WAITERS);
	CHECK_OK(futex(&w[1], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
	CHECK_SOON(w[2] == 1);
	CHECK_EQ(futex(&w[0], FUTEX_CMP_REQUEUE_PI, 1, INT_MAX, &w[1], 0), 2);
	for (int i = 0; i < 3; i++)
		reap_ok(pid[i]);
	CHECK_EQ(w[2], 3);
	CHECK_EQ(w[1], 0);
}

TEST(lock_crowd)
{
	pid_t pid[4];

	make();
	for (int i = 0; i < 4; i++)
		FORK(pid[i])
			for (int n = 0; n < 300; n++) {
				uint32_t me = tid(), zero = 0;

				if (!__atomic_compare_exchange_n(&w[0], &zero, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
					CHECK_OK(futex(&w[0], FUTEX_LOCK_PI, 0, 0, NULL, 0));
				CHECK_EQ(w[1], 0);
				w[1] = me;
				if (n % 10 == 0)
					sched_yield();
				w[2]++;
				w[1] = 0;
				if (!__atomic_compare_exchange_n(&w[0], &me, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
					CHECK_OK(futex(&w[0], FUTEX_UNLOCK_PI, 0, 0, NULL, 0));
			}
	for (int i = 0; i < 4; i++)
		reap_ok(pid[i]);
	CHECK_EQ(w[2], 1200);
	CHECK_EQ(w[0], 0);
}

/* ---- several words ---- */

struct word {
	uint64_t val, addr;
	uint32_t flags, reserved;
};

static long waitv(struct word *v, unsigned n, unsigned flags, const void *timeout, int clock)
{
	return syscall(449, v, n, flags, timeout, clock);
}

TEST(several_words)
{
	struct {
		int64_t sec, nsec;
	} past = {0, 1}, bad = {0, 1000000000};
	struct word v[3];
	pid_t pid;

	make();
	for (int i = 0; i < 3; i++)
		v[i] = (struct word){.val = i, .addr = (uintptr_t)&w[i], .flags = 2};
	w[1] = 1;
	w[2] = 2;
	FORK(pid)
		CHECK_EQ(waitv(v, 3, 0, NULL, 0), 1);
	wait_state(pid, "S");
	CHECK_EQ(futex(&w[1], FUTEX_WAKE, 1, 0, NULL, 0), 1);
	reap_ok(pid);
	CHECK_EQ(futex(&w[0], FUTEX_WAKE, 1, 0, NULL, 0), 0);
	v[2].val = 7;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EAGAIN);
	v[2].val = 2;
	CHECK_ERR(waitv(v, 3, 0, &past, CLOCK_MONOTONIC), ETIMEDOUT);
	CHECK_ERR(waitv(v, 3, 0, &past, CLOCK_REALTIME), ETIMEDOUT);
	CHECK_ERR(waitv(v, 3, 0, &past, CLOCK_BOOTTIME), EINVAL);
	CHECK_ERR(waitv(v, 3, 0, &bad, CLOCK_MONOTONIC), EINVAL);
	CHECK_ERR(waitv(v, 0, 0, NULL, 0), EINVAL);
	CHECK_ERR(waitv(v, 129, 0, NULL, 0), EINVAL);
	CHECK_ERR(waitv(v, 3, 1, NULL, 0), EINVAL);
	CHECK_ERR(waitv((void *)8, 3, 0, NULL, 0), EFAULT);
	v[1].flags = 0;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EINVAL);
	v[1].flags = 2;
	v[1].reserved = 1;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EINVAL);
	v[1].reserved = 0;
	v[1].addr = 8;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EFAULT);
	v[1].addr = (uintptr_t)&w[1] + 1;
	CHECK_ERR(waitv(v, 3, 0, NULL, 0), EINVAL);
	CHECK_EQ(futex(&w[0], FUTEX_WAKE, 1, 0, NULL, 0), 0);
}
