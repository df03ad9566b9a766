/* SPDX-License-Identifier: MIT */
/* Files in the page cache: the root, /tmp, /dev/shm, and the nodes of /dev. */
#ifndef FS_TMPFS_H
#define FS_TMPFS_H

#include "vfs/inode.h"

void tmpfs_init(void);
/* A fresh instance that may hold so many pages; devtmpfs builds on one. */
int tmpfs_new_super(const char *fstype, mode_t root_mode, unsigned long max_pages, struct super **out);

#endif
