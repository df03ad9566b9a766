/* SPDX-License-Identifier: MIT */
/* Replacing the program of a process: execve(2). */
#ifndef PROC_EXEC_H
#define PROC_EXEC_H

#include "proc/ustack.h"

struct trapframe;

/* Takes over f and a (both are given back). comm: what the process is called then, NULL: the last part of name. On success the registers in tf are the new program's. Linux's errors. */
long proc_exec(struct file *f, const char *name, const char *comm, struct args *a, struct trapframe *tf);
/* Bytes that arguments and environment may take: a quarter of the stack limit. */
size_t proc_arg_limit(void);

#endif
