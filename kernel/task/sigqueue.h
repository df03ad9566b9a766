/* SPDX-License-Identifier: MIT */
/*
 * Signals: posting, pending sets, masks. No delivery here (proc/signal). All fields are protected by sighand->lock of the target process.
 */
#ifndef TASK_SIGQUEUE_H
#define TASK_SIGQUEUE_H

#include "task/process.h"

/*
 * Post to a process (any thread that takes it) or to one thread. Any context; never fails for the classic signals (without memory the
 * siginfo is reduced); -EAGAIN when the limit of queued real-time signals is reached. No permission check. Ignored ones are dropped; SIGCONT and the
 * stop signals cancel each other at once, as POSIX says; wakes whom it concerns.
 */
int signal_post_process(struct process *p, const struct siginfo *info);
int signal_post_task(struct task *t, const struct siginfo *info);
/*
 * To p as one of many (a group, everybody): what it is giving birth to gets the signal, too, so that a fork that goes on meanwhile does not
 * escape. PROC_TREE lock held.
 */
int signal_post_member(struct process *p, const struct siginfo *info);
/*
 * The current thread begins to make a process: until the end signals for many are noted in *noted. False: a signal waits that has to be taken before.
 * The end gives to the child, that has just come into the tree, what was noted: PROC_TREE lock held, and the child's sighand->lock. Cancelled: there
 * is no child; no locks.
 */
bool signal_birth_begin(sigset64 *noted);
void signal_birth_end(struct process *child);
void signal_birth_cancel(void);
/*
 * From a POSIX timer to t, or to any thread of p if t is NULL: queued whatever the limit, since the timer counts to it, and beside a classic signal
 * that is pending. False: nobody wants it, or there is no memory.
 */
bool signal_post_timer(struct process *p, struct task *t, const struct siginfo *info);
/* Set by proc/posixtimer: a signal of a timer is taken; sighand->lock held. Fills in the overrun. */
extern void (*signal_timer_hook)(struct process *p, struct siginfo *info);
/* Short form from the kernel: code SI_KERNEL. */
void signal_kernel(struct process *p, int signo);
/* Forced on the current thread by a fault: unblocks and resets to default if blocked or ignored. */
void signal_force(const struct siginfo *info);
/* Takes the next deliverable signal of the current thread (own queue first, lowest number first); 0 if none. sighand->lock held. */
int signal_dequeue(struct task *t, sigset64 mask_out, struct siginfo *info);
/* Recomputes WORK_SIGNAL of a thread after its mask or pending sets changed. sighand->lock held. */
void signal_recalc(struct task *t);
/*
 * All threads of p but me have to end, whatever they wait for; p->group_exit is set. sighand->lock is held, with *irq, and is given up and taken again
 * when they are many.
 */
void signal_end_others(struct process *p, const struct task *me, unsigned long *irq);
/* Signals of the process that t was to take and takes no more (it blocks them now, or ends) are given to other threads. sighand->lock held. */
void signal_retarget(struct task *t, sigset64 which);
/* Copies the oldest of the signals that came after *place (0: of all), with what was sent along; *place is its. false: none. sighand->lock held. */
bool sigpending_peek(const struct sigpending *p, uint64_t *place, struct siginfo *info);
/* Signals wait no more, and are put into dead, to be freed when the lock, sighand->lock, is given up: they may be many. */
void sigpending_flush(struct sigpending *p, sigset64 which, struct list *dead);
void sigpending_free(struct list *dead);
/* The same of p's and all its threads'. */
void signal_flush_all(struct process *p, sigset64 which, struct list *dead);
/* All of a set of p's, which may be many: they are freed without the lock, which it takes. */
void sigpending_drop(struct process *p, struct sigpending *s);
/* Is something deliverable for the current thread? */
bool signal_pending_current(void);
bool signal_fatal_pending_current(void);
/*
 * A stop of a process is told when its last thread has parked, or ended: each thread is added when the stop begins, or when it is born into it, and
 * arrives. True: it was the last one, and the parent is to be told. sighand->lock held.
 */
void signal_stop_add(struct task *t);
bool signal_stop_arrived(struct task *t);
/* t, which is traced, is to stop for its tracer; if it has stopped and listens, it does so anew. sighand->lock held. */
void signal_trap(struct task *t);
/* SIGCHLD for a stop or a continuation (CLD_), and wakes who waits. PROC_TREE lock held. */
void signal_tell_parent(struct process *p, int code, int status);

#endif
