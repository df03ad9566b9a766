/* SPDX-License-Identifier: MIT */
/* Delivering signals at the return to user mode, and the calls about masks and actions. */
#ifndef PROC_SIGNAL_H
#define PROC_SIGNAL_H

#include "task/process.h"

struct trapframe;

/* Handles everything that is pending for the current thread; may not return. */
void signal_deliver(struct trapframe *tf);
/* sigreturn(2): restores what a handler's frame saved. The result for the register. */
long signal_return(struct trapframe *tf, bool rt);
/* Replaces the mask of the current thread; unblockable signals are taken out. */
void signal_set_mask(sigset64 mask);
/* Until the return to user mode the mask is this one, then the old one comes back, after handlers ran (sigsuspend, ppoll, pselect). */
void signal_set_temporary_mask(sigset64 mask);
/* Sets the action of a signal (new not NULL), and says what it was (old not NULL). EINVAL. */
long signal_action(int signo, const struct sigaction *new, struct sigaction *old);
/* Waits for a signal of the set and takes it. Its number, -EAGAIN (deadline), -EINTR. */
long signal_wait_for(sigset64 set, struct siginfo *info, ktime_t deadline);
/* May the current process signal p? 0 or -EPERM. PROC_TREE lock held. */
long signal_permission(struct process *p, int signo);
/* Sends to p, or to its thread t, if that is permitted; signo 0 only asks. 0, -EPERM, -EAGAIN. Takes the PROC_TREE lock. */
long signal_send(struct process *p, struct task *t, const struct siginfo *info);
/* siginfo as user space sees it (128 bytes). */
void siginfo_to_user(const struct siginfo *info, unsigned char out[128]);
void siginfo_from_user(struct siginfo *info, const unsigned char in[128]);

#endif
