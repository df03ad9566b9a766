/* SPDX-License-Identifier: MIT */
/*
 * Changes of names (declared in vfs/path.h): create, link, unlink, rename. Each walks to the parent, locks it, looks the last name up under the
 * lock, checks, asks the file system, and then tells the name cache.
 */
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/mutex.h"
#include "task/process.h"
#include "vfs/notify.h"
#include "vfs/path.h"

static struct mutex rename_lock = MUTEX_INIT(rename_lock, LOCK_RENAME);

/* The parent of a name, found; and after lock_target the last component, looked up with the parent locked. */
struct change {
	struct walk w;
	struct path dir;
	struct dentry *d;
};

static int change_begin(struct change *c, int dirfd, const char *name)
{
	int err = walk_begin(&c->w, dirfd, name, WALK_PARENT);

	c->d = NULL;
	if (err)
		return err;
	err = path_walk(&c->w, name, &c->dir);
	if (err)
		walk_end(&c->w);
	return err;
}

static void change_end(struct change *c)
{
	path_put(&c->dir);
	walk_end(&c->w);
}

/* Locks the directory and looks the name up; on failure nothing is locked. */
static int lock_target(struct change *c)
{
	struct inode *dir = c->dir.dentry->inode;
	struct dentry *d;

	rwlock_write_lock(&dir->lock);
	d = dentry_lookup(c->dir.dentry, c->w.last, c->w.last_len, true);
	if (!IS_ERR(d)) {
		c->d = d;
		return 0;
	}
	rwlock_write_unlock(&dir->lock);
	return (int)PTR_ERR(d);
}

static void unlock_target(struct change *c)
{
	rwlock_write_unlock(&c->dir.dentry->inode->lock);
	dentry_put(c->d);
}

/*
 * Finds the place of a name and locks it. special: the errors of names that are none (".", "..", "/"), by kind. On failure nothing is held;
 * otherwise release_name ends it.
 */
static int take_name(struct change *c, int dirfd, const char *name, const int *special)
{
	int err = change_begin(c, dirfd, name);

	if (err)
		return err;
	err = c->w.last_type == LAST_NORMAL ? lock_target(c) : special[c->w.last_type];
	if (err)
		change_end(c);
	return err;
}

static void release_name(struct change *c)
{
	unlock_target(c);
	change_end(c);
}

/* Writing to the directory: writable place, w and x on it. */
static int may_change(struct change *c)
{
	int err = path_may_write(&c->dir);

	return err ? err : inode_permission(c->dir.dentry->inode, MAY_WRITE | MAY_EXEC, c->w.cred);
}

static int may_create(struct change *c)
{
	const struct dentry *dir = c->dir.dentry;

	if (c->d->inode)
		return -EEXIST;
	if (dir->inode->nlink == 0)
		return -ENOENT;
	return may_change(c);
}

/* In a sticky directory only the owners of file and directory take a name away. */
static int may_remove(struct change *c, bool want_dir)
{
	struct inode *dir = c->dir.dentry->inode, *i = c->d->inode;
	int err;

	if (!i)
		return -ENOENT;
	err = may_change(c);
	if (err)
		return err;
	if (dir->mode & S_ISVTX && c->w.cred->fsuid != i->uid && c->w.cred->fsuid != dir->uid && !cred_capable(c->w.cred, CAP_FOWNER))
		return -EPERM;
	if (want_dir != S_ISDIR(i->mode))
		return want_dir ? -ENOTDIR : -EISDIR;
	return c->d->mounted ? -EBUSY : 0;
}

/* Group of a new file in a set-gid directory is the directory's; file systems apply it through their create. */
static mode_t apply_umask(mode_t mode)
{
	struct fsctx *fs = fsctx_current();

	return fs ? mode & ~READ_ONCE(fs->umask) : mode;
}

typedef int (*create_fn)(struct inode *dir, struct change *c, const void *arg, struct inode **out);

/* The frame of mknod, mkdir and symlink: only the call to the file system differs. */
static int create_name(int dirfd, const char *name, bool dir_wanted, create_fn make, const void *arg)
{
	static const int there_already[] = { [LAST_DOT] = -EEXIST, [LAST_DOTDOT] = -EEXIST, [LAST_ROOT] = -EEXIST };
	struct change c;
	struct inode *i;
	int err = take_name(&c, dirfd, name, there_already);

	if (err)
		return err;
	err = c.w.last_slash && !dir_wanted && !c.d->inode ? -ENOENT : may_create(&c);
	if (!err)
		err = make(c.dir.dentry->inode, &c, arg, &i);
	if (!err) {
		dentry_instantiate(c.d, i);
		notify_inode(c.dir.dentry->inode, IN_CREATE | notify_isdir(i), c.w.last, c.w.last_len);
	}
	release_name(&c);
	return err;
}

struct node_arg {
	mode_t mode;
	dev_t dev;
};

static int make_node(struct inode *dir, struct change *c, const void *arg, struct inode **out)
{
	const struct node_arg *n = arg;
	const struct inode_ops *ops = dir->ops;

	if (S_ISCHR(n->mode) || S_ISBLK(n->mode))
		return ops->mknod ? ops->mknod(dir, c->w.last, c->w.last_len, n->mode, n->dev, out) : -EPERM;
	return ops->create ? ops->create(dir, c->w.last, c->w.last_len, n->mode, out) : -EPERM;
}

int path_mknod(int dirfd, const char *name, mode_t mode, dev_t dev)
{
	struct node_arg n = { .dev = dev };
	bool device = S_ISCHR(mode) || S_ISBLK(mode);

	if (!(mode & S_IFMT))
		mode |= S_IFREG;
	if (S_ISDIR(mode))
		return -EPERM;
	if (!S_ISREG(mode) && !S_ISFIFO(mode) && !S_ISSOCK(mode) && !device)
		return -EINVAL;
	if (device && fsctx_current() && !capable(CAP_MKNOD))
		return -EPERM;
	n.mode = apply_umask(mode & (S_IFMT | 07777));
	return create_name(dirfd, name, false, make_node, &n);
}

static int make_dir(struct inode *dir, struct change *c, const void *arg, struct inode **out)
{
	return dir->ops->mkdir ? dir->ops->mkdir(dir, c->w.last, c->w.last_len, *(const mode_t *)arg, out) : -EPERM;
}

int path_mkdir(int dirfd, const char *name, mode_t mode)
{
	mode = apply_umask(mode & 01777) | S_IFDIR;
	return create_name(dirfd, name, true, make_dir, &mode);
}

static int make_symlink(struct inode *dir, struct change *c, const void *arg, struct inode **out)
{
	return dir->ops->symlink ? dir->ops->symlink(dir, c->w.last, c->w.last_len, arg, out) : -EPERM;
}

int path_symlink(const char *target, int dirfd, const char *name)
{
	return create_name(dirfd, name, false, make_symlink, target);
}

static int make_link(struct inode *dir, struct change *c, const void *arg, struct inode **out)
{
	const struct path *old = arg;
	struct inode *i = old->dentry->inode;
	int err;

	if (c->dir.mnt != old->mnt)
		return -EXDEV;
	if (S_ISDIR(i->mode) || !dir->ops->link)
		return -EPERM;
	rwlock_write_lock_nested(&i->lock); /* after its parent: the count of names changes */
	err = i->nlink == 0 && !i->linkable ? -ENOENT : dir->ops->link(dir, c->w.last, c->w.last_len, i);
	if (!err)
		i->linkable = false;
	rwlock_write_unlock(&i->lock);
	if (!err) {
		notify_inode(i, IN_ATTRIB, NULL, 0);
		inode_get(i);
		*out = i;
	}
	return err;
}

int path_link(int olddirfd, const char *old, int newdirfd, const char *new, int flags)
{
	unsigned walk = (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) | (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0);
	struct path p;
	int err;

	if (flags & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return -EINVAL;
	if (flags & AT_EMPTY_PATH && fsctx_current() && !capable(CAP_DAC_READ_SEARCH))
		return -ENOENT; /* a descriptor that was handed over is not to become a name */
	err = path_lookup(olddirfd, old, walk, &p);
	if (err)
		return err;
	err = create_name(newdirfd, new, false, make_link, &p);
	path_put(&p);
	return err;
}

typedef int (*remove_fn)(struct inode *dir, const char *name, size_t len, struct inode *i);

/* The file system takes the name away, and the cache forgets it, and what it named if nobody else does. */
static int remove_name(struct change *c, remove_fn remove)
{
	struct inode *i = c->d->inode;
	int err;

	rwlock_write_lock_nested(&i->lock); /* a child after its parent */
	err = READ_ONCE(c->d->mounted) ? -EBUSY : remove ? remove(c->dir.dentry->inode, c->w.last, c->w.last_len, i) : -EPERM;
	if (!err)
		dentry_unhash(c->d); /* with the lock: nothing is mounted there from now on (mount.c) */
	rwlock_write_unlock(&i->lock);
	return err;
}

int path_unlink(int dirfd, const char *name)
{
	static const int directories[] = { [LAST_DOT] = -EISDIR, [LAST_DOTDOT] = -EISDIR, [LAST_ROOT] = -EISDIR };
	struct change c;
	int err = take_name(&c, dirfd, name, directories);

	if (err)
		return err;
	if (c.w.last_slash && c.d->inode)
		err = S_ISDIR(c.d->inode->mode) ? -EISDIR : -ENOTDIR;
	if (!err)
		err = may_remove(&c, false);
	if (!err)
		err = remove_name(&c, c.dir.dentry->inode->ops->unlink);
	if (!err)
		notify_inode(c.d->inode, IN_ATTRIB, NULL, 0);
	unlock_target(&c);
	if (!err)
		notify_inode(c.dir.dentry->inode, IN_DELETE, c.w.last, c.w.last_len);
	change_end(&c);
	return err;
}

int path_rmdir(int dirfd, const char *name)
{
	static const int dot_errors[] = { [LAST_DOT] = -EINVAL, [LAST_DOTDOT] = -ENOTEMPTY, [LAST_ROOT] = -EBUSY };
	struct change c;
	int err = take_name(&c, dirfd, name, dot_errors);

	if (err)
		return err;
	err = may_remove(&c, true);
	if (!err)
		err = remove_name(&c, c.dir.dentry->inode->ops->rmdir);
	if (!err)
		dentry_forget_absent(c.d);
	unlock_target(&c);
	if (!err)
		notify_inode(c.dir.dentry->inode, IN_DELETE | IN_ISDIR, c.w.last, c.w.last_len);
	change_end(&c);
	return err;
}

/* Both parents of a rename: the ancestor first, else by address; rename_lock is held when they differ. */
static void lock_parents(struct dentry *a, struct dentry *b)
{
	struct dentry *first = a, *second = b;

	if (a == b) {
		rwlock_write_lock(&a->inode->lock);
		return;
	}
	if (dentry_is_ancestor(b, a) || (!dentry_is_ancestor(a, b) && b->inode < a->inode)) {
		first = b;
		second = a;
	}
	rwlock_write_lock(&first->inode->lock);
	rwlock_write_lock_nested(&second->inode->lock);
}

static void unlock_parents(struct dentry *a, struct dentry *b)
{
	rwlock_write_unlock(&a->inode->lock);
	if (a != b)
		rwlock_write_unlock(&b->inode->lock);
}

/* A moved directory gets a new "..": that is a change of itself. */
static int may_move_dir(struct change *from, struct change *to)
{
	if (!S_ISDIR(from->d->inode->mode) || from->dir.dentry == to->dir.dentry)
		return 0;
	return inode_permission(from->d->inode, MAY_WRITE, from->w.cred);
}

static int check_slashes(const struct change *o, const struct change *n, unsigned flags)
{
	bool odir = S_ISDIR(o->d->inode->mode);

	if (odir)
		return 0;
	if (o->w.last_slash)
		return -ENOTDIR;
	return n->w.last_slash && !(flags & RENAME_EXCHANGE) ? -ENOTDIR : 0;
}

static int check_rename(struct change *o, struct change *n, unsigned flags)
{
	struct inode *moved = o->d->inode, *victim = n->d->inode;
	int err;

	if (!moved)
		return -ENOENT;
	if (flags & RENAME_NOREPLACE && victim)
		return -EEXIST;
	if (flags & RENAME_EXCHANGE && !victim)
		return -ENOENT;
	err = check_slashes(o, n, flags);
	if (err)
		return err;
	if (dentry_is_ancestor(o->d, n->dir.dentry))
		return -EINVAL;
	if (dentry_is_ancestor(n->d, o->dir.dentry))
		return flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	err = may_remove(o, S_ISDIR(moved->mode));
	if (!err && victim)
		err = may_remove(n, flags & RENAME_EXCHANGE ? S_ISDIR(victim->mode) : S_ISDIR(moved->mode));
	else if (!err)
		err = may_create(n);
	if (!err)
		err = may_move_dir(o, n);
	if (!err && flags & RENAME_EXCHANGE)
		err = may_move_dir(n, o);
	return err;
}

static void tell_move(const struct change *from, const struct change *to, struct inode *moved, struct inode *victim)
{
	uint32_t cookie = notify_cookie(), dir = notify_isdir(moved);

	notify_slow_inode(from->dir.dentry->inode, IN_MOVED_FROM | dir, cookie, from->w.last, from->w.last_len);
	notify_slow_inode(to->dir.dentry->inode, IN_MOVED_TO | dir, cookie, to->w.last, to->w.last_len);
	if (victim)
		notify_slow_inode(victim, IN_ATTRIB | notify_isdir(victim), 0, NULL, 0);
	notify_slow_inode(moved, IN_MOVE_SELF, 0, NULL, 0);
}

/* Both names looked up, both parents locked. */
static int rename_locked(struct change *o, struct change *n, unsigned flags)
{
	struct inode *odir = o->dir.dentry->inode, *ndir = n->dir.dentry->inode, *victim = flags & RENAME_EXCHANGE ? NULL : n->d->inode;
	struct inode *moved = o->d->inode, *other = flags & RENAME_EXCHANGE ? n->d->inode : NULL;
	int err = check_rename(o, n, flags);

	if (err)
		return err;
	if (o->d->inode == n->d->inode) /* two names of one file: POSIX says nothing happens */
		return 0;
	if (!odir->ops->rename)
		return -EPERM;
	if (victim) /* it loses a name; nothing may come into it meanwhile */
		rwlock_write_lock_nested(&victim->lock);
	err = victim && READ_ONCE(n->d->mounted) ? -EBUSY
		: odir->ops->rename(odir, o->w.last, o->w.last_len, ndir, n->w.last, n->w.last_len, o->d->inode, n->d->inode, flags);
	if (!err)
		dentry_move(o->d, n->d, flags & RENAME_EXCHANGE);
	if (victim)
		rwlock_write_unlock(&victim->lock);
	if (!err && victim)
		dentry_forget_absent(n->d);
	if (!err && READ_ONCE(notify_watches)) {
		tell_move(o, n, moved, victim);
		if (other)
			tell_move(n, o, other, NULL);
	}
	return err;
}

static int rename_found(struct change *o, struct change *n, unsigned flags)
{
	int err;

	if (o->dir.mnt != n->dir.mnt)
		return -EXDEV;
	if (o->w.last_type != LAST_NORMAL)
		return -EBUSY;
	if (n->w.last_type != LAST_NORMAL)
		return flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	mutex_lock(&rename_lock);
	lock_parents(o->dir.dentry, n->dir.dentry);
	o->d = dentry_lookup(o->dir.dentry, o->w.last, o->w.last_len, true);
	n->d = dentry_lookup(n->dir.dentry, n->w.last, n->w.last_len, true);
	err = IS_ERR(o->d) ? (int)PTR_ERR(o->d) : IS_ERR(n->d) ? (int)PTR_ERR(n->d) : rename_locked(o, n, flags);
	unlock_parents(o->dir.dentry, n->dir.dentry);
	mutex_unlock(&rename_lock);
	if (!IS_ERR(o->d))
		dentry_put(o->d);
	if (!IS_ERR(n->d))
		dentry_put(n->d);
	return err;
}

int path_rename(int olddirfd, const char *old, int newdirfd, const char *new, unsigned flags)
{
	struct change o, n;
	int err;

	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT) || (flags & RENAME_EXCHANGE && flags & ~RENAME_EXCHANGE))
		return -EINVAL;
	err = change_begin(&o, olddirfd, old);
	if (err)
		return err;
	err = change_begin(&n, newdirfd, new);
	if (!err) {
		err = rename_found(&o, &n, flags);
		change_end(&n);
	}
	change_end(&o);
	return err;
}
