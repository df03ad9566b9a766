/* SPDX-License-Identifier: MIT */
/* Seals: what may not happen to a file any more. Seals are only added. */
#ifndef VFS_SEALS_H
#define VFS_SEALS_H

#include "vfs/pagecache.h"

/* F_ADD_SEALS. -EPERM: not open for writing, or sealed against sealing; -EINVAL; -EBUSY: mapped for writing. */
long seals_add(struct file *f, unsigned long seals);
/* F_GET_SEALS. -EINVAL: a file that has none. */
long seals_get(const struct file *f);

#endif
