/* SPDX-License-Identifier: MIT */
/* Instructions that may fault in the kernel, and where to go on when they do. Filled by assembly through the section __ex_table. */
#ifndef X86_EXTABLE_H
#define X86_EXTABLE_H

/* Address to continue at, or 0. */
unsigned long x86_extable_find(unsigned long ip);

#endif
