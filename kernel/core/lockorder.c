/* SPDX-License-Identifier: MIT */
/* Run-time check of the order of locks (debug builds). Each CPU keeps a stack of the spinlocks it holds; entries may leave in any order. */
#include "core/lockorder.h"
#include "arch/irqflag.h"
#include "core/percpu.h"
#include "lib/check.h"
#include "lib/fmt.h"

#define X(name) #name,
static const char *const class_names[] = { LOCK_CLASSES(X) };
#undef X

const char *lock_class_name(enum lock_class c) { return c < LOCK_CLASS_COUNT ? class_names[c] : "?"; }

/* The end, through the hook of the assertions. */
static __noreturn __printf(1, 2) void broken(const char *f, ...)
{
	char what[128];
	va_list ap;

	va_start(ap, f);
	fmt_vbuf(what, sizeof(what), f, ap);
	va_end(ap);
	check_failed(__FILE__, __LINE__, what);
}

static enum lock_class class_of(const void *lock) { return ((const struct spinlock *)lock)->class; }

void lockorder_acquire(const void *lock, enum lock_class c, bool nested)
{
	unsigned long flags = arch_irq_save();
	struct cpu *cpu = this_cpu();

	for (unsigned i = 0; i < cpu->lock_depth; i++) {
		enum lock_class held = class_of(cpu->lock_stack[i]);

		bool ordered = i < cpu->lock_base || held < c || (held == c && nested);

		if (!ordered || cpu->lock_stack[i] == lock)
			broken("lock order: %s taken while holding %s", lock_class_name(c), lock_class_name(held));
	}
	if (cpu->lock_depth == 16)
		broken("lock order: too many locks held");
	cpu->lock_stack[cpu->lock_depth++] = lock;
	arch_irq_restore(flags);
}

void lockorder_release(const void *lock, enum lock_class c)
{
	unsigned long flags = arch_irq_save();
	struct cpu *cpu = this_cpu();
	unsigned i = cpu->lock_depth;

	while (i > 0 && cpu->lock_stack[i - 1] != lock)
		i--;
	if (i == 0)
		broken("lock order: %s released but not held", lock_class_name(c));
	for (; i < cpu->lock_depth; i++)
		cpu->lock_stack[i - 1] = cpu->lock_stack[i];
	cpu->lock_depth--;
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
