/* SPDX-License-Identifier: MIT */
/* Signals for what happens in a directory: F_NOTIFY of fcntl(2). Over the same watches as inotify. */
#ifndef VFS_DNOTIFY_H
#define VFS_DNOTIFY_H

#include "vfs/file.h"

#define DN_ACCESS 0x1u
#define DN_MODIFY 0x2u
#define DN_CREATE 0x4u
#define DN_DELETE 0x8u
#define DN_RENAME 0x10u
#define DN_ATTRIB 0x20u
#define DN_MULTISHOT 0x80000000u

struct fdtable;

/*
 * f, which is fd in table, is to tell of these, and of those it tells of already; with no event: of nothing any more. The caller sees to it that f is still
 * there afterwards. -ENOTDIR -ENOMEM.
 */
long dnotify_set(struct file *f, int fd, struct fdtable *table, unsigned what);
/* The table's number for it is closed (NULL: all are). */
void dnotify_forget(struct file *f, const struct fdtable *table);

#endif
