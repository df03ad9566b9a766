/* SPDX-License-Identifier: MIT */
/* The wiring inside vfs: lower rooms know the upper ones only through the hooks that are set here. */
#include "vfs/vfs.h"

#include "vfs/anoninode.h"
#include "vfs/dnotify.h"
#include "vfs/epoll.h"
#include "vfs/fasync.h"
#include "vfs/fdtable.h"
#include "vfs/fileowner.h"
#include "vfs/flock.h"
#include "vfs/notify.h"
#include "vfs/pagecache.h"
#include "vfs/pipe.h"

/* Base of a relative name: a directory, or with any whatever is open. */
static int dirfd_path(int dirfd, bool any, struct path *out)
{
	struct fdref r = fd_borrow((unsigned)dirfd, true);
	const struct file *f = r.file;
	int err = 0;

	if (!f)
		return -EBADF;
	if (!any && !S_ISDIR(f->inode->mode))
		err = -ENOTDIR;
	if (!err) {
		*out = f->path;
		path_get(out);
	}
	fd_return(r);
	return err;
}

static void owned_gone(struct file *f)
{
	dnotify_forget(f, NULL);
	if (f->owner->asyncs)
		fasync_set(f, -1, false);
	fileowner_free(f->owner);
}

static void exe_put(void *exe) { file_put(exe); }

void vfs_init(void)
{
	dentry_init();
	mount_init();
	anoninode_init();
	path_dirfd_hook = dirfd_path;
	file_fifo_ops = &fifo_ops;
	flock_init();
	notify_init();
	file_watched_hook = epoll_file_gone;
	file_owned_hook = owned_gone;
	aspace_exe_put_hook = exe_put;
	vm_shared_anon_hook = mapping_shared_anon;
}
