/* SPDX-License-Identifier: MIT */
/*
 * Watches. One lock for all of them, which those who cause events take only for files that are watched. What goes is put on a list and freed
 * after the lock, since giving back an inode may sleep.
 */
#include "vfs/notify.h"

#include "lib/atomic.h"
#include "mem/slab.h"

/* What is told to the directory of a file, too. */
#define ON_CHILDREN (IN_ACCESS | IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_CLOSE_NOWRITE | IN_OPEN)

struct spinlock notify_lock = SPINLOCK_INIT(LOCK_NOTIFY);
unsigned notify_watches;
static struct list all = LIST_INIT(all);
static struct list owed = LIST_INIT(owed);
static atomic_t last_cookie;

uint32_t notify_cookie(void) { return (uint32_t)atomic_add_return(&last_cookie, 1); }

static int compare(const struct rbnode *a, const struct rbnode *b)
{
	return rb_entry(a, const struct watch, node)->wd - rb_entry(b, const struct watch, node)->wd;
}

struct watch *watch_find(struct watcher *by, int wd)
{
	struct rbnode *n = by->watches.root;

	while (n) {
		struct watch *w = rb_entry(n, struct watch, node);

		if (w->wd == wd)
			return w;
		n = wd < w->wd ? n->left : n->right;
	}
	return NULL;
}

struct watch *watch_of(struct watcher *by, struct inode *i)
{
	struct watch *w = i->watches;

	while (w && w->watcher != by)
		w = w->next;
	return w;
}

void watch_add(struct watcher *by, struct watch *w)
{
	struct inode *i = w->inode;

	do
		by->last_wd = by->last_wd == INT32_MAX ? 1 : by->last_wd + 1;
	while (watch_find(by, by->last_wd));
	w->wd = by->last_wd;
	w->watcher = by;
	rb_insert(&by->watches, &w->node, compare);
	by->count++;
	w->next = i->watches;
	w->place = &i->watches;
	if (w->next)
		w->next->place = &w->next;
	WRITE_ONCE(i->watches, w);
	list_push_back(&all, &w->all);
	WRITE_ONCE(notify_watches, notify_watches + 1);
}

void watch_remove(struct watch *w, struct list *dead)
{
	struct watcher *by = w->watcher;

	rb_erase(&by->watches, &w->node);
	by->count--;
	if (w->next)
		w->next->place = w->place;
	WRITE_ONCE(*w->place, w->next);
	list_del(&w->all);
	list_push_back(dead, &w->all);
	WRITE_ONCE(notify_watches, notify_watches - 1);
	by->note(by, w->wd, &(struct notice){ .mask = IN_IGNORED }); /* the last of it: it may go with its watch */
}

void notify_owe(struct notify_owed *o) { list_push_back(&owed, &o->link); }

static struct notify_owed *next_owed(void)
{
	struct notify_owed *o = NULL;

	spin_lock(&notify_lock);
	if (!list_empty(&owed)) {
		o = list_first(&owed, struct notify_owed, link);
		list_del(&o->link);
	}
	spin_unlock(&notify_lock);
	return o;
}

void watch_free_all(struct list *dead)
{
	struct notify_owed *o;

	while (!list_empty(dead)) {
		struct watch *w = list_first(dead, struct watch, all);

		list_del(&w->all);
		inode_put(w->inode);
		kfree(w);
	}
	while (unlikely(!list_empty(&owed)) && (o = next_owed()) != NULL) /* what is not seen yet is paid by whoever owes it */
		o->pay(o);
}

/* Tells the watches of one inode. deleted: the name is gone already, which some do not want to hear of. Lock held. */
static void tell(struct inode *i, const struct notice *n, bool deleted, struct list *dead)
{
	struct watch *w, *next;

	for (w = i->watches; w; w = next) {
		next = w->next;
		if (!(n->mask & w->mask & (IN_ALL | IN_UNMOUNT)) || (deleted && w->mask & IN_EXCL_UNLINK))
			continue;
		w->watcher->note(w->watcher, w->wd, n);
		if (w->mask & IN_ONESHOT)
			watch_remove(w, dead);
	}
}

void notify_slow_inode(struct inode *i, uint32_t mask, uint32_t cookie, const char *name, size_t len)
{
	struct notice n = { mask, cookie, name, len };
	struct list dead = LIST_INIT(dead);

	if (!READ_ONCE(i->watches))
		return;
	spin_lock(&notify_lock);
	tell(i, &n, false, &dead);
	spin_unlock(&notify_lock);
	watch_free_all(&dead);
}

/* The directory that an entry is in, with a reference, if it is watched; and the name in it. */
static struct inode *watched_parent(struct dentry *d, char name[NAME_MAX + 1], size_t *len)
{
	struct inode *dir = NULL;

	spin_lock(&dentry_lock);
	if (d->parent && d->parent->inode && READ_ONCE(d->parent->inode->watches)) {
		dir = d->parent->inode;
		inode_get(dir);
		*len = d->name_len;
		for (size_t i = 0; i < d->name_len; i++)
			name[i] = d->name[i];
	}
	spin_unlock(&dentry_lock);
	return dir;
}

static void tell_parent(struct inode *dir, uint32_t mask, bool deleted, const char *name, size_t len)
{
	struct notice n = { mask, 0, name, len };
	struct list dead = LIST_INIT(dead);

	spin_lock(&notify_lock);
	tell(dir, &n, deleted, &dead);
	spin_unlock(&notify_lock);
	watch_free_all(&dead);
	inode_put(dir);
}

void notify_slow_path(const struct path *p, uint32_t mask)
{
	struct dentry *d = p->dentry;
	char name[NAME_MAX + 1];
	struct inode *dir;
	size_t len;

	mask |= notify_isdir(d->inode);
	dir = mask & ON_CHILDREN ? watched_parent(d, name, &len) : NULL;
	if (dir)
		tell_parent(dir, mask, dentry_deleted(d), name, len);
	notify_slow_inode(d->inode, mask, 0, NULL, 0);
}

/* All watches of an inode end, after a last event. */
static void end_watches(struct inode *i, uint32_t mask)
{
	struct notice n = { .mask = mask };
	struct list dead = LIST_INIT(dead);

	spin_lock(&notify_lock);
	tell(i, &n, false, &dead);
	while (i->watches)
		watch_remove(i->watches, &dead);
	spin_unlock(&notify_lock);
	watch_free_all(&dead);
}

/* dentry_gone_hook: the last name of the inode is gone, and nobody has it open by that. */
static void gone(struct inode *i)
{
	if (READ_ONCE(i->watches))
		end_watches(i, IN_DELETE_SELF); /* Linux does not say IN_ISDIR here, nor with IN_MOVE_SELF */
}

/* A watched inode of the file system, with a reference, or NULL. */
static struct inode *any_watched(const struct super *sb)
{
	struct inode *found = NULL;
	struct watch *w;

	spin_lock(&notify_lock);
	list_for_each_entry(w, &all, all) {
		if (w->inode->sb != sb)
			continue;
		found = w->inode;
		inode_get(found);
		break;
	}
	spin_unlock(&notify_lock);
	return found;
}

void notify_unmount(struct super *sb)
{
	struct inode *i;

	while (READ_ONCE(notify_watches) && (i = any_watched(sb)) != NULL) {
		end_watches(i, IN_UNMOUNT);
		inode_put(i);
	}
}

void notify_init(void)
{
	dentry_gone_hook = gone;
	super_unmounted_hook = notify_unmount;
}
