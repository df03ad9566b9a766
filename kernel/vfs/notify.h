/* SPDX-License-Identifier: MIT */
/*
 * Telling what happens to files to those who watch them. Watches sit on inodes; what happens to an open file, or by a name, is told to the
 * watches of its directory too, with the name. While nobody watches anything it costs a load and a branch.
 */
#ifndef VFS_NOTIFY_H
#define VFS_NOTIFY_H

#include "vfs/dentry.h"
#include "vfs/mount.h"

/* Numbers of inotify(7). */
#define IN_ACCESS 0x1u
#define IN_MODIFY 0x2u
#define IN_ATTRIB 0x4u
#define IN_CLOSE_WRITE 0x8u
#define IN_CLOSE_NOWRITE 0x10u
#define IN_OPEN 0x20u
#define IN_MOVED_FROM 0x40u
#define IN_MOVED_TO 0x80u
#define IN_CREATE 0x100u
#define IN_DELETE 0x200u
#define IN_DELETE_SELF 0x400u
#define IN_MOVE_SELF 0x800u
#define IN_ALL 0xfffu
#define IN_UNMOUNT 0x2000u
#define IN_Q_OVERFLOW 0x4000u
#define IN_IGNORED 0x8000u
#define IN_EXCL_UNLINK 0x04000000u
#define IN_ISDIR 0x40000000u
#define IN_ONESHOT 0x80000000u

struct watcher;

/* One inode watched by one watcher. Everything under notify_lock. */
struct watch {
	struct rbnode node;      /* the watcher's, by wd */
	int wd;
	uint32_t mask;
	struct watcher *watcher;
	struct inode *inode;     /* a reference */
	struct watch *next, **place; /* of the inode */
	struct list all;         /* all watches; or those to be freed */
};

struct notice { uint32_t mask, cookie; const char *name; size_t len; };

struct watcher {
	struct rbtree watches;
	int last_wd;
	unsigned count;
	/* Takes note of what happened; notify_lock is held. */
	void (*note)(struct watcher *w, int wd, const struct notice *n);
};

extern struct spinlock notify_lock; /* LOCK_NOTIFY */
extern unsigned notify_watches;     /* how many there are */

/* Adds w, filled in but for wd, with a reference of its inode. notify_lock held. */
void watch_add(struct watcher *by, struct watch *w);
struct watch *watch_find(struct watcher *by, int wd);
struct watch *watch_of(struct watcher *by, struct inode *i);
/* Takes it out, tells IN_IGNORED, and puts it on the list for watch_free_all. notify_lock held. */
void watch_remove(struct watch *w, struct list *dead);
/* Frees them, and pays what is owed; notify_lock not held. */
void watch_free_all(struct list *dead);

/* What a watcher has to say that cannot be said under the lock: it is done, and given back, by pay(), which may do what the causer of events may. */
struct notify_owed { struct list link; void (*pay)(struct notify_owed *o); };
void notify_owe(struct notify_owed *o); /* notify_lock held */

void notify_slow_path(const struct path *p, uint32_t mask);
void notify_slow_inode(struct inode *i, uint32_t mask, uint32_t cookie, const char *name, size_t len);

/* Something happens to a file, by this path: its directory is told as well. */
static inline void notify_path(const struct path *p, uint32_t mask)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_slow_path(p, mask);
}
/* Something happens to an inode (name NULL), or to a name in a directory (type bits of what it names go along as IN_ISDIR). */
static inline void notify_inode(struct inode *i, uint32_t mask, const char *name, size_t len)
{
	if (unlikely(READ_ONCE(notify_watches)))
		notify_slow_inode(i, mask, 0, name, len);
}
static inline uint32_t notify_isdir(const struct inode *i) { return S_ISDIR(i->mode) ? IN_ISDIR : 0; }
uint32_t notify_cookie(void); /* that ties the two halves of a move together */
/* A super block is not mounted any more. */
void notify_unmount(struct super *sb);
void notify_init(void);

#endif
