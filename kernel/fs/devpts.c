/* SPDX-License-Identifier: MIT */
/* devpts: an inode for each pseudo terminal, found by number. Names come and go behind the name cache, which therefore asks (revalidate). */
#include "fs/devpts.h"

#include "core/panic.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/process.h"
#include "vfs/file.h"

#define DEVPTS_MAGIC 0x1cd1u
#define NAME_BYTES 8
#define FIRST_INO 3u /* of terminal 0; 1 is the root, 2 is ptmx */
#define POS_FIRST 3u /* after . .. ptmx */

static SLAB_CACHE(inode_cache, inode);
static struct super *instance;
static struct inode *ptmx;
static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);
static struct inode *nodes[PTS_MAX];      /* lock; a reference each */

/* Mount options; the last mount's count. gid -1: the opener's. */
struct options { mode_t mode, ptmx_mode; int gid; };
static struct options options = { 0600, 0666, -1 }; /* lock */

static struct inode *node_get(unsigned n)
{
	struct inode *i;

	spin_lock(&lock);
	i = nodes[n];
	if (i)
		inode_get(i);
	spin_unlock(&lock);
	return i;
}

/* The number that a name means; PTS_MAX: none. No zeros in front. */
static unsigned number_of(const char *name, size_t len)
{
	unsigned n = 0;

	if (len > 3 || (len > 1 && name[0] == '0'))
		return PTS_MAX;
	for (size_t k = 0; k < len; k++) {
		if (name[k] < '0' || name[k] > '9')
			return PTS_MAX;
		n = n * 10 + (unsigned)(name[k] - '0');
	}
	return n < PTS_MAX ? n : PTS_MAX;
}

static bool is_ptmx(const char *name, size_t len) { return len == 4 && !memcmp(name, "ptmx", 4); }

static int pts_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	unsigned n = number_of(name, len);

	(void)dir;
	if (is_ptmx(name, len)) {
		inode_get(ptmx);
		*out = ptmx;
		return 0;
	}
	*out = n < PTS_MAX ? node_get(n) : NULL;
	return *out ? 0 : -ENOENT;
}

static bool pts_revalidate(struct inode *dir, const char *name, size_t len, struct inode *i)
{
	unsigned n = number_of(name, len);
	bool same;

	(void)dir;
	if (i == ptmx)
		return true;
	spin_lock(&lock);
	same = i && n < PTS_MAX && nodes[n] == i;
	spin_unlock(&lock);
	return same;
}

static int pts_create(struct inode *dir, const char *name, size_t len, mode_t mode, struct inode **out)
{
	(void)dir, (void)name, (void)len, (void)mode, (void)out;
	return -EACCES; /* as Linux says where a folder makes no files */
}

static int pts_iterate(struct file *f, struct dir_sink *s)
{
	static const char *const fixed[POS_FIRST] = { ".", "..", "ptmx" };

	for (; f->pos < POS_FIRST; f->pos++)
		if (!s->emit(s, fixed[f->pos], strlen(fixed[f->pos]), f->pos < 2 ? 1 : 2, (f->pos < 2 ? S_IFDIR : S_IFCHR) >> 12, f->pos + 1))
			return 0;
	for (; f->pos - POS_FIRST < PTS_MAX; f->pos++) {
		unsigned n = (unsigned)f->pos - POS_FIRST;
		struct inode *i = node_get(n);
		char name[NAME_BYTES];

		if (!i)
			continue;
		inode_put(i);
		if (!s->emit(s, name, fmt_buf(name, sizeof(name), "%u", n), FIRST_INO + n, S_IFCHR >> 12, f->pos + 1))
			return 0;
	}
	return 0;
}

static const struct inode_ops dir_ops = { .lookup = pts_lookup, .create = pts_create, .revalidate = pts_revalidate };
static const struct file_ops dir_file_ops = { .iterate = pts_iterate };
static const struct inode_ops node_ops = { .lookup = NULL };

static struct inode *make(ino_t ino, mode_t mode, dev_t dev)
{
	struct inode *i = slab_alloc(&inode_cache, ALLOC_ZERO);

	if (!i)
		return NULL;
	inode_init(i, instance, ino, mode);
	i->rdev = dev;
	i->ops = S_ISDIR(mode) ? &dir_ops : &node_ops;
	i->fops = S_ISDIR(mode) ? &dir_file_ops : NULL;
	return i;
}

int devpts_add(unsigned n)
{
	struct inode *i = make(FIRST_INO + n, S_IFCHR, MKDEV(PTS_MAJOR, n));

	if (!i)
		return -ENOMEM;
	spin_lock(&lock);
	i->mode |= options.mode;
	i->uid = cred_current()->fsuid;
	i->gid = options.gid < 0 ? cred_current()->fsgid : (gid_t)options.gid;
	nodes[n] = i;
	spin_unlock(&lock);
	return 0;
}

void devpts_remove(unsigned n)
{
	struct inode *i;

	spin_lock(&lock);
	i = nodes[n];
	nodes[n] = NULL;
	spin_unlock(&lock);
	if (i) {
		i->nlink = 0;
		inode_put(i);
	}
}

static void pts_inode_free(struct inode *i) { slab_free(&inode_cache, i); }

static int pts_statfs(struct super *sb, struct statfs_info *out)
{
	(void)sb;
	*out = (struct statfs_info){ .type = DEVPTS_MAGIC, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = 255 };
	return 0;
}

static bool option(const char *o, const char *name, const char **value)
{
	size_t n = strlen(name);

	*value = o + n;
	return !strncmp(o, name, n);
}

/* gid= mode= ptmxmode= max= uid= newinstance; each number is taken as its kind is written. */
static int read_option(const char *o, struct options *to)
{
	const char *v, *end = "";

	if (!strncmp(o, "newinstance", 11) && (!o[11] || o[11] == ','))
		return 0;
	if (option(o, "gid=", &v))
		to->gid = (int)str_to_u64(v, &end, 10);
	else if (option(o, "mode=", &v))
		to->mode = (mode_t)str_to_u64(v, &end, 8) & 0777;
	else if (option(o, "ptmxmode=", &v))
		to->ptmx_mode = (mode_t)str_to_u64(v, &end, 8) & 0777;
	else if (option(o, "max=", &v) || option(o, "uid=", &v))
		str_to_u64(v, &end, 10);
	else
		return -EINVAL;
	return end == v || (*end && *end != ',') ? -EINVAL : 0;
}

static int pts_remount(struct super *sb, const char *data)
{
	struct options o = { 0600, 0666, -1 };

	(void)sb;
	for (const char *p = data; p && *p; p = strchr(p, ',')) {
		p += *p == ',';
		if (*p && read_option(p, &o))
			return -EINVAL;
	}
	rwlock_write_lock(&ptmx->lock);
	ptmx->mode = S_IFCHR | o.ptmx_mode;
	rwlock_write_unlock(&ptmx->lock);
	spin_lock(&lock);
	options = o;
	spin_unlock(&lock);
	return 0;
}

static const struct super_ops super_ops = { .inode_free = pts_inode_free, .statfs = pts_statfs, .remount = pts_remount };

/* There is but one, whose options are those of the last mount. */
static int pts_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	int err = pts_remount(instance, data);

	(void)source, (void)flags;
	if (err)
		return err;
	refcount_get(&instance->refs);
	*out = instance;
	return 0;
}

static struct fs_type devpts_type = { .name = "devpts", .nodev = true, .mount = pts_mount };

void devpts_init(void)
{
	instance = kzalloc(sizeof(*instance));
	if (!instance)
		panic("no memory for devpts");
	refcount_set(&instance->refs, 1);
	instance->ops = &super_ops;
	instance->fstype = "devpts";
	instance->dev = super_alloc_dev();
	instance->revalidate = true;
	instance->root = make(1, S_IFDIR | 0755, 0);
	ptmx = make(2, S_IFCHR | 0666, MKDEV(5, 2));
	if (!instance->root || !ptmx)
		panic("no memory for devpts");
	instance->root->nlink = 2;
	fs_register(&devpts_type);
}
