/* SPDX-License-Identifier: MIT */
/* The slow path of a spinlock: somebody else holds it. */
#include "core/spinlock.h"
#include "arch/clock.h"
#include "core/ipi.h"

/* Both must have passed: a host may stop this CPU for seconds. */
#define STUCK_SECONDS 10
#define STUCK_TRIES 1000000ul

/* Who tries to be first in vain so often waits in turn: the others might go on passing it by. */
#define UNLUCKY_TRIES 50000ul

#define WAITER (1u << 16)

bool spin_broken, spin_unfair;

static uint8_t take_ticket(struct spinlock *l)
{
	__atomic_fetch_add(&l->word, WAITER, __ATOMIC_RELAXED);
	return __atomic_fetch_add(&l->ticket, 1, __ATOMIC_RELAXED);
}

/* The lock is nobody's: takes it. It was this CPU's turn, and while there are waiters nobody else takes it. */
static bool enter_in_turn(struct spinlock *l)
{
	uint32_t was = __atomic_load_n(&l->word, __ATOMIC_RELAXED);

	return !(was & 1) && __atomic_compare_exchange_n(&l->word, &was, (was | 1) - WAITER, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static bool may_enter(struct spinlock *l, bool in_turn, uint8_t ticket)
{
	if (!in_turn)
		return !READ_ONCE(l->word) && spin_trylock_raw(l);
	if (__atomic_load_n(&l->turn, __ATOMIC_ACQUIRE) != ticket || !enter_in_turn(l))
		return false;
	__atomic_store_n(&l->turn, (uint8_t)(ticket + 1), __ATOMIC_RELEASE);
	return true;
}

void spin_wait(struct spinlock *l)
{
	uint64_t start = CONFIG_DEBUG ? arch_cycles() : 0, most = CONFIG_DEBUG ? arch_cycles_hz() * STUCK_SECONDS : 0;
	bool in_turn = !spin_unfair;
	uint8_t ticket = in_turn ? take_ticket(l) : 0;
	unsigned long tries = 0;

	while (!may_enter(l, in_turn, ticket) && !READ_ONCE(spin_broken)) {
		if (!arch_irqs_on()) /* the owner may wait for this CPU to do a call */
			ipi_poll();
		arch_pause();
		tries++;
		if (unlikely(!in_turn && tries == UNLUCKY_TRIES)) {
			ticket = take_ticket(l);
			in_turn = true;
		}
		if (CONFIG_DEBUG && most && tries > STUCK_TRIES && arch_cycles() - start > most)
			lockorder_stuck(l);
	}
}
