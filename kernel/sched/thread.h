/* SPDX-License-Identifier: MIT */
/*
 * A thread: a kernel stack and a state. User threads are the first member of task's struct task; kernel threads stand alone.
 */
#ifndef SCHED_THREAD_H
#define SCHED_THREAD_H

#include "arch/context.h"
#include "arch/trap.h"
#include "core/percpu.h"
#include "core/timer.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/refcount.h"
#include "mem/kmap.h"

#define THREAD_STACK_PAGES ARCH_KSTACK_PAGES

enum thread_state {
	THREAD_RUNNABLE,        /* on a run queue or running */
	THREAD_SLEEPING,        /* waiting; signals wake it (WAIT_INTERRUPTIBLE) */
	THREAD_KILLABLE,        /* waiting; only a fatal signal wakes it */
	THREAD_UNINTERRUPTIBLE, /* waiting; only its event wakes it */
	THREAD_STOPPED,         /* job control; only SIGCONT or SIGKILL wake it */
	THREAD_DEAD,
};

/* Bits of thread.work. Those of the low byte must be looked at before the return to user mode: the way back tests that byte. */
#define WORK_RESCHED 1u
#define WORK_SIGNAL 2u  /* an unblocked signal may be pending, or a stop is wanted */
#define WORK_KILL 4u    /* a fatal signal: killable waits end */
#define WORK_CPUTIME 8u /* a tick found it running, and somebody watches its CPU time */
#define WORK_RSEQ 16u   /* it has moved, or was interrupted by a switch, and its program wants to know (proc/rseq) */
#define WORK_TRACE 0x100u /* system calls of this thread are printed */
#define WORK_PTRACE 0x200u /* another thread traces it: it may want to know of the system calls */

enum sched_policy { SCHED_NORMAL = 0, SCHED_FIFO = 1, SCHED_RR = 2, SCHED_BATCH = 3, SCHED_IDLE = 5 };

#define SCHED_WEIGHT_NICE0 1024u

/* The running thread waits in no queue. */
enum se_queued {
	SE_OFF,
	SE_QUEUED,
	SE_MOVING, /* on its way to the queue of thread.cpu, whose lock its mover will take next; its vruntime is on the global clock */
};

struct sched_entity {
	/* run-queue lock of the thread's CPU */
	struct rbnode node;           /* SCHED_NORMAL, BATCH, IDLE: in the tree while queued */
	struct list rt_link;          /* FIFO, RR: in the list while queued */
	uint64_t vruntime;            /* CPU time used, ns, scaled by the weight of nice 0 over the own; on the clock of its queue (sched/runq.h) */
	uint64_t deadline;            /* vruntime at which its slice is used up: the order of the tree */
	uint64_t exec_start;          /* clock_now() up to which its time is accounted, while it runs */
	uint64_t run_ns;              /* CPU time used in all */
	uint64_t slice_start;         /* run_ns when it was picked (RR) */
	uint32_t weight;
	uint32_t inv_weight;          /* 2^32 / weight; not needed for SCHED_WEIGHT_NICE0 */
	int8_t nice;                  /* -20..19 */
	uint8_t policy;               /* enum sched_policy; as it is queued */
	uint8_t rt_prio;              /* 1..99 for FIFO/RR, else 0; as it is queued */
	uint8_t own_policy, own_prio; /* what was set; what is lent may be above */
	uint8_t lent;                 /* priority of those who wait for what it holds, 0 if none has one (sched_lend) */
	uint8_t queued;               /* enum se_queued */
	bool fresh;                   /* expects its waker to sleep soon: idle CPUs leave it there for a moment */
	bool reset_on_fork;           /* SCHED_RESET_ON_FORK */
	bool last_user;               /* what the last sample of this thread saw: where its time goes */
};

struct thread {
	uint32_t work;             /* WORK_ bits, set atomically by anyone; offset 0: entry.S tests it */
	uint8_t state;             /* enum thread_state; own thread, or run-queue lock of its CPU */
	bool on_cpu;               /* it is some CPU's current thread, or its registers are not saved yet; run-queue lock */
	bool user;                 /* first member of a struct task */
	bool idle;
	unsigned cpu;              /* where it runs or last ran; written under the lock of the queue that it leaves */
	uint32_t affinity;         /* CPUs where it may run, some of which may not be there; run-queue lock */
	bool bound;                /* kernel thread of one CPU: its affinity does not change */
	/* Does it sleep soon after it has woken somebody (forked)? Above zero: so far it has. Own thread. */
	int8_t wake_habit, fork_habit;
	bool wake_open, fork_open; /* it has, and has not slept since */
	refcount_t refs;           /* 1 while it lives + lookups */
	void *stack;               /* lowest address; THREAD_STACK_PAGES */
	void *aspace;              /* vm: whose page tables to load; NULL for kernel threads (they keep the last one) */
	bool kernel_only;          /* vm: it uses no user address for now, so that its CPU may not know what has become of them (vm/tlb). Own thread */
	uintptr_t fault_next;      /* vm: the page that it would write to next, if it goes on as it has */
	unsigned long fault_run;   /* and how many it has had so far, one after the other (vm/fault). Own thread */
	uint16_t told_cpu;         /* the CPU that its program knows it to be on, plus 1; 0: it does not ask. proc/rseq; own thread */
	struct sched_entity se;
	struct kmap_state kmap;
	struct timer timeout;      /* of a timed wait */
	bool timed_out;
	const void *waiting_on;    /* wait queue, for /proc/PID/wchan */
	unsigned long wait_caller;
	uint64_t switches_voluntary, switches_forced;
	uint64_t user_ns, system_ns; /* split of se.run_ns: see sched/runq.h; run-queue lock */
	/* debug: sleeping locks held, own thread only */
	const void *locks[16];
	uint8_t lock_classes[16];
	unsigned lock_depth;
	char name[16];
	void (*release)(struct thread *t); /* frees the memory around it when the last reference goes */
	struct arch_thread arch;
};

static inline struct thread *thread_current(void) { return percpu_current(); }
/*
 * Does what was a thread, and may be one no more, run? To decide about waiting only: its memory is never unmapped, but it may be free. So this is no load
 * of a bool, for what is there may be neither true nor false.
 */
__unchecked static inline bool thread_seems_on_cpu(const struct thread *t) { return *(const volatile uint8_t *)&t->on_cpu == 1; }
/* An idle thread has no stack of its own here: its top is meaningless, and never entered from user mode. */
static inline void *thread_stack_top(const struct thread *t) { return (void *)((vaddr_t)t->stack + THREAD_STACK_PAGES * PAGE_SIZE); }
static inline void thread_set_work(struct thread *t, uint32_t bits) { __atomic_fetch_or(&t->work, bits, __ATOMIC_SEQ_CST); }
static inline void thread_clear_work(struct thread *t, uint32_t bits) { __atomic_fetch_and(&t->work, ~bits, __ATOMIC_SEQ_CST); }

/*
 * t, the current thread, is about to be switched away from, and not by a call that only yields. The rest of a system call is in no sequence, so that
 * who only makes calls pays nothing more.
 */
static inline void thread_note_leaving(struct thread *t)
{
	if (t->told_cpu && !arch_in_syscall(thread_stack_top(t)))
		thread_set_work(t, WORK_RSEQ);
}
/* t is, or will be, on that CPU. */
static inline void thread_note_cpu(struct thread *t, unsigned cpu)
{
	if (t->told_cpu && t->told_cpu != cpu + 1)
		thread_set_work(t, WORK_RSEQ);
}

/* Prepares a zeroed thread with a kernel stack (-ENOMEM). Not runnable yet. */
int thread_init(struct thread *t, const char *name);
static inline void thread_get(struct thread *t) { refcount_get(&t->refs); }
/* The last put frees the stack and calls release. Never the current thread's own last reference. */
void thread_put(struct thread *t);

#endif
