/* SPDX-License-Identifier: MIT */
/*
 * Contract: the interrupt flag of this CPU.
 *   unsigned long arch_irq_save(void)            disables; returns the former state for arch_irq_restore
 *   void arch_irq_restore(unsigned long flags)
 *   void arch_irq_disable(void), arch_irq_enable(void)
 *   bool arch_irqs_on(void)
 */
#ifndef ARCH_IRQFLAG_H
#define ARCH_IRQFLAG_H
#include "lib/types.h"
#include "arch_target/irqflag.h"
#endif
