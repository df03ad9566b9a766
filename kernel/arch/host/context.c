/* SPDX-License-Identifier: MIT */
/*
 * Threads as ucontexts. The address sanitizer is told about every change of stacks; the context that calls arch_switch first is the test
 * itself, whose stack is learned when it is left.
 */
#include "arch/context.h"
#include "arch/irqflag.h"
#include "arch/trap.h"
#include "lib/check.h"
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__)
#define UNDER_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNDER_ASAN 1
#endif
#endif

#ifdef UNDER_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#define leave_stack(save, bottom, size) __sanitizer_start_switch_fiber(save, bottom, size)
#define enter_stack(save, bottom, size) __sanitizer_finish_switch_fiber(save, bottom, size)
#define clean_stack(bottom, size) __asan_unpoison_memory_region(bottom, size)
#else
#define leave_stack(save, bottom, size) ((void)(save))
#define enter_stack(save, bottom, size) ((void)(save))
#define clean_stack(bottom, size) ((void)(bottom))
#endif

void (*host_user_mode)(struct trapframe *tf);

static struct arch_thread *switched_from;

/* First thing on the new side of a switch: fills in what is now known about the stack that was left. */
static void arrive(void *fake_stack)
{
	enter_stack(fake_stack, &switched_from->stack_bottom, &switched_from->stack_size);
}

static void thread_main(unsigned low, unsigned high)
{
	struct arch_thread *t = (struct arch_thread *)((unsigned long)high << 32 | low);

	arrive(NULL);
	t->entry(t->arg);
	fprintf(stderr, "host: a thread's entry returned\n");
	abort();
}

static void make(struct arch_thread *t, void *stack_top)
{
	unsigned long self = (unsigned long)t;

	t->stack_size = ARCH_KSTACK_PAGES * PAGE_SIZE;
	t->stack_bottom = (char *)stack_top - t->stack_size;
	clean_stack(t->stack_bottom, t->stack_size);
	getcontext(&t->ctx);
	t->ctx.uc_stack.ss_sp = (void *)t->stack_bottom;
	t->ctx.uc_stack.ss_size = t->stack_size - sizeof(struct trapframe) - 64;
	t->ctx.uc_link = NULL;
	makecontext(&t->ctx, (void (*)(void))thread_main, 2, (unsigned)self, (unsigned)(self >> 32));
}

void arch_thread_init(struct arch_thread *t, void *stack_top, void (*entry)(void *), void *arg)
{
	t->entry = entry;
	t->arg = arg;
	make(t, stack_top);
}

struct trapframe *arch_thread_frame(void *stack_top)
{
	return (struct trapframe *)stack_top - 1;
}

static void fork_entry(void *self)
{
	struct arch_thread *t = self;

	t->first();
	arch_irq_enable();
	if (!host_user_mode) {
		fprintf(stderr, "host: there is no user mode to return to\n");
		abort();
	}
	host_user_mode(arch_thread_frame((char *)t->stack_bottom + t->stack_size));
}

void arch_thread_fork(struct arch_thread *child, const struct arch_thread *parent, void *stack_top, const struct trapframe *tf,
		      void (*first)(void))
{
	(void)parent;
	child->entry = fork_entry;
	child->arg = child;
	child->first = first;
	make(child, stack_top);
	*arch_thread_frame(stack_top) = *tf;
}

void arch_switch(struct arch_thread *prev, struct arch_thread *next, void *next_stack_top)
{
	(void)next_stack_top;
	assert(!arch_irqs_on());
	host_switch(prev, next);
}

void host_switch(struct arch_thread *prev, struct arch_thread *next)
{
	void *fake_stack = NULL;

	switched_from = prev;
	leave_stack(&fake_stack, next->stack_bottom, next->stack_size);
	swapcontext(&prev->ctx, &next->ctx);
	arrive(fake_stack);
}

void arch_fpu_reset(struct arch_thread *t)
{
	(void)t;
}
