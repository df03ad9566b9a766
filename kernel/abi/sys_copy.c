/* SPDX-License-Identifier: MIT */
/* Copying between files without a detour over user space. */
#include "abi/convert.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "syscall_protos.h"
#include "task/sigqueue.h"
#include "vfs/fdtable.h"

#define CHUNK 16384ul
#define IO_MAX 0x7ffff000ul

/* A side of a copy: its file, and where in it. */
struct side { struct file *file; uaddr_t user; loff_t pos; };

static long side_read(struct side *s)
{
	if (s->user)
		return user_get(&s->pos, s->user);
	mutex_lock(&s->file->pos_lock);
	s->pos = s->file->pos;
	mutex_unlock(&s->file->pos_lock);
	return 0;
}

static long side_write(struct side *s)
{
	if (s->user)
		return user_put(s->user, &s->pos);
	mutex_lock(&s->file->pos_lock);
	s->file->pos = s->pos;
	mutex_unlock(&s->file->pos_lock);
	return 0;
}

/* What copy_file_range(2) refuses. *len is cut to what the source has. */
static long check_copy(const struct side *in, const struct side *out, size_t *len)
{
	const struct inode *a = in->file->inode, *b = out->file->inode;
	loff_t size = inode_size(a);
	uint64_t end;

	if (S_ISDIR(a->mode) || S_ISDIR(b->mode))
		return -EISDIR;
	if (!S_ISREG(a->mode) || !S_ISREG(b->mode))
		return -EINVAL;
	if (!(in->file->mode & FMODE_READ) || !(out->file->mode & FMODE_WRITE) || out->file->flags & O_APPEND)
		return -EBADF;
	if (a->sb != b->sb)
		return -EXDEV;
	if (__builtin_add_overflow((uint64_t)in->pos, *len, &end) || __builtin_add_overflow((uint64_t)out->pos, *len, &end))
		return -EOVERFLOW;
	if (out->pos >= 0 && end > INT64_MAX)
		return -EFBIG;
	*len = in->pos >= size ? 0 : (size_t)MIN((loff_t)*len, size - in->pos);
	if (a == b && in->pos < out->pos + (loff_t)*len && out->pos < in->pos + (loff_t)*len)
		return -EINVAL;
	return in->pos < 0 || out->pos < 0 ? -EINVAL : 0;
}

/* Bytes copied, and both positions moved by as many; an error only if there are none. */
static long copy_loop(struct side *in, struct side *out, size_t len, char *buf)
{
	size_t done = 0;

	while (done < len && !signal_fatal_pending_current()) {
		loff_t from = in->pos;
		struct uio u;
		ssize_t n, w;

		uio_kernel(&u, buf, MIN(len - done, CHUNK));
		n = file_read(in->file, &u, &from);
		if (n <= 0)
			return done ? (long)done : n;
		uio_kernel(&u, buf, (size_t)n);
		w = file_write(out->file, &u, &out->pos);
		if (w <= 0)
			return done ? (long)done : w;
		in->pos += w;
		done += (size_t)w;
		if (w < n)
			break;
	}
	return (long)done;
}

static long copy_range(struct side *in, struct side *out, size_t len)
{
	long n = check_copy(in, out, &len), err;
	char *buf;

	if (n || !len)
		return n;
	buf = kmalloc(CHUNK, 0);
	if (!buf)
		return -ENOMEM;
	n = copy_loop(in, out, len, buf);
	kfree(buf);
	io_usage_note(n, false);
	io_usage_note(n, true);
	if (n > 0) {
		err = side_write(in);
		if (!err)
			err = side_write(out);
		if (err)
			return err;
	}
	return n;
}

long sys_copy_file_range(int fd_in, uaddr_t off_in, int fd_out, uaddr_t off_out, size_t len, unsigned flags)
{
	struct fdref a = fd_borrow((unsigned)fd_in, false), b = fd_borrow((unsigned)fd_out, false);
	struct side in = { a.file, off_in, 0 }, out = { b.file, off_out, 0 };
	long n = -EBADF;

	if (a.file && b.file) {
		n = side_read(&in);
		if (!n)
			n = side_read(&out);
		if (!n)
			n = flags ? -EINVAL : copy_range(&in, &out, MIN(len, IO_MAX));
	}
	fd_return(a);
	fd_return(b);
	return n;
}

/* Nothing lies anywhere but in memory: the arguments are looked at, and there is nothing to write. */
long sys_sync_file_range(int fd, loff_t offset, loff_t len, unsigned flags)
{
	struct fdref r = fd_borrow((unsigned)fd, false);
	loff_t end;
	long err = -EBADF;

	if (r.file) {
		if (flags & ~7u || offset < 0 || len < 0 || __builtin_add_overflow(offset, len, &end))
			err = -EINVAL;
		else
			err = S_ISREG(r.file->inode->mode) || S_ISDIR(r.file->inode->mode) || S_ISBLK(r.file->inode->mode) || S_ISLNK(r.file->inode->mode)
				? 0 : -ESPIPE;
	}
	fd_return(r);
	return err;
}
