/* SPDX-License-Identifier: MIT */
/*
 * Files in the page cache. A directory is a tree of entries by name, each of which holds a reference of its inode; a second order, by a number that only
 * grows, is the cursor of getdents, so that entries removed or added meanwhile do not disturb it.
 */
#include "fs/tmpfs.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "vfs/pagecache.h"
#include "vfs/pipe.h"

#define TMPFS_MAGIC 0x01021994u
#define FIRST_COOKIE 2

struct entry {
	struct rbnode by_name, by_cookie;
	struct inode *inode;
	loff_t cookie;
	size_t len;
	char name[];
};

struct tmpfs_inode {
	struct inode inode;
	struct mapping mapping;
	struct rbtree names, cookies; /* directory */
	loff_t next_cookie;
	struct inode *parent;         /* directory: not counted; itself for the root */
	char *target;                 /* symbolic link */
};

static SLAB_CACHE(tmpfs_inode_cache, tmpfs_inode);
static const struct inode_ops dir_ops, link_ops, file_inode_ops;
static const struct file_ops dir_file_ops, file_ops;
static atomic_long_t next_ino = ATOMIC_INIT(1);

static struct tmpfs_inode *of(struct inode *i) { return container_of(i, struct tmpfs_inode, inode); }

static struct inode *make(struct super *sb, mode_t mode)
{
	struct tmpfs_inode *t = slab_alloc(&tmpfs_inode_cache, ALLOC_ZERO);
	struct inode *i;

	if (!t)
		return NULL;
	i = &t->inode;
	inode_init(i, sb, (ino_t)atomic_add_return(&next_ino, 1), mode);
	mapping_init(&t->mapping, i, NULL);
	rb_init(&t->names);
	rb_init(&t->cookies);
	t->next_cookie = FIRST_COOKIE;
	i->ops = S_ISDIR(mode) ? &dir_ops : S_ISLNK(mode) ? &link_ops : &file_inode_ops;
	i->fops = S_ISDIR(mode) ? &dir_file_ops : &file_ops;
	if (S_ISREG(mode))
		i->mapping = &t->mapping;
	if (S_ISDIR(mode))
		i->nlink = 2;
	return i;
}

struct key { const char *name; size_t len; };

static int compare(const char *a, size_t al, const char *b, size_t bl)
{
	int c = memcmp(a, b, MIN(al, bl));

	return c ? c : al < bl ? -1 : al > bl;
}

static int by_name(const struct rbnode *a, const struct rbnode *b)
{
	const struct entry *x = rb_entry(a, const struct entry, by_name), *y = rb_entry(b, const struct entry, by_name);

	return compare(x->name, x->len, y->name, y->len);
}

static int by_cookie(const struct rbnode *a, const struct rbnode *b)
{
	const struct entry *x = rb_entry(a, const struct entry, by_cookie), *y = rb_entry(b, const struct entry, by_cookie);

	return x->cookie < y->cookie ? -1 : x->cookie > y->cookie;
}

static struct entry *find(struct inode *dir, const char *name, size_t len)
{
	struct rbnode *n = of(dir)->names.root;

	while (n) {
		struct entry *e = rb_entry(n, struct entry, by_name);
		int c = compare(name, len, e->name, e->len);

		if (!c)
			return e;
		n = c < 0 ? n->left : n->right;
	}
	return NULL;
}

/* Takes over a reference of the inode. */
static int add(struct inode *dir, const char *name, size_t len, struct inode *i)
{
	struct tmpfs_inode *d = of(dir);
	struct entry *e = kmalloc(sizeof(*e) + len, 0);

	if (!e)
		return -ENOMEM;
	e->inode = i;
	e->cookie = d->next_cookie++;
	e->len = len;
	memcpy(e->name, name, len);
	rb_insert(&d->names, &e->by_name, by_name);
	rb_insert(&d->cookies, &e->by_cookie, by_cookie);
	dir->size += 20;
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	return 0;
}

static struct inode *take_out(struct inode *dir, struct entry *e)
{
	struct inode *i = e->inode;

	rb_erase(&of(dir)->names, &e->by_name);
	rb_erase(&of(dir)->cookies, &e->by_cookie);
	kfree(e);
	dir->size -= 20;
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	return i;
}

static int tmpfs_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct entry *e = find(dir, name, len);

	if (!e)
		return -ENOENT;
	*out = e->inode;
	inode_get(e->inode);
	return 0;
}

/* A new inode under a new name; the caller's reference comes back in *out. */
static int make_named(struct inode *dir, const char *name, size_t len, mode_t mode, struct inode **out)
{
	struct inode *i = make(dir->sb, mode);

	if (!i)
		return -ENOSPC;
	if (add(dir, name, len, i)) {
		inode_put(i);
		return -ENOSPC;
	}
	inode_get(i);
	*out = i;
	return 0;
}

static int tmpfs_create(struct inode *dir, const char *name, size_t len, mode_t mode, struct inode **out)
{
	return make_named(dir, name, len, mode, out);
}

static int tmpfs_mknod(struct inode *dir, const char *name, size_t len, mode_t mode, dev_t dev, struct inode **out)
{
	int err = make_named(dir, name, len, mode, out);

	if (!err)
		(*out)->rdev = dev;
	return err;
}

static int tmpfs_mkdir(struct inode *dir, const char *name, size_t len, mode_t mode, struct inode **out)
{
	int err = make_named(dir, name, len, S_IFDIR | mode, out);

	if (err)
		return err;
	of(*out)->parent = dir;
	dir->nlink++;
	return 0;
}

static int tmpfs_symlink(struct inode *dir, const char *name, size_t len, const char *target, struct inode **out)
{
	char *copy = kstrdup(target);
	int err = copy ? make_named(dir, name, len, S_IFLNK | 0777, out) : -ENOSPC;

	if (err) {
		kfree(copy);
		return err;
	}
	of(*out)->target = copy;
	(*out)->size = (loff_t)strlen(target);
	return 0;
}

static int tmpfs_link(struct inode *dir, const char *name, size_t len, struct inode *target)
{
	inode_get(target);
	if (add(dir, name, len, target)) {
		inode_put(target);
		return -ENOSPC;
	}
	target->nlink++;
	inode_touch(target, ATTR_CTIME);
	return 0;
}

static int tmpfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct entry *e = find(dir, name, len);

	if (!e || e->inode != victim)
		return -ENOENT;
	victim->nlink--;
	inode_touch(victim, ATTR_CTIME);
	inode_put(take_out(dir, e));
	return 0;
}

static int tmpfs_rmdir(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct entry *e = find(dir, name, len);

	if (!e || e->inode != victim)
		return -ENOENT;
	if (!rb_empty(&of(victim)->names))
		return -ENOTEMPTY;
	victim->nlink = 0;
	dir->nlink--;
	inode_put(take_out(dir, e));
	return 0;
}

static void reparent(struct inode *i, struct inode *from, struct inode *to)
{
	if (!S_ISDIR(i->mode) || from == to)
		return;
	of(i)->parent = to;
	from->nlink--;
	to->nlink++;
}

static int tmpfs_exchange(struct inode *odir, struct entry *a, struct inode *ndir, struct entry *b)
{
	struct inode *t = a->inode;

	a->inode = b->inode;
	b->inode = t;
	reparent(b->inode, odir, ndir);
	reparent(a->inode, ndir, odir);
	return 0;
}

static int tmpfs_rename(struct inode *odir, const char *on, size_t ol, struct inode *ndir, const char *nn, size_t nl, struct inode *moved, struct inode *victim,
			unsigned flags)
{
	struct entry *from = find(odir, on, ol), *to = find(ndir, nn, nl);
	int err;

	if (!from || from->inode != moved)
		return -ENOENT;
	if (flags & 2)
		return to ? tmpfs_exchange(odir, from, ndir, to) : -ENOENT;
	if (victim && S_ISDIR(victim->mode) && !rb_empty(&of(victim)->names))
		return -ENOTEMPTY;
	if (to) { /* the entry stays and changes its inode: nothing can fail */
		inode_put(take_out(odir, from) == moved ? to->inode : NULL);
		to->inode = moved;
		victim->nlink -= S_ISDIR(victim->mode) ? 2 : 1;
		if (S_ISDIR(victim->mode))
			ndir->nlink--;
		inode_touch(victim, ATTR_CTIME);
		inode_touch(ndir, ATTR_MTIME | ATTR_CTIME);
	} else {
		err = add(ndir, nn, nl, moved);
		if (err)
			return -ENOSPC;
		take_out(odir, from);
	}
	reparent(moved, odir, ndir);
	inode_touch(moved, ATTR_CTIME);
	return 0;
}

static ssize_t tmpfs_readlink(struct inode *i, char *buf, size_t cap)
{
	size_t n = MIN((size_t)i->size, cap);

	memcpy(buf, of(i)->target, n);
	return (ssize_t)n;
}

static int tmpfs_setattr(struct inode *i, const struct iattr *a)
{
	loff_t old = i->size;

	if (!(a->valid & ATTR_SIZE))
		return 0;
	if (S_ISDIR(i->mode))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	if (a->size > (loff_t)(~0ul >> 1) << PAGE_SHIFT)
		return -EFBIG;
	i->size = a->size;
	if (a->size < old)
		mapping_truncate(i->mapping, a->size);
	return 0;
}

static int tmpfs_getattr(struct inode *i)
{
	i->blocks = i->mapping ? (uint64_t)i->mapping->pages * (PAGE_SIZE / 512) : 0;
	return 0;
}

static int tmpfs_tmpfile(struct inode *dir, mode_t mode, struct inode **out)
{
	*out = make(dir->sb, mode);
	if (!*out)
		return -ENOSPC;
	(*out)->nlink = 0;
	return 0;
}

static unsigned type_of(mode_t mode) { return mode >> 12 & 15; }

/* Positions: 0 is ".", 1 "..", then the entries' cookies. */
static int tmpfs_iterate(struct file *f, struct dir_sink *s)
{
	struct tmpfs_inode *d = of(f->inode);
	struct inode *up = d->parent ? d->parent : f->inode;
	struct rbnode *n, *next = NULL;

	if (f->pos == 0) {
		if (!s->emit(s, ".", 1, f->inode->ino, type_of(S_IFDIR), 1))
			return 0;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!s->emit(s, "..", 2, up->ino, type_of(S_IFDIR), FIRST_COOKIE))
			return 0;
		f->pos = FIRST_COOKIE;
	}
	for (n = d->cookies.root; n;) {
		if (rb_entry(n, struct entry, by_cookie)->cookie >= f->pos) {
			next = n;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	for (; next; next = rb_next(next)) {
		struct entry *e = rb_entry(next, struct entry, by_cookie);

		if (!s->emit(s, e->name, e->len, e->inode->ino, type_of(e->inode->mode), e->cookie + 1))
			return 0;
		f->pos = e->cookie + 1;
	}
	return 0;
}

static const struct inode_ops dir_ops = {
	.lookup = tmpfs_lookup, .create = tmpfs_create, .mknod = tmpfs_mknod, .mkdir = tmpfs_mkdir, .symlink = tmpfs_symlink, .link = tmpfs_link,
	.unlink = tmpfs_unlink, .rmdir = tmpfs_rmdir, .rename = tmpfs_rename, .tmpfile = tmpfs_tmpfile, .setattr = tmpfs_setattr,
};
static const struct inode_ops link_ops = { .readlink = tmpfs_readlink };
static const struct inode_ops file_inode_ops = { .setattr = tmpfs_setattr, .getattr = tmpfs_getattr };
static const struct file_ops dir_file_ops = { .iterate = tmpfs_iterate };
static const struct file_ops file_ops = { .read = mapping_file_read, .write = mapping_file_write, .mmap = mapping_file_mmap };

static void tmpfs_inode_free(struct inode *i)
{
	struct tmpfs_inode *t = of(i);
	struct rbnode *n;

	while ((n = rb_first(&t->names)) != NULL)
		inode_put(take_out(i, rb_entry(n, struct entry, by_name)));
	mapping_destroy(&t->mapping);
	fifo_inode_free(i);
	kfree(t->target);
	slab_free(&tmpfs_inode_cache, t);
}

static void tmpfs_super_free(struct super *sb) { kfree(sb); }

static int tmpfs_statfs(struct super *sb, struct statfs_info *s)
{
	struct frame_stats m;
	unsigned long total, free;

	(void)sb;
	frame_stats(&m);
	total = m.total;
	free = m.free;
	*s = (struct statfs_info){ .type = TMPFS_MAGIC, .blocks = total / 2, .bfree = MIN(free, total / 2), .bavail = MIN(free, total / 2), .files = total / 2,
				   .ffree = free, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX };
	return 0;
}

static const struct super_ops tmpfs_super_ops = { .inode_free = tmpfs_inode_free, .super_free = tmpfs_super_free, .statfs = tmpfs_statfs };

int tmpfs_new_super(const char *fstype, mode_t root_mode, struct super **out)
{
	struct super *sb = kzalloc(sizeof(*sb));

	if (!sb)
		return -ENOMEM;
	refcount_set(&sb->refs, 1);
	sb->ops = &tmpfs_super_ops;
	sb->fstype = fstype;
	sb->dev = super_alloc_dev();
	sb->root = make(sb, S_IFDIR | root_mode);
	if (!sb->root) {
		kfree(sb);
		return -ENOMEM;
	}
	*out = sb;
	return 0;
}

/* size=, mode=, nr_inodes= are understood as far as the mode goes. */
static int tmpfs_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	const char *mode = data ? strstr(data, "mode=") : NULL;

	(void)source, (void)flags;
	return tmpfs_new_super("tmpfs", mode ? (mode_t)str_to_u64(mode + 5, NULL, 8) & 07777 : 01777, out);
}

static int rootfs_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	(void)source, (void)flags, (void)data;
	return tmpfs_new_super("rootfs", 0755, out);
}

static int shared_anonymous(unsigned long bytes, const struct vm_ops **ops, void **object)
{
	static struct super *sb; /* made at boot, before there are two callers */
	struct inode *i;

	if (!sb && tmpfs_new_super("tmpfs", 01777, &sb))
		return -ENOMEM;
	i = make(sb, S_IFREG | 0600);
	if (!i)
		return -ENOMEM;
	i->nlink = 0;
	i->size = (loff_t)bytes;
	*ops = &mapping_vm_ops;
	*object = i->mapping;
	return 0;
}

static struct fs_type tmpfs_type = { .name = "tmpfs", .nodev = true, .mount = tmpfs_mount };
static struct fs_type ramfs_type = { .name = "ramfs", .nodev = true, .mount = tmpfs_mount };
static struct fs_type rootfs_type = { .name = "rootfs", .nodev = true, .mount = rootfs_mount };

void tmpfs_init(void)
{
	fs_register(&rootfs_type);
	fs_register(&tmpfs_type);
	fs_register(&ramfs_type);
	vm_shared_anon_hook = shared_anonymous;
}
