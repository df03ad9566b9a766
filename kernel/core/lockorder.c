/* SPDX-License-Identifier: MIT */
/*
 * Run-time check of the order of locks (debug builds). Each CPU keeps a stack of the spinlocks it holds; entries may leave in any order. What
 * is remembered of classes only grows, a byte for each fact, so that CPUs may write it at the same time.
 */
#include "core/lockorder.h"
#include "arch/irqflag.h"
#include "core/percpu.h"
#include "lib/check.h"
#include "lib/fmt.h"

#define X(name) #name,
static const char *const class_names[] = { LOCK_CLASSES(X) };
#undef X

const char *lock_class_name(enum lock_class c) { return c < LOCK_CLASS_COUNT ? class_names[c] : "?"; }

static bool over; /* a panic: the log must come out, whatever is held */

void lockorder_end(void) { over = true; }

/* The end, through the hook of the assertions. */
static __noreturn __printf(1, 2) void broken(const char *f, ...)
{
	char what[128];
	va_list ap;

	over = true;
	va_start(ap, f);
	fmt_vbuf(what, sizeof(what), f, ap);
	va_end(ap);
	check_failed(__FILE__, __LINE__, what);
}

/* In an interrupt handler; with interrupts on; [a][b]: b while holding a. */
static bool taken_in_irq[LOCK_CLASS_COUNT], taken_irqs_on[LOCK_CLASS_COUNT], taken_under[LOCK_CLASS_COUNT][LOCK_CLASS_COUNT];

static bool learn(bool *fact)
{
	bool is_new = !*fact;

	if (is_new)
		*fact = true;
	return is_new;
}

/*
 * A CPU that holds a lock with interrupts on may be interrupted by a handler that wants it. And one that holds a lock of handlers may wait for
 * a lock whose holder was interrupted by one of them.
 */
static void check_facts(void)
{
	for (unsigned a = 0; a < LOCK_CLASS_COUNT; a++) {
		if (!taken_in_irq[a])
			continue;
		if (taken_irqs_on[a])
			broken("lock order: %s is taken by interrupt handlers, and with interrupts on", lock_class_name(a));
		for (unsigned b = 0; b < LOCK_CLASS_COUNT; b++)
			if (taken_under[a][b] && taken_irqs_on[b])
				broken("lock order: %s, which is taken with interrupts on, taken under %s, which interrupt handlers take",
				       lock_class_name(b), lock_class_name(a));
	}
}

static enum lock_class class_of(const void *lock) { return ((const struct spinlock *)lock)->class; }

void lockorder_acquire(const struct spinlock *lock, enum lock_class c, bool nested)
{
	bool irqs_on = arch_irqs_on(), is_new;
	unsigned long flags = arch_irq_save();
	struct cpu *cpu = this_cpu();

	if (over) {
		arch_irq_restore(flags);
		return;
	}
	is_new = (irqs_on && learn(&taken_irqs_on[c])) || (cpu->irq_depth && learn(&taken_in_irq[c]));
	for (unsigned i = 0; i < cpu->lock_depth; i++) {
		enum lock_class held = class_of(cpu->lock_stack[i]);

		bool ordered = i < cpu->lock_base || held < c || (held == c && nested);

		if (!ordered || cpu->lock_stack[i] == lock)
			broken("lock order: %s taken while holding %s", lock_class_name(c), lock_class_name(held));
		if (i >= cpu->lock_base)
			is_new |= learn(&taken_under[held][c]);
	}
	if (is_new)
		check_facts();
	if (cpu->lock_depth == 16)
		broken("lock order: too many locks held");
	cpu->lock_stack[cpu->lock_depth++] = lock;
	arch_irq_restore(flags);
}

void lockorder_taken(struct spinlock *lock) { lock->owner = (uint8_t)(this_cpu()->id + 1); }

void lockorder_stuck(const struct spinlock *lock)
{
	unsigned owner = READ_ONCE(lock->owner);

	if (owner)
		broken("lock order: cpu %u has waited too long for %s, which cpu %u holds", this_cpu()->id, lock_class_name(lock->class), owner - 1);
	broken("lock order: cpu %u has waited too long for %s, which nobody holds", this_cpu()->id, lock_class_name(lock->class));
}

void lockorder_release(struct spinlock *lock, enum lock_class c)
{
	unsigned long flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	unsigned i = cpu->lock_depth;

	if (over) {
		arch_irq_restore(flags);
		return;
	}
	while (i > 0 && cpu->lock_stack[i - 1] != lock)
		i--;
	if (i == 0)
		broken("lock order: %s released but not held", lock_class_name(c));
	for (; i < cpu->lock_depth; i++)
		cpu->lock_stack[i - 1] = cpu->lock_stack[i];
	cpu->lock_depth--;
	lock->owner = 0;
	arch_irq_restore(flags);
}

void lockorder_assert_none(const char *what)
{
	unsigned long flags = arch_irq_save();
	struct cpu *cpu = this_cpu();

	if (cpu->lock_depth)
		broken("%s while holding %s", what, lock_class_name(class_of(cpu->lock_stack[cpu->lock_depth - 1])));
	arch_irq_restore(flags);
}
