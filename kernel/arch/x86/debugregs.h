/* SPDX-License-Identifier: MIT */
/*
 * Debug registers (Intel SDM volume 3B, 17.2): up to four addresses of a thread that are watched, for ptrace(2). They are loaded while the thread
 * runs; only user addresses are let in.
 */
#ifndef X86_DEBUGREGS_H
#define X86_DEBUGREGS_H

#include "arch/context.h"

/* 0, -EIO (no such register), -EINVAL (what the processor cannot watch, or may not). Of a thread that is not in user mode. */
int x86_debugregs_set(struct x86_debugregs *d, unsigned n, uint32_t v);
uint32_t x86_debugregs_get(const struct x86_debugregs *d, unsigned n);
/* This CPU watches what d says from now on; NULL: nothing. Interrupts are off. */
void x86_debugregs_load(struct x86_debugregs *d);
/* After a debug exception, interrupts off: what caused it (bits as in hits), noted for the thread that runs. */
uint32_t x86_debugregs_cause(void);

#endif
