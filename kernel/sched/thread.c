/* SPDX-License-Identifier: MIT */
/* Threads as objects: made with a stack, freed with the last reference. */
#include "sched/thread.h"
#include "lib/check.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/vmap.h"

int thread_init(struct thread *t, const char *name)
{
	t->stack = vmap_stack_alloc(THREAD_STACK_PAGES);
	if (!t->stack)
		return -ENOMEM;
	str_copy(t->name, name, sizeof(t->name));
	refcount_set(&t->refs, 1);
	t->state = THREAD_UNINTERRUPTIBLE; /* until sched_start */
	t->affinity = ~0u;
	t->wake_habit = t->fork_habit = 1;
	t->se.weight = SCHED_WEIGHT_NICE0;
	list_init(&t->se.rt_link);
	return 0;
}

void thread_put(struct thread *t)
{
	if (!refcount_put(&t->refs))
		return;
	assert(!t->on_cpu && !t->se.queued && !t->timeout.armed);
	vmap_stack_free(t->stack, THREAD_STACK_PAGES);
	t->stack = NULL;
	arch_thread_free(&t->arch);
	if (t->release)
		t->release(t);
}
