/* SPDX-License-Identifier: MIT */
/* Character devices by number. The list only grows, at its end, so that readers need no lock. */
#include "vfs/chrdev.h"

#include "core/spinlock.h"
#include "lib/errno.h"
#include "mem/slab.h"

struct chrdev {
	struct chrdev *next;
	unsigned major, minor, count;
	const struct file_ops *ops;
	const char *name;
};

static struct spinlock chrdev_lock = SPINLOCK_INIT(LOCK_INODE_HASH);
static struct chrdev *first, **end = &first; /* chrdev_lock to change */

int chrdev_register(unsigned major, unsigned minor, unsigned count, const struct file_ops *ops, const char *name)
{
	struct chrdev *c = kzalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct chrdev){ .major = major, .minor = minor, .count = count, .ops = ops, .name = name };
	spin_lock(&chrdev_lock);
	store_release(end, c);
	end = &c->next;
	spin_unlock(&chrdev_lock);
	return 0;
}

const struct file_ops *chrdev_find(dev_t dev)
{
	for (struct chrdev *c = load_acquire(&first); c; c = load_acquire(&c->next))
		if (c->major == MAJOR(dev) && MINOR(dev) >= c->minor && MINOR(dev) - c->minor < c->count)
			return c->ops;
	return NULL;
}

void chrdev_each(void (*fn)(unsigned major, const char *name, void *ctx), void *ctx)
{
	for (struct chrdev *c = load_acquire(&first); c; c = load_acquire(&c->next))
		fn(c->major, c->name, ctx);
}
