/* SPDX-License-Identifier: MIT */
/* A descriptor for a new file: the end of every call that makes one. */
#ifndef ABI_NEWFD_H
#define ABI_NEWFD_H

#include "vfs/file.h"

/* The lowest free number of the current process for f, which may be an ERR_PTR; the reference is taken over, on failure too. -EMFILE, -ENOMEM. */
long newfd(struct file *f, bool cloexec);

#endif
