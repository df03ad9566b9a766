/* SPDX-License-Identifier: MIT */
/* Names: making, linking, removing, listing. */
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "abi/convert.h"
#include "mem/slab.h"
#include "syscall_protos.h"
#include "vfs/fdtable.h"
#include "vfs/notify.h"
#include "vfs/options.h"

/* Runs fn with one or two names copied in. */
#define WITH_NAME(user, name, expr) ({ \
	char *name = path_from_user((user), false); \
	long r_ = IS_ERR(name) ? PTR_ERR(name) : (expr); \
	if (!IS_ERR(name)) \
		path_name_free(name); \
	r_; })

static mode_t masked(unsigned mode) { return mode & ~fsctx_current()->umask; }

long sys_mkdirat(int dirfd, uaddr_t path, unsigned mode) { return WITH_NAME(path, n, path_mkdir(dirfd, n, masked(mode))); }
long sys_mkdir(uaddr_t path, unsigned mode) { return sys_mkdirat(AT_FDCWD, path, mode); }

long sys_mknodat(int dirfd, uaddr_t path, unsigned mode, unsigned long dev)
{
	unsigned type = mode & S_IFMT;

	if (type == S_IFDIR)
		return -EPERM;
	if (type && type != S_IFREG && type != S_IFCHR && type != S_IFBLK && type != S_IFIFO && type != S_IFSOCK)
		return -EINVAL;
	return WITH_NAME(path, n, path_mknod(dirfd, n, (type ? type : S_IFREG) | masked(mode & 07777), dev_from_user(dev)));
}

long sys_mknod(uaddr_t path, unsigned mode, unsigned long dev) { return sys_mknodat(AT_FDCWD, path, mode, dev); }

long sys_unlinkat(int dirfd, uaddr_t path, unsigned long flags)
{
	if (flags & ~(unsigned long)AT_REMOVEDIR)
		return -EINVAL;
	return WITH_NAME(path, n, flags ? path_rmdir(dirfd, n) : path_unlink(dirfd, n));
}

long sys_unlink(uaddr_t path) { return sys_unlinkat(AT_FDCWD, path, 0); }
long sys_rmdir(uaddr_t path) { return sys_unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }

long sys_linkat(int olddir, uaddr_t old, int newdir, uaddr_t new, unsigned long flags)
{
	char *from;
	long r;

	if (flags & ~(unsigned long)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	from = path_from_user(old, flags & AT_EMPTY_PATH);
	if (IS_ERR(from))
		return PTR_ERR(from);
	r = WITH_NAME(new, to, path_link(olddir, from, newdir, to, (int)flags));
	path_name_free(from);
	return r;
}

long sys_link(uaddr_t old, uaddr_t new) { return sys_linkat(AT_FDCWD, old, AT_FDCWD, new, 0); }

long sys_symlinkat(uaddr_t target, int newdir, uaddr_t new)
{
	return WITH_NAME(target, t, WITH_NAME(new, n, path_symlink(t, newdir, n)));
}

long sys_symlink(uaddr_t target, uaddr_t new) { return sys_symlinkat(target, AT_FDCWD, new); }

long sys_renameat2(int olddir, uaddr_t old, int newdir, uaddr_t new, unsigned long flags)
{
	return WITH_NAME(old, a, WITH_NAME(new, b, path_rename(olddir, a, newdir, b, (unsigned)flags)));
}

long sys_renameat(int olddir, uaddr_t old, int newdir, uaddr_t new) { return sys_renameat2(olddir, old, newdir, new, 0); }
long sys_rename(uaddr_t old, uaddr_t new) { return sys_renameat2(AT_FDCWD, old, AT_FDCWD, new, 0); }

static long read_link(int dirfd, const char *name, uaddr_t buf, int size)
{
	struct path p;
	struct inode *i;
	char *text;
	ssize_t n = path_lookup(dirfd, name, WALK_EMPTY, &p);

	if (n)
		return n;
	i = p.dentry->inode;
	text = kmalloc(PATH_MAX, 0);
	if (!S_ISLNK(i->mode) || !i->ops->readlink)
		n = *name ? -EINVAL : -ENOENT;
	else if (!text)
		n = -ENOMEM;
	else
		n = i->ops->readlink(i, text, MIN((size_t)size, (size_t)PATH_MAX));
	if (n > 0 && user_write(buf, text, (size_t)n))
		n = -EFAULT;
	kfree(text);
	path_put(&p);
	return n;
}

long sys_readlinkat(int dirfd, uaddr_t path, uaddr_t buf, int size)
{
	char *name;
	long r;

	if (size <= 0)
		return -EINVAL;
	name = path_from_user(path, true);
	if (IS_ERR(name))
		return PTR_ERR(name);
	r = read_link(dirfd, name, buf, size);
	path_name_free(name);
	return r;
}

long sys_readlink(uaddr_t path, uaddr_t buf, int size) { return sys_readlinkat(AT_FDCWD, path, buf, size); }

static long enter(const struct path *p, void (*set)(struct fsctx *, const struct path *))
{
	long err = S_ISDIR(p->dentry->inode->mode) ? inode_permission(p->dentry->inode, MAY_EXEC, cred_current()) : -ENOTDIR;

	if (!err)
		set(fsctx_current(), p);
	return err;
}

static long enter_name(const char *name, void (*set)(struct fsctx *, const struct path *))
{
	struct path p;
	long err = path_lookup(AT_FDCWD, name, WALK_FOLLOW | WALK_DIRECTORY, &p);

	if (err)
		return err;
	err = enter(&p, set);
	path_put(&p);
	return err;
}

long sys_chdir(uaddr_t path) { return WITH_NAME(path, n, enter_name(n, fsctx_set_cwd)); }

long sys_chroot(uaddr_t path)
{
	if (!capable(CAP_SYS_CHROOT))
		return WITH_NAME(path, n, ((void)n, -EPERM));
	return WITH_NAME(path, n, enter_name(n, fsctx_set_root));
}

long sys_fchdir(int fd)
{
	struct fdref r = fd_borrow((unsigned)fd, true);
	long err = r.file ? enter(&r.file->path, fsctx_set_cwd) : -EBADF;

	fd_return(r);
	return err;
}

/* ENAMETOOLONG: the cap bytes of mem are too few. */
static long name_to_user(const struct path *p, const struct path *root, char *mem, size_t cap, uaddr_t buf, size_t size)
{
	char *name = path_name(p, root, mem, cap, false);
	size_t n = (size_t)(mem + cap - name);

	if (IS_ERR(name))
		return PTR_ERR(name);
	if (n > size)
		return -ERANGE;
	return user_write(buf, name, n) ? -EFAULT : (long)n;
}

long sys_getcwd(uaddr_t buf, size_t size)
{
	struct path cwd = fsctx_cwd(fsctx_current()), root = fsctx_root(fsctx_current());
	char few[128], *mem;
	long r = -ENOENT;

	if (!dentry_deleted(cwd.dentry))
		r = name_to_user(&cwd, &root, few, sizeof(few), buf, size);
	if (r == -ENAMETOOLONG) {
		mem = kmalloc(PATH_MAX, 0);
		r = mem ? name_to_user(&cwd, &root, mem, PATH_MAX, buf, size) : -ENOMEM;
		kfree(mem);
	}
	path_put(&cwd);
	path_put(&root);
	return r;
}

/* Entries are gathered in a kernel buffer, for the directory is locked while they are listed. */
struct listing {
	struct dir_sink sink;
	char *buf;
	size_t used, cap;
	bool old, overflow; /* struct linux_dirent of getdents */
};

static bool emit(struct dir_sink *s, const char *name, size_t len, ino_t ino, unsigned type, loff_t next)
{
	struct listing *l = container_of(s, struct listing, sink);
	size_t head = l->old ? 10 : 19, n = l->old ? ALIGN_UP(head + len + 2, 4) : ALIGN_UP(head + len + 1, 8);
	uint64_t wide[2] = { ino, (uint64_t)next };
	uint32_t narrow[2] = { (uint32_t)ino, (uint32_t)next };
	uint16_t reclen = (uint16_t)n;
	char *at = l->buf + l->used;

	if (l->used + n > l->cap) {
		l->overflow = !l->used;
		return false;
	}
	memset(at, 0, n);
	memcpy(at, l->old ? (void *)narrow : (void *)wide, l->old ? 8 : 16);
	memcpy(at + head - (l->old ? 2 : 3), &reclen, 2);
	memcpy(at + head, name, len);
	at[l->old ? n - 1 : 18] = (char)type;
	l->used += n;
	return true;
}

static long list(int fd, uaddr_t buf, unsigned count, bool old)
{
	struct fdref ref = fd_borrow((unsigned)fd, false);
	struct file *f = ref.file;
	struct listing l = { .sink.emit = emit, .cap = MIN(count, 32768u), .old = old };
	long r = -EBADF;

	if (!f)
		return r;
	r = -ENOTDIR;
	if (!f->ops->iterate)
		goto out;
	r = -ENOMEM;
	l.buf = kmalloc(MAX(l.cap, (size_t)1), 0);
	if (!l.buf)
		goto out;
	mutex_lock(&f->pos_lock);
	loff_t before = f->pos;
	rwlock_read_lock(&f->inode->lock);
	r = f->inode->nlink || !f->path.dentry->parent ? f->ops->iterate(f, &l.sink) : -ENOENT;
	rwlock_read_unlock(&f->inode->lock);
	if (!r)
		r = l.overflow ? -EINVAL : (long)l.used;
	if (r >= 0)
		notify_path(&f->path, IN_ACCESS);
	if (r > 0 && user_write(buf, l.buf, l.used)) {
		r = -EFAULT;
		f->pos = before;
	}
	mutex_unlock(&f->pos_lock);
	kfree(l.buf);
out:
	fd_return(ref);
	return r;
}

long sys_getdents(int fd, uaddr_t buf, unsigned count) { return list(fd, buf, count, true); }
long sys_getdents64(int fd, uaddr_t buf, unsigned count) { return list(fd, buf, count, false); }

static long mount_at(const struct path *where, const char *source, const char *type, unsigned long flags, const char *data)
{
	struct path from;
	long err;

	if (flags & MS_REMOUNT)
		return mount_remount(where, flags & MS_BIND ? flags : options_flags(data, flags), data);
	if (flags & (MS_BIND | MS_MOVE)) {
		if (!*source)
			return -EINVAL;
		err = path_lookup(AT_FDCWD, source, WALK_FOLLOW, &from);
		if (err)
			return err;
		err = flags & MS_BIND ? mount_bind(&from, where, flags & MS_REC) : mount_move(&from, where);
		path_put(&from);
		return err;
	}
	if (flags & MS_PROPAGATION) /* every mount is private, and stays so */
		return (flags & MS_PROPAGATION) == MS_PRIVATE && !(flags & ~(MS_PRIVATE | MS_REC | MS_SILENT)) ? 0 : -EINVAL;
	if (!*type)
		return -EINVAL;
	return mount_new(*source ? source : "none", where, type, options_flags(data, flags), data);
}

/* An optional string; "" for a null pointer. */
static char *optional(uaddr_t s)
{
	char *buf = kzalloc(PAGE_SIZE);
	ssize_t n;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	n = s ? user_strncpy(buf, s, PAGE_SIZE) : 0;
	if (n >= 0)
		return buf;
	kfree(buf);
	return ERR_PTR(n == -ENAMETOOLONG ? -EINVAL : n);
}

long sys_mount(uaddr_t source, uaddr_t target, uaddr_t type, unsigned long flags, uaddr_t data)
{
	char *s[3] = { optional(source), optional(type), optional(data) }, *name = path_from_user(target, false);
	struct path where;
	long err = IS_ERR(name) ? PTR_ERR(name) : 0;

	for (unsigned i = 0; i < 3; i++)
		if (IS_ERR(s[i]))
			err = PTR_ERR(s[i]);
	if (!err && !capable(CAP_SYS_ADMIN))
		err = -EPERM;
	if (!err)
		err = path_lookup(AT_FDCWD, name, WALK_FOLLOW, &where);
	if (!err) {
		err = mount_at(&where, s[0], s[1], flags, *s[2] ? s[2] : NULL);
		path_put(&where);
	}
	for (unsigned i = 0; i < 3; i++)
		if (!IS_ERR(s[i]))
			kfree(s[i]);
	if (!IS_ERR(name))
		path_name_free(name);
	return err;
}

static bool is_root_mount(const struct mount *m)
{
	struct path root = fsctx_root(fsctx_current());
	bool is = root.mnt == m;

	path_put(&root);
	return is;
}

static long unmount(const char *name, unsigned long flags)
{
	struct path p;
	long err;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	err = path_lookup(AT_FDCWD, name, flags & 8 ? 0 : WALK_FOLLOW, &p);
	if (err)
		return err;
	err = flags & MNT_EXPIRE && is_root_mount(p.mnt) ? -EINVAL : mount_umount(&p, (int)flags);
	path_put(&p);
	return err;
}

long sys_umount2(uaddr_t path, unsigned long flags) { return WITH_NAME(path, n, unmount(n, flags)); }
long sys_umount(uaddr_t path) { return sys_umount2(path, 0); }
