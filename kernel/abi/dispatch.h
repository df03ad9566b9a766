/* SPDX-License-Identifier: MIT */
/* Number -> function. */
#ifndef ABI_DISPATCH_H
#define ABI_DISPATCH_H

struct trapframe;

/* trap_ops.syscall: interrupts on. */
void dispatch_syscall(struct trapframe *tf);
/* Registers of the current thread's system call, for the calls that need them all (fork, exec, sigreturn). */
struct trapframe *dispatch_frame(void);

#endif
