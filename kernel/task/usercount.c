/* SPDX-License-Identifier: MIT */
/* Threads and pipe pages by user: a hash of users that have some. */
#include "task/usercount.h"
#include "core/spinlock.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "mem/slab.h"

#define HASH_BITS 6

struct usercount {
	struct usercount *next;
	uid_t uid;
	unsigned long n, pipe_pages;
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

/* fresh: put in if there is no entry; NULL again then. Lock held. NULL: there is none. */
static struct usercount *find_or_put(uid_t uid, struct usercount **fresh)
{
	struct usercount **link = find(uid);

	if (!*link && *fresh) {
		**fresh = (struct usercount){ .uid = uid };
		*link = *fresh;
		*fresh = NULL;
	}
	return *link;
}

/* Adds to what the user has. True if that was counted; false without an entry. */
static bool add_to(uid_t uid, struct usercount **fresh, unsigned long threads, unsigned long pages, unsigned long *total)
{
	struct usercount *u;

	spin_lock(&lock);
	u = find_or_put(uid, fresh);
	if (u) {
		u->n += threads;
		u->pipe_pages += pages;
		*total = u->pipe_pages;
	}
	spin_unlock(&lock);
	return u;
}

static int add(uid_t uid, unsigned long threads, unsigned long pages, unsigned long *total)
{
	struct usercount *fresh = NULL;

	if (add_to(uid, &fresh, threads, pages, total))
		return 0;
	fresh = slab_alloc(&usercount_cache, 0);
	if (!fresh)
		return -ENOMEM;
	add_to(uid, &fresh, threads, pages, total);
	if (fresh)
		slab_free(&usercount_cache, fresh);
	return 0;
}

static void sub(uid_t uid, unsigned long threads, unsigned long pages)
{
	struct usercount **link, *gone = NULL;

	spin_lock(&lock);
	link = find(uid);
	assert(*link && (*link)->n >= threads && (*link)->pipe_pages >= pages);
	(*link)->n -= threads;
	(*link)->pipe_pages -= pages;
	if (!(*link)->n && !(*link)->pipe_pages) {
		gone = *link;
		*link = gone->next;
	}
	spin_unlock(&lock);
	if (gone)
		slab_free(&usercount_cache, gone);
}

int usercount_add(uid_t uid) { return uid ? add(uid, 1, 0, &(unsigned long){ 0 }) : 0; }

void usercount_sub(uid_t uid)
{
	if (uid)
		sub(uid, 1, 0);
}

int usercount_add_pipe(uid_t uid, unsigned long pages, unsigned long *total)
{
	*total = 0;
	return uid ? add(uid, 0, pages, total) : 0;
}

void usercount_sub_pipe(uid_t uid, unsigned long pages)
{
	if (uid)
		sub(uid, 0, pages);
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
