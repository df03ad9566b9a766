/* SPDX-License-Identifier: MIT */
/*
 * Spinlocks, taken in turn by those who wait. Taking one disables preemption; the _irq forms disable interrupts too and are for locks that interrupt
 * handlers take. Not recursive. Never sleep while holding one.
 */
#ifndef CORE_SPINLOCK_H
#define CORE_SPINLOCK_H

#include "arch/irqflag.h"
#include "core/lockorder.h"
#include "core/percpu.h"
#include "lib/check.h"

static inline void spin_init(struct spinlock *l, enum lock_class c) { *l = (struct spinlock)SPINLOCK_INIT(c); }

/* Set by panic: nobody waits for a lock any more, since its owner may be what panicked. */
extern bool spin_broken;
/*
 * Set at boot where a hypervisor may stop a CPU at any time: who waits takes no ticket, but whoever runs when the lock is free takes it. In turn, each
 * lock would have to wait until the host runs the next CPU in the queue. Only who was passed by for long takes its turn. tests/models/spinlock.pml.
 */
extern bool spin_unfair;
void spin_wait(struct spinlock *l);

/* Takes the lock if nobody has it or waits for it in turn. */
static inline bool spin_trylock_raw(struct spinlock *l)
{
	uint32_t free = 0;

	return likely(__atomic_compare_exchange_n(&l->word, &free, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
}

static inline void spin_lock_raw(struct spinlock *l)
{
	if (unlikely(!spin_trylock_raw(l)))
		spin_wait(l);
}
static inline void spin_unlock_raw(struct spinlock *l) { __atomic_store_n(&l->locked, 0, __ATOMIC_RELEASE); }

static inline void spin_lock(struct spinlock *l)
{
	preempt_disable();
	if (CONFIG_DEBUG)
		lockorder_acquire(l, l->class, false);
	spin_lock_raw(l);
	if (CONFIG_DEBUG)
		lockorder_taken(l);
}
/* A second lock of the same class: the caller takes them in address order (or says why the order is safe). */
static inline void spin_lock_nested(struct spinlock *l)
{
	preempt_disable();
	if (CONFIG_DEBUG)
		lockorder_acquire(l, l->class, true);
	spin_lock_raw(l);
	if (CONFIG_DEBUG)
		lockorder_taken(l);
}
/* Without waiting, so a lock of the same class may be held, in any order. */
static inline bool spin_trylock_nested(struct spinlock *l)
{
	preempt_disable();
	if (!spin_trylock_raw(l)) {
		preempt_enable();
		return false;
	}
	if (CONFIG_DEBUG) {
		lockorder_acquire(l, l->class, true);
		lockorder_taken(l);
	}
	return true;
}
static inline void spin_unlock(struct spinlock *l)
{
	if (CONFIG_DEBUG)
		lockorder_release(l, l->class);
	spin_unlock_raw(l);
	preempt_enable();
}
static inline unsigned long spin_lock_irqsave(struct spinlock *l)
{
	unsigned long flags = arch_irq_save();

	spin_lock(l);
	return flags;
}
static inline void spin_unlock_irqrestore(struct spinlock *l, unsigned long flags)
{
	if (CONFIG_DEBUG)
		lockorder_release(l, l->class);
	spin_unlock_raw(l);
	preempt_enable_no_resched();
	arch_irq_restore(flags);
	/* A reschedule that became due while interrupts were off happens at the next preempt_enable or interrupt exit. */
	if (unlikely(this_cpu_resched_due()))
		preempt_resched_hook();
}
/* The same where interrupts are on anyway, as in a system call that holds no lock. */
static inline void spin_lock_irq(struct spinlock *l)
{
	debug_assert(arch_irqs_on());
	arch_irq_disable();
	spin_lock(l);
}
static inline void spin_unlock_irq(struct spinlock *l)
{
	if (CONFIG_DEBUG)
		lockorder_release(l, l->class);
	spin_unlock_raw(l);
	preempt_enable_no_resched();
	arch_irq_enable();
	if (unlikely(this_cpu_resched_due()))
		preempt_resched_hook();
}
static inline bool spin_locked(const struct spinlock *l) { return READ_ONCE(l->locked); }

#endif
