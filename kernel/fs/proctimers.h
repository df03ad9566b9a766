/* SPDX-License-Identifier: MIT */
/* /proc/PID/timers: what the process has made with timer_create(2). The timers themselves are in a room above. */
#ifndef FS_PROCTIMERS_H
#define FS_PROCTIMERS_H

#include "fs/proctext.h"

/* tid: the thread that gets the signal, 0: the process. clock: its number in user space. */
struct proctimers_one { int id, clock, signo; bool none; pid_t tid; unsigned long value; };
/* Set by proc/posixtimer: the process's timer with the highest number up to "upto"; false: there is none. Takes SIGHAND lock. */
extern bool (*proctimers_hook)(struct process *p, int upto, struct proctimers_one *out);
/* Fill of struct proc_node. */
int proctimers_fill(struct text *t, struct process *p);

#endif
