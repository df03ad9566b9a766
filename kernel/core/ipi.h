/* SPDX-License-Identifier: MIT */
/*
 * Run this there. Each CPU has a mailbox with one place for each other CPU, for a caller waits until its call is done and has one on its way
 * at most. A CPU that spins for a lock with interrupts off serves its mailbox meanwhile, so that a caller may hold that lock.
 */
#ifndef CORE_IPI_H
#define CORE_IPI_H

#include "core/percpu.h"

/* CPU n looks at its run queue soon: another one, or this one. Any context. */
void ipi_wake(unsigned n);
/*
 * Runs fn(arg), interrupts off, on each CPU of the mask that is online, this one too if its bit is set; returns when all have done so. Not in
 * interrupt handlers. fn takes no locks and does not wait.
 */
void ipi_call(uint32_t cpu_mask, void (*fn)(void *arg), void *arg);
/* Does what others have asked of this CPU. Interrupts off. */
void ipi_poll(void);
/* trap_ops.ipi */
void ipi_interrupt(enum arch_ipi kind);

#endif
