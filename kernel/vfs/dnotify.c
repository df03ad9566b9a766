/* SPDX-License-Identifier: MIT */
/* A watcher with one watch for each open directory and table of descriptors. What it has to say is said when the lock of the watches is free again. */
#include "vfs/dnotify.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "task/process.h"
#include "vfs/fileowner.h"
#include "vfs/notify.h"

#define POLL_MSG 3
#define MESSAGE_BAND 0x441ul /* POLLIN | POLLRDNORM | POLLMSG */

struct dnotify {
	struct watcher watcher; /* notify_lock, and all below */
	struct dnotify *next;   /* of the owner of its file */
	struct fileowner *owner;
	const struct fdtable *table;
	int fd;
};

struct debt { struct notify_owed owed; struct fileowner_message message; };

static SLAB_CACHE(dnotify_cache, dnotify);
static SLAB_CACHE(debt_cache, debt);

static void pay(struct notify_owed *o)
{
	struct debt *d = container_of(o, struct debt, owed);

	fileowner_send(&d->message);
	slab_free(&debt_cache, d);
}

/* Out of the owner's list, and gone. Lock held. */
static void drop(struct dnotify *dn)
{
	struct dnotify **link = &dn->owner->dnotifies;

	while (*link != dn)
		link = &(*link)->next;
	*link = dn->next;
	slab_free(&dnotify_cache, dn);
}

static void note(struct watcher *w, int wd, const struct notice *n)
{
	struct dnotify *dn = container_of(w, struct dnotify, watcher);
	struct debt *d;

	(void)wd;
	if (n->mask & IN_IGNORED) { /* the watch is gone */
		drop(dn);
		return;
	}
	d = slab_alloc(&debt_cache, 0);
	if (!d)
		return;
	fileowner_message(dn->owner, &d->message);
	d->message.fd = dn->fd;
	d->message.code = POLL_MSG;
	d->message.band = MESSAGE_BAND;
	d->owed.pay = pay;
	notify_owe(&d->owed);
}

static uint32_t events_of(unsigned what)
{
	return (what & DN_ACCESS ? IN_ACCESS : 0) | (what & DN_MODIFY ? IN_MODIFY : 0) | (what & DN_ATTRIB ? IN_ATTRIB : 0) |
	       (what & DN_CREATE ? IN_CREATE | IN_MOVED_TO : 0) | (what & DN_DELETE ? IN_DELETE | IN_MOVED_FROM : 0) |
	       (what & DN_RENAME ? IN_MOVED_FROM : 0);
}

/* The watch of this file and table, or NULL. Lock held. */
static struct watch *find(const struct file *f, const struct fdtable *table)
{
	for (struct dnotify *dn = f->owner->dnotifies; dn; dn = dn->next)
		if (!table || dn->table == table)
			return rb_entry(rb_first(&dn->watcher.watches), struct watch, node);
	return NULL;
}

void dnotify_forget(struct file *f, const struct fdtable *table)
{
	struct list dead = LIST_INIT(dead);
	struct watch *w;

	if (!load_acquire(&f->owner))
		return;
	spin_lock(&notify_lock);
	while ((w = find(f, table)) != NULL)
		watch_remove(w, &dead);
	spin_unlock(&notify_lock);
	watch_free_all(&dead);
}

static void add(struct dnotify *dn, struct watch *w, struct file *f, int fd, const struct fdtable *table)
{
	*dn = (struct dnotify){ .watcher = { .note = note }, .next = f->owner->dnotifies, .owner = f->owner, .table = table, .fd = fd };
	rb_init(&dn->watcher.watches);
	inode_get(f->inode);
	w->inode = f->inode;
	w->mask = IN_ONESHOT;
	watch_add(&dn->watcher, w);
	f->owner->dnotifies = dn;
}

/* What there is tells of more; else dn and w become its watch, which are NULL then. Lock held. */
static void set_locked(struct file *f, int fd, const struct fdtable *table, unsigned what, struct dnotify **dn, struct watch **w)
{
	struct watch *there = find(f, table);

	if (!there) {
		there = *w;
		add(*dn, there, f, fd, table);
		*dn = NULL;
		*w = NULL;
	}
	container_of(there->watcher, struct dnotify, watcher)->fd = fd;
	there->mask |= events_of(what);
	if (what & DN_MULTISHOT)
		there->mask &= ~IN_ONESHOT;
}

long dnotify_set(struct file *f, int fd, struct fdtable *table, unsigned what)
{
	struct fileowner_target me;
	struct dnotify *dn;
	struct watch *w;
	long err;

	if (!(what & ~DN_MULTISHOT)) {
		dnotify_forget(f, table);
		return 0;
	}
	if (!S_ISDIR(f->inode->mode))
		return -ENOTDIR;
	err = fileowner_find(OWNER_PROCESS, process_current()->pid, &me);
	if (!err)
		err = fileowner_set(f, &me, false);
	if (err)
		return err;
	dn = slab_alloc(&dnotify_cache, 0);
	w = kzalloc(sizeof(*w));
	if (dn && w) {
		spin_lock(&notify_lock);
		set_locked(f, fd, table, what, &dn, &w);
		spin_unlock(&notify_lock);
	} else {
		err = -ENOMEM;
	}
	if (dn)
		slab_free(&dnotify_cache, dn);
	kfree(w);
	return err;
}
