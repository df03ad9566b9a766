/* SPDX-License-Identifier: MIT */
/* Interrupt lines -> handlers. Lines are the platform's (ISA 0-15, then GSIs). Handlers run with interrupts off and must not sleep. */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include "lib/types.h"

#define IRQ_LINES 64

typedef void (*irq_handler)(unsigned line, void *ctx);

/* -EBUSY if the line has four handlers already, -EINVAL for a bad number. Unmasks the line. */
int irq_request(unsigned line, irq_handler h, void *ctx, const char *name);
void irq_dispatch(unsigned line); /* trap_ops.irq */
uint64_t irq_count(unsigned line);               /* on all CPUs together */
uint64_t irq_count_on(unsigned line, unsigned cpu);
const char *irq_name(unsigned line); /* NULL: unused */
/* Set by the architecture. */
extern void (*irq_unmask_hook)(unsigned line);
/* True in an interrupt handler. */
bool in_irq(void);
/* Around every interrupt (trap_ops.irq_enter; irq_leave is the first half of the exit). */
void irq_enter(void);
void irq_leave(void);

#endif
