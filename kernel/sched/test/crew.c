/* SPDX-License-Identifier: MIT */
#include "sched/test/crew.h"
#include "lib/compiler.h"
#include "sched/kthread.h"
#include "sched/test/schedules.h"
#include "sched/waitq.h"

static unsigned members, round_number, working;
static void (*work_of_one)(unsigned id, uint64_t random);
static struct waitq begin = WAITQ_INIT(begin), end = WAITQ_INIT(end);

unsigned crew_random(uint64_t *state, unsigned n)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (unsigned)(*state >> 20) % n;
}

static void member_main(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;

	for (unsigned seen = 0;; seen++) {
		uint64_t random;

		waitq_wait(&begin, READ_ONCE(round_number) > seen, WAIT_UNINTERRUPTIBLE);
		random = (schedule_seed * members + id) * 0x9E3779B97F4A7C15ull + 77;
		for (int i = 0; i < 8; i++)
			crew_random(&random, 2);
		work_of_one(id, random);
		if (__atomic_sub_fetch(&working, 1, __ATOMIC_SEQ_CST) == 0)
			waitq_wake_all(&end);
	}
}

void crew_start(unsigned count, void (*work)(unsigned id, uint64_t random))
{
	members = count;
	work_of_one = work;
	for (unsigned i = 0; i < count; i++)
		kthread_start("worker", member_main, (void *)(uintptr_t)i);
}

void crew_run(void)
{
	__atomic_store_n(&working, members, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&round_number, 1, __ATOMIC_SEQ_CST);
	waitq_wake_all(&begin);
	waitq_wait(&end, !READ_ONCE(working), WAIT_UNINTERRUPTIBLE);
}
