/* SPDX-License-Identifier: MIT */
/*
 * Numbers -> files. Changes are made under the table's lock; it grows by doubling, with the new arrays made outside the lock. Finding a file takes no
 * lock: files are objects of a stable cache (mem/slab), and arrays that were replaced are freed when every CPU has been seen with preemption on.
 *
 * There may be a million numbers, so nothing looks at all of them with the lock held. Who copies the arrays, to grow or to fork, does some, lets others
 * in, and goes on; what they change of that which is copied already they change in the copy, too. So when the last are copied, the copy is what the
 * table is at that moment.
 */
#include "vfs/fdtable.h"

#include "lib/bits.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/grace.h"
#include "vfs/dnotify.h"

#define INLINE_FDS 32
#define FD_MAX 1048576u
#define COPY_STEP 256u  /* numbers that are copied in one go; whole words of the bitmaps */
#define LOOK_STEP 65536u /* numbers that are looked through in one go; whole words */

/* A copy of a table's arrays while it is made. */
struct fdcopy {
	struct list link;   /* fdtable.copies */
	struct file **files;
	unsigned long *used, *cloexec;
	unsigned room, done; /* numbers that it has; what is below is copied */
	bool hold;          /* it has its own reference to each file */
};

static SLAB_CACHE(fdtable_cache, fdtable);

struct fdtable *fdtable_new(void)
{
	struct fdtable *t = slab_alloc(&fdtable_cache, ALLOC_ZERO);

	if (!t)
		return NULL;
	refcount_set(&t->refs, 1);
	refcount_set(&t->memory, 1);
	spin_init(&t->lock, LOCK_FDTABLE);
	list_init(&t->copies);
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

static struct fdcopy copy_into(struct file **block, unsigned cap)
{
	unsigned long *used = (unsigned long *)(block + cap);

	return (struct fdcopy){ .files = block, .used = used, .cloexec = used + BITMAP_WORDS(cap), .room = cap };
}

/* Lock held. */
static void copy_some(const struct fdtable *t, struct fdcopy *c)
{
	unsigned start = c->done, end = MIN(start + COPY_STEP, MIN(t->cap, c->room));
	size_t word = start / BITS_PER_WORD, bytes = BITMAP_WORDS(end - start) * sizeof(*c->used);

	memcpy(c->files + start, t->files + start, (end - start) * sizeof(*c->files));
	memcpy(c->used + word, t->used + word, bytes);
	memcpy(c->cloexec + word, t->cloexec + word, bytes);
	c->done = end;
	if (!c->hold)
		return;
	for (unsigned long i = bitmap_find_set(t->used, end, start); i != BITMAP_NONE; i = bitmap_find_set(t->used, end, i + 1))
		file_get(t->files[i]);
}

/* The numbers to be copied: to grow all, for what an earlier try has left in the copy. Lock held. */
static unsigned span(const struct fdtable *t, const struct fdcopy *c) { return c->hold ? t->top : t->cap; }

/* Copies what a table has open; false: it has become larger meanwhile, or has no room in the copy. The lock is held, and given up on the way. */
static bool copy_all(struct fdtable *t, struct fdcopy *c)
{
	unsigned cap = t->cap;

	c->done = 0;
	list_push_back(&t->copies, &c->link);
	while (t->cap == cap && t->top <= c->room && c->done < span(t, c)) {
		copy_some(t, c);
		if (c->done < span(t, c)) {
			spin_unlock(&t->lock);
			spin_lock(&t->lock);
		}
	}
	list_del(&c->link);
	return t->cap == cap && t->top <= c->room;
}

static void put_bit(unsigned long *to, const unsigned long *from, unsigned i)
{
	if (bitmap_test(from, i))
		bitmap_set(to, i);
	else
		bitmap_clear(to, i);
}

/* A number has changed: in the copies that have it already, too. Who took a file out has the table's reference to it. Lock held. */
static __noinline void change_copies(struct fdtable *t, unsigned fd)
{
	struct fdcopy *c;

	list_for_each_entry(c, &t->copies, link) {
		struct file *new = t->files[fd], *old;
		bool last;

		if (fd >= c->done)
			continue;
		old = c->files[fd];
		if (c->hold && new)
			file_get(new);
		last = c->hold && old && refcount_put(&old->refs);
		assert(!last);
		c->files[fd] = new;
		put_bit(c->used, t->used, fd);
		put_bit(c->cloexec, t->cloexec, fd);
	}
}

/* Moves the table over to a copy with cap entries; returns the old block, or NULL when it was the inline one. Lock held. */
static struct file **arrays_switch(struct fdtable *t, const struct fdcopy *c, unsigned cap)
{
	struct file **old = t->files;

	t->used = c->used;
	t->cloexec = c->cloexec;
	store_release(&t->files, c->files);
	store_release(&t->cap, cap); /* who sees it sees the block */
	return old == t->inline_files ? NULL : old;
}

/* Makes room for number fd. -ENOMEM. */
static int grow(struct fdtable *t, unsigned fd)
{
	unsigned cap = 1u << log2_up(fd + 1);
	struct file **block = arrays_alloc(cap);
	struct fdcopy c = copy_into(block, cap);

	if (!block)
		return -ENOMEM;
	spin_lock(&t->lock);
	while (cap > t->cap)
		if (copy_all(t, &c))
			block = arrays_switch(t, &c, cap);
	spin_unlock(&t->lock);
	smp_mb(); /* who begins to look at the table now sees the new arrays */
	if (block && (refcount_read(&t->refs) > 1 || refcount_read(&t->memory) > 1))
		grace_wait();
	kfree(block);
	return 0;
}

/* An empty table for cap numbers, or NULL. */
static struct fdtable *fdtable_for(unsigned cap)
{
	struct fdtable *t = fdtable_new();
	struct file **block = NULL;
	struct fdcopy c;

	if (!t || cap <= t->cap)
		return t;
	block = arrays_alloc(cap);
	if (!block) {
		fdtable_put(t);
		return NULL;
	}
	c = copy_into(block, cap);
	arrays_switch(t, &c, cap);
	return t;
}

/* Room for what is open in a table, which may have had more. */
static unsigned room_of(struct fdtable *t)
{
	unsigned empty = 0, room;

	spin_lock(&t->lock);
	while (t->top > INLINE_FDS && !t->used[(t->top - 1) / BITS_PER_WORD]) {
		t->top = (t->top - 1) & ~(BITS_PER_WORD - 1u);
		if (++empty % (LOOK_STEP / BITS_PER_WORD) == 0) {
			spin_unlock(&t->lock);
			spin_lock(&t->lock);
		}
	}
	room = t->top > INLINE_FDS ? 1u << log2_up(t->top) : INLINE_FDS;
	spin_unlock(&t->lock);
	return room;
}

/* The copy has room for what is open in the table, which another thread may still raise: then again. */
struct fdtable *fdtable_dup(struct fdtable *from)
{
	bool whole;

	for (;;) {
		struct fdtable *t = fdtable_for(room_of(from));
		struct fdcopy c;

		if (!t)
			return NULL;
		c = (struct fdcopy){ .files = t->files, .used = t->used, .cloexec = t->cloexec, .room = t->cap, .hold = true };
		spin_lock(&from->lock);
		whole = copy_all(from, &c);
		t->next_hint = from->next_hint;
		t->top = from->top;
		spin_unlock(&from->lock);
		if (whole)
			return t;
		fdtable_put(t);
	}
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
	if (unlikely(!list_empty(&t->copies)))
		change_copies(t, fd);
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
	t->top = MAX(t->top, fd + 1);
	bitmap_set(t->used, fd);
	if (cloexec)
		bitmap_set(t->cloexec, fd);
	else
		bitmap_clear(t->cloexec, fd);
	if (unlikely(!list_empty(&t->copies)))
		change_copies(t, fd);
}

/*
 * Looks for a free number >= *from in the table as it is. What is returned is free, or as far as it was looked, or the end of the table; *from is where
 * to go on: lower numbers that others close meanwhile are found, unless no number so low is asked for. Lock held.
 */
static unsigned find_free(struct fdtable *t, unsigned *from)
{
	unsigned start = MAX(*from, t->next_hint), end = MIN(t->cap, start + LOOK_STEP);
	unsigned long fd = start < end ? bitmap_find_clear(t->used, end, start) : start;

	if (fd == BITMAP_NONE)
		fd = end;
	if (*from <= t->next_hint)
		t->next_hint = (unsigned)fd;
	else
		*from = (unsigned)fd;
	return (unsigned)fd;
}

int fd_room(struct fdtable *t, unsigned long limit)
{
	unsigned from = 0, fd, cap;
	bool free;

	do {
		spin_lock(&t->lock);
		fd = find_free(t, &from);
		cap = t->cap;
		free = fd < cap && !t->files[fd];
		spin_unlock(&t->lock);
		if (fd >= MIN(limit, (unsigned long)FD_MAX))
			return -EMFILE;
	} while (!free && fd < cap);
	return !free && grow(t, fd) ? -ENOMEM : 0;
}

int fd_install(struct fdtable *t, struct file *f, unsigned from, bool cloexec, unsigned long limit)
{
	unsigned max = (unsigned)MIN(limit, (unsigned long)FD_MAX), fd, cap;

	if (from >= max)
		return from ? -EINVAL : -EMFILE;
	for (;;) {
		spin_lock(&t->lock);
		fd = find_free(t, &from);
		cap = t->cap;
		if (fd < max && fd < cap && !t->files[fd]) {
			put_at(t, fd, f, cloexec);
			spin_unlock(&t->lock);
			return (int)fd;
		}
		spin_unlock(&t->lock);
		if (fd >= max)
			return -EMFILE;
		if (fd >= cap && grow(t, fd))
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

/* Looks in a bitmap of the table from *at on, for a while; *at is what it found, or where to go on. Lock held. */
static bool look(const struct fdtable *t, const unsigned long *bits, unsigned *at)
{
	unsigned end = MIN(t->cap, *at + LOOK_STEP);
	unsigned long i = bitmap_find_set(bits, end, *at);

	*at = i == BITMAP_NONE ? end : (unsigned)i;
	return i != BITMAP_NONE;
}

void fdtable_exec(struct fdtable *t)
{
	bool more = true;

	for (unsigned at = 0; more;) {
		struct file *f = NULL;

		spin_lock(&t->lock);
		more = at < t->cap;
		if (more && look(t, t->cloexec, &at))
			f = take_locked(t, at);
		spin_unlock(&t->lock);
		if (f)
			finish_close(t, f);
	}
}

int fd_next(struct fdtable *t, unsigned from)
{
	bool more, found = false;

	do {
		spin_lock(&t->lock);
		more = from < t->cap;
		if (more)
			found = look(t, t->used, &from);
		spin_unlock(&t->lock);
	} while (more && !found);
	return found ? (int)from : -1;
}
