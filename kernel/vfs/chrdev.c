/* SPDX-License-Identifier: MIT */
/* Character devices. The list only grows, at boot. */
#include "vfs/chrdev.h"

static struct list devices = LIST_INIT(devices);

void chrdev_register(struct chrdev *c) { list_push_back(&devices, &c->link); }

const struct file_ops *chrdev_find(dev_t dev)
{
	struct chrdev *c;

	list_for_each_entry(c, &devices, link)
		if (c->major == MAJOR(dev) && MINOR(dev) - c->first < c->count)
			return c->ops;
	return NULL;
}

void chrdev_each(void (*fn)(const struct chrdev *c, void *ctx), void *ctx)
{
	struct chrdev *c;

	list_for_each_entry(c, &devices, link)
		fn(c, ctx);
}
