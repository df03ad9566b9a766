/* SPDX-License-Identifier: MIT */
/* Changes of names. What system calls use is declared in vfs/path.h; this is for open(O_CREAT). */
#ifndef VFS_PATHOPS_H
#define VFS_PATHOPS_H

#include "vfs/path.h"

/*
 * The last component of a WALK_PARENT walk, created as a regular file if it is missing. 1: it was made, 0: it was there, or an errno. *out gets
 * a reference (not on errors).
 */
int path_create(struct walk *w, const struct path *parent, mode_t mode, bool exclusive, struct dentry **out);

#endif
