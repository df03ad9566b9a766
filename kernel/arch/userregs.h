/* SPDX-License-Identifier: MIT */
/*
 * Contract: a stopped thread's registers as a debugger sees and sets them, laid out as Linux's struct user_regs_struct and struct user are on this
 * machine. What is set is as harmless as what the program could have set itself.
 *
 * arch_target/userregs.h provides:
 *   struct arch_fp                               floating-point registers
 *   ARCH_REGS_BYTES, ARCH_FPREGS_BYTES, ARCH_FPXREGS_BYTES    sizes of the images
 *   ARCH_USER_AREA_BYTES                         size of struct user
 *   ARCH_AUDIT                                   the machine's AUDIT_ARCH_ number
 */
#ifndef ARCH_USERREGS_H
#define ARCH_USERREGS_H

#include "arch/context.h"
#include "arch_target/userregs.h"

void arch_regs_get(const struct trapframe *tf, void *image);
/* -EIO: the image has what no program may have; nothing was changed then. */
int arch_regs_set(struct trapframe *tf, const void *image);
/* A word of struct user. -EIO: nothing there, or nothing that may be set. */
int arch_user_area_get(const struct arch_thread *t, const struct trapframe *tf, unsigned long offset, unsigned long *v);
int arch_user_area_set(struct arch_thread *t, struct trapframe *tf, unsigned long offset, unsigned long v);
/* The running thread's; preemption may be on. */
void arch_fp_save(struct arch_fp *fp);
void arch_fp_load(const struct arch_fp *fp);
void arch_fpregs_get(const struct arch_fp *fp, void *image);
void arch_fpregs_set(struct arch_fp *fp, const void *image);
void arch_fpxregs_get(const struct arch_fp *fp, void *image);
int arch_fpxregs_set(struct arch_fp *fp, const void *image); /* -EINVAL: has bits that would fault */
/* The current thread's watched addresses, which another thread may have changed while it stood still, hold from now on. */
void arch_watch_reload(struct arch_thread *current);
/* Traps after the next instruction of the program. */
void arch_step_set(struct trapframe *tf, bool on);
/* The number of the interrupted system call that is restarted if its result says so, -1: none. */
long arch_regs_syscall(const struct trapframe *tf);

#endif
