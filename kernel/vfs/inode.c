/* SPDX-License-Identifier: MIT */
/*
 * Inodes: counts, permissions, attributes; super blocks; the list of file-system types. The size is read without the lock (faults do),
 * so it is published under a sequence count.
 */
#include "vfs/inode.h"

#include "core/percount.h"
#include "core/clock.h"
#include "core/spinlock.h"
#include "lib/div64.h"
#include "lib/string.h"
#include "task/process.h"

static struct percount live;
static struct spinlock types_lock = SPINLOCK_INIT(LOCK_INODE_HASH);
static struct list types = LIST_INIT(types);
static atomic_t next_dev = ATOMIC_INIT(1);

struct timespec64 inode_now(void)
{
	uint64_t sec = clock_wall();
	uint32_t nsec = div64_32(&sec, (uint32_t)NSEC_PER_SEC);

	return (struct timespec64){ .sec = (int64_t)sec, .nsec = nsec };
}

void inode_init(struct inode *i, struct super *sb, ino_t ino, mode_t mode)
{
	refcount_set(&i->refs, 1);
	i->sb = sb;
	refcount_get(&sb->refs);
	i->ino = ino;
	i->mode = mode;
	i->nlink = 1;
	rwlock_init(&i->lock, LOCK_INODE);
	i->atime = i->mtime = i->ctime = i->btime = inode_now();
	percount_add(&live, 1);
}

void inode_put(struct inode *i)
{
	struct super *sb = i->sb;

	if (!refcount_put(&i->refs))
		return;
	percount_add(&live, -1);
	sb->ops->inode_free(i);
	super_put(sb);
}

void super_put(struct super *sb)
{
	if (refcount_put(&sb->refs) && sb->ops->super_free)
		sb->ops->super_free(sb);
}

unsigned long inode_live(void) { return (unsigned long)percount_sum(&live); }

loff_t inode_size(const struct inode *i)
{
	for (;;) {
		uint32_t seq = load_acquire(&i->size_seq);
		loff_t size = *(const volatile loff_t *)&i->size;

		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!(seq & 1) && READ_ONCE(i->size_seq) == seq)
			return size;
	}
}

void inode_set_size(struct inode *i, loff_t size)
{
	preempt_disable();
	WRITE_ONCE(i->size_seq, i->size_seq + 1);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*(volatile loff_t *)&i->size = size;
	store_release(&i->size_seq, i->size_seq + 1);
	preempt_enable();
}

static bool mode_grants(const struct inode *i, int mask, const struct cred *c)
{
	mode_t bits = i->mode;

	if (c->fsuid == i->uid)
		bits >>= 6;
	else if (cred_in_group(c, i->gid))
		bits >>= 3;
	return (bits & 7 & (unsigned)mask) == (unsigned)mask;
}

static bool capability_grants(const struct inode *i, int mask, const struct cred *c)
{
	if (S_ISDIR(i->mode)) {
		if (!(mask & MAY_WRITE) && cred_capable(c, CAP_DAC_READ_SEARCH))
			return true;
		return cred_capable(c, CAP_DAC_OVERRIDE);
	}
	if (mask == MAY_READ && cred_capable(c, CAP_DAC_READ_SEARCH))
		return true;
	if ((mask & MAY_EXEC) && !(i->mode & 0111))
		return false;
	return cred_capable(c, CAP_DAC_OVERRIDE);
}

int inode_permission(struct inode *i, int mask, const struct cred *c)
{
	if (i->ops && i->ops->permission)
		return i->ops->permission(i, mask, c);
	return mode_grants(i, mask, c) || capability_grants(i, mask, c) ? 0 : -EACCES;
}

void inode_touch(struct inode *i, unsigned attr_times)
{
	struct timespec64 now = inode_now();

	if (attr_times & ATTR_ATIME)
		i->atime = now;
	if (attr_times & ATTR_MTIME)
		i->mtime = now;
	if (attr_times & ATTR_CTIME)
		i->ctime = now;
}

void inode_init_owner(struct inode *i, const struct inode *dir)
{
	if (thread_current()->user) {
		i->uid = cred_current()->fsuid;
		i->gid = cred_current()->fsgid;
	}
	if (!(dir->mode & S_ISGID))
		return;
	i->gid = dir->gid;
	if (S_ISDIR(i->mode))
		i->mode |= S_ISGID;
}

bool inode_owner_or_capable(const struct inode *i, const struct cred *c)
{
	return c->fsuid == i->uid || cred_capable(c, CAP_FOWNER);
}

void inode_copy_attr(struct inode *i, const struct iattr *a)
{
	if (a->valid & ATTR_MODE)
		i->mode = (i->mode & S_IFMT) | (a->mode & 07777);
	if (a->valid & ATTR_UID)
		i->uid = a->uid;
	if (a->valid & ATTR_GID)
		i->gid = a->gid;
	if (a->valid & ATTR_ATIME)
		i->atime = a->atime;
	if (a->valid & ATTR_MTIME)
		i->mtime = a->mtime;
	inode_touch(i, ATTR_CTIME);
	if (a->valid & ATTR_CTIME)
		i->ctime = a->ctime;
}

static int check_owner_change(struct inode *i, const struct iattr *a, const struct cred *c)
{
	if (cred_capable(c, CAP_CHOWN))
		return 0;
	if (a->valid & (ATTR_UID | ATTR_GID) && c->fsuid != i->uid)
		return -EPERM;
	if (a->valid & ATTR_UID && a->uid != i->uid)
		return -EPERM;
	if (a->valid & ATTR_GID && a->gid != i->gid && !cred_in_group(c, a->gid))
		return -EPERM;
	return 0;
}

static int check_times(struct inode *i, const struct iattr *a, const struct cred *c)
{
	if (!(a->valid & (ATTR_ATIME | ATTR_MTIME)) || inode_owner_or_capable(i, c))
		return 0;
	if (a->valid & ATTR_TIMES_NOW)
		return inode_permission(i, MAY_WRITE, c);
	return -EPERM;
}

/* Adds the loss of set-id bits that follows from the change. */
static void drop_setid(struct inode *i, struct iattr *a, const struct cred *c)
{
	if (a->valid & ATTR_MODE) {
		gid_t gid = a->valid & ATTR_GID ? a->gid : i->gid;

		if (!cred_in_group(c, gid) && !cred_capable(c, CAP_FSETID))
			a->mode &= ~S_ISGID;
		return;
	}
	if (!(a->valid & (ATTR_UID | ATTR_GID | ATTR_SIZE)) || S_ISDIR(i->mode))
		return;
	if (a->valid & ATTR_SIZE && cred_capable(c, CAP_FSETID))
		return;
	a->mode = i->mode & ~S_ISUID;
	if (i->mode & 010)
		a->mode &= ~S_ISGID;
	if (a->mode != i->mode)
		a->valid |= ATTR_MODE;
}

static int check_attr(struct inode *i, struct iattr *a, const struct cred *c)
{
	int err = 0;

	if (a->valid & ATTR_MODE && !inode_owner_or_capable(i, c))
		err = -EPERM;
	if (!err)
		err = check_owner_change(i, a, c);
	if (!err)
		err = check_times(i, a, c);
	if (!err && a->valid & ATTR_SIZE)
		err = S_ISDIR(i->mode) ? -EISDIR : S_ISREG(i->mode) ? 0 : -EINVAL;
	return err;
}

int inode_setattr(struct inode *i, struct iattr *a, const struct cred *c)
{
	int err;

	rwlock_write_lock(&i->lock);
	err = check_attr(i, a, c);
	if (!err) {
		drop_setid(i, a, c);
		if (i->ops && i->ops->setattr)
			err = i->ops->setattr(i, a);
		else
			inode_copy_attr(i, a);
	}
	rwlock_write_unlock(&i->lock);
	return err;
}

void fs_register(struct fs_type *t)
{
	spin_lock(&types_lock);
	list_push_back(&types, &t->link);
	spin_unlock(&types_lock);
}

struct fs_type *fs_find(const char *name)
{
	struct fs_type *t, *found = NULL;

	spin_lock(&types_lock);
	list_for_each_entry(t, &types, link)
		if (!strcmp(t->name, name))
			found = t;
	spin_unlock(&types_lock);
	return found;
}

/* Types are never unregistered: the list only grows, so that fn may sleep. */
void fs_each(void (*fn)(struct fs_type *t, void *ctx), void *ctx)
{
	struct fs_type *t;

	list_for_each_entry(t, &types, link)
		fn(t, ctx);
}

dev_t super_alloc_dev(void) { return MKDEV(0, (unsigned)atomic_add_return(&next_dev, 1)); }
