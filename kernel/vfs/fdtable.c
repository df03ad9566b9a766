/* SPDX-License-Identifier: MIT */
/* Numbers -> files. */
#include "vfs/fdtable.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"

#define INLINE 32u
#define FD_MAX 1048576u

static SLAB_CACHE(fdtable_cache, fdtable);

static int get_path(int fd, struct path *out)
{
	struct file *f = fd_get(fdtable_current(), (unsigned)fd, true);

	if (!f)
		return -EBADF;
	*out = f->path;
	path_get(out);
	file_put(f);
	return 0;
}

struct fdtable *fdtable_new(void)
{
	struct fdtable *t = slab_alloc(&fdtable_cache, ALLOC_ZERO);

	path_of_fd_hook = get_path;
	if (!t)
		return NULL;
	refcount_set(&t->refs, 1);
	spin_init(&t->lock, LOCK_FDTABLE);
	t->files = t->inline_files;
	t->used = t->inline_used;
	t->cloexec = t->inline_cloexec;
	t->cap = INLINE;
	return t;
}

static void free_arrays(struct fdtable *t)
{
	if (t->files != t->inline_files)
		kfree(t->files); /* one block holds all three arrays */
}

/* Arrays for cap numbers in one block. */
static struct file **new_arrays(unsigned cap) { return kzalloc(cap * sizeof(struct file *) + 2 * BITMAP_WORDS(cap) * sizeof(long)); }

static void set_arrays(struct fdtable *t, struct file **block, unsigned cap)
{
	t->files = block;
	t->used = (unsigned long *)(block + cap);
	t->cloexec = t->used + BITMAP_WORDS(cap);
	t->cap = cap;
}

/* Makes room for number n. The lock is held, and given up while memory is found; 0 or an errno. */
static int grow(struct fdtable *t, unsigned n)
{
	unsigned cap = t->cap, old = t->cap;
	struct file **block;

	if (n >= FD_MAX)
		return -EMFILE;
	while (cap <= n)
		cap *= 2;
	spin_unlock(&t->lock);
	block = new_arrays(cap);
	spin_lock(&t->lock);
	if (!block)
		return -ENOMEM;
	if (t->cap >= cap) {
		kfree(block);
		return 0;
	}
	old = t->cap;
	struct fdtable was = *t;
	set_arrays(t, block, cap);
	memcpy(t->files, was.files == was.inline_files ? t->inline_files : was.files, old * sizeof(struct file *));
	memcpy(t->used, was.files == was.inline_files ? t->inline_used : was.used, BITMAP_WORDS(old) * sizeof(long));
	memcpy(t->cloexec, was.files == was.inline_files ? t->inline_cloexec : was.cloexec, BITMAP_WORDS(old) * sizeof(long));
	if (was.files != t->inline_files)
		kfree(was.files);
	return 0;
}

struct fdtable *fdtable_dup(struct fdtable *from)
{
	struct fdtable *t = fdtable_new();
	unsigned need;

	if (!t)
		return NULL;
	for (;;) {
		spin_lock(&from->lock);
		need = from->cap;
		if (need <= t->cap)
			break;
		spin_unlock(&from->lock);
		struct file **block = new_arrays(need);
		if (!block) {
			slab_free(&fdtable_cache, t);
			return NULL;
		}
		free_arrays(t);
		set_arrays(t, block, need);
	}
	memcpy(t->used, from->used, BITMAP_WORDS(need) * sizeof(long));
	memcpy(t->cloexec, from->cloexec, BITMAP_WORDS(need) * sizeof(long));
	for (unsigned long i = 0; (i = bitmap_find_set(t->used, need, i)) != BITMAP_NONE; i++) {
		t->files[i] = from->files[i];
		if (t->files[i])
			file_get(t->files[i]);
		else
			bitmap_clear(t->used, i); /* reserved by an open that is under way in the parent */
	}
	t->next_hint = from->next_hint;
	spin_unlock(&from->lock);
	return t;
}

static void close_file(struct file *f)
{
	if (f->ops->flush)
		f->ops->flush(f);
	file_put(f);
}

void fdtable_put(struct fdtable *t)
{
	if (!t || !refcount_put(&t->refs))
		return;
	for (unsigned long i = 0; (i = bitmap_find_set(t->used, t->cap, i)) != BITMAP_NONE; i++)
		if (t->files[i])
			close_file(t->files[i]);
	free_arrays(t);
	slab_free(&fdtable_cache, t);
}

struct fdtable *fdtable_current(void) { return process_current()->files; }

int fd_install(struct fdtable *t, struct file *f, unsigned from, bool cloexec, unsigned long limit)
{
	unsigned long n;
	int err = 0;

	if (from >= limit)
		return -EINVAL;
	spin_lock(&t->lock);
	do {
		n = from >= t->cap ? BITMAP_NONE : bitmap_find_clear(t->used, t->cap, MAX(from, t->next_hint));
		if (n == BITMAP_NONE && MAX(from, t->cap) < limit)
			err = grow(t, MAX(from, t->cap));
	} while (n == BITMAP_NONE && MAX(from, t->cap) < limit && !err);
	if (!err && (n == BITMAP_NONE || n >= limit))
		err = -EMFILE;
	if (!err) {
		bitmap_set(t->used, n);
		if (cloexec)
			bitmap_set(t->cloexec, n);
		else
			bitmap_clear(t->cloexec, n);
		t->files[n] = f;
		if (from <= t->next_hint)
			t->next_hint = (unsigned)n + 1;
	}
	spin_unlock(&t->lock);
	return err ? err : (int)n;
}

struct file *fd_get(struct fdtable *t, unsigned fd, bool path_ok)
{
	struct file *f = NULL;

	spin_lock(&t->lock);
	if (fd < t->cap)
		f = t->files[fd];
	if (f && !path_ok && f->mode & FMODE_PATH)
		f = NULL;
	if (f)
		file_get(f);
	spin_unlock(&t->lock);
	return f;
}

/* Lock held. */
static struct file *take_out(struct fdtable *t, unsigned fd)
{
	struct file *f = fd < t->cap ? t->files[fd] : NULL;

	if (f) {
		t->files[fd] = NULL;
		bitmap_clear(t->used, fd);
		bitmap_clear(t->cloexec, fd);
		t->next_hint = MIN(t->next_hint, fd);
	}
	return f;
}

int fd_close(struct fdtable *t, unsigned fd)
{
	struct file *f;

	spin_lock(&t->lock);
	f = take_out(t, fd);
	spin_unlock(&t->lock);
	if (!f)
		return -EBADF;
	close_file(f);
	return 0;
}

int fd_dup_to(struct fdtable *t, unsigned from, unsigned to, bool cloexec, unsigned long limit)
{
	struct file *f = fd_get(t, from, true), *old;
	int err = 0;

	if (!f)
		return -EBADF;
	if (to >= limit) {
		file_put(f);
		return -EBADF;
	}
	spin_lock(&t->lock);
	while (to >= t->cap && !err)
		err = grow(t, to);
	if (err) {
		spin_unlock(&t->lock);
		file_put(f);
		return err;
	}
	old = take_out(t, to);
	t->files[to] = f;
	bitmap_set(t->used, to);
	if (cloexec)
		bitmap_set(t->cloexec, to);
	spin_unlock(&t->lock);
	if (old)
		close_file(old);
	return (int)to;
}

int fd_set_cloexec(struct fdtable *t, unsigned fd, bool on)
{
	int err = -EBADF;

	spin_lock(&t->lock);
	if (fd < t->cap && t->files[fd]) {
		if (on)
			bitmap_set(t->cloexec, fd);
		else
			bitmap_clear(t->cloexec, fd);
		err = 0;
	}
	spin_unlock(&t->lock);
	return err;
}

int fd_get_cloexec(struct fdtable *t, unsigned fd)
{
	int r = -EBADF;

	spin_lock(&t->lock);
	if (fd < t->cap && t->files[fd])
		r = bitmap_test(t->cloexec, fd);
	spin_unlock(&t->lock);
	return r;
}

void fdtable_exec(struct fdtable *t)
{
	for (unsigned long i = 0;; i++) {
		struct file *f = NULL;

		spin_lock(&t->lock);
		i = bitmap_find_set(t->cloexec, t->cap, i);
		if (i != BITMAP_NONE)
			f = take_out(t, (unsigned)i);
		spin_unlock(&t->lock);
		if (i == BITMAP_NONE)
			return;
		if (f)
			close_file(f);
	}
}

int fd_next(struct fdtable *t, unsigned from)
{
	unsigned long n;

	spin_lock(&t->lock);
	n = bitmap_find_set(t->used, t->cap, from);
	spin_unlock(&t->lock);
	return n == BITMAP_NONE ? -1 : (int)n;
}

struct fdtable *fdtable_of(struct process *p)
{
	struct fdtable *t;

	spin_lock(&proc_tree_lock);
	t = p->files;
	if (t)
		fdtable_get(t);
	spin_unlock(&proc_tree_lock);
	return t;
}
