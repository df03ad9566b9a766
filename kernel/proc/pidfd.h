/* SPDX-License-Identifier: MIT */
/* Descriptors of processes: they name the process itself, which a number that may be used again does not. */
#ifndef PROC_PIDFD_H
#define PROC_PIDFD_H

#include "task/process.h"
#include "vfs/file.h"

/* Takes its own reference. flags: O_NONBLOCK or 0. ERR_PTR: -ENOMEM. */
struct file *pidfd_create(struct process *p, unsigned flags);
/* The process, whose reference is the file's; NULL: no such descriptor. */
struct process *pidfd_process(const struct file *f);

#endif
