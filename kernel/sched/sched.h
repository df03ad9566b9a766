/* SPDX-License-Identifier: MIT */
/*
 * Who runs and when: the switch, its protocol, waking, preemption, the tick. What the queues look like is in sched/runq. The kernel is preemptible
 * wherever no spinlock is held.
 *
 * The switch protocol: a CPU's run-queue lock is taken by the thread that leaves and released by the thread that arrives, on the new stack.
 * So nobody sees a thread as waiting whose registers are not saved yet, and a dead thread's stack is given back by its successor.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include "sched/thread.h"

/* Makes the running context the boot CPU's idle thread. */
void sched_init(void);
/* Makes the running context, on its stack, this CPU's idle thread. Before the CPU is online; interrupts off. */
void sched_init_cpu(struct thread *idle);
/* The idle thread's body; interrupts on; never returns. */
__noreturn void sched_idle_loop(void);

/* Puts a new thread (thread_init done, arch_thread set up) on a queue. The parent's CPU, or an idle one if the parent does not mostly wait for its children. */
void sched_start(struct thread *t);
/* The current thread is about to wait for one that it has started, which may be done already: that is as good as sleeping. */
void sched_waits_for_started(void);
/* In a system call: gives up the CPU: with state RUNNABLE it is a yield. Preemption must be enabled but for the caller's own level (no locks held). */
void sched_yield(void);
/* The current thread has a new program, and so nothing in this CPU's caches: goes to an idle CPU if others wait for this one. No spinlock held. */
void sched_exec(void);
/* Switches away if the current thread's state is not RUNNABLE (set by waitq). */
void sched_block(void);
/* Wakes a thread that waits in one of the states of the mask (bit per enum thread_state). True if it was woken. Any context. */
bool sched_wake(struct thread *t, unsigned state_mask);
#define WAKE_ANY (1u << THREAD_SLEEPING | 1u << THREAD_KILLABLE | 1u << THREAD_UNINTERRUPTIBLE)
/* Ends the current thread; never returns. The last reference held by the scheduler is given up after the switch. */
__noreturn void sched_exit(void);
/* First thing a new thread runs (finishes the switch). */
void sched_tail(void);
/*
 * Switches if a reschedule is wanted, interrupts are on and nothing forbids it. preempt_resched_hook; on the way to user mode for WORK_RESCHED.
 */
void sched_preempt(void);
/* trap_ops.irq_exit: ends the interrupt's count and may switch. user: user mode was interrupted; preemptible: its interrupts were on. */
void sched_irq_exit(bool user, bool preemptible);
void sched_set_nice(struct thread *t, int nice);
/* -EINVAL for a bad policy or priority. */
int sched_check_policy(int policy, int prio);
int sched_set_policy(struct thread *t, int policy, int prio);
/* Somebody of that priority (1..99; 0: nobody) waits for what t holds: until the next call t runs as SCHED_FIFO with it, if that is more than its own. */
void sched_lend(struct thread *t, int prio);
/* How long t runs before others of its kind get their turn; 0: until it sleeps. */
uint64_t sched_slice_ns(struct thread *t);
/*
 * Lets t run on the CPUs of the mask only (bit per CPU), and moves it if it is elsewhere: at once if it waits, as soon as it may be preempted if it
 * runs; the current thread has moved on return if preemption is enabled. -EINVAL if none of them is online, or t is bound to its CPU.
 */
int sched_set_affinity(struct thread *t, uint32_t cpu_mask);
uint32_t sched_affinity(struct thread *t); /* those that are online */
/* Inherits weights and places the child fairly. */
void sched_fork(struct thread *child, const struct thread *parent);
/* Set by proc: a tick found this thread running. Interrupt context. */
extern void (*sched_tick_hook)(struct thread *t);
/* Set by vm: called with interrupts off when the next thread has another address space, or none (NULL), or prev is kernel_only. */
extern void (*sched_switch_aspace)(void *prev_aspace, void *next_aspace);

#endif
