/* SPDX-License-Identifier: MIT */
/* Interrupt lines -> handlers. The table only grows, so dispatch reads it without a lock. */
#include "core/irq.h"
#include "core/percpu.h"
#include "lib/atomic.h"
#include "core/spinlock.h"
#include "lib/errno.h"

#define SHARED_MAX 4

struct action { irq_handler fn; void *ctx; };
static struct spinlock irq_lock = SPINLOCK_INIT(LOCK_IRQ);
static struct { struct action actions[SHARED_MAX]; const char *name; uint64_t count[MAX_CPUS]; } lines[IRQ_LINES];
void (*irq_unmask_hook)(unsigned line);

int irq_request(unsigned line, irq_handler h, void *ctx, const char *name)
{
	unsigned long flags;
	int err = -EBUSY;

	if (line >= IRQ_LINES)
		return -EINVAL;
	flags = spin_lock_irqsave(&irq_lock);
	for (unsigned i = 0; i < SHARED_MAX; i++) {
		struct action *a = &lines[line].actions[i];

		if (a->fn)
			continue;
		a->ctx = ctx;
		store_release(&a->fn, h);
		lines[line].name = name;
		err = 0;
		break;
	}
	spin_unlock_irqrestore(&irq_lock, flags);
	if (!err && irq_unmask_hook)
		irq_unmask_hook(line);
	return err;
}

void irq_dispatch(unsigned line)
{
	if (line >= IRQ_LINES)
		return;
	lines[line].count[this_cpu()->id]++; /* interrupts are off: no other writer */
	for (unsigned i = 0; i < SHARED_MAX && lines[line].actions[i].fn; i++)
		lines[line].actions[i].fn(line, lines[line].actions[i].ctx);
}

void irq_enter(void)
{
	struct cpu *c = this_cpu();

	preempt_disable();
	if (!c->irq_depth++)
		c->lock_base = c->lock_depth;
	c->irqs++;
}

void irq_leave(void)
{
	if (!--this_cpu()->irq_depth)
		this_cpu()->lock_base = 0;
	preempt_enable_no_resched();
}

bool in_irq(void) { return (uint32_t)arch_percpu_read(offsetof(struct cpu, irq_depth)) != 0; } /* one access: the caller may be moved to another CPU */
uint64_t irq_count_on(unsigned line, unsigned cpu) { return line < IRQ_LINES && cpu < MAX_CPUS ? lines[line].count[cpu] : 0; }

uint64_t irq_count(unsigned line)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < MAX_CPUS; i++)
		sum += irq_count_on(line, i);
	return sum;
}

const char *irq_name(unsigned line) { return line < IRQ_LINES ? lines[line].name : NULL; }
