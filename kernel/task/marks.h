/* SPDX-License-Identifier: MIT */
/*
 * Marks that a process inherits and that say something about it to others: who logged in, and how willingly it is given up when memory is short
 * (proc(5): loginuid, sessionid, oom_score_adj).
 */
#ifndef TASK_MARKS_H
#define TASK_MARKS_H

#include "task/process.h"

#define OOM_ADJ_MIN (-1000) /* never killed */
#define OOM_ADJ_MAX 1000

/* The process's pages, and so many thousandths of all memory as it was given; false if it is not to be killed. Takes PROC_TREE lock. */
bool marks_oom_points(struct process *p, long *points);
/* What /proc/PID/oom_score shows: 0 to 2000. */
long marks_oom_score(struct process *p);
/* -EINVAL: out of range; -EACCES: lower than it may. */
long marks_set_oom_adj(struct process *p, int adj);
/* Of the current process, once; ~0 forgets it. -EPERM: it is set, and the caller lacks CAP_AUDIT_CONTROL. */
long marks_set_login(uint32_t uid);

#endif
