/* SPDX-License-Identifier: MIT */
/* The 8259 pair (Intel 8259A data sheet): lines 0-15 at vectors 32-47, edge triggered, all masked until asked for. */
#include "arch/platform.h"
#include "arch/x86/acpi.h"
#include "arch/x86/idt.h"
#include "arch/x86/intc.h"
#include "arch/x86/io.h"
#include "core/irq.h"

#define PIC1 0x20
#define PIC2 0xa0
#define ICW1_INIT 0x11 /* edge, cascade, ICW4 follows */
#define ICW4_8086 0x01
#define OCW2_EOI 0x20
#define OCW3_ISR 0x0b
#define CASCADE 2u

static uint16_t masked = 0xffff;

static void write_masks(void)
{
	outb(PIC1 + 1, (uint8_t)masked);
	outb(PIC2 + 1, (uint8_t)(masked >> 8));
}

void arch_irq_unmask(unsigned line)
{
	if (line >= 16)
		return;
	masked &= (uint16_t)~(1u << line);
	if (line >= 8)
		masked &= (uint16_t)~(1u << CASCADE);
	write_masks();
}

void arch_platform_init(void)
{
	outb(PIC1, ICW1_INIT);
	outb(PIC2, ICW1_INIT);
	outb(PIC1 + 1, VECTOR_IRQ);
	outb(PIC2 + 1, VECTOR_IRQ + 8);
	outb(PIC1 + 1, 1 << CASCADE);
	outb(PIC2 + 1, CASCADE);
	outb(PIC1 + 1, ICW4_8086);
	outb(PIC2 + 1, ICW4_8086);
	write_masks();
	irq_unmask_hook = arch_irq_unmask;
	x86_acpi_init();
}

/* Lines 7 and 15 also report interrupts that went away; those are not in service. */
static bool spurious(unsigned line)
{
	uint16_t port = line < 8 ? PIC1 : PIC2;

	if (line != 7 && line != 15)
		return false;
	outb(port, OCW3_ISR);
	if (inb(port) & 0x80)
		return false;
	if (line == 15)
		outb(PIC1, OCW2_EOI);
	return true;
}

void x86_intc_dispatch(unsigned vector, void (*line)(unsigned), void (*timer)(void))
{
	unsigned n = vector - VECTOR_IRQ;

	if (n >= 16 || spurious(n))
		return;
	if (n >= 8)
		outb(PIC2, OCW2_EOI);
	outb(PIC1, OCW2_EOI);
	if (n == IRQ_PIT)
		timer();
	else
		line(n);
}

void x86_intc_eoi_timer(void)
{
}
