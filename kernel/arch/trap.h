/* SPDX-License-Identifier: MIT */
/*
 * Contract: traps. The architecture turns vectors into these upcalls and holds no policy; init/main.c fills the table.
 *
 * arch_target/trap.h provides struct trapframe (registers of the interrupted context) and
 *   bool tf_user(const struct trapframe *)       was it in user mode
 *   unsigned long tf_ip(..), tf_sp(..), tf_fp(..)
 *   void tf_set_ip(..), tf_set_sp(..)
 *   long tf_syscall_nr(..); unsigned long tf_arg(.., 0..5); long tf_ret(..); void tf_set_ret(.., long)
 *   bool arch_in_syscall(const void *stack_top)   is the frame at the top of a kernel stack a system call's? sigreturn's is not, once it has begun
 *   void tf_init_user(struct trapframe *, uaddr_t ip, uaddr_t sp)        state of a fresh program
 */
#ifndef ARCH_TRAP_H
#define ARCH_TRAP_H

#include "arch/cpu.h"
#include "lib/compiler.h"
#include "lib/types.h"
#include "arch_target/trap.h"

enum fault_access { FAULT_READ = 0, FAULT_WRITE = 1, FAULT_EXEC = 2 };

/* What a CPU exception means to a program: Linux's signal number, si_code and si_addr (0: none). */
struct trap_signal {
	int signo;
	int code;
	uaddr_t addr;
	unsigned vector, error;
};

struct trap_ops {
	/*
	 * Page fault at a user address, from user or kernel mode, interrupts as the interrupted code had them. In kernel mode it is only
	 * called when the faulting instruction has a fixup (usermem). Returns true when the access may be tried again. For user mode it
	 * always "handles" it: a bad access posts SIGSEGV/SIGBUS.
	 */
	bool (*page_fault)(struct trapframe *tf, uaddr_t addr, enum fault_access access, bool present);
	void (*user_exception)(struct trapframe *tf, const struct trap_signal *sig);
	void (*syscall)(struct trapframe *tf);                      /* interrupts on */
	void (*irq)(unsigned line);                                 /* interrupts off, after/before EOI as the controller wants */
	void (*timer)(void);                                        /* the one-shot timer went off; interrupts off */
	void (*ipi)(enum arch_ipi kind);                             /* from another CPU; interrupts off */
	/*
	 * An interrupt that cannot be masked, in whatever it interrupted: no locks, no faults. False if nobody asked for it, which is fatal.
	 */
	bool (*nmi)(struct trapframe *tf);
	void (*irq_enter)(void);
	/* Last thing of an interrupt: may switch threads. What it interrupted: was it user mode, did it have interrupts on? */
	void (*irq_exit)(bool user, bool preemptible);
	void (*user_return)(struct trapframe *tf);                  /* thread.work != 0 on the way to user mode; interrupts on */
	__noreturn void (*fatal)(struct trapframe *tf, const char *what);  /* exception in the kernel */
};

void arch_trap_init(const struct trap_ops *ops);

#endif
