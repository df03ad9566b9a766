/* SPDX-License-Identifier: MIT */
/* A frame begins with the frame pointer of the caller, which lies above, and the address of return. */
#include "core/stackwalk.h"
#include "arch/mmu.h"

void stack_walk(struct stack_trace *t, unsigned long fp, unsigned long ip)
{
	t->count = 0;
	t->exact = ip != 0;
	if (ip)
		t->at[t->count++] = ip;
	while (t->count < STACK_TRACE_MAX && !(fp % sizeof(long)) && arch_kernel_mapped(fp) && arch_kernel_mapped(fp + 2 * sizeof(long) - 1)) {
		const unsigned long *frame = (const unsigned long *)fp;

		if (!arch_kernel_mapped(frame[1]))
			break;
		t->at[t->count++] = frame[1];
		if (frame[0] <= fp)
			break;
		fp = frame[0];
	}
}
