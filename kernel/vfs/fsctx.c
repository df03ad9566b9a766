/* SPDX-License-Identifier: MIT */
/* Root, working directory and umask. */
#include "vfs/fsctx.h"

#include "mem/slab.h"
#include "task/process.h"

static SLAB_CACHE(fsctx_cache, fsctx);

struct fsctx *fsctx_new(const struct path *root)
{
	struct fsctx *f = slab_alloc(&fsctx_cache, ALLOC_ZERO);

	if (!f)
		return NULL;
	refcount_set(&f->refs, 1);
	spin_init(&f->lock, LOCK_FSCTX);
	f->root = f->cwd = *root;
	path_get(root);
	path_get(root);
	f->umask = 022;
	return f;
}

struct fsctx *fsctx_dup(struct fsctx *from)
{
	struct fsctx *f = slab_alloc(&fsctx_cache, ALLOC_ZERO);

	if (!f)
		return NULL;
	refcount_set(&f->refs, 1);
	spin_init(&f->lock, LOCK_FSCTX);
	spin_lock(&from->lock);
	f->root = from->root;
	f->cwd = from->cwd;
	f->umask = from->umask;
	path_get(&f->root);
	path_get(&f->cwd);
	spin_unlock(&from->lock);
	return f;
}

void fsctx_put(struct fsctx *f)
{
	if (!refcount_put(&f->refs))
		return;
	path_put(&f->root);
	path_put(&f->cwd);
	slab_free(&fsctx_cache, f);
}

bool fsctx_private(const struct fsctx *f) { return likely(refcount_read(&f->refs) == 1); }

static struct path get(struct fsctx *f, const struct path *p)
{
	struct path copy;

	spin_lock(&f->lock);
	copy = *p;
	path_get(&copy);
	spin_unlock(&f->lock);
	return copy;
}

struct path fsctx_root(struct fsctx *f) { return get(f, &f->root); }
struct path fsctx_cwd(struct fsctx *f) { return get(f, &f->cwd); }

static void set(struct fsctx *f, struct path *slot, const struct path *p)
{
	struct path old;

	path_get(p);
	spin_lock(&f->lock);
	old = *slot;
	*slot = *p;
	spin_unlock(&f->lock);
	path_put(&old);
}

void fsctx_set_cwd(struct fsctx *f, const struct path *p) { set(f, &f->cwd, p); }
void fsctx_set_root(struct fsctx *f, const struct path *p) { set(f, &f->root, p); }

struct fsctx *fsctx_current(void) { return thread_current()->user ? task_current()->fs : NULL; }

void fsctx_replace(struct fsctx *f)
{
	struct task *t = task_current();
	struct fsctx *old = t->fs;
	unsigned long irq = sighand_lock(t->process);

	t->fs = f;
	sighand_unlock(t->process, irq);
	fsctx_put(old);
}

struct fsctx *fsctx_of(struct process *p)
{
	unsigned long irq = sighand_lock(p);
	struct fsctx *fs = NULL;
	struct task *t;

	list_for_each_entry(t, &p->tasks, process_link) {
		fs = t->fs;
		if (fs)
			break;
	}
	if (fs)
		fsctx_get(fs);
	sighand_unlock(p, irq);
	return fs;
}
