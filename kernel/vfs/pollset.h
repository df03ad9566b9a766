/* SPDX-License-Identifier: MIT */
/* Waiting for any of several descriptors: what poll, ppoll, select and pselect share. */
#ifndef VFS_POLLSET_H
#define VFS_POLLSET_H

#include "vfs/fdtable.h"

/* Laid out as the program's. */
struct pollset_fd {
	int32_t fd;        /* negative: left out */
	uint16_t events;   /* POLL*: asked for */
	uint16_t revents;  /* result */
};

/* Number of entries with results, 0 at the deadline (monotonic; 0: do not wait; WAIT_FOREVER), -EINTR, -ENOMEM (not of 16 or less). */
long pollset_wait(struct pollset_fd *fds, unsigned n, ktime_t deadline);

#endif
