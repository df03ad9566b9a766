/* SPDX-License-Identifier: MIT */
/* The end of threads and processes. */
#ifndef PROC_EXIT_H
#define PROC_EXIT_H

#include "task/process.h"

/* Ends the current thread; with the last one the process becomes a zombie. status: as wait reports it. */
__noreturn void proc_exit_thread(int status);
/* Ends all threads of the current process with this status (the first caller's counts). */
__noreturn void proc_exit_group(int status);
/* Tells a vfork parent that its memory is its own again (exec, exit). */
void proc_vfork_release(struct task *t);
/* A tracer has waited for this tracee's ghost, which it has dropped, or is gone: its reference, and the parent's turn. No locks held. */
struct tracing;
void proc_ghost_gone(struct tracing *ghost);
/* Takes a zombie out of the tree; proc_tree_lock held on entry, released inside. Its last reference of the tree is given back. */
void proc_reap(struct process *p);
/* Set by main: init is gone. */
extern void (*proc_init_exit_hook)(int status);

#endif
