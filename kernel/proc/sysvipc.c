/* SPDX-License-Identifier: MIT */
#include "proc/sysvipc.h"

#include "core/clock.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/frame.h"
#include "mem/slab.h"

#define SEQ_MASK 0xffffu

uint64_t ipc_now_s(void) { return clock_wall() / NSEC_PER_SEC; }

bool ipc_permits(const struct ipc_perm *p, unsigned wanted)
{
	const struct cred *c = cred_current();
	unsigned granted = p->mode;

	if (c->euid == p->uid || c->euid == p->cuid)
		granted >>= 6;
	else if (cred_in_group(c, p->gid) || cred_in_group(c, p->cgid))
		granted >>= 3;
	return !(wanted & ~granted & 7) || capable(CAP_IPC_OWNER);
}

bool ipc_owns(const struct ipc_perm *p)
{
	uid_t euid = cred_current()->euid;

	return euid == p->uid || euid == p->cuid || capable(CAP_SYS_ADMIN);
}

int ipc_add(struct ipc_table *t, struct ipc_perm *p, int key, unsigned mode, unsigned long limit)
{
	const struct cred *c = cred_current();
	long index;

	if (t->count >= limit)
		return -ENOSPC;
	if (!t->ready)
		idr_init(&t->objects, IPC_OBJECTS_MAX, kzalloc, kfree);
	t->ready = true;
	index = idr_add(&t->objects, 0, p);
	if (index < 0)
		return (int)index;
	*p = (struct ipc_perm){ .key = key, .seq = t->next_seq++ & SEQ_MASK, .mode = mode & 0777, .uid = c->euid, .cuid = c->euid, .gid = c->egid, .cgid = c->egid };
	p->id = (int)(p->seq << IPC_INDEX_BITS | (unsigned)index);
	t->count++;
	return 0;
}

void ipc_remove(struct ipc_table *t, struct ipc_perm *p)
{
	idr_remove(&t->objects, (unsigned long)p->id & (IPC_OBJECTS_MAX - 1));
	if (--t->count == 0) {
		idr_destroy(&t->objects); /* nothing of it stays */
		t->ready = false;
	}
}

struct ipc_perm *ipc_at(const struct ipc_table *t, int index)
{
	return t->ready && index >= 0 ? idr_get(&t->objects, (unsigned long)index) : NULL;
}

struct ipc_perm *ipc_look(const struct ipc_table *t, int id, bool by_index, bool any)
{
	struct ipc_perm *p = by_index ? ipc_at(t, id) : ipc_find(t, id);

	if (!p)
		return ERR_PTR(-EINVAL);
	return any || ipc_permits(p, 4) ? p : ERR_PTR(-EACCES);
}

struct ipc_perm *ipc_find(const struct ipc_table *t, int id)
{
	struct ipc_perm *p = id >= 0 ? ipc_at(t, id & (int)(IPC_OBJECTS_MAX - 1)) : NULL;

	return p && p->id == id ? p : NULL;
}

struct ipc_perm *ipc_find_key(const struct ipc_table *t, int key)
{
	for (unsigned long i = 0, left = t->count; left && i < IPC_OBJECTS_MAX; i++) {
		struct ipc_perm *p = ipc_at(t, (int)i);

		if (p && p->key == key)
			return p;
		left -= p != NULL;
	}
	return NULL;
}

int ipc_last_index(const struct ipc_table *t)
{
	int last = 0;

	for (unsigned long i = 0, left = t->count; left && i < IPC_OBJECTS_MAX; i++)
		if (ipc_at(t, (int)i)) {
			last = (int)i;
			left--;
		}
	return last;
}

int ipc_set(struct ipc_perm *p, uid_t uid, gid_t gid, unsigned mode)
{
	if (!p)
		return -EINVAL;
	if (!ipc_owns(p))
		return -EPERM;
	if (uid == (uid_t)-1 || gid == (gid_t)-1)
		return -EINVAL;
	p->uid = uid;
	p->gid = gid;
	p->mode = (p->mode & ~0777u) | (mode & 0777);
	return 0;
}

static atomic_long_t charged;

int ipc_charge(size_t bytes)
{
	long all = (long)(frame_total() / 8 * PAGE_SIZE), now = (long)atomic_add_return(&charged, (long)bytes);

	if (now <= MIN(all, 64l << 20))
		return 0;
	ipc_uncharge(bytes);
	return -ENOMEM;
}

void ipc_uncharge(size_t bytes) { atomic_add_return(&charged, -(long)bytes); }
