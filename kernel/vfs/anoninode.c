/* SPDX-License-Identifier: MIT */
/* Inodes without a name: one super block and one mount that are never seen in the tree. */
#include "vfs/anoninode.h"

#include "lib/errno.h"
#include "mem/slab.h"
#include "task/process.h"

struct anoninode {
	struct inode inode;
	void (*free_data)(struct inode *i);
};

static SLAB_CACHE(anon_cache, anoninode);
static struct super anon_super;
static struct mount anon_mount;
static atomic_t last_ino;

static void anon_free(struct inode *i)
{
	struct anoninode *a = container_of(i, struct anoninode, inode);

	if (a->free_data)
		a->free_data(i);
	slab_free(&anon_cache, a);
}

static int anon_statfs(struct super *sb, struct statfs_info *out)
{
	(void)sb;
	*out = (struct statfs_info){ .type = 0x50495045, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = 255 };
	return 0;
}

static const struct super_ops anon_super_ops = { .inode_free = anon_free, .statfs = anon_statfs };
static const struct inode_ops anon_inode_ops = { 0 };

void anoninode_init(void)
{
	anon_super = (struct super){ .ops = &anon_super_ops, .fstype = "anon_inodefs", .dev = super_alloc_dev() };
	refcount_set(&anon_super.refs, 1);
	anon_mount.sb = &anon_super;
	anon_mount.source = "anon_inodefs";
}

ino_t anoninode_number(void) { return (ino_t)(unsigned)atomic_add_return(&last_ino, 1); }

int anoninode_new(mode_t mode, const char *name, void (*free_data)(struct inode *i), struct path *out)
{
	struct anoninode *a = slab_alloc(&anon_cache, ALLOC_ZERO);
	struct dentry *d;

	if (!a)
		return -ENOMEM;
	inode_init(&a->inode, &anon_super, anoninode_number(), mode);
	a->inode.ops = &anon_inode_ops;
	if (thread_current()->user) {
		a->inode.uid = cred_current()->fsuid;
		a->inode.gid = cred_current()->fsgid;
	}
	d = dentry_make_anon(&a->inode, name);
	if (!d) {
		inode_put(&a->inode);
		return -ENOMEM;
	}
	a->free_data = free_data;
	mount_get(&anon_mount);
	*out = (struct path){ &anon_mount, d };
	return 0;
}
