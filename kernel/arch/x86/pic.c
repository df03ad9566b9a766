/* SPDX-License-Identifier: MIT */
/* The masks live in a copy here, so that they are never read back from the ports. */
#include "arch/x86/pic.h"
#include "arch/x86/idt.h"
#include "arch/x86/io.h"
#include "core/spinlock.h"

#define PIC1 0x20
#define PIC2 0xa0
#define ICW1_INIT 0x11 /* edge, cascade, ICW4 follows */
#define ICW4_8086 0x01
#define OCW2_EOI 0x20
#define OCW3_ISR 0x0b
#define CASCADE 2u

static struct spinlock lock = SPINLOCK_INIT(LOCK_DEVICE);
static uint16_t masked = 0xffff; /* lock */

static void write_masks(void)
{
	outb(PIC1 + 1, (uint8_t)masked);
	outb(PIC2 + 1, (uint8_t)(masked >> 8));
}

void x86_pic_init(void)
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
}

void x86_pic_unmask(unsigned line)
{
	unsigned long irq;

	if (line >= PIC_LINES)
		return;
	irq = spin_lock_irqsave(&lock);
	masked &= (uint16_t)~(1u << line);
	if (line >= 8)
		masked &= (uint16_t)~(1u << CASCADE);
	write_masks();
	spin_unlock_irqrestore(&lock, irq);
}

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

bool x86_pic_ack(unsigned line)
{
	if (line >= PIC_LINES || spurious(line))
		return false;
	if (line >= 8)
		outb(PIC2, OCW2_EOI);
	outb(PIC1, OCW2_EOI);
	return true;
}
