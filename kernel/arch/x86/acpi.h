/* SPDX-License-Identifier: MIT */
/* The few things asked of ACPI's tables (ACPI specification 5.2): power off, the CPUs, and how interrupt lines are wired. */
#ifndef X86_ACPI_H
#define X86_ACPI_H

#include "core/percpu.h"
#include "lib/types.h"

#define ACPI_IOAPICS_MAX 8
#define ACPI_ISA_LINES 16

/* Where an interrupt line arrives at the I/O APICs, and its form there. */
struct acpi_line {
	uint32_t gsi;
	bool level, low;
};

/* The MADT (5.2.12), with the defaults of the ISA bus filled in. */
struct acpi_madt {
	unsigned cpu_count;               /* enabled CPUs that fit; the boot CPU is among them */
	uint8_t cpu_apic[MAX_CPUS];       /* their APIC ids */
	unsigned ioapic_count;
	struct { paddr_t phys; uint32_t gsi_base; } ioapic[ACPI_IOAPICS_MAX];
	struct acpi_line isa[ACPI_ISA_LINES];
	int nmi_lint;                     /* local interrupt pin that NMI is wired to, -1: none */
	bool nmi_low, nmi_level;
};

/* Reads the tables once, unless acpi=off. Boot CPU, after arch_mmu_init. */
void x86_acpi_init(void);
/* NULL if there is none; unchanging after x86_acpi_init. */
const struct acpi_madt *x86_acpi_madt(void);
/* Enters S5; returns if that is not possible. */
void x86_acpi_power_off(void);

#endif
