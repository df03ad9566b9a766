/* SPDX-License-Identifier: MIT */
/* Making and switching threads. */
#include "arch/context.h"
#include "arch/trap.h"
#include "arch/x86/debugregs.h"
#include "arch/x86/fpu.h"
#include "arch/x86/gdt.h"
#include "arch/x86/i386/ports.h"
#include "lib/string.h"

void x86_switch_stacks(uint32_t *save, uint32_t load);
extern char x86_thread_start[], x86_fork_start[];

/* What x86_switch_stacks pops. */
struct switch_frame { uint32_t edi, esi, ebx, ebp, eip; };

struct trapframe *arch_thread_frame(void *stack_top)
{
	return (struct trapframe *)stack_top - 1;
}

void arch_thread_init(struct arch_thread *t, void *stack_top, void (*entry)(void *), void *arg)
{
	struct switch_frame *f = (struct switch_frame *)((char *)stack_top - 16) - 1;

	*f = (struct switch_frame){ .ebx = (uint32_t)entry, .esi = (uint32_t)arg, .eip = (uint32_t)x86_thread_start };
	t->sp = (uint32_t)f;
	x86_fpu_fresh(&t->fpu);
}

void arch_thread_fork(struct arch_thread *child, const struct arch_thread *parent, void *stack_top, const struct trapframe *tf, void (*first)(void))
{
	struct trapframe *copy = arch_thread_frame(stack_top);
	struct switch_frame *f = (struct switch_frame *)copy - 1;

	*copy = *tf;
	*f = (struct switch_frame){ .ebx = (uint32_t)first, .eip = (uint32_t)x86_fork_start };
	child->sp = (uint32_t)f;
	child->user = THREAD_USER;
	child->sysenter_return = parent->sysenter_return;
	memcpy(child->tls, parent->tls, sizeof(child->tls));
	__asm__ volatile("movl %%gs, %0" : "=r"(child->gs));
	x86_fpu_save(&child->fpu);
}

static void load_tls(struct cpu *c, const struct arch_thread *t)
{
	memcpy(&c->arch.gdt[GDT_TLS_FIRST], t->tls, sizeof(t->tls));
}

/* What few threads have. */
static __noinline void switch_rare(const struct arch_thread *prev, struct arch_thread *next, uint32_t stack_top)
{
	if ((prev->user | next->user) & THREAD_WATCHED)
		x86_debugregs_load(next->user & THREAD_WATCHED ? &next->debug : NULL);
	if ((prev->user | next->user) & THREAD_PORTS)
		x86_ports_load(next->user & THREAD_PORTS ? next->ports : NULL, stack_top);
}

void arch_switch(struct arch_thread *prev, struct arch_thread *next, void *next_stack_top)
{
	struct cpu *c = this_cpu();

	if (prev->user) {
		x86_fpu_save(&prev->fpu);
		__asm__ volatile("movl %%gs, %0" : "=r"(prev->gs));
	}
	x86_set_kernel_stack(c, (uint32_t)next_stack_top);
	if (next->user) {
		load_tls(c, next);
		c->arch.sysenter_return = next->sysenter_return;
		x86_fpu_load(&next->fpu);
		x86_load_gs(next->gs);
	}
	if (unlikely((prev->user | next->user) & (THREAD_WATCHED | THREAD_PORTS)))
		switch_rare(prev, next, (uint32_t)next_stack_top);
	x86_switch_stacks(&prev->sp, next->sp);
}

void arch_fpu_reset(struct arch_thread *t)
{
	x86_fpu_fresh(&t->fpu);
	t->user = THREAD_USER | (t->user & THREAD_PORTS); /* the new program keeps them */
	if (this_cpu()->arch.watched)
		x86_debugregs_load(NULL);
	memset(&t->debug, 0, sizeof(t->debug));
	memset(t->tls, 0, sizeof(t->tls));
	load_tls(this_cpu(), t);
	x86_load_gs(0);
	x86_fpu_load(&t->fpu);
}
