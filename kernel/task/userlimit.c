/* SPDX-License-Identifier: MIT */
#include "task/userlimit.h"
#include "core/spinlock.h"
#include "lib/bits.h"
#include "lib/compiler.h"
#include "lib/errno.h"
#include "lib/hash.h"
#include "mem/frame.h"
#include "mem/slab.h"

#define HASH_BITS 6

struct userlimit_count {
	struct userlimit_count *next;
	uid_t uid;
	uint8_t what;
	uint64_t n; /* above 0, but for a moment */
};

static SLAB_CACHE(userlimit_cache, userlimit_count);
static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);
static struct userlimit_count *buckets[1 << HASH_BITS]; /* lock */

/* The link that leads to the entry, or to the end of its chain. Lock held. */
static struct userlimit_count **find(enum userlimit what, uid_t uid)
{
	struct userlimit_count **link = &buckets[hash_u32(uid * 8 + what) >> (32 - HASH_BITS)];

	while (*link && ((*link)->uid != uid || (*link)->what != what))
		link = &(*link)->next;
	return link;
}

/* 1: there is no entry, and none was given. Lock held. */
static int add(enum userlimit what, uid_t uid, uint64_t n, uint64_t most, struct userlimit_count **fresh)
{
	struct userlimit_count **link = find(what, uid);
	uint64_t have = *link ? (*link)->n : 0;

	if (n > most || have > most - n)
		return -EDQUOT;
	if (!*link) {
		if (!*fresh)
			return 1;
		**fresh = (struct userlimit_count){ .uid = uid, .what = (uint8_t)what };
		*link = *fresh;
		*fresh = NULL;
	}
	(*link)->n += n;
	return 0;
}

#define INOTIFY_COST 400u /* bytes that a watch stands for, with its inode */
#define EPOLL_COST 100u

uint64_t userlimit_most(enum userlimit what)
{
	uint64_t bytes = (uint64_t)MIN(frame_total(), 768ul << (20 - PAGE_SHIFT)) << PAGE_SHIFT;

	switch (what) {
	case USER_INOTIFY_INSTANCES: return 128;
	case USER_INOTIFY_WATCHES: return MAX(MIN(bytes / 100 / INOTIFY_COST, 1048576ull), 8192ull);
	case USER_EPOLL_WATCHES: return bytes / 25 / EPOLL_COST;
	default: return UINT64_MAX;
	}
}

int userlimit_add(enum userlimit what, uid_t uid, uint64_t n, uint64_t most)
{
	struct userlimit_count *fresh = NULL;
	int err;

	if (!n)
		return 0;
	spin_lock(&lock);
	err = add(what, uid, n, most, &fresh);
	spin_unlock(&lock);
	if (err <= 0)
		return err;
	fresh = slab_alloc(&userlimit_cache, 0);
	if (!fresh)
		return -ENOMEM;
	spin_lock(&lock);
	err = add(what, uid, n, most, &fresh);
	spin_unlock(&lock);
	if (fresh)
		slab_free(&userlimit_cache, fresh);
	return err;
}

void userlimit_sub(enum userlimit what, uid_t uid, uint64_t n)
{
	struct userlimit_count **link, *gone = NULL;

	if (!n)
		return;
	spin_lock(&lock);
	link = find(what, uid);
	assert(*link && (*link)->n >= n);
	(*link)->n -= n;
	if (!(*link)->n) {
		gone = *link;
		*link = gone->next;
	}
	spin_unlock(&lock);
	if (gone)
		slab_free(&userlimit_cache, gone);
}
