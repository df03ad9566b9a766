/* SPDX-License-Identifier: MIT */
/* The interrupt controllers in use: I/O APICs and local APIC where the machine has and describes them, else the two 8259s. */
#ifndef X86_INTC_H
#define X86_INTC_H

#include "lib/types.h"

struct x86_apics;

#define IRQ_PIT 0u

/* Acknowledges the vector and calls line() for a device's line, timer() for the PIT's. Interrupts off. */
void x86_intc_dispatch(unsigned vector, void (*line)(unsigned), void (*timer)(void));
/* Acknowledges an interrupt of the local APIC's own: its timer, or another CPU's. */
void x86_intc_eoi_local(void);
/* What the firmware says of CPUs and APICs, NULL if nothing; unchanging after arch_platform_init. */
const struct x86_apics *x86_intc_apics(void);
const char *x86_intc_name(void);

#endif
