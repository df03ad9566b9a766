/* SPDX-License-Identifier: MIT */
/* Extended attributes: by name, by name without following a last link, by descriptor. */
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "syscall_protos.h"
#include "vfs/fdtable.h"
#include "vfs/xattr.h"
#include "vm/usercopy.h"

#define NAME_LENGTH_MAX 255

/* A file that one of the calls is about, with references. change: it is to be written to. */
struct target { struct path path; };

static long by_path(uaddr_t name, unsigned walk, bool change, struct target *t)
{
	char *copy = path_from_user(name, false);
	long err;

	if (IS_ERR(copy))
		return PTR_ERR(copy);
	err = path_lookup(AT_FDCWD, copy, walk, &t->path);
	path_name_free(copy);
	if (err)
		return err;
	err = change ? path_may_write(&t->path) : 0;
	if (err)
		path_put(&t->path);
	return err;
}

static long by_fd(int fd, bool change, struct target *t)
{
	struct file *f = fd_get(fdtable_current(), (unsigned)fd, false);
	long err;

	if (!f)
		return -EBADF;
	t->path = f->path;
	path_get(&t->path);
	file_put(f);
	err = change ? path_may_write(&t->path) : 0;
	if (err)
		path_put(&t->path);
	return err;
}

static long name_from_user(uaddr_t from, char name[NAME_LENGTH_MAX + 1])
{
	ssize_t n = user_strncpy(name, from, NAME_LENGTH_MAX + 1);

	if (n == -ENAMETOOLONG || n == 0)
		return -ERANGE;
	return n < 0 ? n : 0;
}

/* found: 0 with the target, which is given back, or why the file is not to be had. */
static long set(long found, struct target *t, uaddr_t name, uaddr_t value, size_t size, unsigned long flags)
{
	char n[NAME_LENGTH_MAX + 1];
	void *copy = NULL;
	long err;

	if (found)
		return found;
	err = flags & ~(unsigned long)(XATTR_CREATE | XATTR_REPLACE) ? -EINVAL : name_from_user(name, n);
	if (!err && size > XATTR_SIZE_MAX)
		err = -E2BIG;
	if (!err && size) {
		copy = kmalloc(size, 0);
		err = !copy ? -ENOMEM : user_read(copy, value, size);
	}
	if (!err)
		err = xattr_set(t->path.dentry->inode, n, copy, size, (unsigned)flags);
	kfree(copy);
	path_put(&t->path);
	return err;
}

/* Into a buffer of the kernel's, and from there. name NULL: the list of names. */
static long fetch(struct inode *i, const char *name, uaddr_t to, size_t size)
{
	size_t cap = MIN(size, (size_t)XATTR_SIZE_MAX);
	char *buf = NULL;
	long n;

	if (cap && !(buf = kmalloc(cap, 0)))
		return -ENOMEM;
	n = name ? xattr_get(i, name, buf, cap) : xattr_list(i, buf, cap);
	if (n > 0 && cap && user_write(to, buf, (size_t)n))
		n = -EFAULT;
	kfree(buf);
	return n;
}

static long discard(struct inode *i, const char *name, uaddr_t unused, size_t none)
{
	(void)unused, (void)none;
	return xattr_remove(i, name);
}

/* fetch or discard, with a name from user memory. */
static long on_name(long found, struct target *t, long (*op)(struct inode *, const char *, uaddr_t, size_t), uaddr_t name, uaddr_t to, size_t size)
{
	char n[NAME_LENGTH_MAX + 1];
	long r;

	if (found)
		return found;
	r = name_from_user(name, n);
	if (!r)
		r = op(t->path.dentry->inode, n, to, size);
	path_put(&t->path);
	return r;
}

static long get(long found, struct target *t, uaddr_t name, uaddr_t value, size_t size) { return on_name(found, t, fetch, name, value, size); }
static long remove(long found, struct target *t, uaddr_t name) { return on_name(found, t, discard, name, 0, 0); }

static long list(long found, struct target *t, uaddr_t to, size_t size)
{
	long r;

	if (found)
		return found;
	r = fetch(t->path.dentry->inode, NULL, to, size);
	path_put(&t->path);
	return r;
}

long sys_setxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size, unsigned long flags)
{
	struct target t;

	return set(by_path(path, WALK_FOLLOW, true, &t), &t, name, value, size, flags);
}

long sys_lsetxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size, unsigned long flags)
{
	struct target t;

	return set(by_path(path, 0, true, &t), &t, name, value, size, flags);
}

long sys_fsetxattr(int fd, uaddr_t name, uaddr_t value, size_t size, unsigned long flags)
{
	struct target t;

	return set(by_fd(fd, true, &t), &t, name, value, size, flags);
}

long sys_getxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size)
{
	struct target t;

	return get(by_path(path, WALK_FOLLOW, false, &t), &t, name, value, size);
}

long sys_lgetxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size)
{
	struct target t;

	return get(by_path(path, 0, false, &t), &t, name, value, size);
}

long sys_fgetxattr(int fd, uaddr_t name, uaddr_t value, size_t size)
{
	struct target t;

	return get(by_fd(fd, false, &t), &t, name, value, size);
}

long sys_listxattr(uaddr_t path, uaddr_t to, size_t size)
{
	struct target t;

	return list(by_path(path, WALK_FOLLOW, false, &t), &t, to, size);
}

long sys_llistxattr(uaddr_t path, uaddr_t to, size_t size)
{
	struct target t;

	return list(by_path(path, 0, false, &t), &t, to, size);
}

long sys_flistxattr(int fd, uaddr_t to, size_t size)
{
	struct target t;

	return list(by_fd(fd, false, &t), &t, to, size);
}

long sys_removexattr(uaddr_t path, uaddr_t name)
{
	struct target t;

	return remove(by_path(path, WALK_FOLLOW, true, &t), &t, name);
}

long sys_lremovexattr(uaddr_t path, uaddr_t name)
{
	struct target t;

	return remove(by_path(path, 0, true, &t), &t, name);
}

long sys_fremovexattr(int fd, uaddr_t name)
{
	struct target t;

	return remove(by_fd(fd, true, &t), &t, name);
}
