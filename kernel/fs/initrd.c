/* SPDX-License-Identifier: MIT */
/*
 * Unpacking the initrd. Bytes come frame by frame through a window; a frame that was read is given to the allocator at once, so that archive and
 * files need not both fit into memory.
 */
#include "fs/initrd.h"

#include "core/klog.h"
#include "fs/cpio.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/inflate.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/kmap.h"
#include "mem/slab.h"
#include "vfs/file.h"

struct frame_source {
	struct byte_source src;
	paddr_t next, end;    /* not yet mapped */
	paddr_t mapped;       /* start of what is mapped */
	void *window;         /* NULL: nothing is */
};

/* A file with several names: the first one seen. */
struct link_name {
	struct list link;
	uint32_t ino, major, minor;
	char name[];
};

struct unpack {
	struct cpio cpio;
	struct cpio_entry e;  /* at hand */
	struct file *file;    /* being written */
	loff_t pos;
	char *target;         /* of a symbolic link, PATH_MAX bytes */
	size_t target_len;
	struct list links;
	unsigned failed;      /* entries that could not be made */
};

static void frame_done(struct frame_source *s)
{
	if (!s->window)
		return;
	kunmap_local(s->window);
	s->window = NULL;
	frame_release_range(s->mapped, s->next); /* whole frames only */
}

static bool frame_more(struct byte_source *src)
{
	struct frame_source *s = container_of(src, struct frame_source, src);
	size_t off = s->next & (PAGE_SIZE - 1), n;

	frame_done(s);
	if (s->next >= s->end)
		return false;
	n = MIN(PAGE_SIZE - off, (size_t)(s->end - s->next));
	s->window = kmap_local(pfn_page(s->next >> PAGE_SHIFT));
	s->mapped = s->next;
	s->next += n;
	src->p = (const uint8_t *)s->window + off;
	src->end = src->p + n;
	return true;
}

static void failed(struct unpack *u, const char *name, long err)
{
	if (!u->failed++)
		klog_warn("initrd: cannot make %s: error %ld", name, -err);
}

/* Something else may have the name already, from an archive before this one. */
static void clear_way(const struct cpio_entry *e)
{
	struct path p;
	bool same, dir;

	if (path_lookup_kernel(e->name, 0, &p))
		return;
	same = (p.dentry->inode->mode & S_IFMT) == (e->mode & S_IFMT);
	dir = S_ISDIR(p.dentry->inode->mode);
	path_put(&p);
	if (same && (dir || S_ISREG(e->mode)))
		return;
	if (dir)
		path_rmdir(AT_FDCWD, e->name);
	else
		path_unlink(AT_FDCWD, e->name);
}

static struct link_name *find_link(struct unpack *u, const struct cpio_entry *e)
{
	struct link_name *l;

	list_for_each_entry(l, &u->links, link)
		if (l->ino == e->ino && l->major == e->dev_major && l->minor == e->dev_minor)
			return l;
	return NULL;
}

/* A second name of a file that is there; the first name is remembered. */
static bool made_as_link(struct unpack *u, const struct cpio_entry *e)
{
	size_t len = strlen(e->name);
	struct link_name *l;

	if (e->nlink < 2 || S_ISDIR(e->mode))
		return false;
	l = find_link(u, e);
	if (l) {
		path_unlink(AT_FDCWD, e->name);
		return path_link(AT_FDCWD, l->name, AT_FDCWD, e->name, 0) == 0;
	}
	l = kmalloc(sizeof(*l) + len + 1, 0);
	if (!l)
		return false;
	l->ino = e->ino;
	l->major = e->dev_major;
	l->minor = e->dev_minor;
	memcpy(l->name, e->name, len + 1);
	list_push_back(&u->links, &l->link);
	return false;
}

static void begin_file(struct unpack *u, const struct cpio_entry *e)
{
	bool linked = made_as_link(u, e);
	struct file *f;

	if (linked && !e->size)
		return;
	f = file_open(AT_FDCWD, e->name, O_WRONLY | O_CREAT | O_TRUNC | O_LARGEFILE, e->mode & 07777);
	if (IS_ERR(f)) {
		failed(u, e->name, PTR_ERR(f));
		return;
	}
	u->file = f;
	u->pos = 0;
}

static void begin_entry(void *ctx, const struct cpio_entry *e)
{
	struct unpack *u = ctx;
	int err = 0;

	u->e = *e;
	u->target_len = 0;
	clear_way(e);
	switch (e->mode & S_IFMT) {
	case S_IFREG:
		begin_file(u, e);
		return;
	case S_IFDIR:
		err = path_mkdir(AT_FDCWD, e->name, e->mode & 07777);
		if (err == -EEXIST)
			err = 0;
		break;
	case S_IFLNK:
		return;
	default:
		if (!made_as_link(u, e))
			err = path_mknod(AT_FDCWD, e->name, e->mode, MKDEV(e->rdev_major, e->rdev_minor));
	}
	if (err)
		failed(u, e->name, err);
}

static void entry_data(void *ctx, const uint8_t *p, size_t n)
{
	struct unpack *u = ctx;
	struct uio io;
	ssize_t done;

	if (S_ISLNK(u->e.mode) && n < PATH_MAX - u->target_len) {
		memcpy(u->target + u->target_len, p, n);
		u->target_len += n;
	}
	if (!u->file)
		return;
	uio_kernel(&io, (void *)(uintptr_t)p, n);
	done = file_write(u->file, &io, &u->pos);
	if (done == (ssize_t)n)
		return;
	failed(u, u->e.name, done < 0 ? done : -ENOSPC);
	file_put(u->file);
	u->file = NULL;
}

static void set_attributes(const struct cpio_entry *e)
{
	struct iattr a = { .valid = ATTR_UID | ATTR_GID | ATTR_ATIME | ATTR_MTIME, .uid = e->uid, .gid = e->gid };
	struct cred *root = cred_root();
	struct path p;

	a.atime = a.mtime = (struct timespec64){ .sec = e->mtime };
	if (!path_lookup_kernel(e->name, 0, &p)) {
		inode_setattr(p.dentry->inode, &a, root);
		a = (struct iattr){ .valid = ATTR_MODE, .mode = e->mode & 07777 }; /* after the owner, which takes set-id bits away */
		if (!S_ISLNK(e->mode))
			inode_setattr(p.dentry->inode, &a, root);
		path_put(&p);
	}
	cred_put(root);
}

static void end_entry(void *ctx)
{
	struct unpack *u = ctx;
	int err;

	if (u->file)
		file_put(u->file);
	u->file = NULL;
	if (S_ISLNK(u->e.mode)) {
		u->target[u->target_len] = '\0';
		err = path_symlink(u->target, AT_FDCWD, u->e.name);
		if (err)
			failed(u, u->e.name, err);
	}
	set_attributes(&u->e);
}

static bool feed(void *ctx, const uint8_t *p, size_t n)
{
	struct unpack *u = ctx;

	return cpio_feed(&u->cpio, p, n) == n;
}

/* Plain archives, up to the end or to a byte that starts none. */
static void unpack_plain(struct unpack *u, struct byte_source *in)
{
	while (source_peek(in) >= 0) {
		size_t n = (size_t)(in->end - in->p), used = cpio_feed(&u->cpio, in->p, n);

		in->p += used;
		if (used < n)
			return;
	}
}

static int unpack_gzip(struct unpack *u, struct byte_source *in)
{
	void *memory = kmalloc(inflate_size(), 0);
	int err = memory ? inflate_gzip(memory, in, feed, u) : -ENOMEM;

	kfree(memory);
	return err;
}

static int unpack_all(struct unpack *u, struct byte_source *in)
{
	for (;;) {
		int c, err;

		unpack_plain(u, in);
		c = source_peek(in);
		if (c < 0)
			return cpio_idle(&u->cpio) ? 0 : -EINVAL;
		if (c != 0x1f || !cpio_idle(&u->cpio))
			return -EINVAL;
		err = unpack_gzip(u, in);
		if (err)
			return err;
	}
}

static void unpack_free(struct unpack *u)
{
	struct link_name *l, *next;

	list_for_each_entry_safe(l, next, &u->links, link) {
		list_del(&l->link);
		kfree(l);
	}
	if (u->file)
		file_put(u->file);
	kfree(u->target);
	kfree(u);
}

void initrd_unpack(paddr_t start, paddr_t end)
{
	static const struct cpio_ops ops = { .begin = begin_entry, .data = entry_data, .end = end_entry };
	struct frame_source s = { .src.more = frame_more, .next = start, .end = end };
	struct unpack *u = kzalloc(sizeof(*u));
	int err = -ENOMEM;

	if (u)
		u->target = kmalloc(PATH_MAX, 0);
	if (u && u->target) {
		list_init(&u->links);
		cpio_init(&u->cpio, &ops, u);
		err = unpack_all(u, &s.src);
		unpack_free(u);
	} else {
		kfree(u);
	}
	if (err)
		klog_warn("initrd: damaged or not understood: error %d", -err);
	while (frame_more(&s.src)) /* what was not read is given back all the same */
		;
}
