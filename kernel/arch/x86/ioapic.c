/* SPDX-License-Identifier: MIT */
/* Two registers, index and data, lead to the others: hence the lock. */
#include "arch/x86/ioapic.h"
#include "arch/x86/mmu.h"
#include "core/spinlock.h"

#define IOAPICS_MAX 8
#define WINDOW_BYTES 0x20
#define INDEX 0
#define DATA 4 /* in words of 32 bits */
#define REG_VERSION 1
#define REG_PIN(n) (0x10 + (n) * 2)
#define PINS_MAX 240
#define PIN_LOW 0x2000u
#define PIN_LEVEL 0x8000u
#define PIN_MASKED 0x10000u

static struct spinlock lock = SPINLOCK_INIT(LOCK_DEVICE);
static struct { volatile uint32_t *regs; uint32_t base; unsigned pins; } controllers[IOAPICS_MAX]; /* registers: lock; the rest as set at boot */
static unsigned count;

static uint32_t get(volatile uint32_t *regs, unsigned reg)
{
	regs[INDEX] = reg;
	return regs[DATA];
}

static void set(volatile uint32_t *regs, unsigned reg, uint32_t v)
{
	regs[INDEX] = reg;
	regs[DATA] = v;
}

/* Pins of the controller whose registers these are, 0: it does not answer. */
static unsigned pins_of(volatile uint32_t *regs)
{
	uint32_t version = regs ? get(regs, REG_VERSION) : ~0u;
	unsigned pins = (version >> 16 & 0xff) + 1;

	return version == ~0u || !version || pins > PINS_MAX ? 0 : pins;
}

unsigned x86_ioapic_probe(paddr_t phys)
{
	vaddr_t mark = x86_device_mark();
	unsigned pins = pins_of(x86_device_map(phys, WINDOW_BYTES));

	x86_device_release(mark);
	return pins;
}

bool x86_ioapic_add(paddr_t phys, uint32_t gsi_base)
{
	vaddr_t mark = x86_device_mark();
	volatile uint32_t *regs = count < IOAPICS_MAX ? x86_device_map(phys, WINDOW_BYTES) : NULL;
	unsigned pins = pins_of(regs);

	if (!pins) {
		x86_device_release(mark);
		return false;
	}
	for (unsigned i = 0; i < pins; i++) {
		set(regs, REG_PIN(i), PIN_MASKED);
		set(regs, REG_PIN(i) + 1, 0);
	}
	controllers[count].regs = regs;
	controllers[count].base = gsi_base;
	controllers[count++].pins = pins;
	return true;
}

bool x86_ioapic_route(uint32_t gsi, unsigned vector, uint32_t apic_id, bool level, bool low)
{
	for (unsigned i = 0; i < count; i++) {
		uint32_t pin = gsi - controllers[i].base;
		unsigned long irq;

		if (pin >= controllers[i].pins)
			continue;
		irq = spin_lock_irqsave(&lock);
		set(controllers[i].regs, REG_PIN(pin) + 1, apic_id << 24);
		set(controllers[i].regs, REG_PIN(pin), vector | (level ? PIN_LEVEL : 0) | (low ? PIN_LOW : 0));
		spin_unlock_irqrestore(&lock, irq);
		return true;
	}
	return false;
}

unsigned x86_ioapic_pins(void)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		n += controllers[i].pins;
	return n;
}
