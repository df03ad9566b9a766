/* SPDX-License-Identifier: MIT */
/*
 * File pages: a radix tree of 64-way nodes from page number to page. The tree holds one reference of each page. A page that leaves the
 * tree loses its owner first, so that a fault that still holds it sees that it is stale (vm_ops.current_page).
 */
#include "vfs/pagecache.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/kmap.h"
#include "mem/slab.h"
#include "task/process.h"

#define NODE_BITS 6
#define NODE_SLOTS (1u << NODE_BITS)

struct node { void *slots[NODE_SLOTS]; unsigned used; };

static SLAB_CACHE(node_cache, node);
static atomic_long_t cached;

unsigned long pagecache_pages(void) { return (unsigned long)atomic_read(&cached); }

void mapping_init(struct mapping *m, struct inode *i, const struct mapping_ops *ops)
{
	*m = (struct mapping){ .inode = i, .ops = ops };
	spin_init(&m->lock, LOCK_MAPPING);
	mutex_init(&m->map_lock, LOCK_PAGE_CACHE);
	list_init(&m->vmas);
}

static bool fits(const struct mapping *m, unsigned long index)
{
	unsigned bits = m->height * NODE_BITS;

	return m->height && (bits >= sizeof(long) * 8 || index >> bits == 0);
}

/* Lock held. The slot for index, or NULL if there is no node for it. */
static void **slot_of(struct mapping *m, unsigned long index)
{
	struct node *n = m->tree;

	if (!fits(m, index))
		return NULL;
	for (unsigned h = m->height - 1; h > 0; h--) {
		n = n->slots[index >> (h * NODE_BITS) & (NODE_SLOTS - 1)];
		if (!n)
			return NULL;
	}
	return &n->slots[index & (NODE_SLOTS - 1)];
}

struct page *mapping_find(struct mapping *m, unsigned long index)
{
	struct page *p = NULL;
	void **s;

	spin_lock(&m->lock);
	s = slot_of(m, index);
	if (s && *s) {
		p = *s;
		page_get(p);
	}
	spin_unlock(&m->lock);
	return p;
}

/* Lock held. Adds nodes down to index; false when memory ran out (what was added stays and is harmless). */
static bool make_slot(struct mapping *m, unsigned long index)
{
	struct node *n;

	while (!fits(m, index)) {
		n = slab_alloc(&node_cache, ALLOC_ZERO);
		if (!n)
			return false;
		n->slots[0] = m->tree;
		n->used = m->tree != NULL;
		m->tree = n;
		m->height++;
	}
	n = m->tree;
	for (unsigned h = m->height - 1; h > 0; h--) {
		void **s = &n->slots[index >> (h * NODE_BITS) & (NODE_SLOTS - 1)];

		if (!*s) {
			*s = slab_alloc(&node_cache, ALLOC_ZERO);
			if (!*s)
				return false;
			n->used++;
		}
		n = *s;
	}
	return true;
}

struct page *mapping_get_page(struct mapping *m, unsigned long index, bool create)
{
	struct page *p = mapping_find(m, index), *fresh;
	void **s;

	if (p || !create)
		return p;
	fresh = frame_alloc(0, PAGE_CACHE, FRAME_ZERO);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->owner = m;
	fresh->index = index;
	spin_lock(&m->lock);
	if (!make_slot(m, index)) {
		spin_unlock(&m->lock);
		page_put(fresh);
		return ERR_PTR(-ENOMEM);
	}
	s = slot_of(m, index);
	if (*s) {
		p = *s;
		page_get(p);
	} else {
		*s = fresh;
		m->pages++;
		atomic_inc(&cached);
		page_get(fresh);
	}
	spin_unlock(&m->lock);
	if (p) {
		page_put(fresh);
		return p;
	}
	return fresh;
}

/* Lock held. Takes out pages >= first below this node; pages are put at once, since their owner was cleared. */
static bool prune(struct mapping *m, struct node *n, unsigned h, unsigned long base, unsigned long first)
{
	unsigned long span = h ? 1ul << (h * NODE_BITS) : 1;
	bool empty = true;

	for (unsigned i = 0; i < NODE_SLOTS; i++) {
		unsigned long at = base + i * span;

		if (!n->slots[i])
			continue;
		if (at + (span - 1) < first) {
			empty = false;
		} else if (h == 0) {
			struct page *p = n->slots[i];

			n->slots[i] = NULL;
			p->owner = NULL;
			m->pages--;
			atomic_dec(&cached);
			page_put(p);
		} else if (prune(m, n->slots[i], h - 1, at, first)) {
			slab_free(&node_cache, n->slots[i]);
			n->slots[i] = NULL;
		} else {
			empty = false;
		}
	}
	return empty;
}

static void drop_from(struct mapping *m, unsigned long first)
{
	spin_lock(&m->lock);
	if (m->tree && prune(m, m->tree, m->height - 1, 0, first)) {
		slab_free(&node_cache, m->tree);
		m->tree = NULL;
		m->height = 0;
	}
	spin_unlock(&m->lock);
}

static void zero_tail(struct mapping *m, loff_t from)
{
	size_t off = (size_t)(from & (loff_t)(PAGE_SIZE - 1));
	struct page *p = off ? mapping_find(m, (unsigned long)(from >> PAGE_SHIFT)) : NULL;
	char *va;

	if (!p)
		return;
	va = kmap_local(p);
	memset(va + off, 0, PAGE_SIZE - off);
	kunmap_local(va);
	page_put(p);
}

void mapping_truncate(struct mapping *m, loff_t from)
{
	unsigned long first = (unsigned long)((from + (loff_t)PAGE_SIZE - 1) >> PAGE_SHIFT);
	struct vma *v;

	drop_from(m, first);
	zero_tail(m, from);
	mutex_lock(&m->map_lock);
	list_for_each_entry(v, &m->vmas, link)
		vma_zap(v, first, ~0ul);
	mutex_unlock(&m->map_lock);
}

void mapping_destroy(struct mapping *m) { drop_from(m, 0); }

static void vma_get(void *object) { inode_get(((struct mapping *)object)->inode); }
static void vma_put(void *object) { inode_put(((struct mapping *)object)->inode); }

static void vma_link(struct vma *v)
{
	struct mapping *m = v->object;

	mutex_lock(&m->map_lock);
	list_push_back(&m->vmas, &v->link);
	mutex_unlock(&m->map_lock);
}

static void vma_unlink(struct vma *v)
{
	struct mapping *m = v->object;

	mutex_lock(&m->map_lock);
	list_del(&v->link);
	mutex_unlock(&m->map_lock);
}

static void link_lock(void *object) { mutex_lock(&((struct mapping *)object)->map_lock); }
static void link_unlock(void *object) { mutex_unlock(&((struct mapping *)object)->map_lock); }

static int vma_fault(struct vma *v, unsigned long pgoff, bool write, struct page **out)
{
	struct mapping *m = v->object;
	struct page *p;

	(void)write;
	if ((loff_t)pgoff << PAGE_SHIFT >= inode_size(m->inode))
		return -EFAULT;
	p = mapping_get_page(m, pgoff, true);
	if (IS_ERR(p))
		return (int)PTR_ERR(p);
	*out = p;
	return 0;
}

static bool current_page(void *object, struct page *p) { return READ_ONCE(p->owner) == object; }
static struct page *peek(void *object, unsigned long pgoff) { return mapping_find(object, pgoff); }

void (*mapping_describe_hook)(const struct vma *v, char *buf, size_t cap, uint64_t *dev, uint64_t *ino);

static void describe(const struct vma *v, char *buf, size_t cap, uint64_t *dev, uint64_t *ino)
{
	struct inode *i = ((struct mapping *)v->object)->inode;

	*dev = i->sb->dev;
	*ino = i->ino;
	str_copy(buf, "", cap);
	if (mapping_describe_hook)
		mapping_describe_hook(v, buf, cap, dev, ino);
}

const struct vm_ops mapping_vm_ops = {
	.get = vma_get, .put = vma_put, .link = vma_link, .unlink = vma_unlink, .link_lock = link_lock, .link_unlock = link_unlock,
	.fault = vma_fault, .current_page = current_page, .peek = peek, .describe = describe,
};

int mapping_file_mmap(struct file *f, struct map_request *r)
{
	r->ops = &mapping_vm_ops;
	r->object = f->inode->mapping;
	r->may = VMA_MAYREAD | VMA_MAYEXEC | VMA_MAYWRITE;
	if (r->flags & MAP_SHARED && !(f->mode & FMODE_WRITE))
		r->may &= ~VMA_MAYWRITE;
	if (f->path.mnt->flags & MS_NOEXEC)
		r->may &= ~VMA_MAYEXEC;
	return 0;
}

ssize_t mapping_file_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct mapping *m = f->inode->mapping;
	size_t done = 0, want = u->left;

	while (u->left) {
		loff_t size = inode_size(f->inode);
		size_t off = (size_t)(*pos & (loff_t)(PAGE_SIZE - 1)), n = MIN(u->left, PAGE_SIZE - off), moved;
		struct page *p;

		if (*pos >= size)
			break;
		n = (size_t)MIN((loff_t)n, size - *pos);
		p = mapping_find(m, (unsigned long)(*pos >> PAGE_SHIFT));
		if (p) {
			char *va = kmap_local(p);

			moved = uio_put(u, va + off, n);
			kunmap_local(va);
			page_put(p);
		} else {
			moved = uio_put_zero(u, n);
		}
		*pos += (loff_t)moved;
		done += moved;
		if (moved < n)
			return done ? (ssize_t)done : -EFAULT;
	}
	if (want && !(f->flags & O_NOATIME) && f->path.mnt && !(f->path.mnt->flags & MS_NOATIME))
		inode_touch(f->inode, ATTR_ATIME);
	return (ssize_t)done;
}

/* RLIMIT_FSIZE: what may be written at pos; 0 with SIGXFSZ sent when nothing may. */
static size_t within_limit(loff_t pos, size_t n)
{
	uint64_t limit;

	if (!thread_current()->user)
		return n;
	limit = process_current()->limits.cur[RLIMIT_FSIZE];
	if (limit == RLIM_INFINITY64 || (uint64_t)pos + n <= limit)
		return n;
	if ((uint64_t)pos >= limit) {
		signal_kernel(process_current(), SIGXFSZ);
		return 0;
	}
	return (size_t)(limit - (uint64_t)pos);
}

static ssize_t write_locked(struct file *f, struct uio *u, loff_t *pos)
{
	struct inode *i = f->inode;
	size_t done = 0, allowed;

	if (f->flags & O_APPEND)
		*pos = i->size;
	allowed = within_limit(*pos, u->left);
	if (u->left && !allowed)
		return -EFBIG;
	u->left = allowed;
	while (u->left) {
		size_t off = (size_t)(*pos & (loff_t)(PAGE_SIZE - 1)), n = MIN(u->left, PAGE_SIZE - off), moved;
		struct page *p;
		char *va;

		if (*pos >> PAGE_SHIFT > (loff_t)(~0ul >> 1))
			return done ? (ssize_t)done : -EFBIG;
		p = mapping_get_page(i->mapping, (unsigned long)(*pos >> PAGE_SHIFT), true);
		if (IS_ERR(p))
			return done ? (ssize_t)done : -ENOSPC;
		va = kmap_local(p);
		moved = uio_get(u, va + off, n);
		kunmap_local(va);
		page_put(p);
		*pos += (loff_t)moved;
		done += moved;
		if (*pos > i->size)
			i->size = *pos;
		if (moved < n)
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

ssize_t mapping_file_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct inode *i = f->inode;
	ssize_t n;

	rwlock_write_lock(&i->lock);
	n = write_locked(f, u, pos);
	if (n > 0) {
		inode_touch(i, ATTR_MTIME | ATTR_CTIME);
		if (i->mode & (S_ISUID | S_ISGID) && thread_current()->user && !capable(CAP_FSETID))
			i->mode &= ~(S_ISUID | (i->mode & 010 ? S_ISGID : 0));
	}
	rwlock_write_unlock(&i->lock);
	return n;
}
