/* SPDX-License-Identifier: MIT */
/* The 16550. Output is polled, sixteen bytes to a full FIFO; input comes by interrupt. */
#include "dev/serial.h"
#include "arch/x86/io.h"
#include "core/irq.h"
#include "core/spinlock.h"
#include "lib/errno.h"

enum { DATA, IER, FCR, LCR, MCR, LSR, MSR, SCRATCH };
#define IER_RX 1
#define FCR_ENABLE_CLEAR 0xc7 /* on, both cleared, trigger at 14 */
#define LCR_8N1 3
#define LCR_DLAB 0x80
#define MCR_DTR_RTS_OUT2 0x0b
#define LSR_DATA 1
#define LSR_THRE 0x20
#define FIFO_BYTES 16u
#define SPIN_MAX 100000u

static const struct { uint16_t base; unsigned irq; } ports[SERIAL_PORTS] = { { 0x3f8, 4 }, { 0x2f8, 3 } };
static struct { struct spinlock lock; bool present; void (*receive)(unsigned, unsigned char); } state[SERIAL_PORTS] = {
	{ .lock = SPINLOCK_INIT(LOCK_CONSOLE) }, { .lock = SPINLOCK_INIT(LOCK_CONSOLE) },
};

bool serial_probe(unsigned n)
{
	uint16_t b = ports[n].base;

	if (state[n].present)
		return true;
	outb(b + SCRATCH, 0x5a);
	if (inb(b + SCRATCH) != 0x5a)
		return false;
	outb(b + IER, 0);
	outb(b + LCR, LCR_DLAB);
	outb(b + DATA, 1); /* 115200 */
	outb(b + IER, 0);
	outb(b + LCR, LCR_8N1);
	outb(b + FCR, FCR_ENABLE_CLEAR);
	outb(b + MCR, MCR_DTR_RTS_OUT2);
	return state[n].present = true;
}

void serial_write(unsigned n, const char *s, size_t len)
{
	uint16_t b = ports[n].base;
	unsigned long irq;

	if (!state[n].present)
		return;
	irq = spin_lock_irqsave(&state[n].lock);
	while (len) {
		for (unsigned i = 0; i < SPIN_MAX && !(inb(b + LSR) & LSR_THRE); i++)
			arch_pause();
		for (unsigned i = 0; i < FIFO_BYTES && len; i++, len--)
			outb(b + DATA, (uint8_t)*s++);
	}
	spin_unlock_irqrestore(&state[n].lock, irq);
}

static void interrupt(unsigned line, void *ctx)
{
	unsigned n = (unsigned)(unsigned long)ctx;
	uint16_t b = ports[n].base;

	(void)line;
	for (unsigned i = 0; i < 256 && inb(b + LSR) & LSR_DATA; i++) {
		unsigned char c = inb(b + DATA);

		if (state[n].receive)
			state[n].receive(n, c);
	}
	inb(b + FCR); /* reading the identification acknowledges */
}

void serial_start(unsigned n, void (*fn)(unsigned, unsigned char))
{
	if (!state[n].present)
		return;
	state[n].receive = fn;
	irq_request(ports[n].irq, interrupt, (void *)(unsigned long)n, n ? "ttyS1" : "ttyS0");
	outb(ports[n].base + IER, IER_RX);
}
