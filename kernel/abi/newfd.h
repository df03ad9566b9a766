/* SPDX-License-Identifier: MIT */
/* A descriptor for a new file: the end of every call that makes one. */
#ifndef ABI_NEWFD_H
#define ABI_NEWFD_H

#include "vfs/file.h"

/* The lowest free number of the current process for f, which may be an ERR_PTR; the reference is taken over, on failure too. -EMFILE, -ENOMEM. */
long newfd(struct file *f, bool cloexec);
/* open(2): the name is the user's, flags and rules (WALK_) are checked already. Without a number for it nothing is made or truncated. */
long newfd_open(int dirfd, uaddr_t path, int flags, mode_t mode, unsigned rules);

#endif
