/* SPDX-License-Identifier: MIT */
/* Host: threads are ucontexts on one host thread; they change hands only in arch_switch, so every run of a test is the same. */
#ifndef ARCH_TARGET_CONTEXT_H
#define ARCH_TARGET_CONTEXT_H

#include <ucontext.h>

#define ARCH_KSTACK_PAGES 16 /* room for the C library and the sanitizers */

struct arch_thread {
	ucontext_t ctx;
	void (*entry)(void *);
	void *arg;
	void (*first)(void);          /* of arch_thread_fork */
	const void *stack_bottom;     /* for the sanitizer */
	size_t stack_size;
};

void arch_thread_init(struct arch_thread *t, void *stack_top, void (*entry)(void *), void *arg);
void arch_thread_fork(struct arch_thread *child, const struct arch_thread *parent, void *stack_top, const struct trapframe *tf,
		      void (*first)(void));
struct trapframe *arch_thread_frame(void *stack_top);
static inline unsigned long arch_thread_fp(const struct arch_thread *t) { (void)t; return 0; }
void arch_switch(struct arch_thread *prev, struct arch_thread *next, void *next_stack_top);
/* The bare change of stacks; also from one pretend CPU to another. */
void host_switch(struct arch_thread *prev, struct arch_thread *next);
void arch_fpu_reset(struct arch_thread *t);
static inline void arch_thread_free(struct arch_thread *t) { (void)t; }

/* For tests: what runs in place of user mode, with the frame that the thread would return through. It must not return. */
extern void (*host_user_mode)(struct trapframe *tf);

#endif
