/* SPDX-License-Identifier: MIT */
/*
 * The mount tree. Changes are made under mount_mutex and, where a walk looks, under dentry_lock as well; places change under ancestry_lock, too. The
 * table holds one reference on each mount; a child holds one on its parent and on the place where it sits.
 */
#include "vfs/mount.h"

#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/grace.h"
#include "sched/mutex.h"

#define UMOUNT_NOFOLLOW 8
#define MOUNT_FLAGS (MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_RELATIME)

struct path mount_root_path;
static SLAB_CACHE(mount_cache, mount);
static struct mutex mount_mutex;
static struct list mounts = LIST_INIT(mounts); /* mount_mutex + dentry_lock */
static int next_id = 20;                       /* mount_mutex */

void mount_init(void) { mutex_init(&mount_mutex, LOCK_MOUNTS); }

/* A mount of the tree below root; takes over the reference to root and one to sb. NULL: nothing taken. */
static struct mount *mount_alloc(struct super *sb, struct dentry *root, const char *source, unsigned long flags)
{
	struct mount *m = slab_alloc(&mount_cache, ALLOC_ZERO);

	if (!m)
		return NULL;
	m->source = kstrdup(source ? source : "none");
	if (!m->source) {
		slab_free(&mount_cache, m);
		return NULL;
	}
	m->on_cpu[0].refs = 1;
	m->counted = true; /* until it has a place */
	m->sb = sb;
	m->root = root;
	m->flags = flags & MOUNT_FLAGS;
	list_init(&m->link);
	m->id = next_id++;
	spin_lock(&dentry_lock);
	sb->mounts++;
	spin_unlock(&dentry_lock);
	return m;
}

void (*super_unmounted_hook)(struct super *sb);

/* The last mount of a file system is gone. */
static void super_retire(struct super *sb)
{
	struct dentry *root = sb->root_dentry;

	if (super_unmounted_hook)
		super_unmounted_hook(sb);
	dentry_shrink_super(sb);
	if (!sb->ops->super_kill)
		return;
	sb->root_dentry = NULL;
	sb->ops->super_kill(sb);
	if (root)
		dentry_put(root);
}

/* Frees a mount that nobody refers to; returns the parent, whose reference the caller now holds. */
static struct mount *mount_free(struct mount *m)
{
	struct mount *parent = m->parent;
	struct dentry *point = m->point;
	bool last;

	dentry_put(m->root);
	spin_lock(&dentry_lock); /* the mutex may not be taken: files are put in any place */
	last = --m->sb->mounts == 0;
	spin_unlock(&dentry_lock);
	if (last)
		super_retire(m->sb);
	super_put(m->sb);
	kfree(m->source);
	grace_wait(); /* for walks that were about to take a reference */
	slab_free(&mount_cache, m);
	if (point)
		dentry_put(point);
	return parent;
}

/* All references. Exact with dentry_lock held, if `counted` was set before the last grace_wait. */
static long refs_of(const struct mount *m)
{
	long sum = 0;

	for (unsigned i = 0; i < cpu_count; i++)
		sum += READ_ONCE(m->on_cpu[i].refs);
	return sum;
}

/* The last reference to what is not in the table: the sum is exact then. A reader may come after that, and is waited for. */
static bool put_counted(struct mount *m, bool looker)
{
	bool last;

	spin_lock(&dentry_lock);
	m->on_cpu[this_cpu()->id].refs--;
	m->lookers -= looker;
	if (m->unused && !looker && --m->unused == 0 && !m->counting) /* it is in use, after all */
		m->counted = false;
	last = !m->freed && list_empty(&m->link) && refs_of(m) == 0;
	m->freed |= last;
	spin_unlock(&dentry_lock);
	return last;
}

bool mount_put_atomic(struct mount *m)
{
	if (unlikely(READ_ONCE(m->counted)))
		return put_counted(m, false);
	m->on_cpu[this_cpu()->id].refs--;
	return false;
}

void mount_free_tree(struct mount *m)
{
	bool last = true;

	while (last && (m = mount_free(m)) != NULL) {
		preempt_disable();
		last = mount_put_atomic(m);
		preempt_enable();
	}
}

void mount_put(struct mount *m)
{
	bool last;

	preempt_disable();
	last = mount_put_atomic(m);
	preempt_enable();
	if (unlikely(last))
		mount_free_tree(m);
}

/* The root entry of a file system, with a reference; made once, so that all its mounts share the names. */
static struct dentry *super_root(struct super *sb)
{
	if (!sb->root_dentry) {
		inode_get(sb->root);
		sb->root_dentry = dentry_make_root(sb->root);
		if (!sb->root_dentry) {
			inode_put(sb->root);
			return NULL;
		}
	}
	dentry_get(sb->root_dentry);
	return sb->root_dentry;
}

/* A super block that was made for a mount which failed. */
static void super_discard(struct super *sb)
{
	if (!sb->mounts)
		super_retire(sb);
	super_put(sb);
}

static struct mount *mount_make(const char *source, const char *fstype, unsigned long flags, const char *data, int *err)
{
	struct fs_type *t = fs_find(fstype);
	struct dentry *root;
	struct mount *m = NULL;
	struct super *sb;

	*err = t ? t->mount(source, flags, data, &sb) : -ENODEV;
	if (*err)
		return NULL;
	root = super_root(sb);
	if (root) {
		m = mount_alloc(sb, root, source, flags);
		if (!m)
			dentry_put(root);
	}
	if (!m) {
		super_discard(sb);
		*err = -ENOMEM;
	}
	return m;
}

int mount_root(const char *fstype, struct path *out)
{
	struct mount *m;
	int err;

	mutex_lock(&mount_mutex);
	m = mount_make("rootfs", fstype, 0, "size=90%", &err);
	if (m) {
		spin_lock(&dentry_lock);
		list_push_back(&mounts, &m->link);
		m->counted = false;
		spin_unlock(&dentry_lock);
		mount_get(m);
		dentry_get(m->root);
		*out = (struct path){ m, m->root };
	}
	mutex_unlock(&mount_mutex);
	return err;
}

/* Hangs m at a place. mount_mutex held. */
static void attach(struct mount *m, const struct path *where)
{
	path_get(where);
	rwlock_write_lock(&ancestry_lock);
	spin_lock(&dentry_lock);
	dentry_change_begin();
	m->parent = where->mnt;
	m->point = where->dentry;
	m->point->mounted++;
	list_push_back(&mounts, &m->link);
	m->counted = m->counting = false;
	m->unused = 0;
	dentry_change_end();
	spin_unlock(&dentry_lock);
	rwlock_write_unlock(&ancestry_lock);
}

/* From now on references are given back under the lock, and those that were not have been. */
static void count(struct mount *m)
{
	spin_lock(&dentry_lock);
	m->counted = m->counting = true;
	spin_unlock(&dentry_lock);
	grace_wait();
}

/* It stays: references are given back in whatever order again, unless MNT_EXPIRE wants to know of them. dentry_lock held. */
static void count_no_more(struct mount *m)
{
	m->counting = false;
	m->counted = m->unused;
}

/* Takes m off its place, unless more than `most` refer to it, but for those who list the mounts; the references on place and parent go with m. mount_mutex held. */
static bool detach_unless(struct mount *m, long most)
{
	bool free;

	count(m);
	spin_lock(&dentry_lock);
	dentry_change_begin();
	smp_mb(); /* a walk that crosses into it takes its reference, and looks then whether places change */
	free = refs_of(m) - (long)m->lookers <= most;
	if (free) {
		list_del(&m->link);
		if (m->point)
			m->point->mounted--;
	} else {
		count_no_more(m);
	}
	dentry_change_end();
	spin_unlock(&dentry_lock);
	return free;
}

static void detach(struct mount *m) { detach_unless(m, __LONG_MAX__); }

static bool same_kind(const struct dentry *root, const struct dentry *point)
{
	return S_ISDIR(root->inode->mode) == S_ISDIR(point->inode->mode);
}

/* Can something be mounted there: the name exists, is in the cache, and others did not stack up 255 mounts. */
static int check_place(const struct mount *m, const struct path *where)
{
	if (!same_kind(m->root, where->dentry))
		return -ENOTDIR;
	if (where->dentry->parent && !where->dentry->hashed)
		return -ENOENT;
	if (list_empty(&where->mnt->link)) /* taken off itself */
		return -EINVAL;
	return where->dentry->mounted == UINT8_MAX ? -ENOSPC : 0;
}

/* With the place locked: who takes its name away looks under that lock whether something is mounted there. */
static int place(struct mount *m, const struct path *where)
{
	struct inode *i = where->dentry->inode;
	int err;

	rwlock_read_lock(&i->lock);
	err = check_place(m, where);
	if (!err)
		attach(m, where);
	rwlock_read_unlock(&i->lock);
	return err;
}

int mount_new(const char *source, const struct path *where, const char *fstype, unsigned long flags, const char *data)
{
	struct mount *m;
	int err;

	mutex_lock(&mount_mutex);
	m = mount_make(source, fstype, flags, data, &err);
	if (m && m->sb == where->mnt->sb && m->root == where->dentry) /* the same again upon itself; only a bind may */
		err = -EBUSY;
	else if (m)
		err = place(m, where);
	mutex_unlock(&mount_mutex);
	if (m && err)
		mount_put(m);
	return err;
}

static struct mount *mount_copy(struct mount *from, struct dentry *root)
{
	struct mount *m;

	dentry_get(root);
	m = mount_alloc(from->sb, root, from->source, from->flags);
	if (m)
		refcount_get(&from->sb->refs);
	else
		dentry_put(root);
	return m;
}

/* A mount whose parent has a copy and which has none itself; top: only those below the entry "below". NULL: all are copied. */
static struct mount *next_to_copy(struct mount *top, struct dentry *below)
{
	struct mount *c;

	list_for_each_entry(c, &mounts, link)
		if (c->parent && c->parent->copy && !c->copy && c != top->copy && (c->parent != top || dentry_is_ancestor(below, c->point)))
			return c;
	return NULL;
}

/* The mounts below from (inside its subtree "below") are repeated below to. What was made stays when memory runs out. */
static int copy_children(struct mount *from, struct dentry *below, struct mount *to)
{
	struct mount *c, *n;
	int err = 0;

	from->copy = to;
	while (!err && (c = next_to_copy(from, below)) != NULL) {
		struct path at = { c->parent->copy, c->point };

		n = c->point->mounted < UINT8_MAX ? mount_copy(c, c->root) : NULL;
		if (n) {
			attach(n, &at);
			c->copy = n;
		} else {
			err = c->point->mounted < UINT8_MAX ? -ENOMEM : -ENOSPC;
		}
	}
	list_for_each_entry(c, &mounts, link)
		c->copy = NULL;
	return err;
}

int mount_bind(const struct path *from, const struct path *where, bool recursive)
{
	struct mount *m;
	int err;

	mutex_lock(&mount_mutex);
	m = mount_copy(from->mnt, from->dentry);
	err = m ? same_kind(from->dentry, where->dentry) ? place(m, where) : -ENOTDIR : -ENOMEM;
	if (!err && recursive)
		err = copy_children(from->mnt, from->dentry, m);
	mutex_unlock(&mount_mutex);
	if (m && err && list_empty(&m->link))
		mount_put(m);
	return err;
}

int mount_remount(const struct path *p, unsigned long flags, const char *data)
{
	struct super *sb = p->mnt->sb;
	int err = 0;

	if (p->dentry != p->mnt->root)
		return -EINVAL;
	mutex_lock(&mount_mutex);
	if (data && *data && !(flags & MS_BIND) && sb->ops->remount)
		err = sb->ops->remount(sb, data);
	if (!err)
		WRITE_ONCE(p->mnt->flags, flags & MOUNT_FLAGS);
	mutex_unlock(&mount_mutex);
	return err;
}

/* The same for one that has a place, which it leaves. */
static int replace(struct mount *m, const struct path *where)
{
	struct inode *i = where->dentry->inode;
	int err;

	rwlock_read_lock(&i->lock);
	err = check_place(m, where);
	if (!err) {
		detach(m);
		attach(m, where);
	}
	rwlock_read_unlock(&i->lock);
	return err;
}

int mount_move(const struct path *from, const struct path *where)
{
	struct mount *m = from->mnt, *old_parent = NULL;
	struct dentry *old_point = NULL;
	int err = 0;

	if (from->dentry != m->root || !m->parent)
		return -EINVAL;
	mutex_lock(&mount_mutex);
	if (list_empty(&m->link))
		err = -EINVAL;
	for (struct mount *up = where->mnt; up; up = up->parent)
		if (up == m)
			err = -ELOOP;
	if (!err) {
		old_parent = m->parent;
		old_point = m->point;
		err = replace(m, where);
	}
	mutex_unlock(&mount_mutex);
	if (!err) {
		dentry_put(old_point);
		mount_put(old_parent);
	}
	return err;
}

static struct mount *child_of(const struct mount *m)
{
	struct mount *c;

	list_for_each_entry(c, &mounts, link)
		if (c->parent == m)
			return c;
	return NULL;
}

/* m was taken out of the table; all below it follows, onto dead: level by level, for it may be deep. The mutex is held. */
static void detach_tree(struct mount *m, struct list *dead)
{
	struct mount *d, *c;

	list_push_back(dead, &m->link);
	list_for_each_entry(d, dead, link) {
		while ((c = child_of(d)) != NULL) {
			detach(c);
			list_push_back(dead, &c->link);
		}
	}
}

/*
 * MNT_EXPIRE: 0 if nobody has used m since this was asked before; -EAGAIN: from now on that is known, -EBUSY: it is in use. The caller's reference, which
 * it gives back next, is no use. mount_mutex held.
 */
static int expire(struct mount *m)
{
	int err;

	count(m);
	spin_lock(&dentry_lock);
	if (refs_of(m) - (long)m->lookers > 2)
		err = -EBUSY;
	else
		err = m->unused ? 0 : -EAGAIN;
	if (m->unused || err == -EAGAIN)
		m->unused = 2;
	count_no_more(m);
	spin_unlock(&dentry_lock);
	return err;
}

int mount_umount(const struct path *p, int flags)
{
	struct list dead = LIST_INIT(dead);
	struct mount *m = p->mnt, *n;
	int err = 0;

	if (flags & ~(MNT_FORCE | MNT_DETACH | MNT_EXPIRE | UMOUNT_NOFOLLOW))
		return -EINVAL;
	if (p->dentry != m->root || !m->parent || (flags & MNT_EXPIRE && flags & (MNT_FORCE | MNT_DETACH)))
		return -EINVAL;
	mutex_lock(&mount_mutex);
	/* the table's reference and the caller's: any more and somebody uses it */
	if (list_empty(&m->link))
		err = -EINVAL;
	else if (!(flags & MNT_DETACH) && child_of(m))
		err = -EBUSY;
	else if (flags & MNT_EXPIRE)
		err = expire(m);
	if (!err && !detach_unless(m, flags & MNT_DETACH ? __LONG_MAX__ : 2))
		err = -EBUSY;
	if (!err)
		detach_tree(m, &dead);
	mutex_unlock(&mount_mutex);
	while (!list_empty(&dead)) {
		n = list_first(&dead, struct mount, link);
		list_del(&n->link);
		mount_put(n);
	}
	return err;
}

static struct mount *mounted_at(const struct path *p)
{
	struct mount *m;

	list_for_each_entry(m, &mounts, link)
		if (m->parent == p->mnt && m->point == p->dentry)
			return m;
	return NULL;
}

__unchecked bool mount_peek(struct path *p, const struct dentry_view *v)
{
	const struct list *at = READ_ONCE(mounts.next);

	while (at != &mounts && dentry_view_holds(v)) {
		struct mount *m = list_entry(at, struct mount, link);

		if (m->parent == p->mnt && m->point == p->dentry) {
			*p = (struct path){ m, m->root };
			return dentry_view_holds(v);
		}
		at = READ_ONCE(m->link.next);
	}
	return false;
}

void mount_cross_down(struct path *p)
{
	while (READ_ONCE(p->dentry->mounted)) {
		struct mount *m;

		spin_lock(&dentry_lock);
		m = mounted_at(p);
		if (m) {
			mount_get(m);
			dentry_get(m->root);
		}
		spin_unlock(&dentry_lock);
		if (!m)
			return;
		path_put(p);
		*p = (struct path){ m, m->root };
	}
}

bool mount_cross_up(struct path *p)
{
	struct path up;

	spin_lock(&dentry_lock);
	up = (struct path){ p->mnt->parent, p->mnt->point };
	if (up.mnt)
		path_get(&up);
	spin_unlock(&dentry_lock);
	if (!up.mnt)
		return false;
	path_put(p);
	*p = up;
	return true;
}

/* The mount with the smallest number above id, with a looker's reference. */
static struct mount *next_mount(int id)
{
	struct mount *m, *best = NULL;

	spin_lock(&dentry_lock);
	list_for_each_entry(m, &mounts, link)
		if (m->id > id && (!best || m->id < best->id))
			best = m;
	if (best) {
		mount_get(best);
		best->lookers++;
	}
	spin_unlock(&dentry_lock);
	return best;
}

/* No lock is held while fn runs: it may sleep, and mounts may come and go. */
void mount_each(void (*fn)(struct mount *m, void *ctx), void *ctx)
{
	struct mount *m;

	for (int id = -1; (m = next_mount(id)) != NULL;) {
		id = m->id;
		fn(m, ctx);
		if (put_counted(m, true))
			mount_free_tree(m);
	}
}
