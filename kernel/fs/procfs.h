/* SPDX-License-Identifier: MIT */
/* The file system of /proc: a tree of struct proc_node, with a directory for each process. One instance, mounted any number of times. */
#ifndef FS_PROCFS_H
#define FS_PROCFS_H

void procfs_init(void);

#endif
