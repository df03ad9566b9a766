/* SPDX-License-Identifier: MIT */
/*
 * /proc/sys: values that programs read, and the few that can be set. What cannot be set is not writable, and what has no meaning here is not
 * there.
 */
#ifndef FS_PROCSYS_H
#define FS_PROCSYS_H

#include "fs/proctext.h"

#define PROCSYS_NODES 3
extern const struct proc_node procsys_nodes[PROCSYS_NODES];
/* Set by dev/devices: random bytes, for random/uuid. */
extern void (*procsys_random_hook)(void *buf, size_t len);

#endif
