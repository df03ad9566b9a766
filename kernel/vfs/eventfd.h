/* SPDX-License-Identifier: MIT */
/* eventfd(2): a counter of 64 bits that is written by adding, and read by taking all of it, or one if it is a semaphore. */
#ifndef VFS_EVENTFD_H
#define VFS_EVENTFD_H

#include "vfs/file.h"

/* flags: O_NONBLOCK or 0. ERR_PTR: -ENOMEM. */
struct file *eventfd_create(uint64_t count, bool semaphore, unsigned flags);

#endif
