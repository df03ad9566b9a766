/* SPDX-License-Identifier: MIT */
/* The local APIC of the CPU that calls (Intel SDM volume 3A, chapter 10), in xAPIC mode. */
#ifndef X86_LAPIC_H
#define X86_LAPIC_H

#include "lib/types.h"

/* Maps the registers; false when the processor has none, or they do not answer. Boot CPU, once. */
bool x86_lapic_find(void);
/* Switches the local APIC off for good, which connects the 8259s straight to the processor. */
void x86_lapic_disable(void);
/*
 * Enables this CPU's local APIC. through_8259: its first pin passes the 8259s' interrupts on (virtual wire), else it is masked.
 * nmi_lint: pin that NMI comes in by, or -1.
 */
void x86_lapic_enable(bool through_8259, int nmi_lint, bool nmi_low, bool nmi_level);
bool x86_lapic_present(void); /* found and not disabled */
uint32_t x86_lapic_id(void);
void x86_lapic_eoi(void);

/* To another CPU: wait for a startup; start at this page below 1 MiB (10.4.7). Interrupts may be on. */
void x86_lapic_send_init(uint32_t id);
void x86_lapic_send_startup(uint32_t id, paddr_t page);
/* To a CPU that runs. Any context, NMI too: what an interrupted sender had half written goes to where the NMI's went, a spurious interrupt. */
void x86_lapic_send(uint32_t id, unsigned vector);
void x86_lapic_send_nmi(uint32_t id);

/* The timer. Counting down from the largest value, without an interrupt, to calibrate it: */
void x86_lapic_timer_count_start(void);
uint32_t x86_lapic_timer_count(void); /* ticks since the start */
void x86_lapic_timer_divide(void); /* another CPU counts at the same rate */
/* One-shot of so many ticks; 0 stops it. Interrupts with VECTOR_TIMER. */
void x86_lapic_timer_oneshot(uint32_t ticks);
/* The timer compares itself with the TSC from now on (CPUID.1:ECX.24). */
void x86_lapic_timer_use_deadline(void);
void x86_lapic_timer_deadline(uint64_t tsc); /* 0 stops it */

#endif
