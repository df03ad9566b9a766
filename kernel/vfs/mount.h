/* SPDX-License-Identifier: MIT */
/* Mounts: a tree of (file system, place). Crossed downwards at a mounted dentry and upwards at a root. */
#ifndef VFS_MOUNT_H
#define VFS_MOUNT_H

#include "vfs/dentry.h"

#define MS_RDONLY 1ul
#define MS_NOSUID 2ul
#define MS_NODEV 4ul
#define MS_NOEXEC 8ul
#define MS_REMOUNT 32ul
#define MS_NOATIME 1024ul
#define MS_BIND 4096ul
#define MS_MOVE 8192ul
#define MS_REC 16384ul
#define MS_SILENT 32768ul
#define MS_RELATIME (1ul << 21)

struct mount {
	refcount_t refs;
	struct super *sb;
	struct dentry *root;        /* of the mounted tree */
	struct mount *parent;       /* NULL: the root mount; LOCK_MOUNTS for changes, readers under LOCK_DENTRY */
	struct dentry *point;       /* where in the parent */
	struct list link;           /* all mounts, oldest first; empty: taken off */
	struct mount *copy;         /* while a tree is copied: its copy; LOCK_MOUNTS */
	unsigned long flags;        /* MS_ of this mount */
	char *source;               /* for /proc/mounts */
	int id;
};

struct path {
	struct mount *mnt;
	struct dentry *dentry;
};

static inline void mount_get(struct mount *m) { refcount_get(&m->refs); }
void mount_put(struct mount *m);
static inline void path_get(const struct path *p) { mount_get(p->mnt); dentry_get(p->dentry); }
static inline void path_put(const struct path *p) { dentry_put(p->dentry); mount_put(p->mnt); }
static inline bool path_equal(const struct path *a, const struct path *b) { return a->mnt == b->mnt && a->dentry == b->dentry; }

/* Set by vfs/notify: the last mount of a file system is gone. */
extern void (*super_unmounted_hook)(struct super *sb);

void mount_init(void);
extern struct path mount_root_path; /* of the system; set once, at boot */
/* First mount of the system. */
int mount_root(const char *fstype, struct path *out);
/* mount(2)/umount2(2) after the paths were looked up; Linux's errors. */
int mount_new(const char *source, const struct path *where, const char *fstype, unsigned long flags, const char *data);
int mount_bind(const struct path *from, const struct path *where, bool recursive);
int mount_remount(const struct path *p, unsigned long flags, const char *data);
int mount_move(const struct path *from, const struct path *where);
int mount_umount(const struct path *p, int flags);
/* If something is mounted on *p, steps onto its root (repeatedly); references are exchanged. */
/* The same without references, for a walk without the lock (see dentry.c): one mount. false: none, or the count moved. */
bool mount_peek(struct path *p, const struct dentry_view *v);
void mount_cross_down(struct path *p);
/* From a mount's root to where it is mounted; false at the top. References are exchanged. */
bool mount_cross_up(struct path *p);
/* Oldest first; fn runs with a reference held and no lock. */
void mount_each(void (*fn)(struct mount *m, void *ctx), void *ctx);

#endif
