/* SPDX-License-Identifier: MIT */
/* /proc/PID/stat, statm, status and the other short texts about a process or a thread. All as struct proc_node's fill and set. */
#ifndef FS_PROCSTAT_H
#define FS_PROCSTAT_H

#include "fs/proctext.h"

int procstat_stat(struct text *t, struct process *p);
int procstat_statm(struct text *t, struct process *p);
int procstat_status(struct text *t, struct process *p);
int procstat_comm(struct text *t, struct process *p);
/* EINVAL: of another process. */
long procstat_set_comm(struct process *p, struct task *t, const char *s, size_t len);
int procstat_wchan(struct text *t, struct process *p);
int procstat_syscall(struct text *t, struct process *p);
int procstat_stack(struct text *t, struct process *p);
int procstat_schedstat(struct text *t, struct process *p);
int procstat_sched(struct text *t, struct process *p);
int procstat_io(struct text *t, struct process *p);

#endif
