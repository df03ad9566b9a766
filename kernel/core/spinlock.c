/* SPDX-License-Identifier: MIT */
/* The slow path of a spinlock: somebody else holds it. */
#include "core/spinlock.h"

bool spin_broken;

void spin_wait(struct spinlock *l, uint16_t ticket)
{
	while (__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != ticket && !READ_ONCE(spin_broken))
		arch_pause();
}
