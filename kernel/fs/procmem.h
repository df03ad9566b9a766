/* SPDX-License-Identifier: MIT */
/* /proc/PID/mem: a process's memory as a file whose offsets are its addresses, for debuggers (proc(5)). */
#ifndef FS_PROCMEM_H
#define FS_PROCMEM_H

#include "vfs/file.h"

/* Set by procfs: whose directory the file lies in. */
extern struct process *(*procmem_process_hook)(const struct inode *i);
extern const struct file_ops procmem_ops;

#endif
