/* SPDX-License-Identifier: MIT */
/* x86: time-stamp counter, and the timer of the interrupt controller in use. */
#ifndef ARCH_TARGET_CLOCK_H
#define ARCH_TARGET_CLOCK_H

#include "arch/x86/regs.h"
#include "lib/types.h"

static inline uint64_t arch_cycles(void) { return x86_rdtsc(); }
uint64_t arch_cycles_hz(void);
void arch_clock_init(void);
void arch_timer_arm(uint64_t delta_ns);
void arch_timer_stop(void);
uint64_t arch_rtc_seconds(void);

#endif
