/* SPDX-License-Identifier: MIT */
/*
 * The 16550. What is written goes into a queue, and out of it for as long as the transmitter takes it at once, sixteen bytes to its FIFO; the rest
 * is sent by interrupts. Nobody waits for a line that stands still but the kernel's own messages when the queue is full, and they not for long.
 */
#include "dev/serial.h"
#include "arch/boot.h"
#include "arch/x86/io.h"
#include "core/irq.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/ring.h"

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH, FCR = IIR };
#define IER_RX 1
#define IER_TX 2
#define IIR_NONE 1
#define FCR_ENABLE_CLEAR 0xc7 /* on, both cleared, trigger at 14 */
#define LCR_8N1 3
#define LCR_DLAB 0x80
#define MCR_DTR_RTS_OUT2 0x0b
#define LSR_DATA 1
#define LSR_THRE 0x20
#define LSR_TEMT 0x40
#define FIFO_BYTES 16u
#define QUEUE_BYTES 2048u
#define ECHO_BYTES 256u    /* of the queue, that what is typed finds room while programs write */
#define RECEIVE_MAX 256u   /* bytes in one interrupt */
#define SPIN_MAX 100000u
#define FLUSH_MAX 100u     /* times that */

static const struct { uint16_t base; unsigned irq; } ports[SERIAL_PORTS] = { { 0x3f8, 4 }, { 0x2f8, 3 } };

static struct port {
	struct spinlock lock;  /* LOCK_CONSOLE, irqsave: the rest, and the transmitter */
	bool present, started;
	uint8_t ier;
	struct ring out;
	const struct serial_user *user;
} state[SERIAL_PORTS] = {
	{ .lock = SPINLOCK_INIT(LOCK_CONSOLE) }, { .lock = SPINLOCK_INIT(LOCK_CONSOLE) },
};

static unsigned char queues[SERIAL_PORTS][QUEUE_BYTES];

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
	ring_init(&state[n].out, queues[n], QUEUE_BYTES);
	return state[n].present = true;
}

static inline uint8_t line_status(unsigned n) { return inb(ports[n].base + LSR); }

/* The lock held. Sends what the transmitter takes without waiting; it interrupts when it takes more. */
static void feed(unsigned n)
{
	struct port *p = &state[n];
	uint8_t ier;

	while (ring_used(&p->out) && line_status(n) & LSR_THRE)
		for (unsigned i = 0; i < FIFO_BYTES && ring_used(&p->out); i++)
			outb(ports[n].base + DATA, (uint8_t)ring_get(&p->out));
	ier = !p->started ? 0 : ring_used(&p->out) ? IER_RX | IER_TX : IER_RX;
	if (ier != p->ier)
		outb(ports[n].base + IER, p->ier = ier);
}

/* The lock held. The queue gets shorter, or the line stands still. */
static bool wait_and_feed(unsigned n)
{
	size_t before = ring_used(&state[n].out);

	for (unsigned i = 0; before && i < SPIN_MAX && !(line_status(n) & LSR_THRE); i++)
		arch_pause();
	feed(n);
	return ring_used(&state[n].out) < before;
}

void serial_write(unsigned n, const char *s, size_t len)
{
	struct port *p = &state[n];
	unsigned long irq;

	if (!p->present)
		return;
	irq = spin_lock_irqsave(&p->lock);
	do {
		size_t k = ring_write(&p->out, s, len);

		s += k;
		len -= k;
		feed(n);
	} while (len && wait_and_feed(n));
	if (!p->started || READ_ONCE(spin_broken)) /* no interrupt will come */
		while (wait_and_feed(n))
			;
	spin_unlock_irqrestore(&p->lock, irq);
}

size_t serial_queued(unsigned n)
{
	unsigned long irq = spin_lock_irqsave(&state[n].lock);
	size_t used = ring_used(&state[n].out);

	spin_unlock_irqrestore(&state[n].lock, irq);
	return used;
}

size_t serial_room(unsigned n)
{
	size_t used = serial_queued(n);

	return used < QUEUE_BYTES - ECHO_BYTES ? QUEUE_BYTES - ECHO_BYTES - used : 0;
}

void serial_forget(unsigned n)
{
	unsigned long irq = spin_lock_irqsave(&state[n].lock);

	ring_clear(&state[n].out);
	spin_unlock_irqrestore(&state[n].lock, irq);
}

/* true: all that was written has left. */
static bool flushed(unsigned n)
{
	unsigned long irq = spin_lock_irqsave(&state[n].lock);
	bool all;

	feed(n);
	all = !ring_used(&state[n].out) && line_status(n) & LSR_TEMT;
	spin_unlock_irqrestore(&state[n].lock, irq);
	return all;
}

static void flush(void)
{
	for (unsigned n = 0; n < SERIAL_PORTS; n++)
		for (unsigned i = 0; state[n].present && !flushed(n) && i < FLUSH_MAX; i++)
			for (unsigned k = 0; k < SPIN_MAX; k++)
				arch_pause();
}

/* true: something was sent that had to wait. */
static bool send_more(unsigned n)
{
	unsigned long irq = spin_lock_irqsave(&state[n].lock);
	bool waited = ring_used(&state[n].out) > 0;

	feed(n);
	spin_unlock_irqrestore(&state[n].lock, irq);
	return waited;
}

/* Until the port asks for nothing more: its line to the interrupt controller is edge-triggered, and rises only after it had fallen. */
static void interrupt(unsigned line, void *ctx)
{
	unsigned n = (unsigned)(unsigned long)ctx, received = 0;
	bool room = false;

	(void)line;
	while (!(inb(ports[n].base + IIR) & IIR_NONE) && received < RECEIVE_MAX) {
		while (line_status(n) & LSR_DATA && received++ < RECEIVE_MAX)
			state[n].user->receive(n, inb(ports[n].base + DATA));
		room |= send_more(n);
	}
	if (room)
		state[n].user->sent(n);
}

void serial_start(unsigned n, const struct serial_user *user)
{
	unsigned long irq;

	if (!state[n].present)
		return;
	state[n].user = user;
	irq_request(ports[n].irq, interrupt, (void *)(unsigned long)n, n ? "ttyS1" : "ttyS0");
	irq = spin_lock_irqsave(&state[n].lock);
	state[n].started = true;
	feed(n);
	spin_unlock_irqrestore(&state[n].lock, irq);
	power_flush_hook = flush;
}
