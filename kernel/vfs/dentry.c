/* SPDX-License-Identifier: MIT */
/*
 * The name cache. One lock guards the hash chains, the LRU, names and parents. Lookups in the file system happen with the directory's lock
 * held, so that of two threads which miss the same name the second finds the first one's entry.
 *
 * Walks look without the lock and write nothing: dentry_seq is odd while names, parents or mount points change or entries leave the chains, and
 * another one afterwards. What was read while it stayed the same was true. Memory that was an entry or an inode stays readable whatever
 * becomes of it, so a walk may read on in what was freed under its feet, as long as it looks at the count before it follows a pointer that it
 * read, and before it believes anything.
 */
#include "vfs/dentry.h"

#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/bits.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"

#define HASH_BITS 11
/* Unreferenced names kept, for each MiB of memory. */
#define KEEP_PER_MIB 64
#define SHRINK_BATCH 32

struct spinlock dentry_lock = SPINLOCK_INIT(LOCK_DENTRY);
static struct dentry *buckets[1 << HASH_BITS]; /* dentry_lock */
static struct list lru = LIST_INIT(lru);       /* oldest first; dentry_lock */
static unsigned long lru_count, lru_max = 1024; /* dentry_lock */
static atomic_long_t live;
static SLAB_CACHE(dentry_cache, dentry);

void dentry_init(void)
{
	lru_max = MAX(256ul, (frame_total() >> (20 - PAGE_SHIFT)) * KEEP_PER_MIB);
}

unsigned long dentry_live(void) { return (unsigned long)atomic_read(&live); }

uint32_t dentry_seq;

void dentry_change_begin(void)
{
	WRITE_ONCE(dentry_seq, dentry_seq + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

void dentry_change_end(void) { store_release(&dentry_seq, dentry_seq + 1); }

static struct dentry **bucket(uint32_t hash) { return &buckets[hash_u32(hash) >> (32 - HASH_BITS)]; }

static struct dentry *dentry_new(const char *name, size_t len)
{
	struct dentry *d = slab_alloc(&dentry_cache, ALLOC_ZERO);

	if (!d)
		return NULL;
	d->name = d->inline_name;
	if (len >= sizeof(d->inline_name))
		d->name = kmalloc(len + 1, 0);
	if (!d->name) {
		slab_free(&dentry_cache, d);
		return NULL;
	}
	memcpy(d->name, name, len);
	d->name[len] = '\0';
	d->name_len = (uint16_t)len;
	refcount_set(&d->refs, 1);
	list_init(&d->lru);
	atomic_inc(&live);
	return d;
}

struct dentry *dentry_make_root(struct inode *root)
{
	struct dentry *d = dentry_new("/", 1);

	if (d)
		d->inode = root;
	return d;
}

struct dentry *dentry_make_anon(struct inode *i, const char *name)
{
	struct dentry *d = dentry_new(name, strlen(name));

	if (d)
		d->inode = i;
	return d;
}

static void hash_insert(struct dentry *d)
{
	struct dentry **b = bucket(d->hash);

	d->hash_next = *b;
	d->hashed = true;
	store_release(b, d);
}

static void hash_remove(struct dentry *d)
{
	struct dentry **p = bucket(d->hash);

	if (!d->hashed)
		return;
	dentry_change_begin();
	while (*p != d)
		p = &(*p)->hash_next;
	WRITE_ONCE(*p, d->hash_next);
	d->hashed = false;
	dentry_change_end();
}

void (*dentry_gone_hook)(struct inode *i);

/* Frees an unhashed entry that nobody refers to; returns the parent, whose reference the caller now holds. */
static struct dentry *dentry_free(struct dentry *d)
{
	struct dentry *parent = d->parent;

	if (d->inode) {
		if (unlikely(d->inode->watches) && !d->inode->nlink)
			dentry_gone_hook(d->inode);
		inode_put(d->inode);
	}
	if (d->name != d->inline_name)
		kfree(d->name);
	slab_free(&dentry_cache, d);
	atomic_dec(&live);
	return parent;
}

static bool put_unless_last(struct dentry *d)
{
	uint32_t n = refcount_read(&d->refs);

	while (n > 1)
		if (__atomic_compare_exchange_n(&d->refs.n, &n, n - 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
			return true;
	return false;
}

/*
 * True if the entry must be freed; otherwise it rests in the LRU. Names that may change behind the cache are not kept: /proc/PID would hold
 * processes that are long gone. dentry_lock held.
 */
static bool put_last_locked(struct dentry *d)
{
	if (!refcount_put(&d->refs))
		return false;
	if (d->hashed && d->parent->inode->sb->revalidate)
		hash_remove(d);
	if (!d->hashed)
		return true;
	list_push_back(&lru, &d->lru);
	lru_count++;
	return false;
}

void dentry_put(struct dentry *d)
{
	bool crowded;

	while (d && !put_unless_last(d)) {
		bool dead;

		spin_lock(&dentry_lock);
		dead = put_last_locked(d);
		crowded = lru_count > lru_max;
		spin_unlock(&dentry_lock);
		d = dead ? dentry_free(d) : NULL;
		if (crowded)
			dentry_shrink(SHRINK_BATCH);
	}
}

void dentry_get_resting(struct dentry *d)
{
	if (refcount_get_unless_zero(&d->refs))
		return;
	list_del(&d->lru);
	lru_count--;
	refcount_set(&d->refs, 1);
}

static struct dentry *find_locked(struct dentry *dir, const char *name, size_t len, uint32_t hash)
{
	for (struct dentry *d = *bucket(hash); d; d = d->hash_next)
		if (d->hash == hash && d->parent == dir && d->name_len == len && !memcmp(d->name, name, len))
			return d;
	return NULL;
}

/* Each entry's fields are believed only if the count is still the same after they were read; then its name may be looked at. */
struct dentry *dentry_peek(const struct dentry *dir, const char *name, size_t len, uint32_t hash, uint32_t seq)
{
	for (struct dentry *d = load_acquire(bucket(hash)), *next; d; d = next) {
		bool same = d->hash == hash && d->parent == dir && d->name_len == len;
		const char *his = d->name;

		next = READ_ONCE(d->hash_next);
		if (!dentry_unchanged(seq))
			return NULL;
		if (same && !memcmp(his, name, len))
			return d;
	}
	return NULL;
}

struct dentry *dentry_find(struct dentry *dir, const char *name, size_t len, uint32_t hash)
{
	struct dentry *d;

	spin_lock(&dentry_lock);
	d = find_locked(dir, name, len, hash);
	if (d)
		dentry_get_resting(d);
	spin_unlock(&dentry_lock);
	return d;
}

/* Is what the cache says still so? Only file systems that change by themselves are asked. */
static bool still_valid(struct dentry *dir, struct dentry *d)
{
	const struct inode *i = dir->inode;

	if (likely(!i->sb->revalidate) || !i->ops->revalidate || d->mounted)
		return true;
	return i->ops->revalidate(dir->inode, d->name, d->name_len, d->inode);
}

static struct dentry *find_valid(struct dentry *dir, const char *name, size_t len, uint32_t hash)
{
	struct dentry *d = dentry_find(dir, name, len, hash);

	if (!d || still_valid(dir, d))
		return d;
	dentry_unhash(d);
	dentry_put(d);
	return NULL;
}

/* Asks the file system. The directory's lock is held. */
static struct dentry *lookup_slow(struct dentry *dir, const char *name, size_t len, uint32_t hash)
{
	struct dentry *d = find_valid(dir, name, len, hash), *other;
	int err;

	if (d)
		return d;
	d = dentry_new(name, len);
	if (!d)
		return ERR_PTR(-ENOMEM);
	err = dir->inode->ops->lookup(dir->inode, name, len, &d->inode);
	d->hash = hash;
	if (err) {
		d->inode = NULL;
		if (err != -ENOENT) {
			dentry_free(d);
			return ERR_PTR(err);
		}
	}
	dentry_get(dir);
	d->parent = dir;
	spin_lock(&dentry_lock);
	other = find_locked(dir, name, len, hash);
	if (other)
		dentry_get_resting(other);
	else if (dir->hashed || !dir->parent)
		hash_insert(d);
	spin_unlock(&dentry_lock);
	if (!other)
		return d;
	dentry_put(d);
	return other;
}

struct dentry *dentry_lookup_hashed(struct dentry *dir, const char *name, size_t len, uint32_t hash, bool dir_locked)
{
	struct dentry *d = find_valid(dir, name, len, hash);

	if (d)
		return d;
	if (!dir->inode->ops || !dir->inode->ops->lookup)
		return ERR_PTR(-ENOTDIR);
	if (!dir_locked)
		rwlock_read_lock(&dir->inode->lock);
	d = lookup_slow(dir, name, len, hash);
	if (!dir_locked)
		rwlock_read_unlock(&dir->inode->lock);
	return d;
}

static uint32_t hash_name(const struct dentry *dir, const char *name, size_t len)
{
	uint32_t h = dentry_hash_init(dir);

	for (size_t i = 0; i < len; i++)
		h = dentry_hash_step(h, (unsigned char)name[i]);
	return h;
}

struct dentry *dentry_lookup(struct dentry *dir, const char *name, size_t len, bool dir_locked)
{
	return dentry_lookup_hashed(dir, name, len, hash_name(dir, name, len), dir_locked);
}

void dentry_instantiate(struct dentry *d, struct inode *i)
{
	assert(!d->inode);
	store_release(&d->inode, i);
}

void dentry_unhash(struct dentry *d)
{
	spin_lock(&dentry_lock);
	hash_remove(d);
	spin_unlock(&dentry_lock);
}

static void swap_names(struct dentry *a, struct dentry *b)
{
	char tmp[sizeof(a->inline_name)];
	bool a_inline = a->name == a->inline_name, b_inline = b->name == b->inline_name;
	char *an = a->name, *bn = b->name;
	uint16_t len = a->name_len;

	memcpy(tmp, a->inline_name, sizeof(tmp));
	memcpy(a->inline_name, b->inline_name, sizeof(tmp));
	memcpy(b->inline_name, tmp, sizeof(tmp));
	a->name = b_inline ? a->inline_name : bn;
	b->name = a_inline ? b->inline_name : an;
	a->name_len = b->name_len;
	b->name_len = len;
}

void dentry_move(struct dentry *d, struct dentry *target, bool exchange)
{
	struct dentry *parent;
	uint32_t hash;

	spin_lock(&dentry_lock);
	hash_remove(d);
	hash_remove(target);
	dentry_change_begin();
	swap_names(d, target);
	parent = d->parent;
	d->parent = target->parent;
	target->parent = parent;
	hash = d->hash;
	d->hash = target->hash;
	target->hash = hash;
	hash_insert(d);
	if (exchange)
		hash_insert(target);
	dentry_change_end();
	spin_unlock(&dentry_lock);
}

bool dentry_is_ancestor(struct dentry *a, struct dentry *of)
{
	bool yes = false;

	spin_lock(&dentry_lock);
	for (struct dentry *d = of; d && !yes; d = d->parent)
		yes = d == a;
	spin_unlock(&dentry_lock);
	return yes;
}

static bool in_super(const struct dentry *d, const struct super *sb)
{
	return !sb || (d->inode ? d->inode->sb : d->parent->inode->sb) == sb;
}

/* Takes up to max entries (of sb, unless NULL) out of the LRU and frees them. */
static unsigned long shrink(unsigned long max, const struct super *sb)
{
	struct list dead = LIST_INIT(dead);
	struct dentry *d, *next;
	unsigned long n = 0;

	spin_lock(&dentry_lock);
	list_for_each_entry_safe(d, next, &lru, lru) {
		if (n == max)
			break;
		if (!in_super(d, sb))
			continue;
		hash_remove(d);
		list_del(&d->lru);
		list_push_back(&dead, &d->lru);
		lru_count--;
		n++;
	}
	spin_unlock(&dentry_lock);
	list_for_each_entry_safe(d, next, &dead, lru) {
		list_del(&d->lru);
		dentry_put(dentry_free(d));
	}
	return n;
}

unsigned long dentry_shrink(unsigned long max) { return shrink(max ? max : ~0ul, NULL); }

/* Parents become free when their children are gone: so until nothing is left. */
void dentry_shrink_super(struct super *sb)
{
	while (shrink(SHRINK_BATCH * 8, sb))
		;
}
