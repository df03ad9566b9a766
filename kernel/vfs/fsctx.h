/* SPDX-License-Identifier: MIT */
/* Root, working directory, umask: counted, each thread's own or shared by CLONE_FS, passed to the path room, never fetched there. */
#ifndef VFS_FSCTX_H
#define VFS_FSCTX_H

#include "core/spinlock.h"
#include "vfs/mount.h"

struct fsctx {
	refcount_t refs;
	struct spinlock lock; /* LOCK_FSCTX */
	struct path root, cwd;
	mode_t umask;
};

struct fsctx *fsctx_new(const struct path *root);
struct fsctx *fsctx_dup(struct fsctx *f);     /* NULL without memory */
static inline void fsctx_get(struct fsctx *f) { refcount_get(&f->refs); }
void fsctx_put(struct fsctx *f);
/* Of the current thread: nobody else can change it, so its places may be used without references for the time of a call. */
bool fsctx_private(const struct fsctx *f);
struct path fsctx_root(struct fsctx *f);      /* with references */
struct path fsctx_cwd(struct fsctx *f);
void fsctx_set_cwd(struct fsctx *f, const struct path *p);  /* takes its own references */
void fsctx_set_root(struct fsctx *f, const struct path *p);
/* f, whose reference is taken over, becomes the current thread's. Takes sighand->lock. */
void fsctx_replace(struct fsctx *f);
struct process;
/* That of the first thread of another process that has one, with a reference, or NULL. */
struct fsctx *fsctx_of(struct process *p);
/* Of the current thread; NULL: it is the kernel's. */
struct fsctx *fsctx_current(void);

#endif
