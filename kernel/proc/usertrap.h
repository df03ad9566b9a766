/* SPDX-License-Identifier: MIT */
/* A trap from user mode: faults and exceptions become signals; work is done before the return. The trap_ops of init/main.c. */
#ifndef PROC_USERTRAP_H
#define PROC_USERTRAP_H

#include "arch/trap.h"

bool usertrap_page_fault(struct trapframe *tf, uaddr_t addr, enum fault_access access, bool present);
void usertrap_exception(struct trapframe *tf, const struct trap_signal *sig);
void usertrap_return(struct trapframe *tf);

#endif
