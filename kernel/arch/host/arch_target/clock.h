/* SPDX-License-Identifier: MIT */
/* Host: time stands still unless a test moves it (host_clock_advance) or everything sleeps (arch_idle). One cycle is one nanosecond. */
#ifndef ARCH_TARGET_CLOCK_H
#define ARCH_TARGET_CLOCK_H

extern uint64_t host_cycles;
extern uint64_t host_rtc; /* what arch_rtc_seconds returns */

static inline uint64_t arch_cycles(void) { return host_cycles; }
static inline uint64_t arch_cycles_hz(void) { return 1000000000; }
static inline void arch_clock_init(void) {}
void arch_timer_arm(uint64_t delta_ns);
void arch_timer_stop(void);
static inline uint64_t arch_rtc_seconds(void) { return host_rtc; }

/* For tests: moves the clock; timers on the way go off at their own time, if interrupts are on. */
void host_clock_advance(uint64_t ns);
/* True if the one-shot timer is armed, and when it will go off. */
bool host_timer_armed(uint64_t *when);
/* Of CPU n: is its timer due at that time; when (UINT64_MAX: not armed). Of this one: it goes off. False: interrupts are off. */
bool host_timer_due(unsigned n, uint64_t at);
uint64_t host_timer_when(unsigned n);
bool host_timer_fire(void);

#endif
