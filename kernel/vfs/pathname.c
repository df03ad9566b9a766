/* SPDX-License-Identifier: MIT */
/* The absolute name of a place (declared in vfs/path.h), put together from its end: getcwd, /proc, mountinfo. */
#include "lib/string.h"
#include "vfs/path.h"

static bool prepend(char **at, char *buf, const char *s, size_t len)
{
	if ((size_t)(*at - buf) < len)
		return false;
	*at -= len;
	memcpy(*at, s, len);
	return true;
}

/* Writes the names from p up to root before *at; ancestry_lock held. 1: met the root, 0: ended elsewhere, -1: no room. */
static int prepend_names(const struct path *p, const struct path *root, char **at, char *buf)
{
	struct dentry *d = p->dentry;
	struct mount *m = p->mnt;

	while (d != root->dentry || m != root->mnt) {
		if (d == m->root || !d->parent) {
			if (d != m->root || !m->parent)
				return d == mount_root_path.dentry;
			d = m->point;
			m = m->parent;
			continue;
		}
		if (!prepend(at, buf, d->name, d->name_len) || !prepend(at, buf, "/", 1))
			return -1;
		d = d->parent;
	}
	return 1;
}

char *path_name(const struct path *p, const struct path *root, char *buf, size_t cap, bool mark)
{
	const struct dentry *d = p->dentry;
	char *at = buf + cap, *end;
	bool ok, anon = !d->parent && d != p->mnt->root;
	int r = 1;

	*--at = '\0';
	rwlock_read_lock(&ancestry_lock);
	ok = !(mark && d->parent && !d->hashed) || prepend(&at, buf, " (deleted)", 10);
	end = at;
	if (ok && anon)
		ok = prepend(&at, buf, d->name, d->name_len);
	else if (ok)
		r = prepend_names(p, root, &at, buf);
	rwlock_read_unlock(&ancestry_lock);
	if (ok && r >= 0 && !anon && at == end)
		ok = prepend(&at, buf, "/", 1);
	if (ok && !r)
		ok = prepend(&at, buf, "(unreachable)", 13);
	return ok && r >= 0 ? at : ERR_PTR(-ENAMETOOLONG);
}
