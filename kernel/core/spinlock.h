/* SPDX-License-Identifier: MIT */
/*
 * Ticket spinlocks. Taking one disables preemption; the _irq forms disable interrupts too and are for locks that interrupt
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
void spin_wait(struct spinlock *l, uint16_t ticket);

static inline void spin_lock_raw(struct spinlock *l)
{
	uint16_t t = __atomic_fetch_add(&l->next, 1, __ATOMIC_RELAXED);

	if (unlikely(__atomic_load_n(&l->serving, __ATOMIC_ACQUIRE) != t))
		spin_wait(l, t);
}
static inline void spin_unlock_raw(struct spinlock *l)
{
	__atomic_store_n(&l->serving, (uint16_t)(l->serving + 1), __ATOMIC_RELEASE);
}

/* Takes the lock if nobody has it, or waits for it. */
static inline bool spin_trylock_raw(struct spinlock *l)
{
	uint16_t n = __atomic_load_n(&l->serving, __ATOMIC_RELAXED);
	struct { uint16_t next, serving; } free = { n, n }, mine = { (uint16_t)(n + 1), n };
	uint32_t expected, wanted;

	__builtin_memcpy(&expected, &free, sizeof(expected));
	__builtin_memcpy(&wanted, &mine, sizeof(wanted));
	return __atomic_compare_exchange_n((uint32_t *)(void *)l, &expected, wanted, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

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
static inline bool spin_locked(const struct spinlock *l) { return l->next != l->serving; }

#endif
