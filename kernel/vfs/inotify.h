/* SPDX-License-Identifier: MIT */
/* inotify: a descriptor from which what happens to watched files is read. */
#ifndef VFS_INOTIFY_H
#define VFS_INOTIFY_H

#include "vfs/file.h"

#define IN_ONLYDIR 0x01000000u
#define IN_DONT_FOLLOW 0x02000000u
#define IN_MASK_CREATE 0x10000000u
#define IN_MASK_ADD 0x20000000u

/* flags: O_NONBLOCK or 0. ERR_PTR: -ENOMEM. */
struct file *inotify_create(unsigned flags);
bool inotify_is(const struct file *f);
/* The number of the watch of that inode, made or changed. -ENOSPC: too many, -ENOMEM, -EEXIST (IN_MASK_CREATE). */
int inotify_watch(struct file *f, struct inode *i, uint32_t mask);
int inotify_forget(struct file *f, int wd); /* -EINVAL: no such watch */

#endif
