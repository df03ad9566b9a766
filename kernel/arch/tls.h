/* SPDX-License-Identifier: MIT */
/*
 * Contract: thread-local storage of user threads. struct arch_user_desc is what the system call takes on this machine.
 * Errors are Linux's: EINVAL for a descriptor that is not a plain data segment or an entry out of range, ESRCH when none is free, EFAULT.
 */
#ifndef ARCH_TLS_H
#define ARCH_TLS_H

#include "arch/context.h"

/* set_thread_area(2): desc is a user address; the entry that was chosen is written back. For the current thread. */
long arch_tls_set(struct arch_thread *t, uaddr_t desc);
long arch_tls_get(struct arch_thread *t, uaddr_t desc);
/* The entry in a slot, 0 to ARCH_TLS_SLOTS - 1, as set_thread_area takes it; false: empty. */
#define ARCH_TLS_DESC_BYTES 16
bool arch_tls_slot(const struct arch_thread *t, unsigned slot, void *image);
/* ptrace(2): descriptor n of another thread, which does not run; from or to desc, a user address of the current one. EINVAL, EFAULT. */
long arch_tls_other(struct arch_thread *t, unsigned long n, uaddr_t desc, bool set);
/* CLONE_SETTLS: for a thread that does not run yet, whose registers are tf. */
int arch_tls_set_clone(struct arch_thread *t, uaddr_t tls, struct trapframe *tf);

#endif
