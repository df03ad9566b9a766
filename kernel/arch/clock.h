/* SPDX-License-Identifier: MIT */
/*
 * Contract: time sources.
 *   uint64_t arch_cycles(void)                   free-running counter, the same on all CPUs
 *   uint64_t arch_cycles_hz(void)                its frequency, known after arch_clock_init
 *   void arch_clock_init(void)                   finds and calibrates sources
 *   void arch_timer_arm(uint64_t delta_ns)       one-shot for this CPU; 0 means as soon as possible; re-arming replaces. Calls trap_ops.timer
 *   void arch_timer_stop(void)
 *   uint64_t arch_rtc_seconds(void)              wall clock at boot, seconds since 1970 UTC, 0 if there is none
 */
#ifndef ARCH_CLOCK_H
#define ARCH_CLOCK_H
#include "lib/types.h"
#include "arch_target/clock.h"
#endif
