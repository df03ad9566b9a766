/* SPDX-License-Identifier: MIT */
/* Character devices: numbers -> operations. */
#ifndef VFS_CHRDEV_H
#define VFS_CHRDEV_H

#include "vfs/file.h"

struct chrdev {
	struct list link;
	unsigned major, first, count; /* minors [first, first + count) */
	const struct file_ops *ops;
	const char *name;             /* for /proc/devices */
};

void chrdev_register(struct chrdev *c); /* at boot */
const struct file_ops *chrdev_find(dev_t dev);
void chrdev_each(void (*fn)(const struct chrdev *c, void *ctx), void *ctx);

#endif
