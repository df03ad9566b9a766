/* SPDX-License-Identifier: MIT */
/*
 * A call is posted by a store to the place of its sender and a bit in the receiver's mask; the receiver takes the bits, runs the calls and
 * counts down. The count is the last thing it touches: the call lies on the sender's stack.
 */
#include "core/ipi.h"
#include "arch/irqflag.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/check.h"

struct call {
	void (*fn)(void *arg);
	void *arg;
	uint32_t left; /* CPUs that have not done it yet; atomic */
};

static struct mailbox {
	uint32_t pending;             /* senders; atomic */
	struct call *from[MAX_CPUS];  /* published by the bit in pending */
} __aligned(64) boxes[MAX_CPUS];

void ipi_wake(unsigned n)
{
	if (n == (unsigned)arch_percpu_read(offsetof(struct cpu, id)))
		this_cpu_want_resched();
	else
		arch_ipi_send(n, ARCH_IPI_WAKE);
}

void ipi_poll(void)
{
	struct mailbox *box = &boxes[this_cpu()->id];

	while (unlikely(READ_ONCE(box->pending))) {
		uint32_t senders = __atomic_exchange_n(&box->pending, 0, __ATOMIC_SEQ_CST);

		for (; senders; senders &= senders - 1) {
			struct call *c = box->from[__builtin_ctz(senders)];

			c->fn(c->arg);
			__atomic_fetch_sub(&c->left, 1, __ATOMIC_RELEASE);
		}
	}
}

static void post(struct call *c, unsigned me, uint32_t to)
{
	for (; to; to &= to - 1) {
		unsigned n = (unsigned)__builtin_ctz(to);

		boxes[n].from[me] = c;
		/* Bits that were there already have their interrupt on its way. */
		if (!__atomic_fetch_or(&boxes[n].pending, CPU_BIT(me), __ATOMIC_SEQ_CST))
			arch_ipi_send(n, ARCH_IPI_CALL);
	}
}

void ipi_call(uint32_t cpu_mask, void (*fn)(void *arg), void *arg)
{
	struct call c = { fn, arg, 0 };
	unsigned long irq;
	uint32_t others;

	preempt_disable();
	debug_assert(!this_cpu()->irq_depth);
	others = cpu_mask & READ_ONCE(cpus_online) & ~CPU_BIT(this_cpu()->id);
	c.left = bits_count(others);
	post(&c, this_cpu()->id, others);
	irq = arch_irq_save();
	if (cpu_mask & CPU_BIT(this_cpu()->id))
		fn(arg);
	while (load_acquire(&c.left)) {
		ipi_poll(); /* two CPUs may call each other */
		arch_irq_restore(irq);
		arch_pause();
		irq = arch_irq_save();
	}
	arch_irq_restore(irq);
	preempt_enable();
}

void ipi_interrupt(enum arch_ipi kind)
{
	if (kind == ARCH_IPI_WAKE)
		this_cpu_want_resched();
	else
		ipi_poll();
}
