/* SPDX-License-Identifier: MIT */
/* Waiting for any of several descriptors: what poll, ppoll, select and pselect share. */
#ifndef VFS_POLLSET_H
#define VFS_POLLSET_H

#include "vfs/fdtable.h"

struct pollset_fd {
	int fd;            /* negative: left out */
	unsigned events;   /* POLL*: asked for */
	unsigned revents;  /* result */
	struct fdref ref;  /* internal; file NULL before the call */
};

/* Number of entries with results, 0 at the deadline (monotonic; 0: do not wait; WAIT_FOREVER), -EINTR, -ENOMEM. */
long pollset_wait(struct pollset_fd *fds, unsigned n, ktime_t deadline);

#endif
