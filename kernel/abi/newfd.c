/* SPDX-License-Identifier: MIT */
/* Files that get their first descriptor. */
#include "abi/newfd.h"

#include "lib/errno.h"
#include "vfs/fdtable.h"
#include "vfs/path.h"

long newfd(struct file *f, bool cloexec)
{
	int fd;

	if (IS_ERR(f))
		return PTR_ERR(f);
	fd = fd_install(fdtable_current(), f, 0, cloexec, fd_limit());
	if (fd < 0)
		file_put(f);
	return fd == -EINVAL ? -EMFILE : fd;
}

long newfd_open(int dirfd, uaddr_t path, int flags, mode_t mode, unsigned rules)
{
	char *name = path_from_user(path, false);
	long r = 0;

	if (IS_ERR(name))
		return PTR_ERR(name);
	if (flags & (O_CREAT | O_TRUNC)) /* what is refused a number must not have changed anything */
		r = fd_room(fdtable_current(), fd_limit());
	if (!r)
		r = newfd(file_open_ruled(dirfd, name, flags, mode, rules), flags & O_CLOEXEC);
	path_name_free(name);
	return r;
}
