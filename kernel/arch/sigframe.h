/* SPDX-License-Identifier: MIT */
/*
 * Contract: what a signal handler finds on the user stack, laid out as Linux does, and the way back. Both touch user memory and trust nothing
 * that they read back.
 */
#ifndef ARCH_SIGFRAME_H
#define ARCH_SIGFRAME_H

#include "lib/types.h"

struct trapframe;

struct arch_altstack { uaddr_t sp; unsigned long size; int flags; bool valid; };

struct sig_delivery {
	int signo;
	bool siginfo;               /* SA_SIGINFO: the three-argument frame */
	uaddr_t handler, restorer;
	bool has_restorer;
	uint64_t mask;              /* comes back at sigreturn */
	unsigned char info[128];    /* siginfo as the program sees it, if siginfo says so */
	uaddr_t stack_top;          /* build below */
	struct arch_altstack altstack; /* for uc_stack */
	uaddr_t vdso;               /* where the vDSO is mapped: its sigreturn is used without a restorer */
};

/* 0 with tf set to enter the handler, or -EFAULT. */
int arch_sigframe_push(struct trapframe *tf, const struct sig_delivery *d);
/* 0 with tf, floating-point state, *mask and *as restored, or -EFAULT. */
int arch_sigframe_pop(struct trapframe *tf, bool rt, uint64_t *mask, struct arch_altstack *as);

#endif
