/* SPDX-License-Identifier: MIT */
/*
 * Three forms, best first:
 *   devices -> I/O APIC -> local APIC      a local APIC, and a MADT or MP tables with I/O APICs
 *   devices -> 8259 -> local APIC          neither MADT nor MP tables, or noapic
 *   devices -> 8259 -> processor           no local APIC, or nolapic
 * A line is its ISA number up to 15 and a global system interrupt from there on.
 */
#include "arch/x86/intc.h"
#include "arch/platform.h"
#include "arch/x86/acpi.h"
#include "arch/x86/apics.h"
#include "arch/x86/idt.h"
#include "arch/x86/ioapic.h"
#include "arch/x86/lapic.h"
#include "arch/x86/mptable.h"
#include "arch/x86/pic.h"
#include "core/cmdline.h"
#include "core/irq.h"

static bool use_ioapic, have_apics; /* set once at boot */
static struct x86_apics apics;

const struct x86_apics *x86_intc_apics(void) { return have_apics ? &apics : NULL; }

void arch_irq_unmask(unsigned line)
{
	struct x86_line where = { .gsi = line, .level = true, .low = true }; /* the form of PCI's lines */

	if (line >= IRQ_LINES)
		return;
	if (!use_ioapic) {
		x86_pic_unmask(line);
		return;
	}
	if (line < X86_ISA_LINES)
		where = apics.isa[line];
	x86_ioapic_route(where.gsi, VECTOR_IRQ + line, x86_lapic_id(), where.level, where.low);
}

static bool find_ioapics(const struct x86_apics *m)
{
	bool any = false;

	for (unsigned i = 0; i < m->ioapic_count; i++)
		any |= x86_ioapic_add(m->ioapic[i].phys, m->ioapic[i].gsi_base);
	return any;
}

void arch_platform_init(void)
{
	bool no_local = cmdline_has("nolapic"), no_io = cmdline_has("noapic");
	const struct x86_apics *m;

	x86_pic_init();
	x86_acpi_init();
	have_apics = x86_acpi_apics(&apics) || x86_mptable_read(&apics);
	m = x86_intc_apics();
	if (no_local || !x86_lapic_find()) {
		x86_lapic_disable();
	} else {
		use_ioapic = m && !no_io && find_ioapics(m);
		x86_lapic_enable(!use_ioapic, m ? m->nmi_lint : -1, m && m->nmi_low, m && m->nmi_level);
	}
	irq_unmask_hook = arch_irq_unmask;
}

static void dispatch_line(unsigned n, void (*line)(unsigned), void (*timer)(void))
{
	if (n == IRQ_PIT)
		timer();
	else
		line(n);
}

void x86_intc_dispatch(unsigned vector, void (*line)(unsigned), void (*timer)(void))
{
	unsigned n = vector - VECTOR_IRQ;

	if (vector == VECTOR_SPURIOUS || n >= IRQ_LINES)
		return;
	if (use_ioapic) {
		dispatch_line(n, line, timer);
		x86_lapic_eoi(); /* a line that is still raised comes again from here on: hence after its handlers */
	} else if (x86_pic_ack(n)) {
		dispatch_line(n, line, timer);
	}
}

void x86_intc_eoi_local(void) { x86_lapic_eoi(); }

const char *x86_intc_name(void)
{
	return use_ioapic ? "I/O APIC" : x86_lapic_present() ? "8259 through the local APIC" : "8259";
}
