/* SPDX-License-Identifier: MIT */
/*
 * Contract: what the architecture keeps for a thread, and switching.
 *
 * arch_target/context.h provides:
 *   struct arch_thread                           saved kernel stack pointer, FPU area (zeroed object is not valid: init it), TLS
 *   void arch_thread_init(struct arch_thread *t, void *stack_top, void (*entry)(void *), void *arg)
 *                                                first switch to it calls entry(arg) with interrupts off on the given stack
 *   void arch_thread_fork(struct arch_thread *child, const struct arch_thread *parent, void *stack_top,
 *                         const struct trapframe *tf, void (*first)(void))
 *                                                user thread: child's kernel stack holds a copy of tf; its first switch calls first()
 *                                                (scheduler tail), then returns to user mode through the normal exit path. FPU, TLS copied
 *   struct trapframe *arch_thread_frame(void *stack_top)   the user trapframe at the top of a kernel stack
 *   unsigned long arch_thread_fp(const struct arch_thread *t)   the frame pointer of a thread that is switched away from; garbage,
 *                                                but harmless to ask for, if it runs meanwhile; 0 where it is not known
 *   void arch_switch(struct arch_thread *prev, struct arch_thread *next, void *next_stack_top)
 *                                                interrupts off; saves and restores registers, FPU, TLS, sets TSS/entry stack
 *   void arch_thread_free(struct arch_thread *t) it will not run again: gives back what was made for it
 *   ARCH_KSTACK_PAGES                            pages of a kernel stack (2 unless it says otherwise)
 *   void arch_fpu_reset(struct arch_thread *t)   as exec leaves it (t is the current thread)
 */
#ifndef ARCH_CONTEXT_H
#define ARCH_CONTEXT_H
#include "lib/compiler.h"
#include "lib/types.h"
struct trapframe;
#include "arch_target/context.h"
#ifndef ARCH_KSTACK_PAGES
#define ARCH_KSTACK_PAGES 2
#endif
#endif
