/* SPDX-License-Identifier: MIT */
/* i386: the interrupt flag in EFLAGS. */
#ifndef ARCH_TARGET_IRQFLAG_H
#define ARCH_TARGET_IRQFLAG_H

#include "arch/cpu.h"
#include "lib/check.h"
#include "lib/types.h"

#define EFLAGS_IF 0x200ul

static inline unsigned long arch_irq_flags(void)
{
	unsigned long f;

	__asm__ volatile("pushfl; popl %0" : "=r"(f) :: "memory");
	return f;
}
static inline bool arch_irqs_on(void) { return arch_irq_flags() & EFLAGS_IF; }
static inline unsigned long arch_irq_save(void)
{
	unsigned long f = arch_irq_flags();

	__asm__ volatile("cli" ::: "memory");
	if (CONFIG_DEBUG && f & EFLAGS_IF)
		arch_section(SECTION_IRQ, true);
	return f;
}
static inline void arch_irq_disable(void)
{
	if (CONFIG_DEBUG)
		arch_irq_save();
	else
		__asm__ volatile("cli" ::: "memory");
}
static inline void arch_irq_enable(void)
{
	if (CONFIG_DEBUG && !arch_irqs_on())
		arch_section(SECTION_IRQ, false);
	__asm__ volatile("sti" ::: "memory");
}
static inline void arch_irq_restore(unsigned long f)
{
	if (f & EFLAGS_IF)
		arch_irq_enable();
}

#endif
