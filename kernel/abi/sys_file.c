/* SPDX-License-Identifier: MIT */
/* Descriptors: open, read, write, ioctl and their kin. */
#include "abi/convert.h"
#include "abi/newfd.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "syscall_protos.h"
#include "task/sigqueue.h"
#include "vfs/fasync.h"
#include "vfs/fdtable.h"
#include "vfs/pipe.h"
#include "vfs/notify.h"

#define FIONBIO 0x5421
#define FIONCLEX 0x5450
#define FIOCLEX 0x5451
#define FIOASYNC 0x5452
#define FIONREAD 0x541b
#define IO_MAX 0x7ffff000ul /* bytes that one call moves at most */

static struct fdref borrow(int fd) { return fd_borrow((unsigned)fd, false); }

long sys_openat(int dirfd, uaddr_t path, unsigned flags, unsigned mode)
{
	long err = file_check_flags((int)flags);

	return err ? err : newfd_open(dirfd, path, (int)flags, mode & 07777, 0);
}

long sys_open(uaddr_t path, unsigned flags, unsigned mode) { return sys_openat(AT_FDCWD, path, flags, mode); }
long sys_creat(uaddr_t path, unsigned mode) { return sys_openat(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
long sys_close(int fd) { return fd_close(fdtable_current(), (unsigned)fd); }

#define CLOSE_RANGE_UNSHARE 2ul
#define CLOSE_RANGE_CLOEXEC 4ul

long sys_close_range(unsigned first, unsigned last, unsigned long flags)
{
	struct fdtable *t;

	if (first > last || flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC))
		return -EINVAL;
	if (flags & CLOSE_RANGE_UNSHARE && fdtable_unshare())
		return -ENOMEM;
	t = fdtable_current();
	for (int fd = fd_next(t, first); fd >= 0 && (unsigned)fd <= last; fd = fd_next(t, (unsigned)fd + 1)) {
		if (flags & CLOSE_RANGE_CLOEXEC)
			fd_set_cloexec(t, (unsigned)fd, true);
		else
			fd_close(t, (unsigned)fd);
	}
	return 0;
}

static long check_fd(int fd)
{
	struct fdref r = borrow(fd);

	fd_return(r);
	return r.file ? 0 : -EBADF;
}

/* The last act of each transfer: an interrupted one restarts by the rules of its file. */
static long transfer(int fd, struct uio *u, loff_t *pos, bool write)
{
	struct fdref r = borrow(fd);
	long n;

	if (!r.file)
		return -EBADF;
	if (pos && *pos < 0)
		n = -EINVAL;
	else
		n = write ? file_write(r.file, u, pos) : file_read(r.file, u, pos);
	io_usage_note(n, write);
	fd_return(r);
	return n;
}

static long transfer_buffer(int fd, uaddr_t buf, size_t count, loff_t *pos, bool write)
{
	struct uio u;

	if (!user_range_ok(buf, count)) {
		struct fdref r = borrow(fd);
		bool ok = r.file && r.file->mode & (write ? FMODE_WRITE : FMODE_READ);

		fd_return(r);
		return ok ? -EFAULT : -EBADF;
	}
	uio_user(&u, buf, MIN(count, IO_MAX));
	return transfer(fd, &u, pos, write);
}

long sys_read(int fd, uaddr_t buf, size_t count) { return transfer_buffer(fd, buf, count, NULL, false); }
long sys_write(int fd, uaddr_t buf, size_t count) { return transfer_buffer(fd, buf, count, NULL, true); }
long sys_pread64(int fd, uaddr_t buf, size_t count, loff_t pos) { return transfer_buffer(fd, buf, count, &pos, false); }
long sys_pwrite64(int fd, uaddr_t buf, size_t count, loff_t pos) { return transfer_buffer(fd, buf, count, &pos, true); }

static long transfer_vector(int fd, uaddr_t iov, unsigned long count, loff_t *pos, bool write)
{
	struct uio_seg *segs;
	struct uio u;
	size_t total;
	long n = check_fd(fd); /* said before anything about the vector */

	if (n)
		return n;
	segs = iovec_from_user(iov, count, &total);
	if (IS_ERR(segs))
		return PTR_ERR(segs);
	uio_user_segs(&u, segs, (unsigned)count, total);
	n = transfer(fd, &u, pos, write);
	kfree(segs);
	return n;
}

static loff_t join(unsigned long low, unsigned long high) { return (loff_t)((uint64_t)high << 32 | (uint32_t)low); }

long sys_readv(int fd, uaddr_t iov, unsigned long count) { return transfer_vector(fd, iov, count, NULL, false); }
long sys_writev(int fd, uaddr_t iov, unsigned long count) { return transfer_vector(fd, iov, count, NULL, true); }

long sys_preadv(int fd, uaddr_t iov, unsigned long count, unsigned long low, unsigned long high)
{
	loff_t pos = join(low, high);

	return transfer_vector(fd, iov, count, &pos, false);
}

long sys_pwritev(int fd, uaddr_t iov, unsigned long count, unsigned long low, unsigned long high)
{
	loff_t pos = join(low, high);

	return transfer_vector(fd, iov, count, &pos, true);
}

/* One write at the end of a plain file, by a description of its own that appends. pos: where it ended. */
static long append_once(struct file *f, struct uio *u, loff_t *pos)
{
	struct file *g = file_open_path(&f->path, O_WRONLY | O_APPEND | (int)(f->flags & O_LARGEFILE));
	long n;

	if (IS_ERR(g))
		return PTR_ERR(g);
	n = file_write(g, u, NULL);
	*pos = g->pos;
	file_put(g);
	return n;
}

static long transfer_append(int fd, uaddr_t iov, unsigned long count, loff_t pos)
{
	struct fdref r = borrow(fd);
	struct uio_seg *segs;
	struct uio u;
	size_t total;
	loff_t end = 0;
	long n;

	if (!r.file || !(r.file->mode & FMODE_WRITE) || !S_ISREG(r.file->inode->mode)) {
		fd_return(r);
		return transfer_vector(fd, iov, count, pos == -1 ? NULL : &pos, true);
	}
	segs = pos < -1 ? ERR_PTR(-EINVAL) : iovec_from_user(iov, count, &total);
	n = IS_ERR(segs) ? PTR_ERR(segs) : 0;
	if (!n) {
		uio_user_segs(&u, segs, (unsigned)count, total);
		n = append_once(r.file, &u, &end);
		kfree(segs);
	}
	if (n > 0 && pos == -1)
		file_seek(r.file, end, 0);
	fd_return(r);
	return n;
}

/*
 * The flags that ask for more care than memory needs mean nothing here; not to wait is to be had of no file, as on Linux of none of these kinds.
 * Position -1 is the file's own.
 */
static long transfer_flags(int fd, uaddr_t iov, unsigned long count, loff_t pos, unsigned flags, bool write)
{
	enum { HIPRI = 1, DSYNC = 2, SYNC = 4, APPEND = 16 };
	long err = check_fd(fd);

	if (err)
		return err;
	if (flags & ~(unsigned)(HIPRI | DSYNC | SYNC | APPEND))
		return -EOPNOTSUPP;
	if (flags & APPEND && write)
		return transfer_append(fd, iov, count, pos);
	return transfer_vector(fd, iov, count, pos == -1 ? NULL : &pos, write);
}

long sys_preadv2(int fd, uaddr_t iov, unsigned long count, unsigned long low, unsigned long high, unsigned flags)
{
	return transfer_flags(fd, iov, count, join(low, high), flags, false);
}

long sys_pwritev2(int fd, uaddr_t iov, unsigned long count, unsigned long low, unsigned long high, unsigned flags)
{
	return transfer_flags(fd, iov, count, join(low, high), flags, true);
}

static loff_t seek(int fd, loff_t off, int whence)
{
	struct fdref r = borrow(fd);
	loff_t pos = r.file ? file_seek(r.file, off, whence) : -EBADF;

	fd_return(r);
	return pos;
}

long sys_lseek(int fd, long offset, int whence)
{
	loff_t r = seek(fd, offset, whence);

	return r > 0x7fffffff ? -EOVERFLOW : (long)r;
}

long sys_llseek(int fd, unsigned long high, unsigned long low, uaddr_t result, unsigned whence)
{
	loff_t r = seek(fd, join(low, high), (int)whence);

	return r < 0 ? (long)r : user_put(result, &r);
}

long sys_dup(int fd)
{
	struct file *f = fd_get(fdtable_current(), (unsigned)fd, true);

	return f ? newfd(f, false) : -EBADF;
}

long sys_dup3(int from, int to, unsigned flags)
{
	if (flags & ~(unsigned)O_CLOEXEC || from == to)
		return -EINVAL;
	return fd_dup_to(fdtable_current(), (unsigned)from, (unsigned)to, flags & O_CLOEXEC, fd_limit());
}

long sys_dup2(int from, int to)
{
	if (from == to) {
		struct fdref r = fd_borrow((unsigned)from, true);

		fd_return(r);
		return r.file ? to : -EBADF;
	}
	return sys_dup3(from, to, 0);
}

long sys_pipe2(uaddr_t fds, unsigned flags)
{
	struct file *r, *w;
	int n[2], err;

	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK | O_DIRECT))
		return -EINVAL;
	err = pipe_create(&r, &w, flags);
	if (err)
		return err;
	n[0] = (int)newfd(r, flags & O_CLOEXEC);
	if (n[0] < 0) {
		file_put(w);
		return n[0];
	}
	n[1] = (int)newfd(w, flags & O_CLOEXEC);
	if (n[1] >= 0 && !user_write(fds, n, sizeof(n)))
		return 0;
	fd_close(fdtable_current(), (unsigned)n[0]);
	if (n[1] < 0)
		return n[1];
	fd_close(fdtable_current(), (unsigned)n[1]);
	return -EFAULT;
}

long sys_pipe(uaddr_t fds) { return sys_pipe2(fds, 0); }

static long set_flag(struct file *f, unsigned flag, uaddr_t arg)
{
	int on;

	if (user_get(&on, arg))
		return -EFAULT;
	if (on)
		__atomic_fetch_or(&f->flags, flag, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&f->flags, ~flag, __ATOMIC_RELAXED);
	return 0;
}

/* Without a change nothing is asked. */
static long set_async(struct file *f, int fd, uaddr_t arg)
{
	int on;

	if (user_get(&on, arg))
		return -EFAULT;
	if (!on == !(READ_ONCE(f->flags) & O_ASYNC))
		return 0;
	return f->ops->async ? fasync_set(f, fd, on) : -ENOTTY;
}

static long device_ioctl(struct file *f, unsigned cmd, uaddr_t arg) { return f->ops->ioctl ? f->ops->ioctl(f, cmd, arg) : -ENOTTY; }

/* Of a plain file, what is left of it; others know themselves. */
static long bytes_to_read(struct file *f, unsigned cmd, uaddr_t arg)
{
	int n;

	if (!S_ISREG(f->inode->mode))
		return device_ioctl(f, cmd, arg);
	n = (int)(inode_size(f->inode) - f->pos);
	return user_put(arg, &n);
}

long sys_ioctl(int fd, unsigned long cmd, uaddr_t arg)
{
	struct fdref ref = borrow(fd);
	struct file *f = ref.file;
	long r;

	if (!f)
		return -EBADF;
	switch (cmd) {
	case FIOCLEX: r = fd_set_cloexec(fdtable_current(), (unsigned)fd, true); break;
	case FIONCLEX: r = fd_set_cloexec(fdtable_current(), (unsigned)fd, false); break;
	case FIOASYNC: r = set_async(f, fd, arg); break;
	case FIONREAD: r = bytes_to_read(f, (unsigned)cmd, arg); break;
	case FIONBIO: r = set_flag(f, O_NONBLOCK, arg); break;
	default: r = device_ioctl(f, (unsigned)cmd, arg);
	}
	fd_return(ref);
	return r;
}

static long truncate_path(uaddr_t path, loff_t len)
{
	char *name = path_from_user(path, false);
	struct path p;
	long err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = path_lookup(AT_FDCWD, name, WALK_FOLLOW, &p);
	path_name_free(name);
	if (err)
		return err;
	if (S_ISDIR(p.dentry->inode->mode))
		err = -EISDIR;
	else if (!S_ISREG(p.dentry->inode->mode))
		err = -EINVAL;
	else
		err = path_may_write(&p);
	if (!err)
		err = inode_permission(p.dentry->inode, MAY_WRITE, cred_current());
	if (!err)
		err = file_truncate(p.dentry->inode, len);
	if (!err)
		notify_path(&p, IN_MODIFY);
	path_put(&p);
	return err;
}

static long truncate_fd(int fd, loff_t len)
{
	struct fdref r = borrow(fd);
	struct file *f = r.file;
	long err;

	if (!f)
		return -EBADF;
	err = !(f->mode & FMODE_WRITE) || !S_ISREG(f->inode->mode) ? -EINVAL : file_truncate(f->inode, len);
	if (!err)
		notify_path(&f->path, IN_MODIFY);
	fd_return(r);
	return err;
}

long sys_truncate(uaddr_t path, long len) { return truncate_path(path, len); }
long sys_truncate64(uaddr_t path, loff_t len) { return truncate_path(path, len); }
long sys_ftruncate(int fd, long len) { return truncate_fd(fd, len); }
long sys_ftruncate64(int fd, loff_t len) { return truncate_fd(fd, len); }

/* Everything is in memory: a file is as synchronised as it gets. */
long sys_fsync(int fd)
{
	struct fdref r = borrow(fd);
	struct file *f = r.file;
	long err;

	if (!f)
		return -EBADF;
	err = f->ops->fsync ? f->ops->fsync(f) : S_ISREG(f->inode->mode) || S_ISDIR(f->inode->mode) ? 0 : -EINVAL;
	fd_return(r);
	return err;
}

long sys_fdatasync(int fd) { return sys_fsync(fd); }
long sys_sync(void) { return 0; }

long sys_syncfs(int fd) { return check_fd(fd); }
/* Nothing has to be brought from anywhere: files live in memory. */
long sys_readahead(int fd, loff_t pos, size_t count)
{
	struct fdref r = borrow(fd);
	long err = !r.file || !(r.file->mode & FMODE_READ) ? -EBADF : S_ISREG(r.file->inode->mode) ? 0 : -EINVAL;

	(void)pos, (void)count;
	fd_return(r);
	return err;
}

static long advise(int fd, loff_t len, int advice)
{
	struct fdref r = borrow(fd);
	long err = !r.file ? -EBADF : S_ISFIFO(r.file->inode->mode) ? -ESPIPE : len < 0 || advice < 0 || advice > 5 ? -EINVAL : 0;

	fd_return(r);
	return err;
}

long sys_fadvise64(int fd, loff_t pos, size_t len, int advice) { (void)pos; return advise(fd, (loff_t)len, advice); }
long sys_fadvise64_64(int fd, loff_t pos, loff_t len, int advice) { (void)pos; return advise(fd, len, advice); }

long sys_fallocate(int fd, unsigned long mode, loff_t offset, loff_t len)
{
	struct fdref r = borrow(fd);
	struct file *f = r.file;
	long err;

	if (!f)
		return -EBADF;
	err = file_allocate(f, mode, offset, len);
	fd_return(r);
	return err;
}

#define SEND_CHUNK PAGE_SIZE

static long send_loop(struct file *out, struct file *in, loff_t *pos, size_t count, char *buf)
{
	size_t done = 0;

	while (done < count && !(done && signal_pending_current())) {
		size_t want = MIN(count - done, SEND_CHUNK);
		struct uio u;
		ssize_t n, w;

		uio_kernel(&u, buf, want);
		n = file_read(in, &u, pos);
		if (n <= 0)
			return done ? (long)done : n;
		uio_kernel(&u, buf, (size_t)n);
		w = file_write(out, &u, NULL);
		if (w < n) { /* give back what was read and not written */
			loff_t back = n - MAX(w, 0);

			if (pos)
				*pos -= back;
			else if (!(in->mode & FMODE_STREAM))
				file_seek(in, -back, 1);
		}
		if (w < 0)
			return done ? (long)done : w;
		done += (size_t)w;
		if (w < n || (size_t)n < want)
			break;
	}
	return (long)done;
}

static long send_file(int out_fd, int in_fd, loff_t *pos, size_t count)
{
	struct fdref to = borrow(out_fd), from = borrow(in_fd);
	struct file *out = to.file, *in = from.file;
	char *buf = NULL;
	long n = -EBADF;

	if (!out || !in || !(in->mode & FMODE_READ) || !(out->mode & FMODE_WRITE))
		goto end;
	n = -EINVAL;
	if (out->flags & O_APPEND || !S_ISREG(in->inode->mode) || (ssize_t)count < 0)
		goto end;
	buf = kmalloc(SEND_CHUNK, 0);
	n = buf ? send_loop(out, in, pos, MIN(count, 0x7ffff000ul), buf) : -ENOMEM;
	io_usage_note(n, false);
	io_usage_note(n, true);
end:
	kfree(buf);
	fd_return(to);
	fd_return(from);
	return n;
}

long sys_sendfile(int out, int in, uaddr_t offset, size_t count)
{
	loff_t pos;
	int32_t off;
	long n;

	if (!offset)
		return send_file(out, in, NULL, count);
	if (user_get(&off, offset))
		return -EFAULT;
	pos = off;
	n = send_file(out, in, &pos, count);
	off = (int32_t)pos;
	return user_put(offset, &off) ? -EFAULT : n;
}

long sys_sendfile64(int out, int in, uaddr_t offset, size_t count)
{
	loff_t pos;
	long n;

	if (!offset)
		return send_file(out, in, NULL, count);
	if (user_get(&pos, offset))
		return -EFAULT;
	n = send_file(out, in, &pos, count);
	return user_put(offset, &pos) ? -EFAULT : n;
}
