/* SPDX-License-Identifier: MIT */
/* What the firmware says of the CPUs and of how interrupt lines are wired, whichever table it says it in. */
#ifndef X86_APICS_H
#define X86_APICS_H

#include "core/percpu.h"
#include "lib/types.h"

#define X86_IOAPICS_MAX 8
#define X86_ISA_LINES 16

/* Where an interrupt line arrives at the I/O APICs, and its form there. */
struct x86_line {
	uint32_t gsi;
	bool level, low;
};

struct x86_apics {
	unsigned cpu_count;               /* enabled CPUs that fit; the boot CPU is among them */
	uint8_t cpu_apic[MAX_CPUS];       /* their APIC ids */
	unsigned ioapic_count;
	struct { paddr_t phys; uint32_t gsi_base; } ioapic[X86_IOAPICS_MAX];
	struct x86_line isa[X86_ISA_LINES];
	int nmi_lint;                     /* local interrupt pin that NMI is wired to, -1: none */
	bool nmi_low, nmi_level;
};

/* Nothing but the ISA bus, wired one to one. */
static inline void x86_apics_default(struct x86_apics *a)
{
	*a = (struct x86_apics){ .nmi_lint = -1 };
	for (unsigned i = 0; i < X86_ISA_LINES; i++)
		a->isa[i].gsi = i;
}

#endif
