/* SPDX-License-Identifier: MIT */
/* Files over inodes without a name. */
#include "vfs/anonfile.h"

#include "vfs/anoninode.h"

struct file *anonfile_new(const char *name, const struct file_ops *ops, unsigned flags, void *data)
{
	struct path at;
	struct file *f;
	int err = anoninode_new(0600, name, NULL, &at);

	if (err)
		return ERR_PTR(err);
	f = file_new(&at, ops, FMODE_READ | FMODE_WRITE | FMODE_STREAM, O_RDWR | flags);
	if (IS_ERR(f))
		path_put(&at);
	else
		f->data = data;
	return f;
}
