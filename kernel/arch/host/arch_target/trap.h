/* SPDX-License-Identifier: MIT */
/* Host: a trapframe of a machine with as many registers as the contract needs. */
#ifndef ARCH_TARGET_TRAP_H
#define ARCH_TARGET_TRAP_H

struct trapframe {
	unsigned long ip, sp, fp;
	long nr, ret;
	unsigned long args[6];
	bool user;
};

extern bool host_in_user; /* what an interrupt is told that it interrupted */
static inline bool tf_user(const struct trapframe *tf) { return tf->user; }
static inline unsigned long tf_ip(const struct trapframe *tf) { return tf->ip; }
static inline unsigned long tf_sp(const struct trapframe *tf) { return tf->sp; }
static inline unsigned long tf_fp(const struct trapframe *tf) { return tf->fp; }
static inline void tf_set_ip(struct trapframe *tf, unsigned long ip) { tf->ip = ip; }
static inline void tf_set_sp(struct trapframe *tf, unsigned long sp) { tf->sp = sp; }
static inline long tf_syscall_nr(const struct trapframe *tf) { return tf->nr; }
static inline unsigned long tf_arg(const struct trapframe *tf, unsigned i) { return tf->args[i]; }
static inline long tf_ret(const struct trapframe *tf) { return tf->ret; }
static inline void tf_set_ret(struct trapframe *tf, long v) { tf->ret = v; }
static inline bool arch_in_syscall(const void *stack_top) { return stack_top && !host_in_user; }
static inline void tf_init_user(struct trapframe *tf, uaddr_t ip, uaddr_t sp)
{
	*tf = (struct trapframe){ .ip = ip, .sp = sp, .user = true };
}

/* Registers as text, for panics. */
void tf_describe(const struct trapframe *tf, char *buf, size_t cap);

struct trap_ops;
/* What arch_trap_init was given; tests may also set it directly. */
extern const struct trap_ops *host_trap_ops;
/* An interrupt that runs fn: the flag goes off, irq_enter and irq_exit are called around it. Nothing if the flag is off already. */
bool host_interrupt(void (*fn)(void));

#endif
