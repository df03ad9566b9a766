/* SPDX-License-Identifier: MIT */
/* Files of an instance of tmpfs that is mounted nowhere. */
#include "fs/memfd.h"

#include "core/panic.h"
#include "fs/tmpfs.h"
#include "vfs/dentry.h"
#include "vfs/mount.h"
#include "vfs/pagecache.h"

static struct super *home;
static struct mount nowhere; /* its mount, in no tree */

void memfd_init(void)
{
	if (tmpfs_new_super("tmpfs", 0755, ~0ul >> 1, &home))
		panic("no memory for memfd");
	nowhere.sb = home;
	nowhere.source = "tmpfs";
}

/* A path to a new file, with references. */
static int make(const char *shown, struct path *out)
{
	struct inode *i;
	struct dentry *d;
	int err = home->root->ops->tmpfile(home->root, S_IFREG | 0777, &i);

	if (err)
		return err;
	d = dentry_make_anon(i, shown);
	if (!d) {
		inode_put(i);
		return -ENOMEM;
	}
	mount_get(&nowhere);
	*out = (struct path){ &nowhere, d };
	return 0;
}

struct file *memfd_create(const char *shown, bool sealable)
{
	struct path at;
	struct file *f;
	int err = make(shown, &at);

	if (err)
		return ERR_PTR(err);
	f = file_new(&at, at.dentry->inode->fops, FMODE_READ | FMODE_WRITE, O_RDWR | O_LARGEFILE);
	if (IS_ERR(f))
		path_put(&at);
	else if (sealable)
		f->inode->mapping->seals = 0;
	return f;
}
