/* SPDX-License-Identifier: MIT */
/* CPU time of a process: that of its threads, dead and alive. */
#ifndef TASK_CPUTIME_H
#define TASK_CPUTIME_H

#include "task/process.h"

struct cputime { uint64_t user_ns, system_ns; };

/* Up to now for all threads. Takes PROC_TREE lock. */
struct cputime process_cputime(struct process *p);
/* The sum, up to now for all threads. Takes PROC_TREE lock. */
uint64_t process_cpu_ns(struct process *p);

#endif
