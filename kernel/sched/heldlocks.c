/* SPDX-License-Identifier: MIT */
/* The list of held sleeping locks is the thread's own, so it needs no lock. Locks may be released in any order. */
#include "sched/heldlocks.h"
#include "core/irq.h"
#include "core/panic.h"
#include "sched/thread.h"

void heldlocks_acquire_try_slow(const void *lock, enum lock_class c)
{
	struct thread *t = thread_current();

	assert(t->lock_depth < ARRAY_SIZE(t->locks));
	t->locks[t->lock_depth] = lock;
	t->lock_classes[t->lock_depth++] = (uint8_t)c;
}

void heldlocks_acquire_slow(const void *lock, enum lock_class c, bool nested)
{
	struct thread *t = thread_current();

	lockorder_assert_none("waiting for a sleeping lock");
	if (in_irq())
		panic("lock order: sleeping lock %s taken in an interrupt", lock_class_name(c));
	for (unsigned i = 0; i < t->lock_depth; i++) {
		enum lock_class held = t->lock_classes[i];

		if (held > c || (held == c && !nested) || t->locks[i] == lock)
			panic("lock order: %s taken while holding %s", lock_class_name(c), lock_class_name(held));
	}
	heldlocks_acquire_try_slow(lock, c);
}

void heldlocks_release_slow(const void *lock)
{
	struct thread *t = thread_current();
	unsigned i = t->lock_depth;

	while (i > 0 && t->locks[i - 1] != lock)
		i--;
	if (i == 0)
		panic("lock order: a sleeping lock was released that is not held");
	for (; i < t->lock_depth; i++) {
		t->locks[i - 1] = t->locks[i];
		t->lock_classes[i - 1] = t->lock_classes[i];
	}
	t->lock_depth--;
}

void heldlocks_check_user_slow(void)
{
	struct thread *t = thread_current();

	lockorder_assert_none("return to user mode");
	if (t->lock_depth)
		panic("lock order: return to user mode while holding %s", lock_class_name(t->lock_classes[t->lock_depth - 1]));
	if (preempt_count())
		panic("return to user mode while preemption is off (%u)", preempt_count());
}
