/* SPDX-License-Identifier: MIT */
/* i386: the registers that a trap saves; entry.S builds this, lowest address first. */
#ifndef ARCH_TARGET_TRAP_H
#define ARCH_TARGET_TRAP_H

#include "lib/types.h"

struct trapframe {
	uint32_t ebx, ecx, edx, esi, edi, ebp, eax; /* arguments of a system call in order, then its number */
	uint32_t ds, es, fs, gs;
	uint32_t orig_eax;                          /* number of the system call, or -1 */
	uint32_t vector, error;
	uint32_t eip, cs, eflags;                   /* pushed by the processor */
	uint32_t esp, ss;                           /* only from user mode */
};

#define VECTOR_SYSCALL 0x80u
#define USER_CS 0x73u
#define USER_DS 0x7bu
#define EFLAGS_USER_DEFAULT 0x202u

static inline bool tf_user(const struct trapframe *tf) { return (tf->cs & 3) == 3; }
static inline unsigned long tf_ip(const struct trapframe *tf) { return tf->eip; }
static inline unsigned long tf_sp(const struct trapframe *tf) { return tf->esp; }
static inline unsigned long tf_fp(const struct trapframe *tf) { return tf->ebp; }
static inline void tf_set_ip(struct trapframe *tf, unsigned long v) { tf->eip = v; }
static inline void tf_set_sp(struct trapframe *tf, unsigned long v) { tf->esp = v; }
static inline long tf_syscall_nr(const struct trapframe *tf) { return (int32_t)tf->orig_eax; }
static inline unsigned long tf_arg(const struct trapframe *tf, unsigned i) { return (&tf->ebx)[i]; }
static inline long tf_ret(const struct trapframe *tf) { return (int32_t)tf->eax; }
static inline void tf_set_ret(struct trapframe *tf, long v) { tf->eax = (uint32_t)v; }
static inline bool arch_in_syscall(const void *stack_top) { return ((const struct trapframe *)stack_top)[-1].vector == VECTOR_SYSCALL; }
static inline void tf_init_user(struct trapframe *tf, uaddr_t ip, uaddr_t sp)
{
	*tf = (struct trapframe){ .ds = USER_DS, .es = USER_DS, .orig_eax = ~0u, .eip = ip, .cs = USER_CS, .eflags = EFLAGS_USER_DEFAULT,
				  .esp = sp, .ss = USER_DS };
}

/* Registers as text for a panic. */
void tf_describe(const struct trapframe *tf, char *buf, size_t cap);

/* Sets a restarted call up: the instruction runs again with this number. */
#define ARCH_NR_RESTART_SYSCALL 0
static inline void arch_syscall_restart(struct trapframe *tf, long nr)
{
	tf->eax = (uint32_t)nr;
	tf->eip -= 2;
}

#endif
