/* SPDX-License-Identifier: MIT */
/* The few things asked of ACPI's tables (ACPI specification 5.2): power off, the CPUs, and how interrupt lines are wired. */
#ifndef X86_ACPI_H
#define X86_ACPI_H

#include "arch/x86/apics.h"
#include "lib/types.h"

/* Reads the tables once, unless acpi=off. Boot CPU, after arch_mmu_init. */
void x86_acpi_init(void);
/* What the MADT (5.2.12) says, with the defaults of the ISA bus filled in. False, and untouched, if there is none. */
bool x86_acpi_apics(struct x86_apics *a);
/* Enters S5; returns if that is not possible. */
void x86_acpi_power_off(void);

#endif
