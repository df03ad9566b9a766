/* SPDX-License-Identifier: MIT */
/* Waiting on words of user memory: futex(2). */
#ifndef PROC_FUTEX_H
#define PROC_FUTEX_H

#include "task/process.h"

struct futex_request {
	unsigned op;          /* FUTEX_* with flags */
	uaddr_t addr, addr2;
	uint32_t val, val2, val3;
	ktime_t deadline;     /* monotonic, WAIT_FOREVER: none */
};

long futex_call(const struct futex_request *r);
/* futex_waitv(2): until one of n words (1..128) is woken; its index. EAGAIN: one has another value. The deadline is monotonic. */
struct futex_word { uaddr_t addr; uint32_t val; bool private; };
long futex_waitv(const struct futex_word *words, unsigned n, ktime_t deadline);
/* Wakes up to n waiters on a private or shared word of the current process. */
long futex_wake_address(uaddr_t addr, unsigned n);
/* A thread ends or runs another program: its robust list is walked. */
void futex_exit_robust(struct task *t);

/* Before the first program. */
void futex_init(void);

#endif
