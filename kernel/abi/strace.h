/* SPDX-License-Identifier: MIT */
/* Printing system calls as they end: "strace" on the kernel command line (strace=NAME: only programs of that name). */
#ifndef ABI_STRACE_H
#define ABI_STRACE_H

struct trapframe;
void strace_exit(const struct trapframe *tf, unsigned long nr, long ret);

#endif
