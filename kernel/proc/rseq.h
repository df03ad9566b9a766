/* SPDX-License-Identifier: MIT */
/*
 * Restartable sequences (rseq(2)): a word of the program says on which CPU its thread runs, and a stretch of code that it has named begins anew when the
 * thread was preempted, moved to another CPU, or ran a handler in the middle of it. The scheduler sets WORK_RSEQ when that may have happened
 * (thread.told_cpu); here it is looked at on the way to user mode. Who never switches and never moves pays nothing.
 */
#ifndef PROC_RSEQ_H
#define PROC_RSEQ_H

#include "task/process.h"

struct trapframe;

#define RSEQ_AREA_SIZE 32u /* of the structure that a program registers, as Linux 6.1 has it */

/* rseq(2) for the current thread: EINVAL, EPERM, EBUSY, EFAULT. */
long rseq_call(uaddr_t area, uint32_t len, int flags, uint32_t signature);
/* What a child has of the current thread's: all if its memory is a copy, else nothing. */
void rseq_fork(struct task *child, bool shares_memory);
/* The current thread is registered no more: it has another program. */
void rseq_exec(void);
/* A handler will begin in a registered thread: its sequence ends. -EFAULT, -EINVAL: the program's structures are bad. */
int rseq_handler(struct trapframe *tf);
/* WORK_RSEQ is set: the sequence ends, the CPU is told. Bad structures are a SIGSEGV. */
void rseq_work(struct trapframe *tf);
/* Any interrupt of this CPU: its thread's sequence, if it is in one and of that address space, begins anew. */
void rseq_interrupt(void *aspace);

#endif
