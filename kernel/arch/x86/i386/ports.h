/* SPDX-License-Identifier: MIT */
/*
 * A thread with ports has a task state of its own, behind which the bitmap of its ports lies (Intel SDM volume 1, 19.5.2). The processor has it loaded
 * while the thread runs; all others share their CPU's, which has no bitmap. EFLAGS.IOPL stays 0.
 */
#ifndef X86_I386_PORTS_H
#define X86_I386_PORTS_H

#include "arch/context.h"

struct trapframe;

/* This CPU goes on with these ports (NULL: none) and that kernel stack. Interrupts off. */
void x86_ports_load(struct x86_ports *p, uint32_t stack_top);
/* Has the current thread level 3? Interrupts off. */
bool x86_ports_all(void);
/* A protection fault of such a thread, interrupts on: CLI and STI do nothing, and are passed over. */
bool x86_ports_pass_over(struct trapframe *tf);

#endif
