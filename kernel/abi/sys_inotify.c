/* SPDX-License-Identifier: MIT */
/* Watching files. */
#include "abi/newfd.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "syscall_protos.h"
#include "task/process.h"
#include "vfs/fdtable.h"
#include "vfs/inotify.h"
#include "vfs/notify.h"

#define MASK_KNOWN (IN_ALL | IN_UNMOUNT | IN_Q_OVERFLOW | IN_IGNORED | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK | IN_MASK_CREATE | IN_MASK_ADD | \
		    IN_ISDIR | IN_ONESHOT)

long sys_inotify_init1(unsigned flags)
{
	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	return newfd(inotify_create(flags & O_NONBLOCK), flags & O_CLOEXEC);
}

long sys_inotify_init(void) { return sys_inotify_init1(0); }

static long add_watch(struct file *f, uaddr_t path, uint32_t mask)
{
	unsigned walk = (mask & IN_DONT_FOLLOW ? 0 : WALK_FOLLOW) | (mask & IN_ONLYDIR ? WALK_DIRECTORY : 0);
	char *name = path_from_user(path, false);
	struct path p;
	long r;

	if (IS_ERR(name))
		return PTR_ERR(name);
	r = path_lookup(AT_FDCWD, name, walk, &p);
	path_name_free(name);
	if (r)
		return r;
	r = inode_permission(p.dentry->inode, MAY_READ, cred_current());
	if (!r)
		r = inotify_watch(f, p.dentry->inode, mask);
	path_put(&p);
	return r;
}

long sys_inotify_add_watch(int fd, uaddr_t path, unsigned long mask)
{
	struct file *f;
	long r = -EINVAL;

	if (!(mask & MASK_KNOWN))
		return -EINVAL;
	f = fd_get(fdtable_current(), (unsigned)fd, false);
	if (!f)
		return -EBADF;
	if (inotify_is(f) && (mask & (IN_MASK_ADD | IN_MASK_CREATE)) != (IN_MASK_ADD | IN_MASK_CREATE))
		r = add_watch(f, path, (uint32_t)mask);
	file_put(f);
	return r;
}

long sys_inotify_rm_watch(int fd, int wd)
{
	struct file *f = fd_get(fdtable_current(), (unsigned)fd, false);
	long r = -EINVAL;

	if (!f)
		return -EBADF;
	if (inotify_is(f))
		r = inotify_forget(f, wd);
	file_put(f);
	return r;
}
