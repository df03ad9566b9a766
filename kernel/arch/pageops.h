/* SPDX-License-Identifier: MIT */
/*
 * Contract: whole pages, at addresses of the kernel that are page aligned. Any context with preemption off: registers are used that are saved for a
 * program's thread, when it is switched away from, and for no other.
 */
#ifndef ARCH_PAGEOPS_H
#define ARCH_PAGEOPS_H

void arch_page_zero(void *page);
/* The two are different pages. */
void arch_page_copy(void *to, const void *from);

#endif
