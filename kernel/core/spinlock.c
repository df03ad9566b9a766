/* SPDX-License-Identifier: MIT */
/* The slow path of a spinlock: somebody else holds it. */
#include "core/spinlock.h"
#include "arch/clock.h"
#include "core/ipi.h"

#define STUCK_SECONDS 10

bool spin_broken;

void spin_wait(struct spinlock *l, uint16_t ticket)
{
	uint64_t start = CONFIG_DEBUG ? arch_cycles() : 0, most = CONFIG_DEBUG ? arch_cycles_hz() * STUCK_SECONDS : 0;

	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket && !READ_ONCE(spin_broken)) {
		if (!arch_irqs_on()) /* the owner may wait for this CPU to do a call */
			ipi_poll();
		arch_pause();
		if (CONFIG_DEBUG && most && arch_cycles() - start > most)
			lockorder_stuck(l);
	}
}
