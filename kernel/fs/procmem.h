/* SPDX-License-Identifier: MIT */
/* /proc/PID/mem: a process's memory as a file whose offsets are its addresses, for debuggers (proc(5)). */
#ifndef FS_PROCMEM_H
#define FS_PROCMEM_H

#include "fs/proctext.h"

extern const struct file_ops procmem_ops;

#endif
