/* SPDX-License-Identifier: MIT */
/* The sum of what processes were promised. */
#include "task/commitsum.h"
#include "task/pid.h"
#include "vm/space.h"

static bool add(struct process *p, void *ctx)
{
	unsigned long *sum = ctx, irq = sighand_lock(p); /* its address space stays while that is held */

	if (p->aspace)
		*sum += READ_ONCE(p->aspace->data_pages) + READ_ONCE(p->aspace->stack_pages);
	sighand_unlock(p, irq);
	return true;
}

unsigned long commitsum(void)
{
	unsigned long sum = 0;

	process_each(add, &sum);
	return sum;
}
