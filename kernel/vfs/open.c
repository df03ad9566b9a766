/* SPDX-License-Identifier: MIT */
/* Opening by name (declared in vfs/file.h): the flags' rules, creation, permissions, truncation. */
#include "lib/string.h"
#include "task/process.h"
#include "task/sigqueue.h"
#include "vfs/file.h"
#include "vfs/notify.h"

#define TMPFILE_BIT 020000000

struct opening {
	int flags;
	mode_t mode;    /* of a new file; umask applied */
	unsigned rules; /* of vfs/walkrules, asked for */
	unsigned walk;  /* WALK_ */
	bool created;
};

int file_check_flags(int flags)
{
	if (flags & O_PATH)
		return 0;
	if (flags & TMPFILE_BIT)
		return (flags & O_TMPFILE) != O_TMPFILE || flags & O_CREAT || (flags & O_ACCMODE) == O_RDONLY ? -EINVAL : 0;
	return (flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY) ? -EINVAL : 0;
}

static int check_flags(struct opening *o)
{
	int err = file_check_flags(o->flags);

	if (err)
		return err;
	if (o->flags & O_PATH)
		o->flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	if (!(o->flags & (O_CREAT | TMPFILE_BIT)))
		o->mode = 0;
	o->walk = (o->flags & O_NOFOLLOW ? 0 : WALK_FOLLOW) | (o->flags & O_DIRECTORY ? WALK_DIRECTORY : 0);
	if ((o->flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		o->walk &= ~WALK_FOLLOW;
	o->walk |= o->rules;
	return 0;
}

static int wanted_access(const struct opening *o)
{
	static const int masks[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE };
	int mask = masks[o->flags & O_ACCMODE];

	return o->flags & O_TRUNC ? mask | MAY_WRITE : mask;
}

static int check_type(const struct opening *o, const struct path *p, int mask)
{
	const struct inode *i = p->dentry->inode;

	switch (i->mode & S_IFMT) {
	case S_IFLNK:
		return -ELOOP;
	case S_IFDIR:
		return mask & MAY_WRITE || o->flags & O_CREAT ? -EISDIR : 0;
	case S_IFCHR:
	case S_IFBLK:
		return p->mnt->flags & MS_NODEV ? -EACCES : 0;
	case S_IFREG:
		return mask & MAY_WRITE ? path_may_write(p) : 0;
	default:
		return 0;
	}
}

static int may_open(const struct opening *o, const struct path *p, const struct cred *c)
{
	struct inode *i = p->dentry->inode;
	int mask = wanted_access(o), err;

	if (o->flags & O_PATH)
		return 0;
	if (S_ISREG(i->mode) && !(o->flags & (O_LARGEFILE | O_TRUNC)) && inode_size(i) > 0x7fffffff)
		return -EOVERFLOW;
	err = check_type(o, p, mask);
	if (err)
		return err;
	if (!o->created)
		err = inode_permission(i, mask, c);
	if (!err && o->flags & O_NOATIME && !inode_owner_or_capable(i, c))
		err = -EPERM;
	if (!err && o->flags & O_DIRECT && !S_ISFIFO(i->mode)) /* there is no way past the page cache; for a pipe it means something else */
		err = -EINVAL;
	return err;
}

/* Whoever may write may change the time that goes with it: the check of inode_setattr is passed with root's eyes. */
static int truncate_counted(struct inode *i, loff_t size)
{
	struct iattr a = { .valid = ATTR_SIZE | ATTR_MTIME, .size = size, .mtime = inode_now() };
	struct cred *root;
	int err;

	if (thread_current()->user && (uint64_t)size > process_current()->limits.cur[RLIMIT_FSIZE]) {
		signal_kernel(process_current(), SIGXFSZ);
		return -EFBIG;
	}
	a.mode = i->mode & 07777 & ~(S_ISUID | (i->mode & 010 ? S_ISGID : 0));
	if (thread_current()->user && !capable(CAP_FSETID) && a.mode != (i->mode & 07777))
		a.valid |= ATTR_MODE;
	root = cred_root();
	err = inode_setattr(i, &a, root);
	cred_put(root);
	return err;
}

int file_truncate(struct inode *i, loff_t size)
{
	int err = size < 0 ? -EINVAL : file_write_begin(i);

	if (err)
		return err;
	err = truncate_counted(i, size);
	file_write_end(i);
	return err;
}

static struct file *open_found(const struct opening *o, const struct path *p, const struct cred *c)
{
	struct file *f;
	int err = may_open(o, p, c);

	if (err)
		return ERR_PTR(err);
	f = file_open_path(p, o->flags);
	if (IS_ERR(f) || !(o->flags & O_TRUNC) || o->created || !S_ISREG(f->inode->mode))
		return f;
	err = file_truncate(f->inode, 0);
	if (err) {
		file_put(f);
		return ERR_PTR(err);
	}
	notify_path(&f->path, IN_MODIFY);
	return f;
}

/* The last name does not exist: makes the file. The directory's lock is held. */
static int create_last(struct opening *o, struct walk *w, struct path *dir, struct dentry *d)
{
	struct inode *parent = dir->dentry->inode, *i;
	int err;

	err = path_may_write(dir);
	if (!err)
		err = parent->nlink ? inode_permission(parent, MAY_WRITE | MAY_EXEC, w->cred) : -ENOENT;
	if (!err)
		err = parent->ops->create ? parent->ops->create(parent, w->last, w->last_len, o->mode | S_IFREG, &i) : -EACCES;
	if (err)
		return err;
	dentry_instantiate(d, i);
	notify_inode(parent, IN_CREATE, w->last, w->last_len);
	o->created = true;
	return 0;
}

/* The entry of the last name, made if need be. ERR_PTR. */
static struct dentry *lookup_or_create(struct opening *o, struct walk *w, struct path *dir)
{
	struct inode *parent = dir->dentry->inode;
	struct dentry *d = dentry_lookup(dir->dentry, w->last, w->last_len, false);
	int err = 0;

	if (IS_ERR(d) || load_acquire(&d->inode))
		return d;
	dentry_put(d);
	rwlock_write_lock(&parent->lock);
	d = dentry_lookup(dir->dentry, w->last, w->last_len, true);
	if (!IS_ERR(d) && !d->inode)
		err = create_last(o, w, dir, d);
	rwlock_write_unlock(&parent->lock);
	if (!err)
		return d;
	dentry_put(d);
	return ERR_PTR(err);
}

/*
 * One round of O_CREAT: from the parent in *p to the result in *p, or 1 when the last name was a link and *p is the parent of its target. On
 * failure *p was given back.
 */
static int create_step(struct opening *o, struct walk *w, struct path *p)
{
	struct dentry *d;
	int err = 0;

	if (w->last_type == LAST_DOT || w->last_type == LAST_DOTDOT || w->last_type == LAST_ROOT) {
		if (w->last_type == LAST_DOTDOT)
			err = path_walk_up(w, p);
		path_put(p);
		return err ? err : o->flags & O_EXCL ? -EEXIST : -EISDIR;
	}
	if (w->last_slash) {
		path_put(p);
		return -EISDIR;
	}
	d = lookup_or_create(o, w, p);
	if (IS_ERR(d)) {
		path_put(p);
		return (int)PTR_ERR(d);
	}
	if (unlikely(w->flags & WALK_NO_XDEV) && READ_ONCE(d->mounted))
		err = -EXDEV;
	else if (!o->created && o->flags & O_EXCL)
		err = -EEXIST;
	else if (S_ISLNK(d->inode->mode) && o->walk & WALK_FOLLOW) {
		struct path dir = *p;

		err = path_walk_link(w, &dir, d->inode, p);
		dentry_put(d);
		return err ? err : 1;
	} else {
		dentry_put(p->dentry);
		p->dentry = d;
		mount_cross_down(p);
		return 0;
	}
	dentry_put(d);
	path_put(p);
	return err;
}

static int walk_create(struct opening *o, struct walk *w, const char *name, struct path *p)
{
	int err;

	w->flags = (o->walk & ~WALK_DIRECTORY) | WALK_PARENT;
	err = path_walk(w, name, p);
	if (err)
		return err;
	do {
		unsigned links = w->links;

		err = create_step(o, w, p);
		/* a magic link led to the place itself */
		if (err == 1 && w->last_type == LAST_ROOT && w->links > links && !S_ISDIR(p->dentry->inode->mode))
			return 0;
	} while (err == 1);
	return err;
}

/* O_TMPFILE: a file without a name in the directory *p. */
static struct file *open_tmpfile(struct opening *o, struct path *p, const struct cred *c)
{
	struct inode *dir = p->dentry->inode, *i;
	struct path np = { .mnt = p->mnt };
	struct file *f;
	int err = o->flags & O_DIRECT ? -EINVAL : path_may_write(p);

	if (!err)
		err = inode_permission(dir, MAY_WRITE | MAY_EXEC, c);
	if (!err)
		err = dir->ops->tmpfile ? dir->ops->tmpfile(dir, o->mode | S_IFREG, &i) : -EOPNOTSUPP;
	if (err)
		return ERR_PTR(err);
	i->linkable = !(o->flags & O_EXCL);
	np.dentry = dentry_make_anon(i, "#tmpfile");
	if (!np.dentry) {
		inode_put(i);
		return ERR_PTR(-ENOMEM);
	}
	f = file_open_path(&np, o->flags & ~(O_TMPFILE | O_CREAT));
	dentry_put(np.dentry);
	return f;
}

static struct file *opened(struct file *f)
{
	if (!IS_ERR(f) && !(f->mode & FMODE_PATH))
		notify_path(&f->path, IN_OPEN);
	return f;
}

struct file *file_open_ruled(int dirfd, const char *name, int flags, mode_t mode, unsigned rules)
{
	struct opening o = { .flags = flags, .mode = mode & 07777, .rules = rules };
	struct fsctx *fs = fsctx_current();
	struct file *f;
	struct walk w;
	struct path p;
	int err = check_flags(&o);

	if (!err)
		err = walk_begin(&w, dirfd, name, o.walk);
	if (err)
		return ERR_PTR(err);
	if (fs)
		o.mode &= ~READ_ONCE(fs->umask);
	err = o.flags & O_CREAT ? walk_create(&o, &w, name, &p) : path_walk(&w, name, &p);
	f = ERR_PTR(err);
	if (!err) {
		f = (o.flags & O_TMPFILE) == O_TMPFILE ? open_tmpfile(&o, &p, w.cred) : open_found(&o, &p, w.cred);
		path_put(&p);
	}
	walk_end(&w);
	return opened(f);
}

struct file *file_open(int dirfd, const char *name, int flags, mode_t mode) { return file_open_ruled(dirfd, name, flags, mode, 0); }

static struct file *deny_write_or_put(struct file *f)
{
	int err = IS_ERR(f) ? 0 : file_deny_write(f);

	if (!err)
		return f;
	file_put(f);
	return ERR_PTR(err);
}

struct file *file_open_exec(const char *name) { return file_open_exec_at(AT_FDCWD, name, WALK_FOLLOW); }

struct file *file_open_exec_at(int dirfd, const char *name, unsigned walk)
{
	struct file *f = ERR_PTR(-EACCES);
	struct walk w;
	struct path p;
	int err = walk_begin(&w, dirfd, name, walk);

	if (err)
		return ERR_PTR(err);
	err = path_walk(&w, name, &p);
	if (!err) {
		struct inode *i = p.dentry->inode;

		if (S_ISLNK(i->mode))
			err = -ELOOP;
		else if (!S_ISREG(i->mode) || p.mnt->flags & MS_NOEXEC)
			err = -EACCES;
		else
			err = inode_permission(i, MAY_EXEC, w.cred);
		f = err ? ERR_PTR(err) : deny_write_or_put(file_open_path(&p, O_RDONLY));
		path_put(&p);
	} else {
		f = ERR_PTR(err);
	}
	walk_end(&w);
	return opened(f);
}
