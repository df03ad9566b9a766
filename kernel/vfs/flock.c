/* SPDX-License-Identifier: MIT */
/*
 * Locks on files. An inode has a set of locks while it has locks, or somebody looks. The locks of one owner in a set never overlap, and
 * neighbours of the same type are one. Waiting is by the set's queue: whoever gives up something wakes all, and they look again.
 *
 * All under flock_lock: locking is rare, and the search for deadlocks goes from set to set.
 */
#include "vfs/flock.h"

#include "lib/bits.h"
#include "mem/slab.h"
#include "task/process.h"

enum lock_kind { KIND_WHOLE, KIND_POSIX, KIND_OFD };

struct lock {
	struct list link;     /* in the set; or on a list of spare or freed ones */
	struct list all_link; /* in all_locks while it is in a set */
	enum lock_kind kind;
	struct flock_request r;
	struct inode *inode;  /* whose set it is in */
};

struct lockset {
	struct list locks;
	unsigned users;       /* calls that look at it */
	struct waitq wait;    /* for any change */
};

/* One who waits: lives on its stack. Linked while it may be part of a deadlock. */
struct blocked {
	struct list link;
	struct lockset *set;
	const struct lock *want;
};

#define DEADLOCK_STEPS 32

static struct spinlock flock_lock = SPINLOCK_INIT(LOCK_FLOCK);
static struct list blocked_list = LIST_INIT(blocked_list); /* flock_lock */
static struct list all_locks = LIST_INIT(all_locks);       /* flock_lock */
static SLAB_CACHE(lock_cache, lock);

/* The inode's set, made if need be, held by the caller until set_put; NULL without memory, or (make false) when there is none. */
static struct lockset *set_get(struct inode *i, bool make)
{
	struct lockset *fresh = NULL, *s;

	for (;;) {
		spin_lock(&flock_lock);
		if (fresh && !i->flocks) {
			store_release(&i->flocks, fresh);
			fresh = NULL;
		}
		s = i->flocks;
		if (s)
			s->users++;
		spin_unlock(&flock_lock);
		if (s || !make)
			break;
		fresh = kzalloc(sizeof(*fresh));
		if (!fresh)
			break;
		list_init(&fresh->locks);
		waitq_init(&fresh->wait);
	}
	kfree(fresh);
	return s;
}

static void set_put(struct inode *i, struct lockset *s)
{
	bool empty;

	if (!s)
		return;
	spin_lock(&flock_lock);
	empty = --s->users == 0 && list_empty(&s->locks);
	if (empty)
		store_release(&i->flocks, NULL);
	spin_unlock(&flock_lock);
	if (empty)
		kfree(s);
}

static bool same_owner(const struct lock *a, const struct lock *b) { return a->kind == b->kind && a->r.owner == b->r.owner; }

static bool conflicts(const struct lock *held, const struct lock *want)
{
	if ((held->kind == KIND_WHOLE) != (want->kind == KIND_WHOLE) || same_owner(held, want))
		return false;
	if (held->r.type != F_WRLCK && want->r.type != F_WRLCK)
		return false;
	return held->r.start <= want->r.end && want->r.start <= held->r.end;
}

/* The first lock in the way. flock_lock held. */
static struct lock *in_the_way(struct lockset *s, const struct lock *want)
{
	struct lock *l;

	list_for_each_entry(l, &s->locks, link)
		if (conflicts(l, want))
			return l;
	return NULL;
}

static bool still_blocked(struct lockset *s, const struct lock *want)
{
	bool r;

	spin_lock(&flock_lock);
	r = in_the_way(s, want) != NULL;
	spin_unlock(&flock_lock);
	return r;
}

/* Would waiting for the owner of `for_whom` close a circle? flock_lock held. */
static bool is_deadlock(const struct lock *want, const struct lock *for_whom)
{
	for (unsigned step = 0; step < DEADLOCK_STEPS && for_whom; step++) {
		const struct lock *next = NULL;
		struct blocked *b;

		if (for_whom->kind != KIND_POSIX)
			return false;
		if (same_owner(for_whom, want))
			return true;
		list_for_each_entry(b, &blocked_list, link) {
			if (same_owner(b->want, for_whom)) {
				next = in_the_way(b->set, b->want);
				break;
			}
		}
		for_whom = next;
	}
	return false;
}

/* The spares are for what a change may need: the new lock, and the right part of one that is cut in two. */
struct change {
	struct list spare, freed;
};

static int change_begin(struct change *c, unsigned spares)
{
	list_init(&c->spare);
	list_init(&c->freed);
	while (spares--) {
		struct lock *l = slab_alloc(&lock_cache, ALLOC_ZERO);

		if (!l)
			return -ENOLCK;
		list_push_back(&c->spare, &l->link);
	}
	return 0;
}

static void free_list(struct list *from)
{
	struct lock *l, *tmp;

	list_for_each_entry_safe(l, tmp, from, link)
		slab_free(&lock_cache, l);
}

static void change_end(struct change *c)
{
	free_list(&c->spare);
	free_list(&c->freed);
}

static void insert(struct lockset *s, struct change *c, const struct lock *like, loff_t start, loff_t end)
{
	struct lock *l = list_entry(c->spare.next, struct lock, link);

	list_del(&l->link);
	*l = *like;
	l->r.start = start;
	l->r.end = end;
	list_push_back(&s->locks, &l->link);
	list_push_back(&all_locks, &l->all_link);
}

static void take_out(struct change *c, struct lock *l)
{
	list_del(&l->all_link);
	list_del(&l->link);
	list_push_back(&c->freed, &l->link);
}

/* Makes [want.start, want.end] free of the owner's locks: cut, split, removed. */
static void carve(struct lockset *s, struct change *c, const struct lock *want)
{
	struct lock *l, *tmp;

	list_for_each_entry_safe(l, tmp, &s->locks, link) {
		if (!same_owner(l, want) || l->r.start > want->r.end || l->r.end < want->r.start)
			continue;
		if (l->r.start < want->r.start && l->r.end > want->r.end) {
			insert(s, c, l, want->r.end + 1, l->r.end);
			l->r.end = want->r.start - 1;
		} else if (l->r.start < want->r.start) {
			l->r.end = want->r.start - 1;
		} else if (l->r.end > want->r.end) {
			l->r.start = want->r.end + 1;
		} else {
			take_out(c, l);
		}
	}
}

/* Joins with the owner's locks of the same type that touch the range: want grows over them. */
static void absorb(struct lockset *s, struct change *c, struct lock *want)
{
	struct lock *l, *tmp;

	list_for_each_entry_safe(l, tmp, &s->locks, link) {
		if (!same_owner(l, want) || l->r.type != want->r.type)
			continue;
		if ((l->r.end != FLOCK_END && l->r.end + 1 < want->r.start) || (want->r.end != FLOCK_END && want->r.end + 1 < l->r.start))
			continue;
		want->r.start = MIN(want->r.start, l->r.start);
		want->r.end = MAX(want->r.end, l->r.end);
		take_out(c, l);
	}
}

/* Nothing is in the way. flock_lock held. */
static void apply(struct lockset *s, struct change *c, const struct lock *want)
{
	struct lock grown = *want;

	if (want->r.type != F_UNLCK)
		absorb(s, c, &grown);
	carve(s, c, &grown);
	if (want->r.type != F_UNLCK)
		insert(s, c, &grown, grown.r.start, grown.r.end);
}

/* One attempt: 0, -EAGAIN, or -EDEADLK; with b the caller is entered as waiting when it is -EAGAIN. */
static int try(struct lockset *s, struct change *c, const struct lock *want, struct blocked *b)
{
	struct lock *other;
	int err = 0;

	spin_lock(&flock_lock);
	other = want->r.type == F_UNLCK ? NULL : in_the_way(s, want);
	if (!other)
		apply(s, c, want);
	else if (b && want->kind == KIND_POSIX && is_deadlock(want, other))
		err = -EDEADLK;
	else
		err = -EAGAIN;
	if (err == -EAGAIN && b) {
		*b = (struct blocked){ .set = s, .want = want };
		list_push_back(&blocked_list, &b->link);
	}
	spin_unlock(&flock_lock);
	return err;
}

static int set_lock(struct lockset *s, const struct lock *want, bool wait)
{
	struct blocked b;
	struct change c;
	int err = change_begin(&c, 2);

	while (!err) {
		err = try(s, &c, want, wait ? &b : NULL);
		if (err != -EAGAIN || !wait)
			break;
		err = waitq_wait(&s->wait, !still_blocked(s, want), WAIT_INTERRUPTIBLE);
		spin_lock(&flock_lock);
		list_del(&b.link);
		spin_unlock(&flock_lock);
	}
	change_end(&c);
	if (!err)
		waitq_wake_all(&s->wait); /* less may be locked than before */
	return err;
}

int flock_whole(struct file *f, int type, bool wait)
{
	struct lock want = { .kind = KIND_WHOLE, .inode = f->inode, .r = { F_UNLCK, 0, FLOCK_END, f, process_current()->pid } };
	struct lockset *s = set_get(f->inode, true);
	struct lock *l;
	bool have = false;
	int err = 0;

	if (!s)
		return -ENOLCK;
	spin_lock(&flock_lock);
	list_for_each_entry(l, &s->locks, link)
		have |= same_owner(l, &want) && l->r.type == type;
	spin_unlock(&flock_lock);
	if (!have)
		err = set_lock(s, &want, false);
	want.r.type = type;
	if (!have && !err && type != F_UNLCK)
		err = set_lock(s, &want, wait);
	set_put(f->inode, s);
	return err;
}

static enum lock_kind kind_of(const struct flock_request *r) { return r->pid < 0 ? KIND_OFD : KIND_POSIX; }

int flock_record(struct file *f, const struct flock_request *r, bool wait)
{
	struct lock want = { .kind = kind_of(r), .inode = f->inode, .r = *r };
	struct lockset *s = set_get(f->inode, r->type != F_UNLCK);
	int err = s ? set_lock(s, &want, wait) : r->type == F_UNLCK ? 0 : -ENOLCK;

	set_put(f->inode, s);
	return err;
}

void flock_test(struct file *f, struct flock_request *r)
{
	struct lock want = { .kind = kind_of(r), .r = *r }, *l = NULL;
	struct lockset *s;

	spin_lock(&flock_lock);
	s = f->inode->flocks;
	if (s)
		l = in_the_way(s, &want);
	if (l)
		*r = l->r;
	else
		r->type = F_UNLCK;
	spin_unlock(&flock_lock);
}

void flock_each(void (*fn)(const char *kind, const struct flock_request *r, const struct inode *i, void *ctx), void *ctx)
{
	static const char *const names[] = { "FLOCK", "POSIX", "OFDLCK" };
	struct lock *l;

	spin_lock(&flock_lock);
	list_for_each_entry(l, &all_locks, all_link)
		fn(names[l->kind], &l->r, l->inode, ctx);
	spin_unlock(&flock_lock);
}

/* A descriptor was closed (owner: its table, whose records on the file go), or the open file (owner NULL: its own go). */
static void close_locks(struct file *f, void *owner)
{
	struct lockset *s = set_get(f->inode, false);
	const void *who = owner ? owner : f;
	struct lock *l, *tmp;
	struct change c;

	if (!s)
		return;
	change_begin(&c, 0);
	spin_lock(&flock_lock);
	list_for_each_entry_safe(l, tmp, &s->locks, link)
		if (l->r.owner == who && (l->kind == KIND_POSIX) == (owner != NULL))
			take_out(&c, l);
	spin_unlock(&flock_lock);
	if (!list_empty(&c.freed))
		waitq_wake_all(&s->wait);
	change_end(&c);
	set_put(f->inode, s);
}

void flock_init(void) { file_close_locks_hook = close_locks; }
