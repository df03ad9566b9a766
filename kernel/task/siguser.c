/* SPDX-License-Identifier: MIT */
#include "task/siguser.h"
#include "core/spinlock.h"
#include "lib/atomic.h"
#include "lib/hash.h"
#include "lib/refcount.h"
#include "mem/slab.h"

#define HASH_BITS 6

struct siguser {
	struct siguser *next; /* of its bucket; lock */
	uid_t uid;
	refcount_t refs;      /* who falls to none is taken out by whoever made it fall, and found by nobody meanwhile */
	atomic_t queued;
};

static SLAB_CACHE(siguser_cache, siguser);
static struct spinlock lock = SPINLOCK_INIT(LOCK_SIGUSER); /* interrupts off */
static struct siguser *buckets[1 << HASH_BITS];
static struct siguser root = { .refs = { 1 } };

static struct siguser **bucket(uid_t uid) { return &buckets[hash_u32(uid) >> (32 - HASH_BITS)]; }

/* With a reference, or NULL; then *fresh is put in, and NULL. Lock held. */
static struct siguser *find_or_put(uid_t uid, struct siguser **fresh)
{
	struct siguser **head = bucket(uid), *u = *head;

	while (u && (u->uid != uid || !refcount_get_unless_zero(&u->refs)))
		u = u->next;
	if (!u && *fresh) {
		u = *fresh;
		*fresh = NULL;
		u->uid = uid;
		u->next = *head;
		*head = u;
	}
	return u;
}

static struct siguser *look(uid_t uid, struct siguser **fresh)
{
	unsigned long irq = spin_lock_irqsave(&lock);
	struct siguser *u = find_or_put(uid, fresh);

	spin_unlock_irqrestore(&lock, irq);
	return u;
}

struct siguser *siguser_get(uid_t uid)
{
	struct siguser *fresh = NULL, *u = uid ? look(uid, &fresh) : siguser_hold(&root);

	if (u)
		return u;
	fresh = slab_alloc(&siguser_cache, ALLOC_ZERO);
	if (!fresh)
		return NULL;
	refcount_set(&fresh->refs, 1);
	u = look(uid, &fresh);
	if (fresh)
		slab_free(&siguser_cache, fresh);
	return u;
}

struct siguser *siguser_hold(struct siguser *u)
{
	refcount_get(&u->refs);
	return u;
}

void siguser_put(struct siguser *u)
{
	struct siguser **link;
	unsigned long irq;

	if (!refcount_put(&u->refs))
		return;
	irq = spin_lock_irqsave(&lock);
	for (link = bucket(u->uid); *link != u; link = &(*link)->next)
		;
	*link = u->next;
	spin_unlock_irqrestore(&lock, irq);
	slab_free(&siguser_cache, u);
}

bool siguser_charge(struct siguser *u, uint64_t most)
{
	if ((uint64_t)atomic_add_return(&u->queued, 1) > most) {
		atomic_dec(&u->queued);
		return false;
	}
	refcount_get(&u->refs);
	return true;
}

void siguser_uncharge(struct siguser *u)
{
	atomic_dec(&u->queued);
	siguser_put(u);
}

unsigned siguser_queued(const struct siguser *u) { return (unsigned)atomic_read(&u->queued); }
