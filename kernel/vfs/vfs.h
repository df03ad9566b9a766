/* SPDX-License-Identifier: MIT */
/* Brings the rooms of vfs up and wires what must call upwards among them. */
#ifndef VFS_VFS_H
#define VFS_VFS_H

/* After slab and frames; before file systems register and the root is mounted. */
void vfs_init(void);

#endif
