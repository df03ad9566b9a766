/* SPDX-License-Identifier: MIT */
/* I/O APICs (Intel 82093AA data sheet): pins, numbered over all of them as ACPI's global system interrupts -> vectors. */
#ifndef X86_IOAPIC_H
#define X86_IOAPIC_H

#include "lib/types.h"

/* How many pins the controller at phys has; 0: it does not answer. Boot CPU. */
unsigned x86_ioapic_probe(paddr_t phys);
/* Adds the controller at phys, whose first pin is gsi_base, with all pins masked. False if it does not answer. Boot CPU, once for each. */
bool x86_ioapic_add(paddr_t phys, uint32_t gsi_base);
/* Sends a pin to a vector of one CPU, unmasked. False if no controller has the pin. Any context. */
bool x86_ioapic_route(uint32_t gsi, unsigned vector, uint32_t apic_id, bool level, bool low);
unsigned x86_ioapic_pins(void);

#endif
