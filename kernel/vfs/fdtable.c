/* SPDX-License-Identifier: MIT */
/*
 * Numbers -> files. Changes are made under the table's lock; it grows by doubling, with the new arrays made outside the lock. Finding a file takes no
 * lock: files are objects of a stable cache (mem/slab), and arrays that were replaced are freed when every CPU has been seen with preemption on.
 */
#include "vfs/fdtable.h"

#include "lib/bits.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/grace.h"
#include "vfs/dnotify.h"

#define INLINE_FDS 32
#define FD_MAX 1048576u

static SLAB_CACHE(fdtable_cache, fdtable);

struct fdtable *fdtable_new(void)
{
	struct fdtable *t = slab_alloc(&fdtable_cache, ALLOC_ZERO);

	if (!t)
		return NULL;
	refcount_set(&t->refs, 1);
	refcount_set(&t->memory, 1);
	spin_init(&t->lock, LOCK_FDTABLE);
	t->files = t->inline_files;
	t->used = t->inline_used;
	t->cloexec = t->inline_cloexec;
	t->cap = INLINE_FDS;
	return t;
}

/* One block for the three arrays: files, used, cloexec. */
static struct file **arrays_alloc(unsigned cap)
{
	return kzalloc(cap * sizeof(struct file *) + 2 * BITMAP_WORDS(cap) * sizeof(unsigned long));
}

/* Moves the table over to a block of cap entries; returns the old block, or NULL when it was the inline one. Lock held. */
static struct file **arrays_switch(struct fdtable *t, struct file **block, unsigned cap)
{
	struct file **old = t->files;
	unsigned long *used = (unsigned long *)(block + cap);

	memcpy(block, t->files, t->cap * sizeof(*block));
	memcpy(used, t->used, BITMAP_WORDS(t->cap) * sizeof(*used));
	memcpy(used + BITMAP_WORDS(cap), t->cloexec, BITMAP_WORDS(t->cap) * sizeof(*used));
	t->used = used;
	t->cloexec = used + BITMAP_WORDS(cap);
	store_release(&t->files, block);
	store_release(&t->cap, cap); /* who sees it sees the block */
	return old == t->inline_files ? NULL : old;
}

/* Makes room for number fd. -ENOMEM. */
static int grow(struct fdtable *t, unsigned fd)
{
	unsigned cap = 1u << log2_up(fd + 1);
	struct file **block;

	block = arrays_alloc(cap);
	if (!block)
		return -ENOMEM;
	spin_lock(&t->lock);
	if (cap > t->cap)
		block = arrays_switch(t, block, cap);
	spin_unlock(&t->lock);
	smp_mb(); /* who begins to look at the table now sees the new arrays */
	if (block && (refcount_read(&t->refs) > 1 || refcount_read(&t->memory) > 1))
		grace_wait();
	kfree(block);
	return 0;
}

/* The copy has room for the highest open number, which another thread may still raise: then again. */
struct fdtable *fdtable_dup(struct fdtable *from)
{
	struct fdtable *t = fdtable_new();

	if (!t)
		return NULL;
	spin_lock(&from->lock);
	while (from->cap > t->cap) {
		unsigned cap = from->cap;

		spin_unlock(&from->lock);
		if (grow(t, cap - 1)) {
			fdtable_put(t);
			return NULL;
		}
		spin_lock(&from->lock);
	}
	memcpy(t->used, from->used, BITMAP_WORDS(from->cap) * sizeof(*t->used));
	memcpy(t->cloexec, from->cloexec, BITMAP_WORDS(from->cap) * sizeof(*t->used));
	t->next_hint = from->next_hint;
	for (unsigned long i = bitmap_find_set(from->used, from->cap, 0); i != BITMAP_NONE; i = bitmap_find_set(from->used, from->cap, i + 1)) {
		t->files[i] = from->files[i];
		file_get(t->files[i]);
	}
	spin_unlock(&from->lock);
	return t;
}

/* What close(2) does with the file after the number is free. */
static int finish_close(struct fdtable *t, struct file *f)
{
	int err = 0;

	if (f->ops->flush)
		err = f->ops->flush(f);
	if (file_close_locks_hook && f->inode->flocks)
		file_close_locks_hook(f, t);
	if (unlikely(load_acquire(&f->owner)))
		dnotify_forget(f, t);
	file_put(f);
	return err;
}

/* Takes the file out of its number; NULL: not open. Lock held. */
static struct file *take_locked(struct fdtable *t, unsigned fd)
{
	struct file *f = fd < t->cap ? t->files[fd] : NULL;

	if (!f)
		return NULL;
	WRITE_ONCE(t->files[fd], NULL);
	bitmap_clear(t->used, fd);
	bitmap_clear(t->cloexec, fd);
	t->next_hint = MIN(t->next_hint, fd);
	return f;
}

void fdtable_look_end(struct fdtable *t)
{
	if (!refcount_put(&t->memory))
		return;
	if (t->files != t->inline_files)
		kfree(t->files);
	slab_free(&fdtable_cache, t);
}

/* Nobody can begin to look any more, but those who do may still be at it. */
void fdtable_put(struct fdtable *t)
{
	if (!refcount_put(&t->refs))
		return;
	for (unsigned long i = bitmap_find_set(t->used, t->cap, 0); i != BITMAP_NONE; i = bitmap_find_set(t->used, t->cap, i + 1)) {
		struct file *f;

		spin_lock(&t->lock);
		f = take_locked(t, (unsigned)i);
		spin_unlock(&t->lock);
		finish_close(t, f);
	}
	fdtable_look_end(t);
}

struct fdtable *fdtable_current(void) { return task_current()->files; }

unsigned long fd_limit(void) { return (unsigned long)MIN(process_current()->limits.cur[RLIMIT_NOFILE], (uint64_t)FD_MAX); }

int fdtable_unshare(void)
{
	struct task *t = task_current();
	struct fdtable *old = t->files, *own;
	unsigned long irq;

	if (fd_private(old))
		return 0;
	own = fdtable_dup(old);
	if (!own)
		return -ENOMEM;
	irq = sighand_lock(t->process);
	t->files = own;
	sighand_unlock(t->process, irq);
	fdtable_put(old);
	return 0;
}

struct fdtable *fdtable_of(struct process *p)
{
	unsigned long irq = sighand_lock(p);
	struct fdtable *t = NULL;
	struct task *i;

	list_for_each_entry(i, &p->tasks, process_link) {
		t = i->files;
		if (t)
			break;
	}
	if (t)
		refcount_get(&t->memory);
	sighand_unlock(p, irq);
	return t;
}

struct fdtable *fdtable_of_task(struct task *task)
{
	unsigned long irq = sighand_lock(task->process);
	struct fdtable *t = task->files;

	if (t)
		refcount_get(&t->memory);
	sighand_unlock(task->process, irq);
	return t;
}

int fd_path(struct fdtable *t, unsigned fd, struct path *out)
{
	struct file *f;

	spin_lock(&t->lock);
	f = fd < t->cap ? t->files[fd] : NULL;
	if (f) {
		*out = f->path;
		path_get(out);
	}
	spin_unlock(&t->lock);
	return f ? 0 : -ENOENT;
}

int fd_describe(struct fdtable *t, unsigned fd, struct fd_info *out, bool hold)
{
	struct file *f;

	spin_lock(&t->lock);
	f = fd < t->cap ? t->files[fd] : NULL;
	if (f) {
		unsigned flags = (READ_ONCE(f->flags) & ~O_ACCMODE) | (bitmap_test(t->cloexec, fd) ? O_CLOEXEC : 0);

		if (f->mode & FMODE_WRITE)
			flags |= f->mode & FMODE_READ ? O_RDWR : O_WRONLY;
		*out = (struct fd_info){ .pos = f->pos, .flags = flags, .mode = f->mode, .special = hold && f->ops->describe ? f : NULL, .mnt_id = f->path.mnt->id, .ino = f->inode->ino };
		if (out->special)
			file_get(f);
	}
	spin_unlock(&t->lock);
	return f ? 0 : -ENOENT;
}

static void put_at(struct fdtable *t, unsigned fd, struct file *f, bool cloexec)
{
	store_release(&t->files[fd], f);
	bitmap_set(t->used, fd);
	if (cloexec)
		bitmap_set(t->cloexec, fd);
	else
		bitmap_clear(t->cloexec, fd);
}

/* A free number >= from in the table as it is, or its size. Lock held. */
static unsigned find_free(struct fdtable *t, unsigned from)
{
	unsigned start = MAX(from, t->next_hint);
	unsigned long fd = start < t->cap ? bitmap_find_clear(t->used, t->cap, start) : start;

	if (fd == BITMAP_NONE)
		fd = t->cap;
	if (from <= t->next_hint)
		t->next_hint = (unsigned)fd;
	return (unsigned)fd;
}

int fd_install(struct fdtable *t, struct file *f, unsigned from, bool cloexec, unsigned long limit)
{
	unsigned max = (unsigned)MIN(limit, (unsigned long)FD_MAX), fd;

	if (from >= max)
		return from ? -EINVAL : -EMFILE;
	for (;;) {
		spin_lock(&t->lock);
		fd = find_free(t, from);
		if (fd < max && fd < t->cap) {
			put_at(t, fd, f, cloexec);
			spin_unlock(&t->lock);
			return (int)fd;
		}
		spin_unlock(&t->lock);
		if (fd >= max)
			return -EMFILE;
		if (grow(t, fd))
			return -ENOMEM;
	}
}

/* What is at a number just now, with no reference. Preemption off, or the lock held. */
static struct file *peek(struct fdtable *t, unsigned fd)
{
	return fd < load_acquire(&t->cap) ? load_acquire(&load_acquire(&t->files)[fd]) : NULL;
}

struct file *fd_get(struct fdtable *t, unsigned fd, bool path_ok)
{
	struct file *f;
	bool held, same;

	do {
		preempt_disable();
		f = peek(t, fd);
		held = f && refcount_get_unless_zero(&f->refs);
		smp_mb();
		same = peek(t, fd) == f;
		preempt_enable();
		if (held && !same)
			file_put(f);
	} while (!same || (f && !held));
	if (!f || path_ok || !(f->mode & FMODE_PATH))
		return f;
	file_put(f);
	return NULL;
}

int fd_close(struct fdtable *t, unsigned fd)
{
	struct file *f;

	spin_lock(&t->lock);
	f = take_locked(t, fd);
	spin_unlock(&t->lock);
	return f ? finish_close(t, f) : -EBADF;
}

int fd_dup_to(struct fdtable *t, unsigned from, unsigned to, bool cloexec, unsigned long limit)
{
	struct file *f = fd_get(t, from, true), *old;

	if (!f)
		return -EBADF;
	if (to >= MIN(limit, (unsigned long)FD_MAX)) {
		file_put(f);
		return -EBADF;
	}
	spin_lock(&t->lock);
	while (to >= t->cap) {
		spin_unlock(&t->lock);
		if (grow(t, to)) {
			file_put(f);
			return -ENOMEM;
		}
		spin_lock(&t->lock);
	}
	old = t->files[to]; /* in one step: who looks without the lock never finds the number closed */
	put_at(t, to, f, cloexec);
	spin_unlock(&t->lock);
	if (old)
		finish_close(t, old);
	return (int)to;
}

int fd_set_cloexec(struct fdtable *t, unsigned fd, bool on)
{
	int err = -EBADF;

	spin_lock(&t->lock);
	if (fd < t->cap && t->files[fd]) {
		put_at(t, fd, t->files[fd], on);
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
	unsigned long i = 0;

	for (;;) {
		struct file *f;

		spin_lock(&t->lock);
		i = bitmap_find_set(t->cloexec, t->cap, i);
		f = i == BITMAP_NONE ? NULL : take_locked(t, (unsigned)i);
		spin_unlock(&t->lock);
		if (!f)
			return;
		finish_close(t, f);
	}
}

int fd_next(struct fdtable *t, unsigned from)
{
	unsigned long i;

	spin_lock(&t->lock);
	i = from < t->cap ? bitmap_find_set(t->used, t->cap, from) : BITMAP_NONE;
	spin_unlock(&t->lock);
	return i == BITMAP_NONE ? -1 : (int)i;
}
