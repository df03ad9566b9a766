/* SPDX-License-Identifier: MIT */
/* Clock and timer on the other CPUs (the contract is arch/clock.h). */
#ifndef X86_CLOCK_H
#define X86_CLOCK_H

#include "lib/types.h"

/* Does each CPU have a timer of its own? After arch_clock_init. */
bool x86_clock_per_cpu(void);
/* Sets up the timer of the CPU that calls as the boot CPU's is. */
void x86_clock_init_cpu(void);

#endif
