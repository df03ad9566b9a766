/* SPDX-License-Identifier: MIT */
/* Host: interrupts come only when a test makes one (host_interrupt), so the flag is a variable that the checks can look at. */
#ifndef ARCH_TARGET_IRQFLAG_H
#define ARCH_TARGET_IRQFLAG_H

#include "arch_target/interleave.h"

extern bool host_irqs_on;

HOST_ONE_STEP static inline unsigned long arch_irq_save(void)
{
	unsigned long was = host_irqs_on;

	host_irqs_on = false;
	return was;
}
HOST_ONE_STEP static inline void arch_irq_restore(unsigned long flags) { host_irqs_on = flags; }
HOST_ONE_STEP static inline void arch_irq_disable(void) { host_irqs_on = false; }
HOST_ONE_STEP static inline void arch_irq_enable(void) { host_irqs_on = true; }
HOST_ONE_STEP static inline bool arch_irqs_on(void) { return host_irqs_on; }

#endif
