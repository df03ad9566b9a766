/* SPDX-License-Identifier: MIT */
/* The names of /sys: which CPUs there are, for the C library and for those who show them. */
#ifndef FS_SYSNODES_H
#define FS_SYSNODES_H

#include "fs/proctext.h"

extern const struct proc_node sysnodes_root;

#endif
