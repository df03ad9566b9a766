/* SPDX-License-Identifier: MIT */
/*
 * Contract: I/O ports that a thread may use itself (ioperm(2), iopl(2)), on a machine that has any. A level of 3 is all of them, and nothing else that
 * the processor would let such a thread do. For the current thread, unless said otherwise; rights are checked above.
 */
#ifndef ARCH_PORTS_H
#define ARCH_PORTS_H

#include "arch/context.h"

#define ARCH_PORTS 65536ul

/* Ports from to from + n - 1, which there are, may be used (on), or not. ENOMEM. */
int arch_ports_set(struct arch_thread *t, unsigned long from, unsigned long n, bool on);
unsigned arch_ports_level(const struct arch_thread *t);
int arch_ports_set_level(struct arch_thread *t, unsigned level); /* 0 to 3; ENOMEM */
/* A new thread, which does not run yet, has what its parent, the current thread, has. ENOMEM. */
int arch_ports_fork(struct arch_thread *child, const struct arch_thread *parent);

#endif
