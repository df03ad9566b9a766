/* SPDX-License-Identifier: MIT */
/* What entry.S calls. */
#ifndef X86_TRAP_H
#define X86_TRAP_H

struct trapframe;
void x86_trap(struct trapframe *tf);
void x86_user_work(struct trapframe *tf);
void x86_bad_iret(struct trapframe *tf);
void x86_double_fault_report(void);
void x86_nmi(struct trapframe *tf);
/* Where NMI's handler may have its stack that was interrupted when the stack was sp. */
void *x86_nmi_stack(void *sp);
/* Moves a frame of virtual-8086 mode up over its segment registers and makes it one of a program in 32-bit mode. */
void x86_leave_vm86(struct trapframe *tf);
extern void (*x86_syscall_op)(struct trapframe *tf);

#endif
