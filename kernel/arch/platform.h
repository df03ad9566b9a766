/* SPDX-License-Identifier: MIT */
/*
 * Contract: the machine around the processor.
 *   void arch_platform_init(void)   finds and sets up interrupt controllers (and ACPI's tables, where there are some); interrupts are off
 *   size_t arch_cpu_describe(...)   text of /proc/cpuinfo for one CPU
 */
#ifndef ARCH_PLATFORM_H
#define ARCH_PLATFORM_H

#include "lib/types.h"

void arch_platform_init(void);
/* Formats this machine's /proc/cpuinfo entry for CPU n into buf; returns its length. */
size_t arch_cpu_describe(unsigned n, char *buf, size_t cap);
/* Unmasks an interrupt line. */
/* CPUID feature word for AT_HWCAP. */
unsigned long arch_hwcap(void);
void arch_irq_unmask(unsigned line);

#endif
