/* SPDX-License-Identifier: MIT */
/* Segments as programs describe them (struct user_desc of Linux), and as the processor takes them. */
#ifndef X86_I386_SEGMENTS_H
#define X86_I386_SEGMENTS_H

#include "lib/types.h"

struct user_desc {
	uint32_t entry, base, limit;
	uint32_t seg_32bit : 1, contents : 2, read_exec_only : 1, limit_in_pages : 1, not_present : 1, useable : 1, lm : 1;
};

/* The form that means an empty entry. */
bool x86_desc_is_empty(const struct user_desc *d);
/* A data or code segment of programs: never a gate or a task, whatever d says. */
uint64_t x86_desc_encode(const struct user_desc *d);

#endif
