/* SPDX-License-Identifier: MIT */
/* The interrupt controller in use: the two 8259s, with every register set here, for no BIOS need have run. */
#ifndef X86_INTC_H
#define X86_INTC_H

#include "lib/types.h"

#define IRQ_PIT 0u

/* Acknowledges the vector and calls line() for a device's line, timer() for the PIT's. Interrupts off. */
void x86_intc_dispatch(unsigned vector, void (*line)(unsigned), void (*timer)(void));
void x86_intc_eoi_timer(void);

#endif
