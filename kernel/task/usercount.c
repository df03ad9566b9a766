/* SPDX-License-Identifier: MIT */
/* Threads by user: a hash of users that have some. */
#include "task/usercount.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "mem/slab.h"

#define HASH_BITS 6

struct usercount {
	struct usercount *next;
	uid_t uid;
	unsigned long n;
};

static SLAB_CACHE(usercount_cache, usercount);
static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);
static struct usercount *buckets[1 << HASH_BITS]; /* lock */

/* The link that leads to the user's entry, or to the end of its chain. Lock held. */
static struct usercount **find(uid_t uid)
{
	struct usercount **link = &buckets[hash_u32(uid) >> (32 - HASH_BITS)];

	while (*link && (*link)->uid != uid)
		link = &(*link)->next;
	return link;
}

/* fresh: put in if there is no entry; NULL again then. Lock held. True if counted. */
static bool add_locked(uid_t uid, struct usercount **fresh)
{
	struct usercount **link = find(uid);

	if (!*link && !*fresh)
		return false;
	if (!*link) {
		**fresh = (struct usercount){ .uid = uid };
		*link = *fresh;
		*fresh = NULL;
	}
	(*link)->n++;
	return true;
}

int usercount_add(uid_t uid)
{
	struct usercount *fresh = NULL;
	bool done;

	if (!uid)
		return 0;
	spin_lock(&lock);
	done = add_locked(uid, &fresh);
	spin_unlock(&lock);
	if (done)
		return 0;
	fresh = slab_alloc(&usercount_cache, 0);
	if (!fresh)
		return -ENOMEM;
	spin_lock(&lock);
	add_locked(uid, &fresh);
	spin_unlock(&lock);
	if (fresh)
		slab_free(&usercount_cache, fresh);
	return 0;
}

void usercount_sub(uid_t uid)
{
	struct usercount **link, *gone = NULL;

	if (!uid)
		return;
	spin_lock(&lock);
	link = find(uid);
	assert(*link);
	if (--(*link)->n == 0) {
		gone = *link;
		*link = gone->next;
	}
	spin_unlock(&lock);
	if (gone)
		slab_free(&usercount_cache, gone);
}

unsigned long usercount_get(uid_t uid)
{
	struct usercount **link;
	unsigned long n;

	spin_lock(&lock);
	link = find(uid);
	n = *link ? (*link)->n : 0;
	spin_unlock(&lock);
	return n;
}
