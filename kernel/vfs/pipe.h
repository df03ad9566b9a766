/* SPDX-License-Identifier: MIT */
/* Pipes and FIFOs: 64 KiB of page-sized buffers; writes of up to PIPE_BUF (4096) bytes are atomic. */
#ifndef VFS_PIPE_H
#define VFS_PIPE_H

#include "vfs/file.h"

/* flags: O_CLOEXEC is the caller's; O_NONBLOCK, O_DIRECT. 0 or -ENOMEM, -ENFILE. */
int pipe_create(struct file **reader, struct file **writer, unsigned flags);
extern const struct file_ops fifo_ops; /* open of a FIFO inode */
void fifo_inode_free(struct inode *i); /* by the file system, with the inode */
/* An inode of no file system with a dentry named "kind:[number]"; NULL without memory. */
struct dentry *anon_dentry(mode_t mode, const char *kind);

#endif
