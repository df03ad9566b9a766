/* SPDX-License-Identifier: MIT */
/*
 * Files in the page cache. A directory is a tree of entries by name, each of which holds a reference of its inode; a second order, by a number that only
 * grows, is the cursor of getdents, so that entries removed or added meanwhile do not disturb it.
 */
#include "fs/tmpfs.h"
#include "fs/tmpfsopt.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "vfs/pagecache.h"
#include "vfs/pipe.h"
#include "vfs/xattr.h"

#define TMPFS_MAGIC 0x01021994u
#define RAMFS_MAGIC 0x858458f6u
#define FIRST_COOKIE 2
#define INODES_MOST (896ul << (20 - PAGE_SHIFT)) /* frames that Linux counts on 32 bits: room for 100,000 files, each of half a KiB at most */

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
	struct inode *parent;         /* directory: not counted, and looked at only when the tree is given up */
	ino_t parent_ino;             /* what ".." is */
	char *target;                 /* symbolic link */
};

struct tmpfs_super {
	struct super super;
	struct tmpfs_options options, usual; /* the limits may change (remount); usual: what /proc/mounts need not tell */
	atomic_long_t used_pages, used_inodes;
};

static SLAB_CACHE(tmpfs_inode_cache, tmpfs_inode);
static const struct inode_ops dir_ops, link_ops, file_inode_ops;
static const struct mapping_ops tmpfs_mapping_ops;
static const struct file_ops dir_file_ops, file_ops;
static atomic_long_t next_ino = ATOMIC_INIT(1);

static struct tmpfs_super *super_of(struct super *sb) { return container_of(sb, struct tmpfs_super, super); }
static struct tmpfs_inode *of(struct inode *i) { return container_of(i, struct tmpfs_inode, inode); }

/* One more inode, or name of an inode that has one already, is there. */
static bool count_inode(struct tmpfs_super *ts)
{
	if (atomic_add_return(&ts->used_inodes, 1) <= (long)READ_ONCE(ts->options.inodes))
		return true;
	atomic_dec(&ts->used_inodes);
	return false;
}

/* A new inode; dir: where its name will be, NULL for a root. NULL: no memory, or as many as the file system may have. */
static struct inode *make(struct super *sb, const struct inode *dir, mode_t mode)
{
	struct tmpfs_super *ts = super_of(sb);
	struct tmpfs_inode *t;
	struct inode *i;

	if (!count_inode(ts))
		return NULL;
	t = slab_alloc(&tmpfs_inode_cache, ALLOC_ZERO);
	if (!t) {
		atomic_dec(&ts->used_inodes);
		return NULL;
	}
	i = &t->inode;
	inode_init(i, sb, (ino_t)atomic_add_return(&next_ino, 1), mode);
	if (dir)
		inode_init_owner(i, dir);
	mapping_init(&t->mapping, i, &tmpfs_mapping_ops);
	rb_init(&t->names);
	rb_init(&t->cookies);
	t->next_cookie = FIRST_COOKIE;
	i->ops = S_ISDIR(mode) ? &dir_ops : S_ISLNK(mode) ? &link_ops : &file_inode_ops;
	i->fops = S_ISDIR(mode) ? &dir_file_ops : S_ISREG(mode) ? &file_ops : NULL;
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
	struct inode *i = make(dir->sb, dir, mode);

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
	of(*out)->parent_ino = dir->ino;
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
	bool more = target->nlink != 0; /* not the first name of one that was made without */

	if (more && !count_inode(super_of(dir->sb)))
		return -ENOSPC;
	inode_get(target);
	if (add(dir, name, len, target)) {
		inode_put(target);
		if (more)
			atomic_dec(&super_of(dir->sb)->used_inodes);
		return -ENOSPC;
	}
	target->nlink++;
	inode_touch(target, ATTR_CTIME);
	return 0;
}

/* A name of it goes, or the last two of a directory. */
static void lose_name(struct inode *victim)
{
	if (!S_ISDIR(victim->mode) && victim->nlink > 1)
		atomic_dec(&super_of(victim->sb)->used_inodes);
	victim->nlink -= S_ISDIR(victim->mode) ? 2 : 1;
	inode_touch(victim, ATTR_CTIME);
}

static int tmpfs_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct entry *e = find(dir, name, len);

	if (!e || e->inode != victim)
		return -ENOENT;
	lose_name(victim);
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
	of(i)->parent_ino = to->ino;
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

/* The inode of a name, with its reference; the name goes, or becomes that of the whiteout, whose reference is taken over. */
static struct inode *leave_name(struct inode *dir, struct entry *e, struct inode *whiteout)
{
	struct inode *i = e->inode;

	if (!whiteout)
		return take_out(dir, e);
	e->inode = whiteout;
	inode_touch(dir, ATTR_MTIME | ATTR_CTIME);
	return i;
}

static int tmpfs_rename(struct inode *odir, const char *on, size_t ol, struct inode *ndir, const char *nn, size_t nl, struct inode *moved, struct inode *victim,
			unsigned flags)
{
	struct entry *from = find(odir, on, ol), *to = find(ndir, nn, nl);
	struct inode *whiteout = NULL;

	if (!from || from->inode != moved)
		return -ENOENT;
	if (flags & RENAME_EXCHANGE)
		return to ? tmpfs_exchange(odir, from, ndir, to) : -ENOENT;
	if (victim && S_ISDIR(victim->mode) && !rb_empty(&of(victim)->names))
		return -ENOTEMPTY;
	if (flags & RENAME_WHITEOUT) {
		whiteout = make(odir->sb, odir, S_IFCHR); /* device 0, which nobody can open */
		if (!whiteout)
			return -ENOSPC;
	}
	if (to) { /* the entry stays and changes its inode: nothing can fail */
		inode_put(leave_name(odir, from, whiteout) == moved ? to->inode : NULL);
		to->inode = moved;
		lose_name(victim);
		if (S_ISDIR(victim->mode))
			ndir->nlink--;
		inode_touch(ndir, ATTR_MTIME | ATTR_CTIME);
	} else {
		if (add(ndir, nn, nl, moved)) {
			if (whiteout)
				inode_put(whiteout);
			return -ENOSPC;
		}
		leave_name(odir, from, whiteout);
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

	if (a->valid & ATTR_SIZE && (uint64_t)a->size >> PAGE_SHIFT > ~0ul >> 1)
		return -EFBIG;
	if (a->valid & ATTR_SIZE && i->mapping &&
	    ((a->size < old && i->mapping->seals & SEAL_SHRINK) || (a->size > old && i->mapping->seals & SEAL_GROW)))
		return -EPERM;
	inode_copy_attr(i, a);
	if (!(a->valid & ATTR_SIZE))
		return 0;
	inode_set_size(i, a->size);
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
	*out = make(dir->sb, dir, mode);
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
	ino_t up = d->parent_ino ? d->parent_ino : f->inode->ino; /* by number: the parent may be removed before a directory that is open */
	struct rbnode *n, *next = NULL;

	if (f->pos == 0) {
		if (!s->emit(s, ".", 1, f->inode->ino, type_of(S_IFDIR), 1))
			return 0;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!s->emit(s, "..", 2, up, type_of(S_IFDIR), FIRST_COOKIE))
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
	.keeps_xattrs = true,
};
static const struct inode_ops link_ops = { .readlink = tmpfs_readlink, .keeps_xattrs = true };
static const struct inode_ops file_inode_ops = { .setattr = tmpfs_setattr, .getattr = tmpfs_getattr, .keeps_xattrs = true };
static const struct file_ops dir_file_ops = { .iterate = tmpfs_iterate };
static const struct file_ops file_ops = {
	.read = mapping_file_read, .write = mapping_file_write, .mmap = mapping_file_mmap, .fallocate = mapping_file_allocate,
};

static void tmpfs_inode_free(struct inode *i)
{
	struct tmpfs_inode *t = of(i);
	struct rbnode *n;

	while ((n = rb_first(&t->names)) != NULL)
		inode_put(take_out(i, rb_entry(n, struct entry, by_name)));
	mapping_destroy(&t->mapping);
	fifo_inode_free(i);
	xattr_free(i);
	atomic_dec(&super_of(i->sb)->used_inodes);
	kfree(t->target);
	slab_free(&tmpfs_inode_cache, t);
}

static void tmpfs_super_free(struct super *sb) { kfree(sb); }

/* Empties the tree from the leaves up, without recursion, for it may be as deep as somebody wished. */
static void tmpfs_super_kill(struct super *sb)
{
	struct inode *dir = sb->root;

	for (;;) {
		struct rbnode *n = rb_first(&of(dir)->names);
		struct entry *e = n ? rb_entry(n, struct entry, by_name) : NULL;

		if (!e && dir == sb->root)
			break;
		if (!e)
			dir = of(dir)->parent;
		else if (S_ISDIR(e->inode->mode) && !rb_empty(&of(e->inode)->names))
			dir = e->inode;
		else
			inode_put(take_out(dir, e));
	}
	sb->root = NULL;
	inode_put(dir);
}

static int tmpfs_statfs(struct super *sb, struct statfs_info *s)
{
	struct tmpfs_super *t = super_of(sb);
	unsigned long pages = READ_ONCE(t->options.pages), inodes = READ_ONCE(t->options.inodes);

	*s = (struct statfs_info){ .type = TMPFS_MAGIC, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX };
	if (pages != TMPFS_UNLIMITED) {
		s->blocks = pages;
		s->bfree = s->bavail = pages - MIN((unsigned long)MAX(atomic_read(&t->used_pages), 0l), pages);
	}
	if (inodes != TMPFS_UNLIMITED) {
		s->files = inodes;
		s->ffree = inodes - MIN((unsigned long)atomic_read(&t->used_inodes), inodes);
	}
	return 0;
}

/* Linux does not count what has no limit, and so none can be set later. */
static int set_limit(unsigned long *limit, unsigned long n, const atomic_long_t *used)
{
	unsigned long was = *limit;

	if (was == TMPFS_UNLIMITED && n != TMPFS_UNLIMITED)
		return -EINVAL;
	WRITE_ONCE(*limit, n); /* first: nobody gets beyond it from now on */
	smp_mb();
	if (atomic_read(used) <= (long)n)
		return 0;
	WRITE_ONCE(*limit, was);
	return -EINVAL;
}

static int tmpfs_remount(struct super *sb, const char *data)
{
	struct tmpfs_super *t = super_of(sb);
	struct tmpfs_options o = t->options;
	unsigned long was = o.pages;
	int err;

	o.pages_set = o.inodes_set = false;
	err = tmpfs_options_parse(data, &o);
	if (!err && o.pages_set)
		err = set_limit(&t->options.pages, o.pages, &t->used_pages);
	if (!err && o.inodes_set)
		err = set_limit(&t->options.inodes, o.inodes, &t->used_inodes);
	if (err)
		WRITE_ONCE(t->options.pages, was);
	return err;
}

static size_t tmpfs_options(struct super *sb, char *buf, size_t cap)
{
	return tmpfs_options_text(&super_of(sb)->options, &super_of(sb)->usual, buf, cap);
}

static bool tmpfs_charge(struct mapping *m, long pages)
{
	struct tmpfs_super *t = super_of(m->inode->sb);

	if (atomic_add_return(&t->used_pages, pages) <= (long)READ_ONCE(t->options.pages) || pages < 0)
		return true;
	atomic_sub(&t->used_pages, pages);
	return false;
}

static const struct mapping_ops tmpfs_mapping_ops = { .charge = tmpfs_charge };

static const struct super_ops tmpfs_super_ops = {
	.inode_free = tmpfs_inode_free, .super_free = tmpfs_super_free, .super_kill = tmpfs_super_kill, .statfs = tmpfs_statfs,
	.remount = tmpfs_remount, .options = tmpfs_options,
};

/* A ramfs tells nothing of its limits. */
static int ramfs_statfs(struct super *sb, struct statfs_info *s)
{
	(void)sb;
	*s = (struct statfs_info){ .type = RAMFS_MAGIC, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX };
	return 0;
}

/* The mode is that of the time when it was mounted. */
static int ramfs_remount(struct super *sb, const char *data)
{
	struct tmpfs_options o = super_of(sb)->options;

	return ramfs_options_parse(data, &o);
}

static const struct super_ops ramfs_super_ops = {
	.inode_free = tmpfs_inode_free, .super_free = tmpfs_super_free, .super_kill = tmpfs_super_kill, .statfs = ramfs_statfs,
	.remount = ramfs_remount, .options = tmpfs_options,
};

static int new_super(const char *fstype, const struct super_ops *ops, const struct tmpfs_options *o, const struct tmpfs_options *usual, struct super **out)
{
	struct tmpfs_super *t = kzalloc(sizeof(*t));
	struct super *sb;

	if (!t)
		return -ENOMEM;
	sb = &t->super;
	t->options = *o;
	t->usual = *usual;
	refcount_set(&sb->refs, 1);
	sb->ops = ops;
	sb->fstype = fstype;
	sb->dev = super_alloc_dev();
	sb->root = make(sb, NULL, S_IFDIR | o->mode);
	if (!sb->root) {
		kfree(t);
		return -ENOMEM;
	}
	sb->root->uid = o->uid;
	sb->root->gid = o->gid;
	*out = sb;
	return 0;
}

static struct tmpfs_options usual_options(void)
{
	/* as many inodes as half of the frames, as Linux has it */
	return (struct tmpfs_options){ .pages = frame_total() / 2, .inodes = MIN(frame_total(), INODES_MOST) / 2, .mode = 01777 };
}

int tmpfs_new_super(const char *fstype, mode_t root_mode, unsigned long max_pages, struct super **out)
{
	struct tmpfs_options o = usual_options();

	o.mode = root_mode;
	o.pages = max_pages;
	return new_super(fstype, &tmpfs_super_ops, &o, &o, out);
}

static int tmpfs_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	struct tmpfs_options usual = usual_options(), o = usual;
	int err = tmpfs_options_parse(data, &o);

	(void)source, (void)flags;
	return err ? err : new_super("tmpfs", &tmpfs_super_ops, &o, &usual, out);
}

/* It grows as long as there is memory; but what is left then is not for files. */
static int ramfs_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	struct tmpfs_options usual = usual_options(), o;
	int err;

	usual.pages = frame_total() / 10 * 9;
	usual.mode = 0755;
	o = usual;
	err = ramfs_options_parse(data, &o);
	(void)source, (void)flags;
	return err ? err : new_super("ramfs", &ramfs_super_ops, &o, &usual, out);
}

/* The root takes what the initrd brings: nearly all memory. */
static int rootfs_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	(void)source, (void)flags, (void)data;
	return tmpfs_new_super("rootfs", 0755, frame_total() / 10 * 9, out);
}

static struct fs_type tmpfs_type = { .name = "tmpfs", .nodev = true, .mount = tmpfs_mount };
static struct fs_type ramfs_type = { .name = "ramfs", .nodev = true, .mount = ramfs_mount };
static struct fs_type rootfs_type = { .name = "rootfs", .nodev = true, .mount = rootfs_mount };

void tmpfs_init(void)
{
	fs_register(&rootfs_type);
	fs_register(&tmpfs_type);
	fs_register(&ramfs_type);
}
