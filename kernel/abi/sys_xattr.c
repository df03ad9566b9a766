/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes. No file system here keeps any: lists are empty, and the rest is refused the way Linux refuses it on such a file system,
 * after the arguments were looked at.
 */
#include "lib/errno.h"
#include "syscall_protos.h"
#include "vfs/fdtable.h"
#include "vm/usercopy.h"

#define NAME_LENGTH_MAX 255
#define SIZE_MAX_BYTES 65536
#define XATTR_FLAGS 3ul /* create only, replace only */

static long find(uaddr_t path, unsigned flags, bool change)
{
	char *name = path_from_user(path, false);
	struct path p;
	long err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = path_lookup(AT_FDCWD, name, flags, &p);
	path_name_free(name);
	if (err)
		return err;
	err = change ? path_may_write(&p) : 0;
	path_put(&p);
	return err;
}

static long find_fd(int fd, bool change)
{
	struct file *f = fd_get(fdtable_current(), (unsigned)fd, false);
	long err;

	if (!f)
		return -EBADF;
	err = change ? path_may_write(&f->path) : 0;
	file_put(f);
	return err;
}

static long check_name(uaddr_t name)
{
	ssize_t n = user_strnlen(name, NAME_LENGTH_MAX + 1);

	if (n < 0)
		return n;
	return n <= 1 || n > NAME_LENGTH_MAX + 1 ? -ERANGE : -EOPNOTSUPP;
}

static long check_value(uaddr_t name, size_t size, unsigned long flags)
{
	if (flags & ~XATTR_FLAGS)
		return -EINVAL;
	long err = check_name(name);

	return err == -EOPNOTSUPP && size > SIZE_MAX_BYTES ? -E2BIG : err;
}

/* found: 0, or why the file is not to be had. */
static long set(long found, uaddr_t name, size_t size, unsigned long flags) { return found ? found : check_value(name, size, flags); }
static long get(long found, uaddr_t name) { return found ? found : check_name(name); }

long sys_setxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size, unsigned long flags)
{
	(void)value;
	return set(find(path, WALK_FOLLOW, true), name, size, flags);
}

long sys_lsetxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size, unsigned long flags)
{
	(void)value;
	return set(find(path, 0, true), name, size, flags);
}

long sys_fsetxattr(int fd, uaddr_t name, uaddr_t value, size_t size, unsigned long flags)
{
	(void)value;
	return set(find_fd(fd, true), name, size, flags);
}

long sys_getxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size)
{
	(void)value, (void)size;
	return get(find(path, WALK_FOLLOW, false), name);
}

long sys_lgetxattr(uaddr_t path, uaddr_t name, uaddr_t value, size_t size)
{
	(void)value, (void)size;
	return get(find(path, 0, false), name);
}

long sys_fgetxattr(int fd, uaddr_t name, uaddr_t value, size_t size)
{
	(void)value, (void)size;
	return get(find_fd(fd, false), name);
}

long sys_listxattr(uaddr_t path, uaddr_t list, size_t size)
{
	(void)list, (void)size;
	return find(path, WALK_FOLLOW, false);
}

long sys_llistxattr(uaddr_t path, uaddr_t list, size_t size)
{
	(void)list, (void)size;
	return find(path, 0, false);
}

long sys_flistxattr(int fd, uaddr_t list, size_t size)
{
	(void)list, (void)size;
	return find_fd(fd, false);
}

long sys_removexattr(uaddr_t path, uaddr_t name) { return get(find(path, WALK_FOLLOW, true), name); }
long sys_lremovexattr(uaddr_t path, uaddr_t name) { return get(find(path, 0, true), name); }
long sys_fremovexattr(int fd, uaddr_t name) { return get(find_fd(fd, true), name); }
