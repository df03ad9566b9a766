/* SPDX-License-Identifier: MIT */
/* Inodes without a name in any file system: behind pipes, eventfds, shared anonymous memory. */
#ifndef VFS_ANONINODE_H
#define VFS_ANONINODE_H

#include "vfs/mount.h"

void anoninode_init(void);
/*
 * A new inode (type and permissions in mode, owner: the caller) under an entry with a display name. free_data is called with the inode
 * when it goes; may be NULL. *out has references. -ENOMEM.
 */
int anoninode_new(mode_t mode, const char *name, void (*free_data)(struct inode *i), struct path *out);
ino_t anoninode_number(void); /* a fresh number */

#endif
