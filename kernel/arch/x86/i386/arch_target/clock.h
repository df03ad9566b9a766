/* SPDX-License-Identifier: MIT */
/* x86: time-stamp counter, and the timer of the interrupt controller in use. */
#ifndef ARCH_TARGET_CLOCK_H
#define ARCH_TARGET_CLOCK_H

#include "lib/types.h"

static inline uint64_t arch_cycles(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (uint64_t)hi << 32 | lo;
}
uint64_t arch_cycles_hz(void);
void arch_clock_init(void);
void arch_timer_arm(uint64_t delta_ns);
void arch_timer_stop(void);
uint64_t arch_rtc_seconds(void);

#endif
