/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs: 64 KiB of page-sized buffers; writes of up to PIPE_BUF (4096) bytes are atomic. */
#ifndef VFS_PIPE_H
#define VFS_PIPE_H

#include "vfs/file.h"

#define PIPE_USER_PAGES 16384u /* from these on the pipes of a user without rights have two pages each */

/* flags: O_CLOEXEC is the caller's; O_NONBLOCK, O_DIRECT (packets). 0 or -ENOMEM. */
int pipe_create(struct file **reader, struct file **writer, unsigned flags);
extern const struct file_ops fifo_ops;  /* open of a FIFO inode */
void fifo_inode_free(struct inode *i);  /* by the file system, with the inode */
/* F_GETPIPE_SZ / F_SETPIPE_SZ: capacity in bytes; -EBADF for what is no pipe, -EBUSY -EPERM -EINVAL -ENOMEM. */
long pipe_get_size(struct file *f);
long pipe_set_size(struct file *f, unsigned long bytes);

#endif
