/* SPDX-License-Identifier: MIT */
/* Numbers <-> processes and threads, 1..pid_max, handed out ascending and wrapping, never one that a group or session still uses. */
#ifndef TASK_PID_H
#define TASK_PID_H

#include "task/process.h"

#define PID_MAX_DEFAULT 32768

int pid_alloc(void);               /* a number in use by nobody; -EAGAIN when full */
void pid_hold(pid_t n);            /* one more user of a number in use: a group, a session */
void pid_free(pid_t n);            /* one less; the last one makes it free for others */
/* Publishes; the number came from pid_alloc. */
void pid_set_task(pid_t n, struct task *t);
void pid_clear_task(struct task *t);
/* With a reference, or NULL. */
struct process *pid_process(pid_t n);   /* thread-group leader number */
struct task *pid_task(pid_t n);         /* any thread */
pid_t pid_last(void);                   /* newest number, for loadavg */

#endif
