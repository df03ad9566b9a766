/* SPDX-License-Identifier: MIT */
/*
 * Who a process is: handles to what it owns, and the tree. A process has threads (struct task); its first has the same number. Processes
 * live until they are reaped; the structure lives while somebody holds a reference.
 */
#ifndef TASK_PROCESS_H
#define TASK_PROCESS_H

#include "core/timer.h"
#include "lib/atomic.h"
#include "lib/list.h"
#include "lib/rbtree.h"
#include "lib/refcount.h"
#include "sched/mutex.h"
#include "sched/thread.h"
#include "sched/waitq.h"
#include "task/cred.h"
#include "task/limits.h"
#include "task/sighand.h"
#include "task/siguser.h"

struct aspace;  /* vm */
struct tracing; /* proc */
struct fdtable; /* vfs, above: opaque here */
struct fsctx;   /* vfs */
struct pgroup;
struct session;
struct sem_undo_list; /* proc, above */

/* A thread of a process. */
struct task {
	struct thread thread;       /* first: thread_current() is this */
	struct process *process;
	pid_t tid;
	struct list process_link;   /* process->tasks; PROC_TREE lock */
	bool pid_listed;            /* task/pid: it can be found */
	struct task *pid_next;      /* task/pid; it, tid and the thread's refs are kept while the task is free */
	/* sighand->lock */
	struct sigpending pending;
	bool must_stop;             /* counted in stops_left */
	sigset64 *birth_signals;    /* it is making a process, which gets these, too (signal_birth_begin); NULL: it is not */
	/* sighand->lock; its own thread, which alone changes them, needs none to read; NULL when it has begun to end */
	struct fdtable *files;
	struct fsctx *fs;
	/* own thread only; other readers take sighand->lock */
	sigset64 sigmask;
	sigset64 saved_mask;        /* to restore after sigsuspend, ppoll, pselect */
	bool restore_mask;
	struct { uaddr_t sp; unsigned long size; unsigned flags; } altstack;
	/* own thread only */
	long syscall_nr;            /* -1 outside a call: decides restarts */
	struct { long (*fn)(struct task *t); uint64_t a[6]; } restart; /* restart_syscall */
	uaddr_t clear_tid;          /* set_tid_address */
	uaddr_t robust_list;
	struct { uaddr_t area; uint32_t signature; } rseq; /* as rseq(2) registered it, if thread.told_cpu says that it is; proc/rseq */
	struct sem_undo_list *sem_undo; /* proc/sysvsem: what System V semaphores are to get back at its end; NULL: nothing */
	bool no_new_privs;          /* exec gives no rights any more; inherited; never taken back */
	unsigned long timer_slack, timer_slack_first; /* ns, as prctl(2) sets it; its children begin with it */
	int ioprio;                 /* as ioprio_set(2) left it: there is nothing yet that heeds it */
	struct cred *cred;          /* replaced by its own thread under PROC_TREE lock (readers elsewhere: cred_get there) */
	bool cred_given;            /* the reference is the process's now, as last_cred: this was its last thread */
	uint64_t minflt, majflt;
	struct { uint64_t ns, sleeps, seen_ns; } awake; /* RLIMIT_RTTIME: run since it slept; its sleeps and its CPU time when that was looked at */
	struct io_usage io;
	bool exiting;               /* sighand->lock; and PROC_TREE lock unless it is the last one, which then stays in process->tasks until the process is a zombie */
	bool traces_no_more;        /* it ends, and has let its tracees go; own thread, then smp_mb(): see proc_exit_thread */
	bool past_meet;             /* ends, and no core dump waits for it; sighand->lock */
	struct waitq *vfork_done;   /* PROC_TREE lock: the parent waits here until exec or exit */
	int exit_signal;
	struct tracing *trace;      /* proc/tracing: made when it is first traced; own thread, others under sighand->lock and PROC_TREE lock */
	/* sighand->lock */
	pid_t traced_by;            /* the thread that traces it, 0: none */
	bool trace_seized;          /* by PTRACE_SEIZE: is told of starts and stops */
	bool trace_trap;            /* its tracer wants it to stop */
	bool trace_stopped;         /* it has stopped for its tracer */
	int parent_death_signal;    /* to the process when the parent goes; 0: none. Own thread; the parent reads it under PROC_TREE lock */
};

#define PROCESS_RUNNING 0
#define PROCESS_ZOMBIE 1
#define PROCESS_REAPED 2

/* What a process has to tell its parent, which is named by the bit of wait(2)'s options that asks for it. */
enum report { REPORT_NONE, REPORT_STOP, REPORT_END, REPORT_CONTINUE, REPORTS };

struct process {
	/* PROC_TREE lock */
	struct process *parent;      /* never NULL but for init */
	/* These three are kept while the process is free, for task/pid. */
	refcount_t refs;
	pid_t pid;
	struct process *pid_next;
	/* PROC_TREE lock */
	pid_t maker;                 /* the thread of the parent that forked it */
	pid_t ppid;                  /* its number: read without the lock by the process itself */
	struct list children, sibling; /* task/children; in order of birth */
	struct list children_walks;
	unsigned long child_count, clone_count; /* of all; of those that end with another signal than SIGCHLD */
	uint64_t birth;              /* its place among its siblings */
	struct list tasks;           /* changed under sighand->lock as well */
	unsigned task_count;
	struct pgroup *group;
	struct list group_link;
	struct session *session;     /* = group's */
	struct cred *last_cred;      /* of its last thread, once that has begun to exit: whose zombie it is */
	bool pid_listed;             /* task/pid: found by its number, until it is reaped */
	uint8_t state;               /* PROCESS_ */
	int exit_status;             /* as wait reports it */
	bool group_exit;             /* exit_group or a fatal signal is under way */
	int exit_signal;             /* to the parent; SIGCHLD, 0 none */
	bool did_exec;               /* setpgid by the parent is refused */
	bool subreaper;
	bool leaving;                /* it ends: nobody becomes its child any more but by CLONE_PARENT, and it counts for no group */
	unsigned broadcast;          /* the last signal to everybody that it, or who made it, had its turn in (kill(2), -1) */
	struct tracing *tracees;     /* of its threads; linked by next */
	struct tracing *ghost;       /* somebody else than the parent has traced its first thread, and is told of its end before the parent */
	bool end_told;               /* to its parent, which may have reaped it and be gone; PROC_TREE lock */
	struct waitq exit_wait;      /* those who poll for its end */
	struct waitq child_wait;     /* the parent sleeps here in wait4 */
	struct rbtree reports[REPORTS]; /* its children that have each to tell, by birth; REPORT_END's, others: reports_lock */
	struct rbnode report_node;   /* in its parent's */
	struct spinlock reports_lock;
	/* sighand->lock */
	struct sighand *sighand;     /* own threads read it; others: sighand_lock, or PROC_TREE lock */
	struct sigpending pending;
	unsigned traced;             /* threads of it that are traced */
	struct siguser *sig_user;    /* whom its signals are charged to: its real user; a reference */
	bool stopped;                /* by job control: its threads park in proc/signal */
	unsigned stops_left;         /* while stopped: threads that have not parked yet; the last one reports the stop */
	bool kill_taken;             /* a thread has dequeued SIGKILL and is about to end all: the others find it, too */
	bool stop_taken;             /* a stop signal was dequeued and has not stopped it yet; a SIGCONT that comes now cancels it */
	bool tell_continued;         /* the first thread that goes on sends SIGCHLD to the parent */
	uint8_t report;              /* enum report: what wait has not told yet; of a zombie, PROC_TREE lock. task/children changes it */
	int stop_signal;
	struct waitq signal_wait;    /* sigtimedwait, signalfd */
	struct aspace *aspace;       /* sighand->lock; set at birth, changed only by exec, NULL from exit on; own threads need no lock */
	bool unmapping;              /* it has no aspace any more, but its memory is not back yet; exiting thread, read by the OOM killer */
	struct rlimits limits;       /* sighand->lock */
	struct usage usage, child_usage; /* of dead threads / of waited children; PROC_TREE lock */
	struct timer alarm_timer;    /* ITIMER_REAL; PROC_TREE lock, and its own callback */
	uint64_t alarm_interval_ns;
	/* CPU time, proc/itimer; sighand->lock */
	struct cpu_timer { uint64_t expires_ns, interval_ns; } cpu_timers[2]; /* ITIMER_VIRTUAL, ITIMER_PROF; expires 0: off */
	uint64_t cpu_warned_s;       /* SIGXCPU was sent up to here, 0: not yet */
	struct list cpu_watchers;    /* POSIX timers, anybody's, on its CPU time; proc/posixtimer's lock */
	unsigned cpu_watcher_count;
	bool cpu_watched;            /* any of this, or RLIMIT_CPU or RTTIME, is set */
	struct posix_timers *timers; /* proc/posixtimer; made with the first one. sighand->lock to take away, for others to read */
	struct signalfd_link *signalfds; /* those that look at it; vfs/signalfd's lock */
	ktime_t start_time;          /* clock_now() at birth */
	char comm[16];               /* of the process; sighand->lock to change */
	int dumpable;                /* DUMP_, task/coreset.h */
	unsigned core_filter;        /* CORE_: what of its memory a core dump has; inherited */
	struct coremeet *core;       /* a core is being written: proc/coremeet; sighand->lock */
	struct marks { uint32_t login_uid, login_session; int16_t oom_adj, oom_adj_min; } marks; /* what its parents were given: task/marks */
	unsigned long personality;
	unsigned membarriers;        /* private commands of membarrier(2) that it registered for; atomic; inherited, gone at exec */
};

static inline struct task *task_current(void) { return (struct task *)thread_current(); }
/* Process of the current thread; only in user threads. */
static inline struct process *process_current(void) { return task_current()->process; }
static inline const struct cred *cred_current(void) { return task_current()->cred; }
/* The current thread has called for a transfer from or to a file: n bytes, or an error below zero. */
static inline void io_usage_note(long n, bool write)
{
	struct io_usage *io = &task_current()->io;

	*(write ? &io->writes : &io->reads) += 1;
	if (n > 0)
		*(write ? &io->written_bytes : &io->read_bytes) += (unsigned long)n;
}
static inline bool capable(enum capability c) { return cred_capable(cred_current(), c); }

/* Guards the tree, groups, sessions, states. Taken with interrupts on. */
extern struct spinlock proc_tree_lock;
/* Lets others have the PROC_TREE lock, which is held, in the middle of looking at many. */
static inline void proc_tree_lock_anew(void)
{
	spin_unlock(&proc_tree_lock);
	spin_lock(&proc_tree_lock);
}
void process_init(void);
/* Set by init/main: gives back what p, which nobody refers to any more, still holds of rooms above (its group). */
extern void (*process_release_hook)(struct process *p);

/* New structures, refs 1, not visible anywhere; NULL without memory. Freed by the last put. */
struct process *process_new(void);
struct task *task_new(struct process *p, const char *name);
static inline void process_get(struct process *p) { refcount_get(&p->refs); }
void process_put(struct process *p);
static inline void task_get(struct task *t) { thread_get(&t->thread); }
static inline void task_put(struct task *t) { thread_put(&t->thread); }
/*
 * The lock of the signals of any process that is referenced. exec may put another table in the place of one that is shared (proc_tree_lock held
 * as well), so the lock taken must be looked at again; the old table stays until nobody can be here any more.
 */
static inline unsigned long sighand_lock(struct process *p)
{
	unsigned long irq = arch_irq_save();

	for (;;) {
		struct sighand *s = load_acquire(&p->sighand);

		spin_lock(&s->lock);
		if (likely(s == READ_ONCE(p->sighand)))
			return irq;
		spin_unlock(&s->lock);
	}
}
static inline void sighand_unlock(struct process *p, unsigned long irq) { spin_unlock_irqrestore(&p->sighand->lock, irq); }
/* Bits of thread.work were set: if the thread runs on another CPU, it comes into the kernel and looks at them now, not at its next tick. */
void task_kick(struct task *t);
/* First thread that has not begun to exit, or NULL; PROC_TREE lock held. */
struct task *process_main_task(struct process *p);
/* The thread that has the process's number, or NULL once it has begun to exit, though others may live on; PROC_TREE lock held. */
struct task *process_first_task(struct process *p);
/* Whose process it is, a zombie too: its first thread's or, when none is left, its last one's. PROC_TREE lock held. */
const struct cred *process_cred(struct process *p);
/*
 * May the current process take part in p's affairs as a debugger might (ptrace(2), "Ptrace access mode checking", PTRACE_MODE_ATTACH)? Its real ids
 * count, or (fs) those for files.
 */
bool process_may_attach(struct process *p, bool fs);
extern struct process *init_process;
/* A reference to the address space / the tables of another process, or NULL if it is gone. (vfs has fdtable_get_of.) */
struct aspace *process_aspace_get(struct process *p);
unsigned long process_count(void), task_count(void);

#endif
