/* SPDX-License-Identifier: MIT */
/* signalfd: signals that are read. The signals are those of the thread that reads, whoever made the descriptor. */
#ifndef VFS_SIGNALFD_H
#define VFS_SIGNALFD_H

#include "task/sigqueue.h"
#include "vfs/file.h"

/* flags: O_NONBLOCK or 0. ERR_PTR: -ENOMEM. */
struct file *signalfd_create(sigset64 set, unsigned flags);
/* Another set. -EINVAL: no signalfd. */
int signalfd_change(struct file *f, sigset64 set);
/* A process ends: those that look at it do so no more. */
void signalfd_exit(struct process *p);

#endif
