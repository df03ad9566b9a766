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
	refcount_t refs;          /* holders + 1 per cached child; 0: only in the LRU */
	struct dentry *parent;    /* NULL: root of a file system; LOCK_DENTRY */
	struct inode *inode;      /* NULL: negative */
	struct dentry *hash_next;
	struct list children, sibling, lru;
	uint32_t hash;
	uint16_t name_len;
	bool hashed;
	bool mounted;             /* something is mounted here (vfs/mount) */
	char *name;
	char inline_name[24];
};

void dentry_init(void);
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
void dentry_instantiate(struct dentry *d, struct inode *i); /* negative -> positive; takes over the reference */
void dentry_unhash(struct dentry *d);                       /* the name is gone (unlink, rmdir) */
void dentry_move(struct dentry *d, struct dentry *new_parent, const char *name, size_t len, struct dentry *victim, bool exchange); /* rename */
bool dentry_is_ancestor(struct dentry *a, struct dentry *of);
/* Drops unreferenced cached names (drop_caches, memory pressure); max 0: all. */
unsigned long dentry_shrink(unsigned long max);
unsigned long dentry_live(void);

#endif
