/* SPDX-License-Identifier: MIT */
/*
 * Seals are changed under the inode's lock and the list of regions' lock, and so may be read under either: writes and changes of size hold
 * the first, a region that comes the second.
 */
#include "vfs/seals.h"

#include "lib/errno.h"
#include "vm/vma.h"

/* Does a region write to the file, or might it come to do so? As Linux, which goes by how the file was opened. map_lock held. */
static bool mapped_for_writing(struct mapping *m)
{
	struct vma *v;

	list_for_each_entry(v, &m->vmas, link)
		if (v->flags & VMA_SHARED && ((struct file *)v->object)->mode & FMODE_WRITE)
			return true;
	return false;
}

static long add_locked(struct mapping *m, unsigned seals)
{
	long err = 0;

	if (m->seals & SEAL_SEAL)
		return -EPERM;
	mutex_lock(&m->map_lock);
	if (seals & SEAL_WRITE && !(m->seals & SEAL_WRITE) && mapped_for_writing(m))
		err = -EBUSY;
	else
		m->seals |= seals;
	mutex_unlock(&m->map_lock);
	return err;
}

long seals_add(struct file *f, unsigned long seals)
{
	struct inode *i = f->inode;
	long err;

	if (!(f->mode & FMODE_WRITE))
		return -EPERM;
	if (seals & ~(unsigned long)SEAL_ALL || !i->mapping)
		return -EINVAL;
	rwlock_write_lock(&i->lock);
	err = add_locked(i->mapping, (unsigned)seals);
	rwlock_write_unlock(&i->lock);
	return err;
}

long seals_get(const struct file *f) { return f->inode->mapping ? (long)READ_ONCE(f->inode->mapping->seals) : -EINVAL; }
