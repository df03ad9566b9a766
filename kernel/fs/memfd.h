/* SPDX-License-Identifier: MIT */
/* memfd_create: files in memory that never had a name in a directory. */
#ifndef FS_MEMFD_H
#define FS_MEMFD_H

#include "vfs/file.h"

void memfd_init(void);
/* shown: the name as /proc shows it; sealable: seals may be added. ERR_PTR: -ENOMEM, -ENOSPC. */
struct file *memfd_create(const char *shown, bool sealable);

#endif
