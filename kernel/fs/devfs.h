/* SPDX-License-Identifier: MIT */
/* devtmpfs: the names of the devices. */
#ifndef FS_DEVFS_H
#define FS_DEVFS_H

void devfs_init(void);

#endif
