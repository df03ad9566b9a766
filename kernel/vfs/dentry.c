/* SPDX-License-Identifier: MIT */
/*
 * The name cache. It is cut into shards by the hash of (directory, name): each has a lock for its chains, its LRU and the last references of
 * its entries, so CPUs that work on different names write nothing in common. dentry_lock guards the places: names, parents and mount points; it
 * is taken before a shard's. Lookups in the file system happen with the directory's lock held, so that of two threads which miss the same name
 * the second finds the first one's entry.
 *
 * Walks look without a lock and write nothing. Two counts tell them whether what they read was true: a shard's is odd while an entry leaves
 * its chains, dentry_seq while places change, and each is another one afterwards (struct dentry_view). Memory that was an entry or an inode stays
 * readable whatever becomes of it, so a walk may read on in what was freed under its feet, as long as it looks at the counts before it follows a
 * pointer that it read, and before it believes anything. An entry in a chain holds its directory; so a walk that goes from a directory to an entry
 * in it looks at the directory's counts once more after it read the entry's, and may forget them then.
 */
#include "vfs/dentry.h"

#include "core/percount.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/bits.h"
#include "lib/hash.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"

#define FRAMES_PER_BUCKET 8ul
#define BUCKET_BITS_MAX 18u
#define SHARD_BITS 7u
#define SHARDS (1u << SHARD_BITS)
/* Unreferenced names kept, for each MiB of memory. */
#define KEEP_PER_MIB 64
#define SHRINK_BATCH 8ul

struct dentry_shard {
	struct spinlock lock; /* LOCK_NAMES */
	uint32_t seq;         /* lock to write */
	struct list lru;      /* unreferenced entries, oldest first; lock */
	unsigned long resting; /* how many those are; lock */
} __aligned(64);

/* Which unreferenced entries are to go: those of a file system, those in a directory, or any. */
struct victims {
	const struct super *sb;
	const struct dentry *dir;
};

static const struct victims anybody;
struct spinlock dentry_lock = SPINLOCK_INIT(LOCK_DENTRY);
struct rwlock ancestry_lock;
static struct dentry_shard shards[SHARDS];
static const struct dentry_shard no_shard;     /* of places that are held by something else */
static struct dentry **buckets;                /* the shard's lock; as many as memory may have names for, and no fewer than shards */
static unsigned bucket_shift;                  /* of a mixed hash: leaves its upper bits, which begin with those of the shard */
static unsigned long shard_max;                /* resting entries in a shard */
static unsigned hand;                          /* the shard where shrinking goes on; any value will do */
static struct percount live;
static SLAB_CACHE(dentry_cache, dentry);

void dentry_init(void)
{
	unsigned long all = (frame_total() >> (20 - PAGE_SHIFT)) * KEEP_PER_MIB;
	unsigned bits = MIN(MAX(ilog2(MAX(frame_total() / FRAMES_PER_BUCKET, 1ul)), SHARD_BITS), BUCKET_BITS_MAX);

	buckets = kmalloc(sizeof(struct dentry *) << bits, ALLOC_ZERO);
	assert(buckets);
	bucket_shift = 32 - bits;
	rwlock_init(&ancestry_lock, LOCK_ANCESTRY);
	shard_max = MAX(SHRINK_BATCH, all / SHARDS);
	for (size_t i = 0; i < SHARDS; i++) {
		spin_init(&shards[i].lock, LOCK_NAMES);
		list_init(&shards[i].lru);
	}
}

unsigned long dentry_live(void) { return (unsigned long)percount_sum(&live); }

uint32_t dentry_seq;

void dentry_change_begin(void)
{
	WRITE_ONCE(dentry_seq, dentry_seq + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
}

void dentry_change_end(void) { store_release(&dentry_seq, dentry_seq + 1); }

static struct dentry **bucket(uint32_t hash) { return &buckets[hash_u32(hash) >> bucket_shift]; }
static struct dentry_shard *shard(uint32_t hash) { return &shards[hash_u32(hash) >> (32 - SHARD_BITS)]; }

/* Locks the shard that an entry is in: a rename can move the entry to another one meanwhile. */
static struct dentry_shard *lock_shard(const struct dentry *d)
{
	for (;;) {
		struct dentry_shard *s = shard(READ_ONCE(d->hash));

		spin_lock(&s->lock);
		if (likely(shard(READ_ONCE(d->hash)) == s))
			return s;
		spin_unlock(&s->lock);
	}
}

bool dentry_view_begin(struct dentry_view *v)
{
	*v = (struct dentry_view){ .places = load_acquire(&dentry_seq), .shard_seq = &no_shard.seq };
	return !(v->places & 1);
}

void dentry_view_cross(struct dentry_view *v)
{
	v->shard_seq = &no_shard.seq;
	v->seq = 0;
}

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
	percount_add(&live, 1);
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

/* The shard's lock held for the chains. */
static void chain_insert(struct dentry *d)
{
	struct dentry **b = bucket(d->hash);

	d->hash_next = *b;
	store_release(b, d);
}

static void chain_remove(struct dentry *d, struct dentry_shard *s)
{
	struct dentry **p = bucket(d->hash);

	WRITE_ONCE(s->seq, s->seq + 1);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	while (*p != d)
		p = &(*p)->hash_next;
	WRITE_ONCE(*p, d->hash_next);
	store_release(&s->seq, s->seq + 1);
}

static void count_absent(const struct dentry *d, int by)
{
	if (!d->inode)
		atomic_add(&d->parent->absent, by);
}

static void hash_insert(struct dentry *d)
{
	d->hashed = true;
	count_absent(d, 1);
	chain_insert(d);
}

static void hash_remove(struct dentry *d, struct dentry_shard *s)
{
	if (!d->hashed)
		return;
	chain_remove(d, s);
	count_absent(d, -1);
	d->hashed = false;
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
	percount_add(&live, -1);
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
 * May an entry that nobody refers to stay? Names that change behind the cache do not: /proc/PID would hold processes that are long gone. Nor do
 * those in directories and file systems that are gone.
 */
static bool worth_keeping(const struct dentry *d)
{
	const struct super *sb = d->parent->inode->sb;

	return d->hashed && !sb->revalidate && READ_ONCE(sb->mounts) && !dentry_deleted(d->parent);
}

/* True if the entry must be freed; otherwise it rests in the LRU. The shard's lock held. */
static bool put_last_locked(struct dentry *d, struct dentry_shard *s)
{
	if (!refcount_put(&d->refs))
		return false;
	if (!worth_keeping(d)) {
		hash_remove(d, s);
		return true;
	}
	list_push_back(&s->lru, &d->lru);
	s->resting++;
	return false;
}

static unsigned long shrink_shard(struct dentry_shard *s, unsigned long max, const struct victims *v);

/* What has no parent was never in the cache. */
static bool put_last(struct dentry *d)
{
	struct dentry_shard *s;
	bool dead, crowded;

	if (!d->parent)
		return refcount_put(&d->refs);
	s = lock_shard(d);
	dead = put_last_locked(d, s);
	crowded = s->resting > shard_max;
	spin_unlock(&s->lock);
	if (crowded)
		shrink_shard(s, SHRINK_BATCH, &anybody);
	return dead;
}

void dentry_put(struct dentry *d)
{
	while (d && !put_unless_last(d))
		d = put_last(d) ? dentry_free(d) : NULL;
}

/* A reference to an entry that is in the cache, perhaps without any. The shard's lock held. */
static void get_resting(struct dentry *d, struct dentry_shard *s)
{
	if (refcount_get_unless_zero(&d->refs))
		return;
	list_del(&d->lru);
	s->resting--;
	refcount_set(&d->refs, 1);
}

bool dentry_get_seen(struct dentry *d, const struct dentry_view *v)
{
	struct dentry_shard *s;
	bool same;

	if (v->shard_seq == &no_shard.seq) {
		same = dentry_view_holds(v);
		if (same)
			dentry_get(d);
		return same;
	}
	s = container_of(v->shard_seq, struct dentry_shard, seq);
	spin_lock(&s->lock);
	same = dentry_view_holds(v);
	if (same)
		get_resting(d, s);
	spin_unlock(&s->lock);
	return same;
}

static struct dentry *find_locked(struct dentry *dir, const char *name, size_t len, uint32_t hash)
{
	for (struct dentry *d = *bucket(hash); d; d = d->hash_next)
		if (d->hash == hash && d->parent == dir && d->name_len == len && !memcmp(d->name, name, len))
			return d;
	return NULL;
}

/* Each entry's fields are believed only if the count is still the same after they were read; then its name may be looked at. */
__unchecked struct dentry *dentry_peek(const struct dentry *dir, const char *name, size_t len, uint32_t hash, const struct dentry_view *v,
                                       struct dentry_view *next)
{
	struct dentry_view n = { .places = v->places, .shard_seq = &shard(hash)->seq };

	n.seq = load_acquire(n.shard_seq);
	if (n.seq & 1 || !dentry_view_holds(v))
		return NULL;
	*next = n;
	for (struct dentry *d = load_acquire(bucket(hash)), *following; d; d = following) {
		bool same = d->hash == hash && d->parent == dir && d->name_len == len;
		const char *his = d->name;

		following = READ_ONCE(d->hash_next);
		if (!dentry_view_holds(&n))
			return NULL;
		if (same && !memcmp_unchecked(his, name, len))
			return d;
	}
	return NULL;
}

struct dentry *dentry_find(struct dentry *dir, const char *name, size_t len, uint32_t hash)
{
	struct dentry_shard *s = shard(hash);
	struct dentry *d;

	spin_lock(&s->lock);
	d = find_locked(dir, name, len, hash);
	if (d)
		get_resting(d, s);
	spin_unlock(&s->lock);
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
	struct dentry_shard *s = shard(hash);
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
	spin_lock(&s->lock);
	other = find_locked(dir, name, len, hash);
	if (other)
		get_resting(other, s);
	else if (READ_ONCE(dir->hashed) || !dir->parent) /* rmdir holds the directory's lock */
		hash_insert(d);
	spin_unlock(&s->lock);
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
	if (d->hashed) /* stays so: the directory is locked */
		count_absent(d, -1);
	store_release(&d->inode, i);
}

void dentry_unhash(struct dentry *d)
{
	struct dentry_shard *s = lock_shard(d);

	hash_remove(d, s);
	spin_unlock(&s->lock);
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

/* Out of its chain, and into the one of its new hash, by a rename: what is called hashed stays so meanwhile. dentry_lock held. */
static void move_out(struct dentry *d)
{
	struct dentry_shard *s = shard(d->hash);

	spin_lock(&s->lock);
	if (d->hashed)
		chain_remove(d, s);
	spin_unlock(&s->lock);
}

static void move_in(struct dentry *d, bool hashed)
{
	struct dentry_shard *s = shard(d->hash);

	spin_lock(&s->lock);
	WRITE_ONCE(d->hashed, hashed);
	if (hashed)
		chain_insert(d);
	spin_unlock(&s->lock);
}

void dentry_move(struct dentry *d, struct dentry *target, bool exchange)
{
	struct dentry *parent;
	uint32_t hash;

	rwlock_write_lock(&ancestry_lock);
	spin_lock(&dentry_lock);
	dentry_change_begin();
	move_out(d);
	move_out(target);
	if (target->hashed)
		count_absent(target, -1);
	swap_names(d, target);
	parent = d->parent;
	d->parent = target->parent;
	target->parent = parent;
	hash = d->hash;
	WRITE_ONCE(d->hash, target->hash);
	WRITE_ONCE(target->hash, hash);
	move_in(d, true);
	move_in(target, exchange);
	dentry_change_end();
	spin_unlock(&dentry_lock);
	rwlock_write_unlock(&ancestry_lock);
}

bool dentry_is_ancestor(const struct dentry *a, const struct dentry *of)
{
	bool yes = false;

	rwlock_read_lock(&ancestry_lock);
	for (const struct dentry *d = of; d && !yes; d = d->parent)
		yes = d == a;
	rwlock_read_unlock(&ancestry_lock);
	return yes;
}

static bool is_victim(const struct dentry *d, const struct victims *v)
{
	if (v->dir)
		return d->parent == v->dir;
	return !v->sb || (d->inode ? d->inode->sb : d->parent->inode->sb) == v->sb;
}

/* Takes up to max victims out of a shard and frees them. */
static unsigned long shrink_shard(struct dentry_shard *s, unsigned long max, const struct victims *v)
{
	struct list dead = LIST_INIT(dead);
	struct dentry *d, *next;
	unsigned long n = 0;

	spin_lock(&s->lock);
	list_for_each_entry_safe(d, next, &s->lru, lru) {
		if (n == max)
			break;
		if (!is_victim(d, v))
			continue;
		hash_remove(d, s);
		list_del(&d->lru);
		list_push_back(&dead, &d->lru);
		s->resting--;
		n++;
	}
	spin_unlock(&s->lock);
	list_for_each_entry_safe(d, next, &dead, lru) {
		list_del(&d->lru);
		dentry_put(dentry_free(d));
	}
	return n;
}

/* Goes round the shards and takes a few of each, until max are freed or nothing is left. */
static unsigned long shrink(unsigned long max, const struct victims *v)
{
	unsigned long n = 0, before;

	do {
		before = n;
		for (unsigned i = 0; i < SHARDS && n < max; i++) {
			unsigned at = __atomic_fetch_add(&hand, 1, __ATOMIC_RELAXED) % SHARDS;

			n += shrink_shard(&shards[at], MIN(max - n, SHRINK_BATCH), v);
		}
	} while (n < max && n != before);
	return n;
}

unsigned long dentry_shrink(unsigned long max) { return shrink(max ? max : ~0ul, &anybody); }

/* Parents become free when their children are gone: so until nothing is left. */
void dentry_shrink_super(struct super *sb)
{
	while (shrink(~0ul, &(struct victims){ .sb = sb }))
		;
}

void dentry_forget_absent(struct dentry *dir)
{
	const struct victims in_it = { .dir = dir };

	for (size_t i = 0; i < SHARDS && atomic_read(&dir->absent); i++)
		while (shrink_shard(&shards[i], SHRINK_BATCH, &in_it) == SHRINK_BATCH)
			;
}
