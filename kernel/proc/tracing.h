/* SPDX-License-Identifier: MIT */
/*
 * Being traced (ptrace(2)): who traces whom, and the stops of a traced thread. What a debugger then asks for is in proc/ptrace. The relation is of
 * threads: PROC_TREE lock for who traces whom, sighand->lock of the tracee for its stop.
 *
 * A record outlives its thread: what a traced thread ended with is kept for its tracer until that has waited for it.
 */
#ifndef PROC_TRACING_H
#define PROC_TRACING_H

#include "arch/userregs.h"
#include "task/process.h"

struct trapframe;

#define PTRACE_O_TRACESYSGOOD 1u
#define PTRACE_O_TRACEFORK 2u
#define PTRACE_O_TRACEVFORK 4u
#define PTRACE_O_TRACECLONE 8u
#define PTRACE_O_TRACEEXEC 0x10u
#define PTRACE_O_TRACEVFORKDONE 0x20u
#define PTRACE_O_TRACEEXIT 0x40u
#define PTRACE_O_TRACESECCOMP 0x80u /* never comes: there are no filters */
#define PTRACE_O_EXITKILL 0x100000u
#define PTRACE_O_KNOWN 0x1000ffu
/* Event n has option bit n. */
enum { PTRACE_EVENT_FORK = 1, PTRACE_EVENT_VFORK, PTRACE_EVENT_CLONE, PTRACE_EVENT_EXEC, PTRACE_EVENT_VFORK_DONE, PTRACE_EVENT_EXIT,
       PTRACE_EVENT_STOP = 128 };

enum trace_at { TRACE_AT_NONE, TRACE_AT_ENTRY, TRACE_AT_EXIT };

struct tracing {
	refcount_t refs;          /* the task's or, of a ghost, the tracer's; and who looks at it */
	/* PROC_TREE lock */
	struct tracing *next;     /* in tracer->process->tracees */
	struct task *tracer;      /* NULL: nobody */
	struct task *task;        /* NULL: it has ended, this is its ghost */
	struct process *process;  /* of the task; a ghost has a reference */
	pid_t tid;
	bool exited;
	int exit_status;          /* of a ghost */
	bool privileged;          /* the tracer may trace whom it likes: programs get the rights of their files */
	/* sighand->lock of process */
	unsigned options;         /* PTRACE_O_ */
	bool listening;           /* stopped, but what happens to it is told */
	bool told;                /* wait has told of the stop */
	int code;                 /* of the stop, as wait tells it: signal | event << 8 */
	bool has_info;
	struct siginfo info;
	unsigned long message;    /* PTRACE_GETEVENTMSG */
	uint8_t at;               /* enum trace_at: stopped before or after a system call */
	/* set by the tracer while the tracee is stopped, read by the tracee when it goes on */
	int signo;                /* to be delivered */
	bool step, syscall, emulate;
	bool fp_changed;
	struct arch_fp fp;        /* registers, while it is stopped */
};

/* A record for a new tracee, refs 1; NULL without memory. */
struct tracing *tracing_new(void);
void tracing_put(struct tracing *tr);
/* Makes tracer trace t, whose record is t->trace. PROC_TREE and t's sighand->lock held. */
void tracing_link(struct task *t, struct task *tracer, unsigned options, bool seized, bool privileged);
/* Ends it; the tracee goes on. PROC_TREE lock held. */
void tracing_unlink(struct tracing *tr);
/* Takes a ghost out of its tracer's list; put it after the lock was given up. PROC_TREE lock held. */
void tracing_ghost_drop(struct tracing *tr);

/* The current thread was told to stop (PTRACE_INTERRUPT, a stop of the whole process): stops, if it still is to. */
void tracing_job_stop(struct trapframe *tf);
/* Stops before a signal is delivered. The signal that the tracer wants delivered, 0: none. *info describes it. */
int tracing_signal_stop(struct trapframe *tf, int signo, struct siginfo *info);
/* False: the call is not made. */
bool tracing_syscall_enter(struct trapframe *tf);
void tracing_syscall_exit(struct trapframe *tf);
/* The event, if the tracer asked for it. Message: PTRACE_GETEVENTMSG. */
void tracing_event(int event, unsigned long message);
/*
 * The current thread makes a child, which has a record: it is traced, too, if the tracer asked for this event, or always. The event that is to be told
 * (0: none). Locks as tracing_link.
 */
int tracing_clone(struct task *child, int event, bool always);
/* A new program runs: the event, or a SIGTRAP. */
void tracing_exec(pid_t old_tid);
/* The current thread has its process's number now (exec): so it is known by that, and nobody waits for who had it before. */
void tracing_become_leader(void);
/* May a program that the current thread begins not get the rights of its file? */
bool tracing_denies_rights(void);
/* Entering a handler while single-stepped: before its frame is made / after. */
void tracing_handler_begins(struct trapframe *tf);
void tracing_handler_begun(struct trapframe *tf);

/* Was it to be stepped by a tracer that is gone? It is no more. */
bool tracing_stray_step(struct trapframe *tf);

/*
 * The current thread ends with this status: what it leaves for its tracer. PROC_TREE and sighand->lock held. True: the tracer is to be told with
 * tracing_tell_end after sighand->lock was given up; and the number stays in use until it was waited for.
 */
bool tracing_thread_ends(struct task *t, int status, struct tracing **tr);
void tracing_tell_end(struct tracing *tr);
/* The next tracee of this thread, which ends: NULL, a ghost to be put (of a process, whose end is then to be told to its parent), or one that was let go. PROC_TREE lock held. */
struct tracing *tracing_next_of(struct task *tracer);

#endif
