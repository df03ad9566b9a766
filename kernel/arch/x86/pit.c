/* SPDX-License-Identifier: MIT */
/* Mode 0 of both channels: the output rises when the count ends. */
#include "arch/x86/pit.h"
#include "arch/x86/io.h"

#define CHANNEL0 0x40
#define CHANNEL2 0x42
#define MODE 0x43
#define MODE_0_CHANNEL0 0x30 /* low, then high byte */
#define MODE_0_CHANNEL2 0xb0
#define PORT_B 0x61
#define PORT_B_GATE 1u
#define PORT_B_SPEAKER 2u
#define PORT_B_OUTPUT 0x20u

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

void x86_pit_window_start(uint32_t ticks)
{
	outb(PORT_B, (uint8_t)((inb(PORT_B) & ~(PORT_B_GATE | PORT_B_SPEAKER)) | PORT_B_GATE));
	outb(MODE, MODE_0_CHANNEL2);
	outb(CHANNEL2, (uint8_t)ticks);
	outb(CHANNEL2, (uint8_t)(ticks >> 8));
}

bool x86_pit_window_done(void) { return inb(PORT_B) & PORT_B_OUTPUT; }
