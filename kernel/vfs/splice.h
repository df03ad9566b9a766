/* SPDX-License-Identifier: MIT */
/*
 * Moving bytes between a pipe and a file, or two pipes, without a detour over user space. splice(2), tee(2), vmsplice(2). Pages move from pipe to
 * pipe as they are; what comes from or goes to a file is copied once.
 */
#ifndef VFS_SPLICE_H
#define VFS_SPLICE_H

#include "vfs/file.h"

#define SPLICE_F_MOVE 1u
#define SPLICE_F_NONBLOCK 2u
#define SPLICE_F_MORE 4u
#define SPLICE_F_GIFT 8u
#define SPLICE_F_ALL 15u

bool splice_is_pipe(const struct file *f);
/*
 * All: bytes moved, 0 at the end of the input, or an errno (EAGAIN: would wait and may not; EPIPE with SIGPIPE; ERESTARTSYS). The modes of the files
 * were checked. pos: where in the file; NULL: its own position, or it has none.
 */
ssize_t splice_from_file(struct file *in, loff_t *pos, struct file *pipe, size_t len, bool nonblock);
ssize_t splice_to_file(struct file *pipe, struct file *out, loff_t *pos, size_t len, bool nonblock);
/* copy: the input keeps its bytes (tee). EINVAL when both are the same pipe. */
ssize_t splice_pipes(struct file *in, struct file *out, size_t len, bool copy, bool nonblock);
/* Between a pipe and user memory: as much as there is room for, or what is there. */
ssize_t splice_from_user(struct uio *u, struct file *pipe, bool nonblock);
ssize_t splice_to_user(struct file *pipe, struct uio *u, bool nonblock);

#endif
