/* SPDX-License-Identifier: MIT */
/* i386: a thread's saved stack pointer, floating-point state and TLS descriptors. */
#ifndef ARCH_TARGET_CONTEXT_H
#define ARCH_TARGET_CONTEXT_H

#include "arch/x86/fpu.h"
#include "lib/check.h"

#define ARCH_TLS_SLOTS 3
#define ARCH_KSTACK_PAGES (CONFIG_SANITIZE ? 4 : 2) /* the sanitizers put room between variables */

#define THREAD_USER 1
#define THREAD_WATCHED 2
#define THREAD_PORTS 4

struct trapframe;
struct x86_ports;

/* Watched addresses: arch/x86/debugregs. */
struct x86_debugregs {
	uint32_t address[4];
	uint32_t control; /* as asked for; 0: nothing is watched */
	uint32_t hits;    /* what has happened: bits 0 to 3, and 14 after a step */
};

struct arch_thread {
	uint32_t sp;
	uint64_t tls[ARCH_TLS_SLOTS];
	uint32_t gs;
	uint32_t sysenter_return; /* see struct arch_cpu */
	uint8_t user;       /* THREAD_USER: has floating-point and TLS state; THREAD_WATCHED: debug registers, too; THREAD_PORTS: a task state */
	struct x86_ports *ports; /* arch/x86/i386/ports; NULL: none */
	struct x86_debugregs debug;
	struct x86_fpu fpu;
};

void arch_thread_init(struct arch_thread *t, void *stack_top, void (*entry)(void *), void *arg);
void arch_thread_fork(struct arch_thread *child, const struct arch_thread *parent, void *stack_top, const struct trapframe *tf, void (*first)(void));
struct trapframe *arch_thread_frame(void *stack_top);
/* What x86_switch_stacks has pushed: edi, esi, ebx, ebp. Of a thread that runs by now it may be anything. */
__unchecked static inline unsigned long arch_thread_fp(const struct arch_thread *t) { return ((const unsigned long *)(unsigned long)t->sp)[3]; }
void arch_switch(struct arch_thread *prev, struct arch_thread *next, void *next_stack_top);
void arch_fpu_reset(struct arch_thread *t);
void x86_ports_free(struct arch_thread *t);
static inline void arch_thread_free(struct arch_thread *t)
{
	if (unlikely(t->ports))
		x86_ports_free(t);
}

#endif
