/* SPDX-License-Identifier: MIT */
/* The few things asked of ACPI's tables (ACPI specification 5.2): power off, and whether the tables are there. */
#ifndef X86_ACPI_H
#define X86_ACPI_H

#include "lib/types.h"

void x86_acpi_init(void);
/* Enters S5; returns if that is not possible. */
void x86_acpi_power_off(void);

#endif
