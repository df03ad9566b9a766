/* SPDX-License-Identifier: MIT */
/* Who may look into a process, and what a path is called for who looks. */
#ifndef FS_PROCLOOK_H
#define FS_PROCLOOK_H

#include "fs/proctext.h"

/* May the current process look into p (its files, memory, environment)? 0 or -EACCES. */
int proclook_allowed(struct process *p);
/* Has the thread ended that a file below /proc/PID tells of: t or, if that is NULL, the first one? Others may live on. Takes PROC_TREE lock. */
bool proclook_gone(struct process *p, const struct task *t);
/* process_aspace_get, but NULL if that thread has ended. */
struct aspace *proclook_aspace(struct process *p, const struct task *t);
/* Writes the name of a path as the current process sees it. */
int proclook_path(struct text *t, const struct path *path);

#endif
