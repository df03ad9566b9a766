/* SPDX-License-Identifier: MIT */
/* The system's part of /proc: memory, processors, uptime, file systems, knobs under sys/, and perigee/. */
#ifndef FS_PROCINFO_H
#define FS_PROCINFO_H

#include "fs/proctext.h"

extern const struct proc_node procinfo_nodes[];
extern const unsigned procinfo_count;

#endif
