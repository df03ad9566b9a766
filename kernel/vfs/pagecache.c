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
#include "task/sigqueue.h"
#include "vfs/anoninode.h"

#define NODE_BITS 6
#define NODE_SLOTS (1u << NODE_BITS)
#define DROP_BATCH 64u
#define HOLE_BATCH 64u /* pages of a hole that are read at once */

struct node { void *slots[NODE_SLOTS]; unsigned used; };

static SLAB_CACHE(node_cache, node);
static atomic_long_t cached;

unsigned long pagecache_pages(void) { return (unsigned long)atomic_read(&cached); }

void mapping_init(struct mapping *m, struct inode *i, const struct mapping_ops *ops)
{
	*m = (struct mapping){ .inode = i, .ops = ops, .seals = SEAL_SEAL };
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

/* Lock held. How many pages from index on are known to be missing after one look: 0 if that one is there. */
static unsigned long missing_from(const struct mapping *m, unsigned long index)
{
	const struct node *n = m->tree;
	unsigned long count = 0;

	if (!fits(m, index))
		return MAX(~0ul - index, 1ul);
	for (unsigned h = m->height - 1; h > 0; h--) {
		unsigned long span = 1ul << (h * NODE_BITS);

		n = n->slots[index / span & (NODE_SLOTS - 1)];
		if (!n)
			return span - (index & (span - 1));
	}
	for (unsigned long i = index & (NODE_SLOTS - 1); i < NODE_SLOTS && !n->slots[i]; i++)
		count++;
	return count;
}

/* The page, with a reference; or NULL, and how many there are missing. */
static struct page *find_or_count(struct mapping *m, unsigned long index, unsigned long *missing)
{
	struct page *p = NULL;

	spin_lock(&m->lock);
	*missing = missing_from(m, index);
	if (!*missing) {
		p = *slot_of(m, index);
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

/*
 * Puts a fresh page into the tree, unless another is there by now. -EAGAIN: the file ended before it meanwhile (truncate sets the size
 * first and then empties the tree under this lock, so that no page can stay behind the end). Lock held.
 */
static int add_locked(struct mapping *m, struct page *fresh, bool beyond, struct page **out)
{
	void **s;

	if (!beyond && (loff_t)fresh->index << PAGE_SHIFT >= inode_size(m->inode))
		return -EAGAIN;
	if (!make_slot(m, fresh->index))
		return -ENOMEM;
	s = slot_of(m, fresh->index);
	if (*s) {
		*out = *s;
		page_get(*s);
		return 0;
	}
	if (m->ops && m->ops->charge && !m->ops->charge(m, 1))
		return -ENOSPC;
	*s = *out = fresh;
	m->pages++;
	atomic_inc(&cached);
	page_get(fresh);
	return 0;
}

static struct page *add_page(struct mapping *m, unsigned long index, bool beyond)
{
	struct page *fresh = frame_alloc(0, PAGE_CACHE, FRAME_ZERO), *p = NULL;
	int err;

	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->owner = m;
	fresh->index = index;
	spin_lock(&m->lock);
	err = add_locked(m, fresh, beyond, &p);
	spin_unlock(&m->lock);
	if (!err && p == fresh)
		return p;
	fresh->owner = NULL;
	page_put(fresh);
	return err ? ERR_PTR(err) : p;
}

struct page *mapping_get_page(struct mapping *m, unsigned long index, bool create)
{
	struct page *p = mapping_find(m, index);

	return p || !create ? p : add_page(m, index, false);
}

struct page *mapping_extend_page(struct mapping *m, unsigned long index)
{
	struct page *p = mapping_find(m, index);

	return p ? p : add_page(m, index, true);
}

static void remove_page(struct mapping *m, struct page *p)
{
	WRITE_ONCE(p->owner, NULL);
	m->pages--;
	atomic_dec(&cached);
	if (m->ops && m->ops->charge)
		m->ops->charge(m, -1);
	page_put(p);
}

/* Lock held. Takes out the pages first..last below this node, *budget at most; true if the node is empty then. */
static bool prune(struct mapping *m, struct node *n, unsigned h, unsigned long base, unsigned long first, unsigned long last, unsigned *budget)
{
	unsigned long span = h ? 1ul << (h * NODE_BITS) : 1;
	bool empty = true;

	for (unsigned i = 0; i < NODE_SLOTS; i++) {
		unsigned long at = base + i * span;

		if (!n->slots[i])
			continue;
		if (at + (span - 1) < first || at > last || !*budget) {
			empty = false;
		} else if (h == 0) {
			remove_page(m, n->slots[i]);
			n->slots[i] = NULL;
			--*budget;
		} else if (prune(m, n->slots[i], h - 1, at, first, last, budget)) {
			slab_free(&node_cache, n->slots[i]);
			n->slots[i] = NULL;
		} else {
			empty = false;
		}
	}
	return empty;
}

/* A big file in several goes, so that others get at the lock and the CPU. */
static void drop_range(struct mapping *m, unsigned long first, unsigned long last)
{
	unsigned budget;

	do {
		budget = DROP_BATCH;
		spin_lock(&m->lock);
		if (m->tree && prune(m, m->tree, m->height - 1, 0, first, last, &budget)) {
			slab_free(&node_cache, m->tree);
			m->tree = NULL;
			m->height = 0;
		}
		spin_unlock(&m->lock);
	} while (!budget);
}

/* Zeroes bytes of one page, if it is there. */
static void zero_part(struct mapping *m, loff_t from, size_t n)
{
	struct page *p = n ? mapping_find(m, (unsigned long)(from >> PAGE_SHIFT)) : NULL;
	char *va;

	if (!p)
		return;
	va = kmap_local(p);
	memset(va + (size_t)(from & (loff_t)(PAGE_SIZE - 1)), 0, n);
	kunmap_local(va);
	page_put(p);
}

static void zap_range(struct mapping *m, unsigned long first, unsigned long pages)
{
	struct vma *v;

	mutex_lock(&m->map_lock);
	list_for_each_entry(v, &m->vmas, link)
		vma_zap(v, first, pages);
	mutex_unlock(&m->map_lock);
}

void mapping_truncate(struct mapping *m, loff_t from)
{
	unsigned long first = (unsigned long)((from + (loff_t)PAGE_SIZE - 1) >> PAGE_SHIFT);
	size_t off = (size_t)(from & (loff_t)(PAGE_SIZE - 1));

	drop_range(m, first, ~0ul);
	zero_part(m, from, off ? PAGE_SIZE - off : 0);
	zap_range(m, first, ~0ul - first);
}

void mapping_punch(struct mapping *m, loff_t from, loff_t to)
{
	loff_t first = ALIGN_UP(from, (loff_t)PAGE_SIZE), last = ALIGN_DOWN(to, (loff_t)PAGE_SIZE);

	if (first > last) { /* inside one page */
		zero_part(m, from, (size_t)(to - from));
		return;
	}
	zero_part(m, from, (size_t)(first - from));
	zero_part(m, last, (size_t)(to - last));
	if (first == last)
		return;
	drop_range(m, (unsigned long)(first >> PAGE_SHIFT), (unsigned long)(last >> PAGE_SHIFT) - 1);
	zap_range(m, (unsigned long)(first >> PAGE_SHIFT), (unsigned long)((last - first) >> PAGE_SHIFT));
}

void mapping_destroy(struct mapping *m) { drop_range(m, 0, ~0ul); }

/* The object of a mapped file's region is the open file: it keeps inode and name. */
static struct mapping *mapping_of(void *object) { return ((struct file *)object)->inode->mapping; }
static void vma_get(void *object) { file_get(object); }
static void vma_put(void *object) { file_put(object); }

static void vma_link(struct vma *v)
{
	struct mapping *m = mapping_of(v->object);

	mutex_lock(&m->map_lock);
	if (unlikely(m->seals & SEAL_WRITE) && v->flags & VMA_SHARED) /* sealed since mapping_file_mmap let it pass: there is no way to refuse any more */
		v->flags &= ~(VMA_WRITE | VMA_MAYWRITE);
	list_push_back(&m->vmas, &v->link);
	mutex_unlock(&m->map_lock);
}

static void vma_unlink(struct vma *v)
{
	struct mapping *m = mapping_of(v->object);

	mutex_lock(&m->map_lock);
	list_del(&v->link);
	mutex_unlock(&m->map_lock);
}

static void link_lock(void *object) { mutex_lock(&mapping_of(object)->map_lock); }
static void link_unlock(void *object) { mutex_unlock(&mapping_of(object)->map_lock); }

static int vma_fault(struct vma *v, unsigned long pgoff, bool write, struct page **out)
{
	struct mapping *m = mapping_of(v->object);
	struct page *p;

	(void)write;
	if ((loff_t)pgoff << PAGE_SHIFT >= inode_size(m->inode))
		return -EFAULT;
	p = mapping_get_page(m, pgoff, true);
	if (IS_ERR(p)) /* no room, or the end moved: SIGBUS, as Linux's tmpfs has it */
		return PTR_ERR(p) == -ENOMEM ? -ENOMEM : -EFAULT;
	*out = p;
	return 0;
}

static bool current_page(void *object, struct page *p) { return READ_ONCE(p->owner) == mapping_of(object); }
static struct page *peek(void *object, unsigned long pgoff)
{
	struct mapping *m = mapping_of(object);

	return (loff_t)pgoff << PAGE_SHIFT < inode_size(m->inode) ? mapping_find(m, pgoff) : NULL;
}

static void describe(const struct vma *v, char *buf, size_t cap, uint64_t *dev, uint64_t *ino)
{
	struct file *f = v->object;
	struct fsctx *fs = fsctx_current();
	struct path root = fs ? fsctx_root(fs) : mount_root_path;
	char *name = path_name(&f->path, &root, buf, cap, true);

	*dev = f->inode->sb->dev;
	*ino = f->inode->ino;
	if (IS_ERR(name))
		str_copy(buf, "?", cap);
	else
		memmove(buf, name, strlen(name) + 1);
	if (fs)
		path_put(&root);
}

static int vma_remove_pages(void *object, unsigned long pgoff, unsigned long pages)
{
	return (int)mapping_file_allocate(object, FALLOC_PUNCH_HOLE | FALLOC_KEEP_SIZE, (loff_t)pgoff << PAGE_SHIFT, (loff_t)pages << PAGE_SHIFT);
}

const struct vm_ops mapping_vm_ops = {
	.get = vma_get, .put = vma_put, .link = vma_link, .unlink = vma_unlink, .link_lock = link_lock, .link_unlock = link_unlock,
	.fault = vma_fault, .current_page = current_page, .peek = peek, .describe = describe,
	.remove = vma_remove_pages,
};

int mapping_file_mmap(struct file *f, struct map_request *r)
{
	unsigned seals = READ_ONCE(f->inode->mapping->seals);
	bool writes = r->flags & MAP_SHARED && f->mode & FMODE_WRITE;

	if (writes && (seals & SEAL_WRITE || (seals & SEAL_FUTURE_WRITE && r->prot & PROT_WRITE)))
		return -EPERM;
	r->ops = &mapping_vm_ops;
	r->object = f;
	r->may = VMA_MAYREAD | VMA_MAYEXEC | VMA_MAYWRITE;
	if (r->flags & MAP_SHARED && (!(f->mode & FMODE_WRITE) || seals & SEAL_FUTURE_WRITE))
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
		size_t off = (size_t)(*pos & (loff_t)(PAGE_SIZE - 1)), n, moved;
		unsigned long missing;
		struct page *p;

		if (*pos >= size)
			break;
		p = find_or_count(m, (unsigned long)(*pos >> PAGE_SHIFT), &missing);
		n = MIN(u->left, (p ? 1 : MIN(missing, (unsigned long)HOLE_BATCH)) * PAGE_SIZE - off);
		n = (size_t)MIN((loff_t)n, size - *pos);
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
	if (want)
		file_accessed(f);
	return (ssize_t)done;
}

static bool refuses_write(const struct inode *i, loff_t pos, size_t len)
{
	unsigned seals = i->mapping->seals;

	return seals & (SEAL_WRITE | SEAL_FUTURE_WRITE) || (seals & SEAL_GROW && pos + (loff_t)len > i->size);
}

/* Copies into one page; bytes moved, or -errno. */
static ssize_t write_page(struct inode *i, struct uio *u, loff_t pos)
{
	size_t off = (size_t)(pos & (loff_t)(PAGE_SIZE - 1)), moved;
	struct page *p;
	char *va;

	if (pos >> PAGE_SHIFT > (loff_t)(~0ul >> 1))
		return -EFBIG;
	if (unlikely(i->mapping->seals & ~SEAL_SEAL) && refuses_write(i, pos, MIN(u->left, PAGE_SIZE - off)))
		return -EPERM;
	p = mapping_extend_page(i->mapping, (unsigned long)(pos >> PAGE_SHIFT));
	if (IS_ERR(p))
		return PTR_ERR(p);
	va = kmap_local(p);
	moved = uio_get(u, va + off, MIN(u->left, PAGE_SIZE - off));
	kunmap_local(va);
	page_put(p);
	return moved ? (ssize_t)moved : -EFAULT;
}

static ssize_t write_locked(struct file *f, struct uio *u, loff_t *pos)
{
	struct inode *i = f->inode;
	size_t allowed = u->left;
	ssize_t done = 0, n;
	int err;

	if (f->flags & O_APPEND)
		*pos = i->size;
	err = file_write_limit(f, *pos, &allowed);
	if (err)
		return err;
	u->left = allowed;
	while (u->left && !(done && signal_fatal_pending_current())) {
		n = write_page(i, u, *pos);
		if (n < 0) {
			/* what was added beyond the end and not filled goes again */
			if (*pos >= i->size)
				mapping_truncate(i->mapping, i->size);
			return done ? done : n;
		}
		*pos += n;
		done += n;
		if (*pos > i->size)
			inode_set_size(i, *pos);
	}
	return done;
}

static void written(struct inode *i)
{
	inode_touch(i, ATTR_MTIME | ATTR_CTIME);
	if (i->mode & (S_ISUID | S_ISGID) && thread_current()->user && !capable(CAP_FSETID))
		i->mode &= ~(S_ISUID | (i->mode & 010 ? S_ISGID : 0));
}

ssize_t mapping_file_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct inode *i = f->inode;
	ssize_t n;

	if (!u->left)
		return 0;
	rwlock_write_lock(&i->lock);
	n = write_locked(f, u, pos);
	if (n > 0)
		written(i);
	rwlock_write_unlock(&i->lock);
	return n;
}

/* Adds the pages of the range that are missing; on failure those beyond the end go again. Inode lock held. */
static long allocate_locked(struct file *f, bool keep_size, loff_t off, loff_t len)
{
	struct inode *i = f->inode;
	loff_t end = off + len;
	size_t fits = (size_t)1;
	long err = 0;

	if (end > i->size && !keep_size)
		err = file_write_limit(f, end - 1, &fits);
	if (!err && (end - 1) >> PAGE_SHIFT > (loff_t)(~0ul >> 1))
		err = -EFBIG;
	for (loff_t n = off >> PAGE_SHIFT; !err && n <= (end - 1) >> PAGE_SHIFT; n++) {
		struct page *p = signal_pending_current() ? ERR_PTR(-EINTR) : mapping_extend_page(i->mapping, (unsigned long)n);

		if (IS_ERR(p))
			err = PTR_ERR(p);
		else
			page_put(p);
	}
	if (err)
		mapping_truncate(i->mapping, i->size);
	else if (end > i->size && !keep_size)
		inode_set_size(i, end);
	return err == -ENOMEM ? -ENOSPC : err;
}

long mapping_file_allocate(struct file *f, int mode, loff_t off, loff_t len)
{
	struct inode *i = f->inode;
	long err = 0;

	rwlock_write_lock(&i->lock);
	if (mode & FALLOC_PUNCH_HOLE ? i->mapping->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE) : i->mapping->seals & SEAL_GROW && off + len > i->size)
		err = -EPERM;
	else if (!(mode & FALLOC_PUNCH_HOLE))
		err = allocate_locked(f, mode & FALLOC_KEEP_SIZE, off, len);
	else if (off < i->size)
		mapping_punch(i->mapping, off, MIN(off + len, (loff_t)ALIGN_UP(i->size, (loff_t)PAGE_SIZE)));
	if (!err)
		written(i);
	rwlock_write_unlock(&i->lock);
	return err;
}

/* Memory shared by fork: a file whose only name is what /proc/PID/maps shows. */
struct shared_anon {
	struct mapping mapping;
};
static SLAB_CACHE(shared_cache, shared_anon);
static const struct file_ops shared_ops = { .mmap = mapping_file_mmap };

static void shared_free(struct inode *i)
{
	mapping_destroy(i->mapping);
	slab_free(&shared_cache, container_of(i->mapping, struct shared_anon, mapping));
}

int mapping_shared_anon(unsigned long bytes, const struct vm_ops **ops, void **object)
{
	struct shared_anon *s = slab_alloc(&shared_cache, ALLOC_ZERO);
	struct file *f;
	struct path p;
	int err;

	if (!s)
		return -ENOMEM;
	err = anoninode_new(S_IFREG | 0600, "/dev/zero (deleted)", shared_free, &p);
	if (err) {
		slab_free(&shared_cache, s);
		return err;
	}
	mapping_init(&s->mapping, p.dentry->inode, NULL);
	p.dentry->inode->mapping = &s->mapping;
	p.dentry->inode->nlink = 0; /* it has no name */
	inode_set_size(p.dentry->inode, (loff_t)PAGE_UP((loff_t)bytes));
	f = file_new(&p, &shared_ops, FMODE_READ | FMODE_WRITE, O_RDWR);
	if (IS_ERR(f)) {
		path_put(&p);
		return (int)PTR_ERR(f);
	}
	*ops = &mapping_vm_ops;
	*object = f;
	return 0;
}
