/* SPDX-License-Identifier: MIT */
/* Open files: making them, reading and writing through them. */
#include "vfs/file.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/process.h"
#include "vfs/chrdev.h"
#include "vfs/pathops.h"
#include "vfs/pipe.h"

#define OPEN_KNOWN (O_ACCMODE | O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_APPEND | O_NONBLOCK | O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_DIRECTORY \
		    | O_NOFOLLOW | O_NOATIME | O_CLOEXEC | O_SYNC | O_PATH | O_TMPFILE)
#define FLAGS_KEPT (O_ACCMODE | O_APPEND | O_NONBLOCK | O_DSYNC | O_ASYNC | O_DIRECT | O_LARGEFILE | O_NOATIME | O_SYNC | O_PATH | O_DIRECTORY | O_NOFOLLOW)
#define IO_MAX 0x7ffff000ul

static SLAB_CACHE(file_cache, file);
static atomic_long_t live;
static const struct file_ops path_only_ops;

unsigned long file_live(void) { return (unsigned long)atomic_read(&live); }

/* Takes its own references of the path. */
static struct file *make(const struct path *p, const struct file_ops *ops, unsigned mode, unsigned flags, const struct cred *c)
{
	struct file *f = slab_alloc(&file_cache, ALLOC_ZERO);

	if (!f)
		return NULL;
	refcount_set(&f->refs, 1);
	f->ops = ops;
	f->path = *p;
	path_get(p);
	f->inode = p->dentry->inode;
	f->flags = flags & FLAGS_KEPT;
	f->mode = mode;
	mutex_init(&f->pos_lock, LOCK_FILE_POS);
	f->cred = cred_get((struct cred *)c);
	atomic_inc(&live);
	return f;
}

static void unmake(struct file *f)
{
	path_put(&f->path);
	cred_put((struct cred *)f->cred);
	slab_free(&file_cache, f);
	atomic_dec(&live);
}

void file_put(struct file *f)
{
	if (!f || !refcount_put(&f->refs))
		return;
	if (f->ops->release)
		f->ops->release(f);
	unmake(f);
}

struct file *file_new(const struct path *p, const struct file_ops *ops, unsigned mode, unsigned flags)
{
	return make(p, ops, mode, flags, cred_current());
}

static const struct file_ops *ops_of(struct inode *i)
{
	if (S_ISCHR(i->mode))
		return chrdev_find(i->rdev);
	if (S_ISFIFO(i->mode))
		return &fifo_ops;
	return i->fops;
}

struct file *file_open_path(const struct path *p, int flags, const struct cred *c)
{
	static const unsigned modes[4] = { FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0 };
	bool path_only = flags & O_PATH;
	const struct file_ops *ops = path_only ? &path_only_ops : ops_of(p->dentry->inode);
	struct file *f;
	int err;

	if (!ops)
		return ERR_PTR(-ENXIO);
	if (S_ISCHR(p->dentry->inode->mode) && !path_only && p->mnt->flags & MS_NODEV)
		return ERR_PTR(-EACCES);
	f = make(p, ops, path_only ? FMODE_PATH : modes[flags & O_ACCMODE], (unsigned)flags, c);
	if (!f)
		return ERR_PTR(-ENOMEM);
	err = ops->open ? ops->open(f->inode, f) : 0;
	if (err) {
		unmake(f);
		return ERR_PTR(err);
	}
	return f;
}

struct file *file_open_exec(const char *name)
{
	struct path p;
	struct file *f;
	int err = path_lookup(AT_FDCWD, name, WALK_FOLLOW, &p);

	if (err)
		return ERR_PTR(err);
	f = S_ISREG(p.dentry->inode->mode) ? file_open_path(&p, O_RDONLY, cred_current()) : ERR_PTR(-EACCES);
	path_put(&p);
	return f;
}

/* What the flags ask for against what the file is and allows. */
static int may_open(const struct path *p, int flags, const struct cred *c, bool created)
{
	struct inode *i = p->dentry->inode;
	int want = (flags & O_ACCMODE) == O_RDONLY ? MAY_READ : (flags & O_ACCMODE) == O_WRONLY ? MAY_WRITE : MAY_READ | MAY_WRITE;
	int err;

	if (flags & O_PATH)
		return flags & O_DIRECTORY && !S_ISDIR(i->mode) ? -ENOTDIR : 0;
	if (S_ISLNK(i->mode))
		return -ELOOP;
	if (flags & O_DIRECTORY && !S_ISDIR(i->mode))
		return -ENOTDIR;
	if (S_ISDIR(i->mode) && (want & MAY_WRITE || flags & O_CREAT))
		return -EISDIR;
	if (S_ISSOCK(i->mode))
		return -ENXIO;
	if (flags & O_TRUNC)
		want |= MAY_WRITE;
	if (want & MAY_WRITE && p->mnt->flags & MS_RDONLY && (S_ISREG(i->mode) || S_ISDIR(i->mode)))
		return -EROFS;
	err = created ? 0 : inode_permission(i, want, c);
	if (!err && flags & O_NOATIME && c->fsuid != i->uid && !cred_capable(c, CAP_FOWNER))
		err = -EPERM;
	return err;
}

static int find_existing(struct walk *w, const char *name, int flags, struct path *out)
{
	w->flags = (flags & O_NOFOLLOW ? 0 : WALK_FOLLOW) | (flags & O_DIRECTORY && !(flags & O_NOFOLLOW) ? WALK_DIRECTORY : 0);
	return path_walk(w, name, out);
}

/* O_CREAT: the parent, then the last component; a link there leads on. 1: it was created. */
static int find_or_create(struct walk *w, const char *name, int flags, mode_t mode, struct path *out)
{
	struct path parent;
	struct dentry *d;
	int err;

	w->flags = WALK_PARENT;
	err = path_walk(w, name, &parent);
	if (err)
		return err;
	if (w->last_type != LAST_NORMAL || w->last_slash) {
		path_put(&parent);
		return -EISDIR;
	}
	err = path_create(w, &parent, mode, flags & O_EXCL, &d);
	if (err < 0) {
		path_put(&parent);
		return err;
	}
	if (!err && d->inode && S_ISLNK(d->inode->mode) && !(flags & O_NOFOLLOW)) {
		dentry_put(d);
		path_put(&parent);
		walk_done(w);
		err = find_existing(w, name, flags & ~O_DIRECTORY, out);
		return err == -ENOENT ? -ENOENT : err;
	}
	*out = (struct path){ parent.mnt, d };
	dentry_put(parent.dentry);
	mount_cross_down(out);
	return err;
}

static struct file *open_tmpfile(const struct path *p, int flags, mode_t mode, const struct cred *c)
{
	struct inode *dir = p->dentry->inode, *i;
	struct path at = { p->mnt, NULL };
	struct file *f;
	int err;

	if (!S_ISDIR(dir->mode))
		return ERR_PTR(-ENOTDIR);
	if (!dir->ops->tmpfile)
		return ERR_PTR(-EOPNOTSUPP);
	if ((flags & O_ACCMODE) == O_RDONLY)
		return ERR_PTR(-EINVAL);
	err = inode_permission(dir, MAY_WRITE | MAY_EXEC, c);
	if (!err)
		err = dir->ops->tmpfile(dir, S_IFREG | (mode & 07777), &i);
	if (err)
		return ERR_PTR(err);
	i->uid = c->fsuid;
	i->gid = c->fsgid;
	at.dentry = dentry_make_anon(i, "(tmpfile)");
	if (!at.dentry) {
		inode_put(i);
		return ERR_PTR(-ENOMEM);
	}
	f = file_open_path(&at, flags, c);
	dentry_put(at.dentry);
	return f;
}

struct file *file_open(int dirfd, const char *name, int flags, mode_t mode)
{
	struct walk w;
	struct path p;
	struct file *f;
	bool tmp = (flags & O_TMPFILE) == O_TMPFILE;
	int err;

	if (flags & ~OPEN_KNOWN)
		return ERR_PTR(-EINVAL);
	if (flags & O_PATH)
		flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (flags & O_CREAT && flags & O_DIRECTORY && !tmp)
		return ERR_PTR(-EINVAL);
	err = walk_begin(&w, dirfd, name, 0);
	if (err)
		return ERR_PTR(err);
	mode &= ~(thread_current()->user ? fsctx_current()->umask : 0);
	err = flags & O_CREAT && !tmp ? find_or_create(&w, name, flags, mode, &p) : find_existing(&w, name, flags, &p);
	if (err < 0) {
		walk_end(&w);
		return ERR_PTR(err);
	}
	if (tmp) {
		f = open_tmpfile(&p, flags, mode, w.cred);
	} else {
		bool created = err == 1;

		err = flags & O_CREAT && flags & O_DIRECTORY ? -EINVAL : may_open(&p, flags, w.cred, created);
		if (!err && flags & O_TRUNC && S_ISREG(p.dentry->inode->mode) && !created)
			err = file_truncate(p.dentry->inode, 0);
		f = err ? ERR_PTR(err) : file_open_path(&p, flags, w.cred);
	}
	path_put(&p);
	walk_end(&w);
	return f;
}

int file_truncate(struct inode *i, loff_t size)
{
	struct iattr a = { .valid = ATTR_SIZE, .size = size };
	int err = 0;

	if (size < 0)
		return -EINVAL;
	if (thread_current()->user && (uint64_t)size > process_current()->limits.cur[RLIMIT_FSIZE]) {
		signal_kernel(process_current(), SIGXFSZ);
		return -EFBIG;
	}
	rwlock_write_lock(&i->lock);
	if (i->ops->setattr)
		err = i->ops->setattr(i, &a);
	if (!err) {
		i->mode &= ~(S_ISUID | (i->mode & 010 ? S_ISGID : 0));
		inode_touch(i, ATTR_MTIME | ATTR_CTIME);
	}
	rwlock_write_unlock(&i->lock);
	return err;
}

typedef ssize_t (*transfer)(struct file *f, struct uio *u, loff_t *pos);

/* With the file's own position where none is given; streams have none. */
static ssize_t move(struct file *f, struct uio *u, loff_t *pos, transfer fn)
{
	ssize_t n;

	u->left = MIN(u->left, IO_MAX);
	if (pos || f->mode & FMODE_STREAM)
		return fn(f, u, pos);
	mutex_lock(&f->pos_lock);
	n = fn(f, u, &f->pos);
	mutex_unlock(&f->pos_lock);
	return n;
}

ssize_t file_read(struct file *f, struct uio *u, loff_t *pos)
{
	if (!(f->mode & FMODE_READ))
		return -EBADF;
	if (pos && f->mode & FMODE_STREAM)
		return -ESPIPE;
	if (!f->ops->read)
		return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	return move(f, u, pos, f->ops->read);
}

ssize_t file_write(struct file *f, struct uio *u, loff_t *pos)
{
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (pos && f->mode & FMODE_STREAM)
		return -ESPIPE;
	if (!f->ops->write)
		return -EINVAL;
	return move(f, u, pos, f->ops->write);
}

ssize_t file_read_kernel(struct file *f, void *buf, size_t len, loff_t pos)
{
	struct uio u;

	uio_kernel(&u, buf, len);
	return f->ops->read ? f->ops->read(f, &u, &pos) : -EINVAL;
}

#define SEEK_SET 0
#define SEEK_CUR 1
#define SEEK_END 2
#define SEEK_DATA 3
#define SEEK_HOLE 4

static loff_t generic_seek(struct file *f, loff_t off, int whence)
{
	loff_t size = inode_size(f->inode), base = 0, to;

	switch (whence) {
	case SEEK_SET: break;
	case SEEK_CUR: base = f->pos; break;
	case SEEK_END: base = size; break;
	case SEEK_DATA: /* a file without knowledge of its holes has none but the one at the end (lseek(2)) */
	case SEEK_HOLE:
		if (off < 0 || off >= size)
			return -ENXIO;
		to = whence == SEEK_DATA ? off : size;
		f->pos = to;
		return to;
	default: return -EINVAL;
	}
	if (__builtin_add_overflow(base, off, &to))
		return -EOVERFLOW;
	if (to < 0)
		return -EINVAL;
	f->pos = to;
	return to;
}

loff_t file_seek(struct file *f, loff_t off, int whence)
{
	loff_t r;

	if (f->mode & FMODE_PATH)
		return -EBADF;
	if (f->mode & FMODE_STREAM)
		return -ESPIPE;
	mutex_lock(&f->pos_lock);
	r = f->ops->seek ? f->ops->seek(f, off, whence) : generic_seek(f, off, whence);
	mutex_unlock(&f->pos_lock);
	return r;
}
