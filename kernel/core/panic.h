/* SPDX-License-Identifier: MIT */
/*
 * The end: reason, registers, a symbolised backtrace, the current process, the last log lines; then stop, restart (panic=N) or
 * turn the machine off with a failing status when the command line has debug_exit=.
 */
#ifndef CORE_PANIC_H
#define CORE_PANIC_H

#include "lib/compiler.h"

struct trapframe;
__noreturn void panic(const char *f, ...) __printf(1, 2);
/* For exceptions in the kernel: the same with the registers of the interrupted context. */
__noreturn void panic_trap(struct trapframe *tf, const char *what);
void panic_init(void);

#endif
