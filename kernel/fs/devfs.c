/* SPDX-License-Identifier: MIT */
/* devtmpfs: a tmpfs that begins with a node for each device, one instance for all mounts, as Linux has it. */
#include "fs/devfs.h"

#include "fs/tmpfs.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "sched/mutex.h"

static const struct {
	const char *name;
	unsigned mode, major, minor;
} nodes[] = {
	{ "null", 0666, 1, 3 }, { "zero", 0666, 1, 5 }, { "full", 0666, 1, 7 }, { "random", 0666, 1, 8 }, { "urandom", 0666, 1, 9 },
	{ "tty", 0666, 5, 0 }, { "ptmx", 0666, 5, 2 }, { "console", 0600, 5, 1 }, { "tty0", 0620, 4, 0 }, { "tty1", 0620, 4, 1 }, { "ttyS0", 0660, 4, 64 }, { "ttyS1", 0660, 4, 65 },
};

static const struct {
	const char *name, *target;
} links[] = {
	{ "fd", "/proc/self/fd" }, { "stdin", "/proc/self/fd/0" }, { "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
};

static struct mutex lock = MUTEX_INIT(lock, LOCK_INODE);
static struct super *instance; /* lock */

static void fill(struct inode *root)
{
	struct inode *i;

	for (size_t k = 0; k < ARRAY_SIZE(nodes); k++)
		if (!root->ops->mknod(root, nodes[k].name, strlen(nodes[k].name), S_IFCHR | nodes[k].mode, MKDEV(nodes[k].major, nodes[k].minor), &i))
			inode_put(i);
	for (size_t k = 0; k < ARRAY_SIZE(links); k++)
		if (!root->ops->symlink(root, links[k].name, strlen(links[k].name), links[k].target, &i))
			inode_put(i);
}

static int devfs_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	int err = 0;

	(void)source, (void)flags;
	mutex_lock(&lock);
	if (!instance) {
		err = tmpfs_new_super("devtmpfs", 0755, frame_total() / 2, &instance);
		if (!err) {
			instance->mounts = 1; /* stays when the last mount goes */
			fill(instance->root);
		}
	}
	if (!err && data && *data)
		err = instance->ops->remount(instance, data); /* there is but one */
	if (!err) {
		refcount_get(&instance->refs);
		*out = instance;
	}
	mutex_unlock(&lock);
	return err;
}

static struct fs_type devfs_type = { .name = "devtmpfs", .nodev = true, .mount = devfs_mount };

void devfs_init(void) { fs_register(&devfs_type); }
