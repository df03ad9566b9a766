/* SPDX-License-Identifier: MIT */
/* The slow path of a spinlock: somebody else holds it. */
#include "core/spinlock.h"
#include "core/ipi.h"

bool spin_broken;

void spin_wait(struct spinlock *l, uint16_t ticket)
{
	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket && !READ_ONCE(spin_broken)) {
		if (!arch_irqs_on()) /* the owner may wait for this CPU to do a call */
			ipi_poll();
		arch_pause();
	}
}
