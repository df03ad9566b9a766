/* SPDX-License-Identifier: MIT */
/* splice, tee, vmsplice: what they refuse. */
#include "abi/convert.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "syscall_protos.h"
#include "vfs/fdtable.h"
#include "vfs/splice.h"

#define IO_MAX 0x7ffff000ul

/* The offset that was given for one side. ESPIPE: it is a pipe; EINVAL: it has no positions. */
static long take_offset(const struct file *f, uaddr_t user, loff_t *pos)
{
	if (!user)
		return 0;
	if (splice_is_pipe(f))
		return -ESPIPE;
	if (user_get(pos, user))
		return -EFAULT;
	return f->mode & FMODE_STREAM || (!S_ISREG(f->inode->mode) && !S_ISBLK(f->inode->mode)) || *pos < 0 ? -EINVAL : 0;
}

/* Files that splice(2) reads or writes: others have no operation for it. */
static bool can_splice(const struct file *f) { return S_ISREG(f->inode->mode) || S_ISCHR(f->inode->mode) || S_ISBLK(f->inode->mode); }

static long splice_files(struct file *in, uaddr_t off_in, struct file *out, uaddr_t off_out, size_t len, unsigned flags)
{
	bool from_pipe = splice_is_pipe(in), to_pipe = splice_is_pipe(out), wait = !(flags & SPLICE_F_NONBLOCK);
	loff_t pos_in = 0, pos_out = 0;
	long n;

	n = (from_pipe && off_in) || (to_pipe && off_out) ? -ESPIPE : 0;
	if (!n)
		n = take_offset(out, off_out, &pos_out);
	if (!n)
		n = take_offset(in, off_in, &pos_in);
	if (n)
		return n;
	if (!(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		return -EBADF;
	if (from_pipe && to_pipe)
		return splice_pipes(in, out, len, false, !wait || (in->flags | out->flags) & O_NONBLOCK);
	if (from_pipe) {
		if (out->flags & O_APPEND || !can_splice(out))
			return -EINVAL;
		n = splice_to_file(in, out, off_out ? &pos_out : NULL, len, !wait || in->flags & O_NONBLOCK);
	} else if (to_pipe) {
		if (!can_splice(in))
			return -EINVAL;
		n = splice_from_file(in, off_in ? &pos_in : NULL, out, len, !wait || out->flags & O_NONBLOCK);
	} else {
		return -EINVAL;
	}
	if (n > 0 && ((off_in && user_put(off_in, &pos_in)) || (off_out && user_put(off_out, &pos_out))))
		return -EFAULT;
	return n;
}

long sys_splice(int fd_in, uaddr_t off_in, int fd_out, uaddr_t off_out, size_t len, unsigned flags)
{
	struct fdref a, b;
	long n = -EBADF;

	if (!len)
		return 0;
	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	a = fd_borrow((unsigned)fd_in, false);
	b = fd_borrow((unsigned)fd_out, false);
	if (a.file && b.file)
		n = splice_files(a.file, off_in, b.file, off_out, MIN(len, IO_MAX), flags);
	fd_return(a);
	fd_return(b);
	return n;
}

long sys_tee(int fd_in, int fd_out, size_t len, unsigned flags)
{
	struct fdref a, b;
	long n = -EBADF;

	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	if (!len)
		return 0;
	a = fd_borrow((unsigned)fd_in, false);
	b = fd_borrow((unsigned)fd_out, false);
	if (a.file && b.file && a.file->mode & FMODE_READ && b.file->mode & FMODE_WRITE) {
		bool nonblock = flags & SPLICE_F_NONBLOCK || (a.file->flags | b.file->flags) & O_NONBLOCK;

		n = splice_is_pipe(a.file) && splice_is_pipe(b.file) ? splice_pipes(a.file, b.file, MIN(len, IO_MAX), true, nonblock) : -EINVAL;
	}
	fd_return(a);
	fd_return(b);
	return n;
}

static long vmsplice(struct file *f, uaddr_t iov, unsigned long count, bool nonblock)
{
	struct uio_seg *segs;
	struct uio u;
	size_t total;
	long n;

	segs = iovec_from_user(iov, count, &total);
	if (IS_ERR(segs))
		return PTR_ERR(segs);
	uio_user_segs(&u, segs, (unsigned)count, total);
	if (!total)
		n = 0;
	else
		n = f->mode & FMODE_WRITE ? splice_from_user(&u, f, nonblock) : splice_to_user(f, &u, nonblock);
	kfree(segs);
	return n;
}

long sys_vmsplice(int fd, uaddr_t iov, unsigned long count, unsigned flags)
{
	struct fdref r;
	long n = -EBADF;

	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	r = fd_borrow((unsigned)fd, false);
	if (r.file && splice_is_pipe(r.file))
		n = vmsplice(r.file, iov, count, flags & SPLICE_F_NONBLOCK);
	fd_return(r);
	return n;
}
