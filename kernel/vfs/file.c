/* SPDX-License-Identifier: MIT */
/*
 * Open files: life, position, reading and writing. Opening by name is in vfs/open. A file's references: descriptors, mappings, and calls
 * in progress.
 */
#include "vfs/file.h"

#include "core/percount.h"
#include "lib/bits.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/process.h"
#include "task/sigqueue.h"
#include "vfs/chrdev.h"
#include "vfs/notify.h"

static const struct slab_kept kept[] = { SLAB_KEEP(file, refs), { 0 } };
static SLAB_CACHE_STABLE(file_cache, file, kept);
static struct percount live;
const struct file_ops *file_fifo_ops;
void (*file_close_locks_hook)(struct file *f, void *owner);
void (*file_watched_hook)(struct file *f);
void (*file_owned_hook)(struct file *f);

unsigned long file_live(void) { return (unsigned long)percount_sum(&live); }

struct file *file_new(const struct path *p, const struct file_ops *ops, unsigned mode, unsigned flags)
{
	struct file *f = slab_alloc(&file_cache, ALLOC_ZERO);

	if (!f)
		return ERR_PTR(-ENOMEM);
	refcount_set(&f->refs, 1);
	mutex_init(&f->pos_lock, LOCK_FILE_POS);
	f->path = *p;
	f->inode = p->dentry->inode;
	f->ops = ops;
	f->mode = mode;
	f->flags = flags;
	f->cred = thread_current()->user ? cred_get(task_current()->cred) : cred_root();
	percount_add(&live, 1);
	return f;
}

/* Gives back what file_new took; the path too. */
static void file_free(struct file *f)
{
	file_allow_write(f);
	if (f->mode & FMODE_WRITE_COUNTED)
		file_write_end(f->inode);
	path_put(&f->path);
	cred_put((struct cred *)f->cred);
	slab_free(&file_cache, f);
	percount_add(&live, -1);
}

/* Tells those who want to know that the last reference to an open file goes. */
static void file_release(struct file *f)
{
	if (!(f->mode & FMODE_PATH))
		notify_path(&f->path, f->mode & FMODE_WRITE ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
	if (file_close_locks_hook && f->inode->flocks)
		file_close_locks_hook(f, NULL);
	if (unlikely(load_acquire(&f->watchers)))
		file_watched_hook(f);
	if (unlikely(load_acquire(&f->owner)))
		file_owned_hook(f);
	if (f->ops->release)
		f->ops->release(f);
}

void file_put(struct file *f)
{
	if (!f || !refcount_put(&f->refs))
		return;
	if (!(f->mode & FMODE_UNOPENED))
		file_release(f);
	file_free(f);
}

/* Raises (step 1) or lowers (step -1) the count of writers, unless it has the other sign. */
static bool writers_step(struct inode *i, int step)
{
	int n = READ_ONCE(i->writers);

	do {
		if (step > 0 ? n < 0 : n > 0)
			return false;
	} while (!__atomic_compare_exchange_n(&i->writers, &n, n + step, true, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED));
	return true;
}

int file_write_begin(struct inode *i) { return writers_step(i, 1) ? 0 : -ETXTBSY; }

void file_write_end(struct inode *i) { __atomic_fetch_sub(&i->writers, 1, __ATOMIC_RELEASE); }

int file_deny_write(struct file *f)
{
	if (!writers_step(f->inode, -1))
		return -ETXTBSY;
	f->mode |= FMODE_DENIES_WRITE;
	return 0;
}

void file_allow_write(struct file *f)
{
	if (!(f->mode & FMODE_DENIES_WRITE))
		return;
	f->mode &= ~FMODE_DENIES_WRITE;
	__atomic_fetch_add(&f->inode->writers, 1, __ATOMIC_RELEASE);
}

/* What open does with an inode of each type. NULL: -ENXIO. */
static const struct file_ops *ops_for(const struct inode *i)
{
	switch (i->mode & S_IFMT) {
	case S_IFCHR:
		return i->fops ? i->fops : chrdev_find(i->rdev);
	case S_IFIFO:
		return file_fifo_ops;
	case S_IFBLK:
	case S_IFSOCK:
		return NULL;
	default:
		return i->fops;
	}
}

static unsigned open_mode(int flags)
{
	static const unsigned modes[] = { FMODE_READ, FMODE_WRITE, FMODE_READ | FMODE_WRITE, 0 };

	return flags & O_PATH ? FMODE_PATH : modes[flags & O_ACCMODE];
}

static int open_count_writer(struct file *f)
{
	if (!(f->mode & FMODE_WRITE) || !S_ISREG(f->inode->mode))
		return 0;
	if (file_write_begin(f->inode))
		return -ETXTBSY;
	f->mode |= FMODE_WRITE_COUNTED;
	return 0;
}

struct file *file_open_path(const struct path *p, int flags)
{
	static const struct file_ops path_ops; /* a place (O_PATH) can nothing, but it is looked at as any other file */
	const struct file_ops *ops = flags & O_PATH ? &path_ops : ops_for(p->dentry->inode);
	struct file *f;
	int err;

	if (!ops)
		return ERR_PTR(-ENXIO);
	path_get(p);
	f = file_new(p, ops, open_mode(flags), (unsigned)flags & ~(unsigned)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC));
	if (IS_ERR(f)) {
		path_put(p);
		return f;
	}
	if (S_ISCHR(f->inode->mode) || S_ISFIFO(f->inode->mode))
		f->flags |= (unsigned)flags & O_NOCTTY;
	err = open_count_writer(f);
	if (!err && ops->open)
		err = ops->open(f->inode, f);
	if (!err) {
		f->flags &= ~(unsigned)O_NOCTTY;
		return f;
	}
	/* fd_get may hold a reference for a moment, if the object was somebody's file before: the last one frees it */
	f->mode |= FMODE_UNOPENED;
	file_put(f);
	return ERR_PTR(err);
}

void file_accessed(struct file *f)
{
	struct inode *i = f->inode;

	if (f->flags & O_NOATIME || READ_ONCE(f->path.mnt->flags) & (MS_NOATIME | MS_RDONLY))
		return;
	/* relatime: once after each change is enough for those who compare the two */
	if (timespec64_after(&i->atime, &i->mtime) && timespec64_after(&i->atime, &i->ctime))
		return;
	rwlock_write_lock(&i->lock);
	inode_touch(i, ATTR_ATIME);
	rwlock_write_unlock(&i->lock);
}

static ssize_t do_read(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t n;

	if (!(f->mode & FMODE_READ))
		return -EBADF;
	if (!f->ops->read)
		return S_ISDIR(f->inode->mode) ? -EISDIR : -EINVAL;
	if (pos && *pos < 0)
		return -EINVAL;
	if (f->mode & FMODE_STREAM)
		return pos ? -ESPIPE : f->ops->read(f, u, NULL);
	if (pos || f->mode & FMODE_NO_POS)
		return f->ops->read(f, u, pos ? pos : &f->pos);
	mutex_lock(&f->pos_lock);
	n = f->ops->read(f, u, &f->pos);
	mutex_unlock(&f->pos_lock);
	return n;
}

ssize_t file_read(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t n = do_read(f, u, pos);

	if (n > 0)
		notify_path(&f->path, IN_ACCESS);
	return n;
}

static ssize_t do_write(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t n;

	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (!f->ops->write || (pos && *pos < 0))
		return -EINVAL;
	if (f->mode & FMODE_STREAM)
		return pos ? -ESPIPE : f->ops->write(f, u, NULL);
	if (pos || f->mode & FMODE_NO_POS)
		return f->ops->write(f, u, pos ? pos : &f->pos);
	mutex_lock(&f->pos_lock);
	n = f->ops->write(f, u, &f->pos);
	mutex_unlock(&f->pos_lock);
	return n;
}

ssize_t file_write(struct file *f, struct uio *u, loff_t *pos)
{
	ssize_t n = do_write(f, u, pos);

	if (n > 0)
		notify_path(&f->path, IN_MODIFY);
	return n;
}

#define MAX_NON_LARGE 0x7fffffffull /* what a file opened without O_LARGEFILE may grow to */

int file_write_limit(struct file *f, loff_t pos, size_t *len)
{
	uint64_t limit;

	if (!S_ISREG(f->inode->mode) || !thread_current()->user)
		return 0;
	limit = process_current()->limits.cur[RLIMIT_FSIZE];
	limit = MIN(limit, f->flags & O_LARGEFILE ? (uint64_t)INT64_MAX : MAX_NON_LARGE);
	if ((uint64_t)pos + *len <= limit)
		return 0;
	if ((uint64_t)pos >= limit && *len) {
		if (limit == process_current()->limits.cur[RLIMIT_FSIZE])
			signal_kernel(process_current(), SIGXFSZ);
		return -EFBIG;
	}
	*len = (size_t)(limit - (uint64_t)pos);
	return 0;
}

/* Modes that contradict themselves, those of no kernel, and those that this one lacks, in Linux's order. */
static long check_allocate_mode(unsigned long mode)
{
	enum { KEEP = 1, PUNCH = 2, COLLAPSE = 8, ZERO = 16, INSERT = 32, UNSHARE = 64 };

	if (mode & ~(unsigned long)(KEEP | PUNCH | COLLAPSE | ZERO | INSERT | UNSHARE) || (mode & (PUNCH | ZERO)) == (PUNCH | ZERO) ||
	    (mode & (PUNCH | KEEP)) == PUNCH)
		return -EOPNOTSUPP;
	if ((mode & COLLAPSE && mode != COLLAPSE) || (mode & INSERT && mode != INSERT) || (mode & UNSHARE && mode & ~(unsigned long)(UNSHARE | KEEP)))
		return -EINVAL;
	return 0;
}

long file_allocate(struct file *f, unsigned long mode, loff_t off, loff_t len)
{
	loff_t end;
	long err;

	if (off < 0 || len <= 0)
		return -EINVAL;
	err = check_allocate_mode(mode);
	if (err)
		return err;
	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (S_ISFIFO(f->inode->mode))
		return -ESPIPE;
	if (S_ISDIR(f->inode->mode))
		return -EISDIR;
	if (!S_ISREG(f->inode->mode))
		return -ENODEV;
	if (__builtin_add_overflow(off, len, &end))
		return -EFBIG;
	if (mode & ~(unsigned long)(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE))
		return -EOPNOTSUPP;
	return f->ops->fallocate ? f->ops->fallocate(f, (int)mode, off, len) : -EOPNOTSUPP;
}

ssize_t file_read_kernel(struct file *f, void *buf, size_t len, loff_t pos)
{
	size_t done = 0;

	if (!f->ops->read)
		return -EINVAL;
	while (done < len) {
		struct uio u;
		ssize_t n;

		uio_kernel(&u, (char *)buf + done, len - done);
		n = f->ops->read(f, &u, f->mode & FMODE_STREAM ? NULL : &pos);
		if (n < 0)
			return n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

/* Files without holes of their own: all of it is data. */
static loff_t seek_generic(struct file *f, loff_t off, int whence)
{
	loff_t size = inode_size(f->inode);

	switch (whence) {
	case 0:
		break;
	case 1:
		if (__builtin_add_overflow(off, f->pos, &off))
			return -EOVERFLOW;
		break;
	case 2:
		if (__builtin_add_overflow(off, size, &off))
			return -EOVERFLOW;
		break;
	case 3: /* SEEK_DATA */
	case 4: /* SEEK_HOLE */
		if (off < 0 || off >= size)
			return -ENXIO;
		off = whence == 3 ? off : size;
		break;
	default:
		return -EINVAL;
	}
	if (off < 0)
		return -EINVAL;
	f->pos = off;
	return off;
}

loff_t file_seek(struct file *f, loff_t off, int whence)
{
	loff_t r;

	if (f->mode & FMODE_STREAM)
		return -ESPIPE;
	mutex_lock(&f->pos_lock);
	r = f->ops->seek ? f->ops->seek(f, off, whence) : seek_generic(f, off, whence);
	mutex_unlock(&f->pos_lock);
	return r;
}
