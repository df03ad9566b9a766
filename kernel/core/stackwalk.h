/* SPDX-License-Identifier: MIT */
/* The calls that led to a place, as addresses, by the chain of frame pointers. Any context; what is not mapped ends it. */
#ifndef CORE_STACKWALK_H
#define CORE_STACKWALK_H

#include "lib/types.h"

#define STACK_TRACE_MAX 24

struct stack_trace {
	unsigned count;
	unsigned long at[STACK_TRACE_MAX]; /* at[0] is the place itself if it is known, the others are addresses of return */
	bool exact;                        /* at[0] is the place itself */
};

/* From the frame fp on; ip: where its function is, 0 if unknown. */
void stack_walk(struct stack_trace *t, unsigned long fp, unsigned long ip);

#endif
