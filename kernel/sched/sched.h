/* SPDX-License-Identifier: MIT */
/*
 * Who runs: one queue per CPU, virtual deadlines with nice weights, SCHED_FIFO/RR above. The kernel is preemptible wherever no spinlock is held.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "sched/thread.h"

/* Makes the running context the boot CPU's idle thread. */
void sched_init(void);
/* The idle thread's body; interrupts on; never returns. */
__noreturn void sched_idle_loop(void);

/* Puts a new thread (thread_init done, arch_thread set up) on a queue. The parent's CPU unless told. */
void sched_start(struct thread *t);
/* Gives up the CPU: with state RUNNABLE it is a yield. Preemption must be enabled but for the caller's own level (no locks held). */
void sched_yield(void);
/* Switches away if the current thread's state is not RUNNABLE (set by waitq). */
void sched_block(void);
/* Wakes a thread that waits in one of the states of the mask (bit per enum thread_state). True if it was woken. Any context. */
bool sched_wake(struct thread *t, unsigned state_mask);
#define WAKE_ANY (1u << THREAD_SLEEPING | 1u << THREAD_KILLABLE | 1u << THREAD_UNINTERRUPTIBLE)
/* Ends the current thread; never returns. The last reference held by the scheduler is given up after the switch. */
__noreturn void sched_exit(void);
/* First thing a new thread runs (finishes the switch). */
void sched_tail(void);
/* preempt_resched_hook; trap_ops.irq_exit when kernel_preemptible. */
void sched_preempt(void);
void sched_set_nice(struct thread *t, int nice);
/* -EINVAL for a bad policy or priority. */
int sched_set_policy(struct thread *t, int policy, int prio);
/* Inherits weights and places the child fairly. */
void sched_fork(struct thread *child, const struct thread *parent);
/* CPU time accounting at the border to user mode. */
void sched_account_user_enter(void);
void sched_account_kernel_enter(void);
uint64_t sched_thread_cpu_ns(struct thread *t); /* used so far, up to now */

struct sched_stats { uint64_t switches, idle_ns, forks; unsigned runnable; unsigned long load[3]; /* 1, 5, 15 minutes, fixed point 11 bits */ };
void sched_stats(struct sched_stats *s);
/* Set by vm: called with interrupts off when the next thread has another address space. */
extern void (*sched_switch_aspace)(void *prev_aspace, void *next_aspace);

/* Sleeps until the monotonic time; 0 or -EINTR (interruptible). */
int sched_sleep_until(ktime_t when, bool interruptible);

#endif
