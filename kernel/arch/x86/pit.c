/* SPDX-License-Identifier: MIT */
/* Mode 0 of both channels: they count down once. */
#include "arch/x86/pit.h"
#include "arch/x86/io.h"

#define CHANNEL0 0x40
#define CHANNEL2 0x42
#define MODE 0x43
#define MODE_0_CHANNEL0 0x30 /* low, then high byte */
#define MODE_0_CHANNEL2 0xb0
#define LATCH_CHANNEL2 0x80
#define PORT_B 0x61
#define PORT_B_GATE 1
#define PORT_B_SPEAKER 2
#define PORT_B_OUTPUT 0x20

void x86_pit_oneshot(uint32_t ticks)
{
	outb(MODE, MODE_0_CHANNEL0);
	outb(CHANNEL0, (uint8_t)ticks);
	outb(CHANNEL0, (uint8_t)(ticks >> 8));
}

void x86_pit_stop(void)
{
	outb(MODE, MODE_0_CHANNEL0); /* waits for a count that does not come */
}

void x86_pit_count_start(void)
{
	outb(PORT_B, (uint8_t)((inb(PORT_B) & ~PORT_B_SPEAKER) | PORT_B_GATE));
	outb(MODE, MODE_0_CHANNEL2);
	outb(CHANNEL2, 0xff);
	outb(CHANNEL2, 0xff);
}

void x86_pit_count_latch(void) { outb(MODE, LATCH_CHANNEL2); }

uint32_t x86_pit_count_read(void)
{
	uint32_t low = inb(CHANNEL2);

	return 0xffff - (low | (uint32_t)inb(CHANNEL2) << 8);
}

bool x86_pit_count_ended(void) { return inb(PORT_B) & PORT_B_OUTPUT; }
