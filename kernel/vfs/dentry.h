/* SPDX-License-Identifier: MIT */
/*
 * The name cache: (parent, name) -> inode, or "no such name" (negative). A counted dentry keeps its parent and inode. Cached unreferenced ones
 * sit in an LRU and go when memory is short.
 */
#ifndef VFS_DENTRY_H
#define VFS_DENTRY_H

#include "vfs/inode.h"

#define NAME_MAX 255

struct dentry {
	refcount_t refs;          /* holders + 1 for each child; 0: only in the LRU */
	struct dentry *parent;    /* NULL: root of a file system; to change: LOCK_ANCESTRY, LOCK_DENTRY */
	struct inode *inode;      /* NULL: negative */
	struct dentry *hash_next;
	struct list lru;          /* resting; the shard's lock, see dentry.c */
	uint32_t hash;
	uint16_t name_len;
	bool hashed;
	uint8_t mounted;          /* how many mounts sit here (vfs/mount); LOCK_DENTRY to change */
	atomic_t absent;          /* entries in it that are hashed and negative */
	char *name;
	char inline_name[24];
};

extern struct spinlock dentry_lock; /* LOCK_DENTRY: the places, that is names, parents and mount points */

/*
 * LOCK_ANCESTRY: parents of names and mounts, and the names, stay as they are for who holds it for reading, as long as it holds the lowest one. A tree
 * can be as deep as somebody wished; so no spinlock is held while it is climbed.
 */
extern struct rwlock ancestry_lock;

/*
 * For walks without the lock: odd while places change, see dentry.c. Changes of names, parents and mount points are made between
 * dentry_change_begin and _end, with the lock held.
 */
extern uint32_t dentry_seq;
void dentry_change_begin(void);
void dentry_change_end(void);
/* What a walk without locks relies on: the count of all places, and the count of the chains from which it read the entry in hand. */
struct dentry_view {
	uint32_t places;
	uint32_t seq;
	const uint32_t *shard_seq;
};
/* A walk begins at a place that somebody holds. false: places are changing just now. */
bool dentry_view_begin(struct dentry_view *v);
/* It went to the root of a mount: that stays as long as the places do. */
void dentry_view_cross(struct dentry_view *v);
/* Is what was read since then true? */
static inline bool dentry_view_holds(const struct dentry_view *v)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return likely(READ_ONCE(dentry_seq) == v->places && READ_ONCE(*v->shard_seq) == v->seq);
}
/*
 * The cached entry, not referenced, and in *next the view of it, which begins while that of the directory holds: to be believed if it holds
 * afterwards. NULL: not known, or something changed.
 */
struct dentry *dentry_peek(const struct dentry *dir, const char *name, size_t len, uint32_t hash, const struct dentry_view *v,
                           struct dentry_view *next);
/* A reference to an entry that was found so. false: the view does not hold any more. Right after dentry_view_cross its mount is held. */
bool dentry_get_seen(struct dentry *d, const struct dentry_view *v);

/* Set by vfs/notify: an entry goes whose inode has no name any more. */
extern void (*dentry_gone_hook)(struct inode *i);

void dentry_init(void);
/* The hash of a name is made while the path is scanned: start with dentry_hash_init, step for each byte. */
static inline uint32_t dentry_hash_init(const struct dentry *dir) { return (uint32_t)(uintptr_t)dir; }
static inline uint32_t dentry_hash_step(uint32_t h, unsigned char c) { return (h ^ c) * 16777619u; }
/* The cached entry with a reference, or NULL. */
struct dentry *dentry_find(struct dentry *dir, const char *name, size_t len, uint32_t hash);
struct dentry *dentry_make_root(struct inode *root);  /* takes over the reference; NULL without memory */
/* Anonymous dentry (pipes, sockets, memfd) with a display name such as "pipe:[7]". */
struct dentry *dentry_make_anon(struct inode *i, const char *name);
static inline void dentry_get(struct dentry *d) { refcount_get(&d->refs); }
void dentry_put(struct dentry *d);
/*
 * Looks a name up, asking the file system when the cache does not know (dir's lock is taken inside unless dir_locked). A dentry with a reference,
 * possibly negative; or ERR_PTR(-ENOMEM, -EIO, ...).
 */
struct dentry *dentry_lookup(struct dentry *dir, const char *name, size_t len, bool dir_locked);
struct dentry *dentry_lookup_hashed(struct dentry *dir, const char *name, size_t len, uint32_t hash, bool dir_locked);
void dentry_instantiate(struct dentry *d, struct inode *i); /* negative -> positive; takes over the reference */
void dentry_unhash(struct dentry *d);                       /* the name is gone (unlink, rmdir) */
/*
 * Rename, under LOCK_RENAME or the directory's lock: d takes the name and place of target (a looked-up entry, often negative), which takes d's. With
 * exchange both stay names, else target's goes away. Cannot fail: the names are swapped.
 */
void dentry_move(struct dentry *d, struct dentry *target, bool exchange);
/* The names in a removed directory that are known not to exist go, too: they would keep it. */
void dentry_forget_absent(struct dentry *dir);
/* Its name is gone (unlinked, removed). */
static inline bool dentry_deleted(const struct dentry *d) { return d->parent && !READ_ONCE(d->hashed); }
/* Is a the same as `of`, or above it in its file system? Takes LOCK_ANCESTRY. */
bool dentry_is_ancestor(const struct dentry *a, const struct dentry *of);
/* Drops unreferenced cached names (drop_caches, memory pressure); max 0: all. */
unsigned long dentry_shrink(unsigned long max);
/* Drops the unreferenced names of one file system (umount). */
void dentry_shrink_super(struct super *sb);
unsigned long dentry_live(void);

#endif
