/* SPDX-License-Identifier: MIT */
/* Open files that no name leads to: what eventfd, epoll and their like give. */
#ifndef VFS_ANONFILE_H
#define VFS_ANONFILE_H

#include "vfs/file.h"

/*
 * A file open for reading and writing without a position. name: as /proc/PID/fd shows it, "anon_inode:[eventfd]"; flags: O_NONBLOCK or 0. data
 * goes to f->data, and is for ops->release to free; on failure (ERR_PTR, -ENOMEM) it stays the caller's.
 */
struct file *anonfile_new(const char *name, const struct file_ops *ops, unsigned flags, void *data);

#endif
