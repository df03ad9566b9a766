/* SPDX-License-Identifier: MIT */
/* What a tracer does to its tracees: ptrace(2). All for the current thread as the tracer. Errors are Linux's. */
#ifndef PROC_PTRACE_H
#define PROC_PTRACE_H

#include "proc/tracing.h"

/* The thread that made the current process traces the current thread from now on. -EPERM. */
long ptrace_traceme(void);
/* Begins to trace t; without seize it is sent a SIGSTOP. -EPERM. */
long ptrace_attach(struct task *t, bool seize, unsigned options);
/* Does the current thread trace t, and (stopped) has t stopped for it? Then it stays stopped until that lets it go on, or it is killed. Its record, to be put, or NULL. */
struct tracing *ptrace_tracee(struct task *t, bool stopped);

struct resume { int signo; bool step, syscall, emulate; };
/* The tracee, which has stopped, goes on. */
void ptrace_resume(struct tracing *tr, struct task *t, const struct resume *how);
/* The same, and it is not traced any more. */
void ptrace_detach(struct tracing *tr, int signo);
/* It stops soon (it was seized). */
void ptrace_interrupt(struct task *t);
/* Stopped with its process, it stays so but tells of changes. False: it has not stopped so. */
bool ptrace_listen(struct tracing *tr, struct task *t);

#endif
