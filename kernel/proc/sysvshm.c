/* SPDX-License-Identifier: MIT */
#include "proc/sysvshm.h"

#include "fs/memfd.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "mem/slab.h"
#include "task/ipclimits.h"
#include "task/process.h"
#include "vfs/pagecache.h"
#include "vm/aspace.h"
#include "vm/mmap.h"
#include "vm/vma.h"

#define SEGMENTS_MAX 4096u /* SHMMNI at most */
#define SHM_DEST 01000u
#define SIZE_MAX_BYTES 0x7ffff000ul /* more than fits */

struct segment {
	struct ipc_perm perm; /* first; mode: SHM_DEST too; key: 0 once it is removed */
	struct file *file;    /* a reference while SHM_DEST is not set */
	size_t size;
	uint64_t atime_s, dtime_s, ctime_s;
	pid_t cpid, lpid;
};

static struct mutex lock = MUTEX_INIT(lock, LOCK_SYSVIPC); /* everything here */
static struct ipc_table table;
static SLAB_CACHE(segment_cache, segment);

/* Lock held. NULL: -EINVAL. */
static struct segment *find(int id) { return (struct segment *)ipc_find(&table, id); }

/* The last reference of the file: removed, and mapped nowhere. */
static void segment_release(struct file *f)
{
	struct segment *s = f->data;

	if (!s)
		return;
	mutex_lock(&lock);
	ipc_remove(&table, &s->perm);
	mutex_unlock(&lock);
	slab_free(&segment_cache, s);
}

static const struct file_ops segment_ops = { .mmap = mapping_file_mmap, .release = segment_release };

static struct file *segment_file(int key, size_t size)
{
	char name[32];
	struct file *f;

	fmt_buf(name, sizeof(name), "/SYSV%08x (deleted)", (unsigned)key);
	f = memfd_create(name, false);
	if (IS_ERR(f))
		return f;
	rwlock_write_lock(&f->inode->lock);
	inode_set_size(f->inode, (loff_t)PAGE_UP(size));
	rwlock_write_unlock(&f->inode->lock);
	f->ops = &segment_ops;
	return f;
}

/* Lock held. */
static long make(int key, size_t size, unsigned mode)
{
	struct segment *s;
	int err;

	if (!size || size > ipc_limits.shmmax)
		return -EINVAL;
	if (size > SIZE_MAX_BYTES)
		return -ENOMEM;
	s = slab_alloc(&segment_cache, ALLOC_ZERO);
	if (!s)
		return -ENOMEM;
	err = ipc_add(&table, &s->perm, key, mode, MIN(SEGMENTS_MAX, ipc_limits.shmmni));
	if (err)
		goto no_place;
	s->file = segment_file(key, size);
	if (IS_ERR(s->file)) {
		err = (int)PTR_ERR(s->file);
		goto no_file;
	}
	s->size = size;
	s->ctime_s = ipc_now_s();
	s->cpid = process_current()->pid;
	s->file->data = s;
	return s->perm.id;
no_file:
	ipc_remove(&table, &s->perm);
no_place:
	slab_free(&segment_cache, s);
	return err;
}

static long get_locked(int key, size_t size, int flags)
{
	struct segment *s = key != IPC_PRIVATE ? (struct segment *)ipc_find_key(&table, key) : NULL;
	unsigned wanted = (unsigned)(flags >> 6 | flags >> 3 | flags) & 7;

	if (!s)
		return key == IPC_PRIVATE || flags & IPC_CREAT ? make(key, size, (unsigned)flags) : -ENOENT;
	if (flags & IPC_CREAT && flags & IPC_EXCL)
		return -EEXIST;
	if (size > s->size)
		return -EINVAL;
	return ipc_permits(&s->perm, wanted) ? s->perm.id : -EACCES;
}

long shm_get(int key, size_t size, int flags)
{
	long r;

	mutex_lock(&lock);
	r = get_locked(key, size, flags);
	mutex_unlock(&lock);
	return r;
}

/* The segment's file with a reference. ERR_PTR. */
static struct file *open_segment(int id, unsigned wanted, size_t *size)
{
	struct file *f = ERR_PTR(-EINVAL);
	struct segment *s;

	mutex_lock(&lock);
	s = find(id);
	if (s && !ipc_permits(&s->perm, wanted)) {
		f = ERR_PTR(-EACCES);
	} else if (s && refcount_get_unless_zero(&s->file->refs)) {
		f = s->file;
		*size = s->size;
		s->atime_s = ipc_now_s();
		s->lpid = process_current()->pid;
	}
	mutex_unlock(&lock);
	return f;
}

static unsigned long map(struct file *f, uaddr_t addr, size_t size, int flags)
{
	struct map_request r = { .addr = addr, .len = size, .flags = MAP_SHARED, .prot = PROT_READ };
	unsigned long at;

	if (!(flags & SHM_RDONLY))
		r.prot |= PROT_WRITE;
	if (flags & SHM_EXEC)
		r.prot |= PROT_EXEC;
	if (addr)
		r.flags |= flags & SHM_REMAP ? MAP_FIXED : MAP_FIXED_NOREPLACE;
	mapping_file_mmap(f, &r);
	if (flags & SHM_RDONLY)
		r.may &= ~VMA_MAYWRITE;
	at = vm_map(aspace_current(), &r);
	return at == (unsigned long)-EEXIST ? (unsigned long)-EINVAL : at;
}

unsigned long shm_attach(int id, uaddr_t addr, int flags)
{
	unsigned wanted = (flags & SHM_RDONLY ? 4u : 6u) | (flags & SHM_EXEC ? 1u : 0u);
	struct file *f;
	unsigned long at;
	size_t size;

	if (flags & SHM_RND)
		addr &= PAGE_MASK;
	if (addr & ~PAGE_MASK || (!addr && flags & SHM_REMAP))
		return (unsigned long)-EINVAL;
	f = open_segment(id, wanted, &size);
	if (IS_ERR(f))
		return (unsigned long)PTR_ERR(f);
	at = map(f, addr, size, flags);
	file_put(f);
	return at;
}

static struct segment *segment_of(const struct vma *v)
{
	const struct file *f = v->ops == &mapping_vm_ops ? v->object : NULL;

	return f && f->ops == &segment_ops ? f->data : NULL;
}

/* Bytes of the attachment that begins at addr, as far as it is still in one piece; 0: there is none. */
static size_t attachment(uaddr_t addr, int *id)
{
	struct aspace *as = aspace_current();
	struct segment *s = NULL;
	uaddr_t end = addr;
	struct vma *v;

	rwlock_read_lock(&as->lock);
	for (v = vma_find(as, addr); v && v->start == end && segment_of(v) && (!s || segment_of(v) == s); v = vma_next(v)) {
		if (v->pgoff != (end - addr) >> PAGE_SHIFT)
			break;
		s = segment_of(v);
		*id = s->perm.id;
		end = v->end;
	}
	rwlock_read_unlock(&as->lock);
	return end - addr;
}

long shm_detach(uaddr_t addr)
{
	struct segment *s;
	size_t len;
	int id = -1;

	if (addr & ~PAGE_MASK)
		return -EINVAL;
	len = attachment(addr, &id);
	if (!len)
		return -EINVAL;
	mutex_lock(&lock);
	s = find(id);
	if (s) {
		s->dtime_s = ipc_now_s();
		s->lpid = process_current()->pid;
	}
	mutex_unlock(&lock);
	return vm_unmap(aspace_current(), addr, len);
}

static void describe(const struct segment *s, struct shm_status *out)
{
	*out = (struct shm_status){ .perm = s->perm, .size = s->size, .atime_s = s->atime_s, .dtime_s = s->dtime_s, .ctime_s = s->ctime_s, .cpid = s->cpid,
				    .lpid = s->lpid, .resident_pages = s->file->inode->mapping->pages };
	out->attached = refcount_read(&s->file->refs) - (s->perm.mode & SHM_DEST ? 0 : 1);
}

long shm_stat(int id, bool by_index, bool any, struct shm_status *out)
{
	struct segment *s;
	long r;

	mutex_lock(&lock);
	s = (struct segment *)ipc_look(&table, id, by_index, any);
	if (IS_ERR(s)) {
		r = PTR_ERR(s);
	} else {
		describe(s, out);
		r = s->perm.id;
	}
	mutex_unlock(&lock);
	return r;
}

long shm_set(int id, uid_t uid, gid_t gid, unsigned mode)
{
	struct segment *s;
	long err;

	mutex_lock(&lock);
	s = find(id);
	err = ipc_set(s ? &s->perm : NULL, uid, gid, mode);
	if (!err)
		s->ctime_s = ipc_now_s();
	mutex_unlock(&lock);
	return err;
}

long shm_remove(int id)
{
	struct file *f = NULL;
	struct segment *s;
	long err;

	mutex_lock(&lock);
	s = find(id);
	err = !s ? -EINVAL : !ipc_owns(&s->perm) ? -EPERM : 0;
	if (!err && !(s->perm.mode & SHM_DEST)) {
		s->perm.mode |= SHM_DEST;
		s->perm.key = IPC_PRIVATE;
		f = s->file; /* the table's reference; without another one the segment goes here */
	}
	mutex_unlock(&lock);
	file_put(f);
	return err;
}

long shm_lock(int id)
{
	struct segment *s;
	long err;

	mutex_lock(&lock);
	s = find(id);
	err = !s ? -EINVAL : !ipc_owns(&s->perm) && !capable(CAP_IPC_LOCK) ? -EPERM : 0;
	mutex_unlock(&lock);
	return err;
}

void shm_totals(struct shm_totals *out)
{
	*out = (struct shm_totals){ .last_index = 0 };
	mutex_lock(&lock);
	out->last_index = ipc_last_index(&table);
	for (int i = 0; i <= out->last_index; i++) {
		const struct segment *s = (const struct segment *)ipc_at(&table, i);

		if (!s)
			continue;
		out->segments++;
		out->pages += PAGE_UP(s->size) >> PAGE_SHIFT;
		out->resident_pages += s->file->inode->mapping->pages;
	}
	mutex_unlock(&lock);
}
