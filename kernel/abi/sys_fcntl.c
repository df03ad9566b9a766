/* SPDX-License-Identifier: MIT */
/* fcntl(2) and the locks on files: flock(2), records of processes and of open files. */
#include "abi/convert.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "vfs/dnotify.h"
#include "vfs/fasync.h"
#include "vfs/fdtable.h"
#include "vfs/fileowner.h"
#include "vfs/flock.h"
#include "vfs/pipe.h"
#include "vfs/seals.h"

#define SETFL_MASK (O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME)

enum { F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_GETLK, F_SETLK, F_SETLKW, F_SETOWN, F_GETOWN, F_SETSIG, F_GETSIG, F_GETLK64, F_SETLK64, F_SETLKW64, F_SETOWN_EX, F_GETOWN_EX,
       F_OFD_GETLK = 36, F_OFD_SETLK, F_OFD_SETLKW, F_DUPFD_CLOEXEC = 1030, F_SETPIPE_SZ, F_GETPIPE_SZ, F_ADD_SEALS, F_GET_SEALS,
       F_SETLEASE = 1024, F_GETLEASE, F_NOTIFY, F_GET_RW_HINT = 1035, F_SET_RW_HINT };
#define RWH_WRITE_LIFE_EXTREME 5u
enum { LOCK_SH = 1, LOCK_EX = 2, LOCK_NB = 4, LOCK_UN = 8, LOCK_MAND = 32 };

long sys_flock(int fd, int op)
{
	struct file *f = fd_get(fdtable_current(), (unsigned)fd, false);
	int what = op & ~LOCK_NB;
	long err = -EINVAL;

	if (!f)
		return -EBADF;
	if (op & LOCK_MAND) /* once mandatory locks of file servers; Linux takes them for nothing now */
		err = 0;
	else if (what == LOCK_UN)
		err = flock_whole(f, F_UNLCK, false);
	else if (what == LOCK_SH || what == LOCK_EX)
		err = flock_whole(f, what == LOCK_SH ? F_RDLCK : F_WRLCK, !(op & LOCK_NB));
	file_put(f);
	return err;
}

static long lock_from_user(struct u_flock64 *l, uaddr_t from, bool wide)
{
	struct u_flock n;

	if (wide)
		return user_get(l, from);
	if (user_get(&n, from))
		return -EFAULT;
	*l = (struct u_flock64){ n.type, n.whence, n.start, n.len, n.pid };
	return 0;
}

static long lock_to_user(const struct u_flock64 *l, uaddr_t to, bool wide)
{
	struct u_flock n = { l->type, l->whence, (int32_t)l->start, (int32_t)l->len, l->pid };

	if (wide)
		return user_put(to, l);
	if (l->start > INT32_MAX || l->len > INT32_MAX)
		return -EOVERFLOW;
	return user_put(to, &n);
}

/* The bytes that the structure names. A length below zero counts backwards, zero reaches to the end. -EINVAL, -EOVERFLOW. */
static long range_of(struct file *f, const struct u_flock64 *l, struct flock_request *r)
{
	loff_t base = 0, start;

	switch (l->whence) {
	case 0: break;
	case 1: base = f->pos; break;
	case 2: base = inode_size(f->inode); break;
	default: return -EINVAL;
	}
	if (__builtin_add_overflow(base, l->start, &start))
		return -EOVERFLOW;
	if (start < 0)
		return -EINVAL;
	r->start = start;
	r->end = FLOCK_END;
	if (l->len > 0) {
		if (l->len - 1 > FLOCK_END - start)
			return -EOVERFLOW;
		r->end = start + l->len - 1;
	} else if (l->len < 0) {
		if (start + l->len < 0)
			return -EINVAL;
		r->start = start + l->len;
		r->end = start - 1;
	}
	return 0;
}

static long make_request(struct file *f, const struct u_flock64 *l, bool ofd, struct flock_request *r)
{
	*r = (struct flock_request){ .type = l->type, .owner = ofd ? (const void *)f : fdtable_current(), .pid = ofd ? -1 : process_current()->pid };
	if (ofd && l->pid)
		return -EINVAL;
	return range_of(f, l, r);
}

static long get_lock(struct file *f, uaddr_t user, bool wide, bool ofd)
{
	struct flock_request r;
	struct u_flock64 l;
	long err = lock_from_user(&l, user, wide);

	if (!err && l.type != F_RDLCK && l.type != F_WRLCK)
		err = -EINVAL;
	if (!err)
		err = make_request(f, &l, ofd, &r);
	if (err)
		return err;
	flock_test(f, &r);
	l.type = (int16_t)r.type;
	if (r.type != F_UNLCK) {
		l.whence = 0;
		l.start = r.start;
		l.len = r.end == FLOCK_END ? 0 : r.end - r.start + 1;
		l.pid = r.pid;
	}
	return lock_to_user(&l, user, wide);
}

static long set_lock(struct file *f, int fd, uaddr_t user, bool wide, bool ofd, bool wait)
{
	struct flock_request r;
	struct u_flock64 l;
	struct file *now;
	long err = lock_from_user(&l, user, wide);

	if (!err)
		err = make_request(f, &l, ofd, &r);
	if (err)
		return err;
	switch (r.type) {
	case F_UNLCK: break;
	case F_RDLCK: err = f->mode & FMODE_READ ? 0 : -EBADF; break;
	case F_WRLCK: err = f->mode & FMODE_WRITE ? 0 : -EBADF; break;
	default: err = -EINVAL;
	}
	if (err)
		return err;
	err = flock_record(f, &r, wait);
	if (err || ofd || r.type == F_UNLCK)
		return err;
	/* another thread may have closed the descriptor meanwhile, and that gives up the process's records */
	now = fd_get(fdtable_current(), (unsigned)fd, true);
	if (now != f) {
		r.type = F_UNLCK;
		flock_record(f, &r, false);
		err = -EBADF;
	}
	file_put(now);
	return err;
}

static long dup_from(int fd, unsigned long from, bool cloexec)
{
	struct file *f = fd_get(fdtable_current(), (unsigned)fd, true);
	int n;

	if (!f)
		return -EBADF;
	n = from > 0x7fffffff ? -EINVAL : fd_install(fdtable_current(), f, (unsigned)from, cloexec, fd_limit());
	if (n < 0)
		file_put(f);
	return n;
}

static long set_flags(struct file *f, int fd, unsigned flags)
{
	long err = 0;

	if (flags & O_NOATIME && !(f->flags & O_NOATIME) && !inode_owner_or_capable(f->inode, cred_current()))
		return -EPERM;
	if (flags & O_DIRECT && !S_ISFIFO(f->inode->mode))
		return -EINVAL;
	if ((READ_ONCE(f->flags) ^ flags) & O_ASYNC && f->ops->async)
		err = fasync_set(f, fd, flags & O_ASYNC);
	if (err)
		return err;
	/* bit by bit, so that what another thread changes at the same time (FIONBIO) is not undone */
	__atomic_fetch_or(&f->flags, flags & SETFL_MASK, __ATOMIC_RELAXED);
	__atomic_fetch_and(&f->flags, flags | ~(unsigned)SETFL_MASK, __ATOMIC_RELAXED);
	return 0;
}

/* ---- who gets signals ---- */

/* struct f_owner_ex; the kinds have the same numbers here. */
struct u_owner { int32_t kind, number; };

_Static_assert(OWNER_TASK == 0 && OWNER_PROCESS == 1 && OWNER_GROUP == 2, "F_OWNER_TID, F_OWNER_PID, F_OWNER_PGRP");

static long set_owner(struct file *f, enum fileowner_kind kind, pid_t number)
{
	struct fileowner_target t;
	long err = fileowner_find(kind, number, &t);

	return err ? err : fileowner_set(f, &t, true);
}

/* A number below zero is a group's. */
static long set_owner_number(struct file *f, int number)
{
	if (number == INT32_MIN)
		return -EINVAL;
	return number < 0 ? set_owner(f, OWNER_GROUP, -number) : set_owner(f, OWNER_PROCESS, number);
}

static long get_owner_number(struct file *f)
{
	pid_t number;

	return fileowner_get(f, &number) == OWNER_GROUP ? -number : number;
}

static long set_owner_from(struct file *f, uaddr_t from)
{
	struct u_owner u;

	if (user_get(&u, from))
		return -EFAULT;
	return u.kind < OWNER_TASK || u.kind > OWNER_GROUP ? -EINVAL : set_owner(f, (enum fileowner_kind)u.kind, u.number);
}

static long get_owner_to(struct file *f, uaddr_t to)
{
	struct u_owner u;

	u.kind = (int32_t)fileowner_get(f, &u.number);
	return user_put(to, &u);
}

/* Another thread may close the descriptor meanwhile, which takes back what it told of. */
static long set_notify(struct file *f, int fd, unsigned what)
{
	struct fdtable *t = fdtable_current();
	long err = dnotify_set(f, fd, t, what);
	struct file *now = fd_get(t, (unsigned)fd, true);

	if (now != f) {
		dnotify_forget(f, t);
		err = -EBADF;
	}
	file_put(now);
	return err;
}

/* -ENOSYS: not one of these. */
static long fcntl_owner(struct file *f, int fd, int cmd, unsigned long arg)
{
	switch (cmd) {
	case F_SETOWN: return set_owner_number(f, (int)arg);
	case F_GETOWN: return get_owner_number(f);
	case F_SETOWN_EX: return set_owner_from(f, arg);
	case F_GETOWN_EX: return get_owner_to(f, arg);
	case F_SETSIG: return arg > NSIG ? -EINVAL : fileowner_set_signal(f, (int)arg);
	case F_GETSIG: return fileowner_signal(f);
	case F_NOTIFY: return set_notify(f, fd, (unsigned)arg);
	default: return -ENOSYS;
	}
}

/* What an O_PATH descriptor allows, too. -ENOSYS: not one of these. */
static long fcntl_descriptor(struct file *f, int fd, int cmd, unsigned long arg)
{
	struct fdtable *t = fdtable_current();

	switch (cmd) {
	case F_DUPFD: return dup_from(fd, arg, false);
	case F_DUPFD_CLOEXEC: return dup_from(fd, arg, true);
	case F_GETFD: return fd_get_cloexec(t, (unsigned)fd);
	case F_SETFD: return fd_set_cloexec(t, (unsigned)fd, arg & 1);
	case F_GETFL: return (long)f->flags;
	default: return -ENOSYS;
	}
}

static long get_write_hint(struct file *f, uaddr_t arg)
{
	uint64_t hint = READ_ONCE(f->inode->write_hint);

	return user_put(arg, &hint);
}

static long set_write_hint(struct file *f, uaddr_t arg)
{
	uint64_t hint;

	if (user_get(&hint, arg))
		return -EFAULT;
	if (hint > RWH_WRITE_LIFE_EXTREME)
		return -EINVAL;
	WRITE_ONCE(f->inode->write_hint, (uint8_t)hint);
	return 0;
}

static long fcntl_file(struct file *f, int fd, int cmd, unsigned long arg)
{
	long err;

	switch (cmd) {
	case F_SETFL: return set_flags(f, fd, (unsigned)arg);
	case F_GETLK: return get_lock(f, arg, false, false);
	case F_SETLK: return set_lock(f, fd, arg, false, false, false);
	case F_SETLKW: return set_lock(f, fd, arg, false, false, true);
	case F_GETPIPE_SZ: return pipe_get_size(f);
	case F_ADD_SEALS: return seals_add(f, arg);
	case F_GET_SEALS: return seals_get(f);
	case F_SETPIPE_SZ: return pipe_set_size(f, arg);
	case F_GET_RW_HINT: return get_write_hint(f, arg);
	case F_SET_RW_HINT: return set_write_hint(f, arg);
	case F_GETLEASE: return F_UNLCK;
	case F_SETLEASE: return arg == F_UNLCK ? -EAGAIN : -EINVAL; /* no leases, as on a file system that refuses them */
	default:
		err = fcntl_owner(f, fd, cmd, arg);
		return err == -ENOSYS ? -EINVAL : err;
	}
}

/* Those that only the call with wide structures knows. */
static long fcntl_wide(struct file *f, int fd, int cmd, unsigned long arg)
{
	switch (cmd) {
	case F_GETLK64: return get_lock(f, arg, true, false);
	case F_SETLK64: return set_lock(f, fd, arg, true, false, false);
	case F_SETLKW64: return set_lock(f, fd, arg, true, false, true);
	case F_OFD_GETLK: return get_lock(f, arg, true, true);
	case F_OFD_SETLK: return set_lock(f, fd, arg, true, true, false);
	case F_OFD_SETLKW: return set_lock(f, fd, arg, true, true, true);
	default: return fcntl_file(f, fd, cmd, arg);
	}
}

static long do_fcntl(int fd, int cmd, unsigned long arg, bool wide)
{
	struct file *f = fd_get(fdtable_current(), (unsigned)fd, true);
	long r;

	if (!f)
		return -EBADF;
	r = fcntl_descriptor(f, fd, cmd, arg);
	if (r == -ENOSYS && f->mode & FMODE_PATH)
		r = -EBADF;
	else if (r == -ENOSYS)
		r = wide ? fcntl_wide(f, fd, cmd, arg) : fcntl_file(f, fd, cmd, arg);
	file_put(f);
	return r;
}

long sys_fcntl(int fd, int cmd, uaddr_t arg) { return do_fcntl(fd, cmd, arg, false); }
long sys_fcntl64(int fd, int cmd, uaddr_t arg) { return do_fcntl(fd, cmd, arg, true); }
