/* SPDX-License-Identifier: MIT */
/* Character devices by number: what open of a device node finds. Registered at boot, never taken away. */
#ifndef VFS_CHRDEV_H
#define VFS_CHRDEV_H

#include "vfs/inode.h"

/* Minors [minor, minor + count) of a major number. 0, -ENOMEM. */
int chrdev_register(unsigned major, unsigned minor, unsigned count, const struct file_ops *ops, const char *name);
const struct file_ops *chrdev_find(dev_t dev); /* NULL: nobody's */
/* For /proc/devices: in order of registration. */
void chrdev_each(void (*fn)(unsigned major, const char *name, void *ctx), void *ctx);

#endif
