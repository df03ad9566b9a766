/* SPDX-License-Identifier: MIT */
#include "vfs/xattr.h"

#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/process.h"

struct xattr {
	struct xattr *next;
	size_t name_len, size; /* the name's NUL follows it, then the value */
	char bytes[];
};

static bool begins(const char *s, const char *with) { return !strncmp(s, with, strlen(with)); }
static char *value_of(struct xattr *x) { return x->bytes + x->name_len + 1; }

/* 0, or why the name is not to be had here. */
static long check(const struct inode *i, const char *name, bool change)
{
	bool trusted = begins(name, "trusted."), security = begins(name, "security.");

	if (begins(name, "user.") && !S_ISREG(i->mode) && !S_ISDIR(i->mode))
		return change ? -EPERM : -ENODATA;
	if (trusted && !capable(CAP_SYS_ADMIN))
		return change ? -EPERM : -ENODATA;
	if (!i->ops || !i->ops->keeps_xattrs || (!trusted && !security))
		return -EOPNOTSUPP;
	if (!name[trusted ? 8 : 9])
		return -EINVAL;
	return change && !capable(CAP_SYS_ADMIN) ? -EPERM : 0;
}

/* The link that leads to the attribute, or to the end. Lock held. */
static struct xattr **find(struct inode *i, const char *name)
{
	struct xattr **link = &i->xattrs;

	while (*link && strcmp((*link)->bytes, name))
		link = &(*link)->next;
	return link;
}

static struct xattr *make(const char *name, const void *value, size_t size)
{
	size_t len = strlen(name);
	struct xattr *x = kmalloc(sizeof(*x) + len + 1 + size, 0);

	if (!x)
		return NULL;
	*x = (struct xattr){ .name_len = len, .size = size };
	memcpy(x->bytes, name, len + 1);
	if (size)
		memcpy(value_of(x), value, size);
	return x;
}

long xattr_set(struct inode *i, const char *name, const void *value, size_t size, unsigned flags)
{
	struct xattr **link, *fresh, *old = NULL;
	long err = check(i, name, true);

	if (err)
		return err;
	fresh = make(name, value, size);
	if (!fresh)
		return -ENOMEM;
	rwlock_write_lock(&i->lock);
	link = find(i, name);
	if (*link ? flags & XATTR_CREATE : flags & XATTR_REPLACE) {
		err = *link ? -EEXIST : -ENODATA;
		old = fresh;
	} else if (*link) {
		old = *link;
		fresh->next = old->next;
		*link = fresh;
	} else {
		fresh->next = i->xattrs;
		i->xattrs = fresh;
	}
	if (!err)
		inode_touch(i, ATTR_CTIME);
	rwlock_write_unlock(&i->lock);
	kfree(old);
	return err;
}

long xattr_get(struct inode *i, const char *name, void *buf, size_t cap)
{
	long r = check(i, name, false);
	struct xattr *x;

	if (r)
		return r;
	rwlock_read_lock(&i->lock);
	x = *find(i, name);
	r = !x ? -ENODATA : cap && cap < x->size ? -ERANGE : (long)x->size;
	if (r > 0 && cap)
		memcpy(buf, value_of(x), x->size);
	rwlock_read_unlock(&i->lock);
	return r;
}

long xattr_list(struct inode *i, char *buf, size_t cap)
{
	bool all = capable(CAP_SYS_ADMIN);
	size_t n = 0;
	long err = 0;

	rwlock_read_lock(&i->lock);
	for (const struct xattr *x = i->xattrs; x; x = x->next) {
		if (!all && begins(x->bytes, "trusted."))
			continue;
		if (cap && cap - n < x->name_len + 1) {
			err = -ERANGE;
			break;
		}
		if (cap)
			memcpy(buf + n, x->bytes, x->name_len + 1);
		n += x->name_len + 1;
	}
	rwlock_read_unlock(&i->lock);
	return err ? err : (long)n;
}

long xattr_remove(struct inode *i, const char *name)
{
	struct xattr **link, *old;
	long err = check(i, name, true);

	if (err)
		return err;
	rwlock_write_lock(&i->lock);
	link = find(i, name);
	old = *link;
	if (old) {
		*link = old->next;
		inode_touch(i, ATTR_CTIME);
	}
	rwlock_write_unlock(&i->lock);
	kfree(old);
	return old ? 0 : -ENODATA;
}

void xattr_free(struct inode *i)
{
	while (i->xattrs) {
		struct xattr *x = i->xattrs;

		i->xattrs = x->next;
		kfree(x);
	}
}
