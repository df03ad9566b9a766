/* SPDX-License-Identifier: MIT */
/* What a file is, and changing it: stat, access, chmod, chown, utimes, statfs. */
#include "abi/convert.h"
#include "core/clock.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "syscall_protos.h"
#include "vfs/fdtable.h"
#include "vfs/notify.h"

/* The path that (dirfd, user name) stand for, with references. */
static long lookup(int dirfd, uaddr_t path, unsigned flags, struct path *out)
{
	char *name = path_from_user(path, flags & WALK_EMPTY);
	long err;

	if (IS_ERR(name))
		return PTR_ERR(name);
	err = path_lookup(dirfd, name, flags, out);
	path_name_free(name);
	return err;
}

static long lookup_any_fd(int fd, bool path_ok, struct path *out)
{
	struct fdref r = fd_borrow((unsigned)fd, path_ok);

	if (!r.file)
		return -EBADF;
	*out = r.file->path;
	path_get(out);
	fd_return(r);
	return 0;
}

static long lookup_fd(int fd, struct path *out) { return lookup_any_fd(fd, true, out); }
/* Of a file that was opened for more than its place (not O_PATH): only that can be changed. */
static long lookup_open(int fd, struct path *out) { return lookup_any_fd(fd, false, out); }

static uint32_t block_size(const struct inode *i) { (void)i; return PAGE_SIZE; }

static void refresh(struct inode *i)
{
	if (i->ops->getattr)
		i->ops->getattr(i);
}

static long put_stat(struct path *p, uaddr_t buf)
{
	struct inode *i = p->dentry->inode;
	struct u_stat s;

	refresh(i);
	s = (struct u_stat){ .dev = (uint32_t)dev_to_user(i->sb->dev), .ino = (uint32_t)i->ino, .mode = (uint16_t)i->mode, .nlink = (uint16_t)i->nlink,
			     .uid = (uint16_t)id_to16(i->uid), .gid = (uint16_t)id_to16(i->gid), .rdev = (uint32_t)dev_to_user(i->rdev), .size = (uint32_t)inode_size(i),
			     .blksize = block_size(i), .blocks = (uint32_t)i->blocks, .atime = (uint32_t)i->atime.sec, .atime_ns = i->atime.nsec,
			     .mtime = (uint32_t)i->mtime.sec, .mtime_ns = i->mtime.nsec, .ctime = (uint32_t)i->ctime.sec, .ctime_ns = i->ctime.nsec };
	return inode_size(i) > 0x7fffffff ? -EOVERFLOW : user_put(buf, &s);
}

static long put_stat64(struct path *p, uaddr_t buf)
{
	struct inode *i = p->dentry->inode;
	struct u_stat64 s;

	refresh(i);
	s = (struct u_stat64){ .dev = dev_to_user(i->sb->dev), .ino32 = (uint32_t)i->ino, .mode = i->mode, .nlink = i->nlink, .uid = i->uid, .gid = i->gid,
			       .rdev = dev_to_user(i->rdev), .size = inode_size(i), .blksize = block_size(i), .blocks = i->blocks, .atime = (uint32_t)i->atime.sec,
			       .atime_ns = i->atime.nsec, .mtime = (uint32_t)i->mtime.sec, .mtime_ns = i->mtime.nsec, .ctime = (uint32_t)i->ctime.sec,
			       .ctime_ns = i->ctime.nsec, .ino = i->ino };
	return user_put(buf, &s);
}

#define STATX_TOLD 0x1fffu /* all of stat(2), time of birth, number of the mount */
#define STATX_ATTR_MOUNT_ROOT 0x2000u

static struct u_statx_ts statx_time(struct timespec64 t) { return (struct u_statx_ts){ t.sec, t.nsec, 0 }; }

static long put_statx(struct path *p, uaddr_t buf)
{
	struct inode *i = p->dentry->inode;
	struct u_statx s;

	refresh(i);
	s = (struct u_statx){ .mask = STATX_TOLD, .attributes_mask = STATX_ATTR_MOUNT_ROOT, .blksize = block_size(i), .nlink = i->nlink, .uid = i->uid,
			      .gid = i->gid, .mode = (uint16_t)i->mode, .ino = i->ino, .size = (uint64_t)inode_size(i), .blocks = i->blocks,
			      .atime = statx_time(i->atime), .btime = statx_time(i->btime), .ctime = statx_time(i->ctime), .mtime = statx_time(i->mtime),
			      .rdev_major = MAJOR(i->rdev), .rdev_minor = MINOR(i->rdev), .dev_major = MAJOR(i->sb->dev), .dev_minor = MINOR(i->sb->dev),
			      .mnt_id = (uint64_t)p->mnt->id };
	if (p->dentry == p->mnt->root)
		s.attributes |= STATX_ATTR_MOUNT_ROOT;
	return user_put(buf, &s);
}

typedef long (*stat_putter)(struct path *p, uaddr_t buf);

static long stat_name(int dirfd, uaddr_t path, unsigned walk, uaddr_t buf, stat_putter put)
{
	struct path p;
	long err = lookup(dirfd, path, walk, &p);

	if (err)
		return err;
	err = put(&p, buf);
	path_put(&p);
	return err;
}

static long stat_fd(int fd, uaddr_t buf, stat_putter put)
{
	struct path p;
	long err = lookup_fd(fd, &p);

	if (err)
		return err;
	err = put(&p, buf);
	path_put(&p);
	return err;
}

long sys_stat(uaddr_t path, uaddr_t buf) { return stat_name(AT_FDCWD, path, WALK_FOLLOW, buf, put_stat); }
long sys_lstat(uaddr_t path, uaddr_t buf) { return stat_name(AT_FDCWD, path, 0, buf, put_stat); }
long sys_fstat(int fd, uaddr_t buf) { return stat_fd(fd, buf, put_stat); }
long sys_stat64(uaddr_t path, uaddr_t buf) { return stat_name(AT_FDCWD, path, WALK_FOLLOW, buf, put_stat64); }
long sys_lstat64(uaddr_t path, uaddr_t buf) { return stat_name(AT_FDCWD, path, 0, buf, put_stat64); }
long sys_fstat64(int fd, uaddr_t buf) { return stat_fd(fd, buf, put_stat64); }

#define AT_STATX_SYNC 0x6000ul /* how fresh it must be: it always is */

static long at_flags(unsigned long flags, unsigned long allowed, unsigned *walk)
{
	if (flags & ~allowed)
		return -EINVAL;
	*walk = (flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	return 0;
}

long sys_fstatat64(int dirfd, uaddr_t path, uaddr_t buf, unsigned long flags)
{
	unsigned walk;
	long err = at_flags(flags & ~AT_STATX_SYNC, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH, &walk);

	return err ? err : stat_name(dirfd, path, walk, buf, put_stat64);
}

long sys_statx(int dirfd, uaddr_t path, unsigned long flags, unsigned long mask, uaddr_t buf)
{
	unsigned walk;
	long err = at_flags(flags & ~AT_STATX_SYNC, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH, &walk);

	if (mask & 0x80000000ul || (flags & AT_STATX_SYNC) == AT_STATX_SYNC)
		return -EINVAL;
	return err ? err : stat_name(dirfd, path, walk, buf, put_statx);
}

/* access(2) asks for the real ids, unless AT_EACCESS. */
long sys_faccessat2(int dirfd, uaddr_t path, unsigned mode, unsigned long flags)
{
	const struct cred *me = cred_current();
	struct cred *real = NULL;
	struct path p;
	unsigned walk;
	long err = at_flags(flags & ~(unsigned long)AT_EACCESS, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &walk);

	if (err || mode & ~7u)
		return -EINVAL;
	if (!(flags & AT_EACCESS) && (me->uid != me->fsuid || me->gid != me->fsgid)) {
		real = cred_dup(me);
		if (!real)
			return -ENOMEM;
		real->fsuid = me->uid;
		real->fsgid = me->gid;
		real->cap_effective = me->uid ? 0 : me->cap_permitted;
	}
	err = lookup(dirfd, path, walk, &p);
	if (!err) {
		err = mode ? inode_permission(p.dentry->inode, (int)mode, real ? real : me) : 0;
		if (!err && mode & MAY_WRITE && p.mnt->flags & MS_RDONLY && !S_ISCHR(p.dentry->inode->mode))
			err = -EROFS;
		path_put(&p);
	}
	cred_put(real);
	return err;
}

long sys_faccessat(int dirfd, uaddr_t path, unsigned mode) { return sys_faccessat2(dirfd, path, mode, 0); }
long sys_access(uaddr_t path, unsigned mode) { return sys_faccessat2(AT_FDCWD, path, mode, 0); }

/* What watchers are told; one time alone is that of a read or of a write. */
static uint32_t changes(unsigned valid)
{
	unsigned times = valid & (ATTR_ATIME | ATTR_MTIME);

	if (valid & (ATTR_MODE | ATTR_UID | ATTR_GID) || times == (ATTR_ATIME | ATTR_MTIME))
		return IN_ATTRIB;
	return times == ATTR_ATIME ? IN_ACCESS : times == ATTR_MTIME ? IN_MODIFY : 0;
}

static long change(struct path *p, struct iattr *a)
{
	unsigned valid = a->valid;
	long err = path_may_write(p);

	if (!err)
		err = inode_setattr(p->dentry->inode, a, cred_current());
	if (!err)
		notify_path(p, changes(valid));
	path_put(p);
	return err;
}

long sys_fchmodat(int dirfd, uaddr_t path, unsigned mode)
{
	struct path p;
	long err = lookup(dirfd, path, WALK_FOLLOW, &p);

	return err ? err : change(&p, &(struct iattr){ .valid = ATTR_MODE, .mode = mode & 07777 });
}

long sys_chmod(uaddr_t path, unsigned mode) { return sys_fchmodat(AT_FDCWD, path, mode); }

long sys_fchmod(int fd, unsigned mode)
{
	struct path p;
	long err = lookup_open(fd, &p);

	return err ? err : change(&p, &(struct iattr){ .valid = ATTR_MODE, .mode = mode & 07777 });
}

static long change_owner(struct path *p, unsigned uid, unsigned gid)
{
	return change(p, &(struct iattr){ .valid = (uid != ~0u ? ATTR_UID : 0) | (gid != ~0u ? ATTR_GID : 0), .uid = uid, .gid = gid });
}

long sys_fchownat(int dirfd, uaddr_t path, unsigned uid, unsigned gid, unsigned long flags)
{
	struct path p;
	unsigned walk;
	long err = at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &walk);

	if (!err)
		err = lookup(dirfd, path, walk, &p);
	return err ? err : change_owner(&p, uid, gid);
}

long sys_chown(uaddr_t path, unsigned uid, unsigned gid) { return sys_fchownat(AT_FDCWD, path, uid, gid, 0); }
long sys_lchown(uaddr_t path, unsigned uid, unsigned gid) { return sys_fchownat(AT_FDCWD, path, uid, gid, AT_SYMLINK_NOFOLLOW); }

long sys_fchown(int fd, unsigned uid, unsigned gid)
{
	struct path p;
	long err = lookup_open(fd, &p);

	return err ? err : change_owner(&p, uid, gid);
}

long sys_chown16(uaddr_t path, unsigned uid, unsigned gid) { return sys_chown(path, id_from16(uid), id_from16(gid)); }
long sys_lchown16(uaddr_t path, unsigned uid, unsigned gid) { return sys_lchown(path, id_from16(uid), id_from16(gid)); }
long sys_fchown16(int fd, unsigned uid, unsigned gid) { return sys_fchown(fd, id_from16(uid), id_from16(gid)); }

#define UTIME_NOW 0x3fffffff
#define UTIME_OMIT 0x3ffffffe

/* Who may set times: the owner; anybody who may write, if both are "now" (utimensat(2)). */
static long set_times(struct path *p, struct timespec64 t[2])
{
	bool now = t[0].nsec == UTIME_NOW && t[1].nsec == UTIME_NOW;
	struct iattr a = { .valid = now ? ATTR_TIMES_NOW : 0 };

	if (t[0].nsec != UTIME_OMIT) {
		a.valid |= ATTR_ATIME;
		a.atime = t[0].nsec == UTIME_NOW ? inode_now() : t[0];
	}
	if (t[1].nsec != UTIME_OMIT) {
		a.valid |= ATTR_MTIME;
		a.mtime = t[1].nsec == UTIME_NOW ? inode_now() : t[1];
	}
	return change(p, &a);
}

static long set_times_at(int dirfd, uaddr_t path, struct timespec64 t[2], unsigned long flags)
{
	struct path p;
	unsigned walk;
	long err = at_flags(flags, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &walk);

	if (!err && !path && dirfd != AT_FDCWD)
		err = flags ? -EINVAL : lookup_open(dirfd, &p);
	else if (!err)
		err = lookup(dirfd, path, walk, &p);
	return err ? err : set_times(&p, t);
}

static bool valid_nsec(long n) { return (n >= 0 && n < 1000000000) || n == UTIME_NOW || n == UTIME_OMIT; }

static long utimens(int dirfd, uaddr_t path, uaddr_t times, unsigned long flags, bool wide)
{
	struct timespec64 t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };

	for (unsigned i = 0; times && i < 2; i++) {
		struct u_timespec n;
		struct u_timespec64 w;

		if (wide ? user_get(&w, times + i * sizeof(w)) : user_get(&n, times + i * sizeof(n)))
			return -EFAULT;
		if (!valid_nsec(wide ? w.nsec : n.nsec))
			return -EINVAL;
		t[i] = wide ? (struct timespec64){ w.sec, (uint32_t)w.nsec } : (struct timespec64){ n.sec, (uint32_t)n.nsec };
	}
	return t[0].nsec == UTIME_OMIT && t[1].nsec == UTIME_OMIT ? 0 : set_times_at(dirfd, path, t, flags);
}

long sys_utimensat(int dirfd, uaddr_t path, uaddr_t times, unsigned long flags) { return utimens(dirfd, path, times, flags, false); }
long sys_utimensat_time64(int dirfd, uaddr_t path, uaddr_t times, unsigned long flags) { return utimens(dirfd, path, times, flags, true); }

long sys_futimesat(int dirfd, uaddr_t path, uaddr_t times)
{
	struct timespec64 t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };

	for (unsigned i = 0; times && i < 2; i++) {
		struct u_timeval v;

		if (user_get(&v, times + i * sizeof(v)))
			return -EFAULT;
		if (v.usec < 0 || v.usec >= 1000000)
			return -EINVAL;
		t[i] = (struct timespec64){ v.sec, (uint32_t)v.usec * 1000 };
	}
	return set_times_at(dirfd, path, t, 0);
}

long sys_utimes(uaddr_t path, uaddr_t times) { return sys_futimesat(AT_FDCWD, path, times); }

long sys_utime(uaddr_t path, uaddr_t times)
{
	struct timespec64 t[2] = { { 0, UTIME_NOW }, { 0, UTIME_NOW } };
	int32_t v[2];

	if (times) {
		if (user_read(v, times, sizeof(v)))
			return -EFAULT;
		t[0] = (struct timespec64){ v[0], 0 };
		t[1] = (struct timespec64){ v[1], 0 };
	}
	return set_times_at(AT_FDCWD, path, t, 0);
}

static long put_statfs(struct path *p, uaddr_t buf, bool wide)
{
	struct super *sb = p->mnt->sb;
	struct statfs_info s = { .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX };
	long err = sb->ops->statfs ? sb->ops->statfs(sb, &s) : 0;
	struct u_statfs n = { .type = s.type, .bsize = s.bsize, .blocks = (uint32_t)s.blocks, .bfree = (uint32_t)s.bfree, .bavail = (uint32_t)s.bavail,
			      .files = (uint32_t)s.files, .ffree = (uint32_t)s.ffree, .namelen = s.namelen, .frsize = s.frsize, .flags = (uint32_t)p->mnt->flags | 0x20 };
	struct u_statfs64 w = { .type = s.type, .bsize = s.bsize, .blocks = s.blocks, .bfree = s.bfree, .bavail = s.bavail, .files = s.files, .ffree = s.ffree,
				.namelen = s.namelen, .frsize = s.frsize, .flags = (uint32_t)p->mnt->flags | 0x20 };

	path_put(p);
	if (err)
		return err;
	return wide ? user_put(buf, &w) : user_put(buf, &n);
}

static long statfs_name(uaddr_t path, uaddr_t buf, bool wide)
{
	struct path p;
	long err = lookup(AT_FDCWD, path, WALK_FOLLOW, &p);

	return err ? err : put_statfs(&p, buf, wide);
}

static long statfs_fd(int fd, uaddr_t buf, bool wide)
{
	struct path p;
	long err = lookup_fd(fd, &p);

	return err ? err : put_statfs(&p, buf, wide);
}

long sys_statfs(uaddr_t path, uaddr_t buf) { return statfs_name(path, buf, false); }
long sys_fstatfs(int fd, uaddr_t buf) { return statfs_fd(fd, buf, false); }
long sys_statfs64(uaddr_t path, size_t size, uaddr_t buf) { return size != sizeof(struct u_statfs64) ? -EINVAL : statfs_name(path, buf, true); }
long sys_fstatfs64(int fd, size_t size, uaddr_t buf) { return size != sizeof(struct u_statfs64) ? -EINVAL : statfs_fd(fd, buf, true); }

long sys_umask(unsigned mask)
{
	struct fsctx *f = fsctx_current();
	long old = f->umask;

	f->umask = mask & 0777;
	return old;
}

/* No file system here makes handles; what there is to refuse before that is refused first. */
long sys_name_to_handle_at(int dirfd, uaddr_t path, uaddr_t handle, uaddr_t mount, unsigned long flags)
{
	struct path p;
	char *name;
	long err;

	(void)handle, (void)mount;
	if (flags & ~(unsigned long)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	name = path_from_user(path, flags & AT_EMPTY_PATH);
	if (IS_ERR(name))
		return PTR_ERR(name);
	err = path_lookup(dirfd, name, (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &p);
	path_name_free(name);
	if (err)
		return err;
	path_put(&p);
	return -EOPNOTSUPP;
}

long sys_open_by_handle_at(int mountfd, uaddr_t handle, unsigned flags)
{
	struct { uint32_t bytes; int32_t type; } h;
	struct file *f;

	(void)flags;
	if (!capable(CAP_DAC_READ_SEARCH))
		return -EPERM;
	if (user_get(&h, handle))
		return -EFAULT;
	if (!h.bytes || h.bytes > 128)
		return -EINVAL;
	f = mountfd == AT_FDCWD ? NULL : fd_get(fdtable_current(), (unsigned)mountfd, true);
	if (!f && mountfd != AT_FDCWD)
		return -EBADF;
	file_put(f);
	return -ESTALE;
}
