/* SPDX-License-Identifier: MIT */
/* The file system of /proc: a tree of struct proc_node, with a directory for each process. One instance, mounted any number of times. */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

#include "vfs/file.h"

void procfs_init(void);
/* Of an open /proc/PID, the process, whose reference is the file's; else NULL. */
struct process *procfs_process(const struct file *f);

#endif
