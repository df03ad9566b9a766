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
#define MS_PRIVATE (1ul << 18)
#define MS_PROPAGATION (MS_PRIVATE | 1ul << 17 | 1ul << 19 | 1ul << 20) /* or unbindable, slave, shared */
#define MS_RELATIME (1ul << 21)

/*
 * References are counted where they are taken and given back, on a line of each CPU's own; only the sum over the CPUs means something. While a
 * mount is in its place, nobody has to know whether the sum is zero, for the table has a reference. Once it is taken off, references are given back
 * under dentry_lock, so that whoever finds the sum to be zero is the last.
 */
struct mount {
	struct { long refs; } __aligned(64) on_cpu[MAX_CPUS];
	bool counted;               /* off its place, or about to be: see above; LOCK_DENTRY to change */
	bool counting;              /* somebody is about to look whether it is in use, and relies on that; LOCK_DENTRY */
	uint8_t unused;             /* MNT_EXPIRE has asked, and so many references may be given back before it counts as used; counted then; LOCK_DENTRY */
	bool freed;                 /* somebody found the sum to be zero; LOCK_DENTRY */
	unsigned lookers;           /* of the references, those of mount_each, which keep nobody from taking it off; LOCK_DENTRY */
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

/* The caller has a reference, or is a reader whom mount_free waits for (sched/grace) and looks afterwards whether the mount still was in its place. */
static inline void mount_get(struct mount *m)
{
	preempt_disable();
	m->on_cpu[this_cpu()->id].refs++;
	preempt_enable();
}
void mount_put(struct mount *m);
/* For such a reader, with preemption still off: if true, it calls mount_free_tree once preemption is on. */
bool mount_put_atomic(struct mount *m);
void mount_free_tree(struct mount *m);
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
#define MNT_FORCE 1
#define MNT_DETACH 2
#define MNT_EXPIRE 4
int mount_umount(const struct path *p, int flags);
/* If something is mounted on *p, steps onto its root (repeatedly); references are exchanged. */
/* The same without references, for a walk without the lock (see dentry.c): one mount. false: none, or the count moved. */
bool mount_peek(struct path *p, const struct dentry_view *v);
void mount_cross_down(struct path *p);
/* From a mount's root to where it is mounted; false at the top. References are exchanged. */
bool mount_cross_up(struct path *p);
/* Oldest first; fn runs with no lock, and with a reference held that does not make the mount busy. */
void mount_each(void (*fn)(struct mount *m, void *ctx), void *ctx);

#endif
