/* SPDX-License-Identifier: MIT */
/* Numbers <-> processes and threads, 1..pid_max, handed out ascending and wrapping, never one that a group or session still uses. */
#ifndef TASK_PID_H
#define TASK_PID_H

#include "task/process.h"

#define PID_MAX_DEFAULT 32768

int pid_alloc(void);               /* a number in use by nobody; -EAGAIN when full */
int pid_take(pid_t n);             /* that number; -EINVAL: there is none such, -EEXIST: it is in use */
void pid_hold(pid_t n);            /* one more user of a number in use: a group, a session */
void pid_free(pid_t n);            /* one less; the last one makes it free for others */
/* Publishes; the number came from pid_alloc. With the first thread of a process that has its number, the process is published too. */
void pid_set_task(pid_t n, struct task *t);
void pid_clear_task(struct task *t);
/* The process is reaped: no longer found, and its hold on its number ends. Before the tree's reference is given back. */
void pid_clear_process(struct process *p);
/* With a reference, or NULL. */
struct process *pid_process(pid_t n);   /* thread-group leader number */
struct task *pid_task(pid_t n);         /* any thread */
struct process *pid_process_any(pid_t n); /* of that number, or that a thread of that number belongs to */
/* All processes that are not reaped, by number: calls fn under no lock with a reference held; stops when fn returns false. */
void process_each(bool (*fn)(struct process *p, void *ctx), void *ctx);
pid_t pid_last(void);                   /* newest number, for loadavg */

#endif
