/* SPDX-License-Identifier: MIT */
/* Files that get their first descriptor. */
#include "abi/newfd.h"

#include "vfs/fdtable.h"

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
