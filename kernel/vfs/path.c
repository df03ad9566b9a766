/* SPDX-License-Identifier: MIT */
/*
 * Walking a name. One loop over the components, hashing while scanning. A link's target is put before the rest of the name in a buffer of the
 * walk's own, and the loop goes on there; so there is no recursion, and no allocation when there are no links.
 *
 * Example: "/a/link/b" with link -> "x/y": at "link" the buffer becomes "x/y/b", and the walk continues in /a.
 */
#include "vfs/path.h"

#include "lib/string.h"
#include "mem/slab.h"
#include "task/process.h"
#include "vm/usercopy.h"

#define MAX_LINKS 40

int (*path_dirfd_hook)(int dirfd, bool any, struct path *out);

static struct slab_cache name_cache = { .name = "path_name", .size = PATH_MAX, .align = 64 };
static struct slab_cache walk_cache = { .name = "path_walk", .size = WALK_BUFFER, .align = 64 };

struct cursor {
	struct path at;       /* with references if held; else it is the walk's base or root */
	bool held;
	const char *name;     /* what is left */
	const char *last;     /* the component in hand */
	size_t len;
	uint32_t hash;
};

/* Search permission, fast when everybody has it. */
static int may_search(struct walk *w, struct inode *dir)
{
	if (!S_ISDIR(dir->mode))
		return -ENOTDIR;
	if (likely((dir->mode & 0111) == 0111 && !dir->ops->permission))
		return 0;
	return inode_permission(dir, MAY_EXEC, w->cred);
}

static void let_go(struct cursor *c)
{
	if (c->held)
		path_put(&c->at);
	c->held = false;
}

static void hold(struct cursor *c)
{
	if (!c->held)
		path_get(&c->at);
	c->held = true;
}

/* To an entry of the same mount; takes over the reference to it. */
static void go_to(struct cursor *c, struct dentry *d)
{
	if (c->held)
		dentry_put(c->at.dentry);
	else
		mount_get(c->at.mnt);
	c->at.dentry = d;
	c->held = true;
}

/* Onto the root of what is mounted there. -EXDEV: the walk may not leave its mount. */
static int cross_down(const struct walk *w, struct path *p)
{
	const struct mount *before = p->mnt;

	mount_cross_down(p);
	return w->flags & WALK_NO_XDEV && p->mnt != before ? rules_refusal(w->flags) : 0;
}

/* "..": stops at the root of the walk, crosses mounts upwards. */
static int step_up(struct walk *w, struct cursor *c)
{
	struct dentry *parent;

	hold(c);
	w->root_used = true;
	if (unlikely(w->flags & WALK_BENEATH) && path_equal(&c->at, &w->root))
		return rules_refusal(w->flags);
	while (!path_equal(&c->at, &w->root)) {
		if (c->at.dentry != c->at.mnt->root) {
			spin_lock(&dentry_lock);
			parent = c->at.dentry->parent;
			if (parent)
				dentry_get(parent);
			spin_unlock(&dentry_lock);
			if (!parent)
				return 0;
			dentry_put(c->at.dentry);
			c->at.dentry = parent;
			break;
		}
		if (!mount_cross_up(&c->at))
			return 0;
		if (unlikely(w->flags & WALK_NO_XDEV) || (unlikely(w->flags & WALK_BENEATH) && path_equal(&c->at, &w->root)))
			return rules_refusal(w->flags);
	}
	return cross_down(w, &c->at);
}

int path_walk_up(struct walk *w, struct path *p)
{
	struct cursor c = { .at = *p, .held = true };
	int err = step_up(w, &c);

	*p = c.at;
	return err;
}

/* Cuts the next component off c->name and hashes it. */
static int next_component(struct cursor *c)
{
	uint32_t h = dentry_hash_init(c->at.dentry);
	const char *s = c->name;

	c->last = s;
	for (; *s && *s != '/'; s++)
		h = dentry_hash_step(h, (unsigned char)*s);
	c->len = (size_t)(s - c->last);
	c->hash = h;
	c->name = s;
	return c->len > NAME_MAX ? -ENAMETOOLONG : 0;
}

static bool is_dot(const struct cursor *c) { return c->len == 1 && c->last[0] == '.'; }
static bool is_dotdot(const struct cursor *c) { return c->len == 2 && c->last[0] == '.' && c->last[1] == '.'; }

static const char *skip_slashes(const char *s)
{
	while (*s == '/')
		s++;
	return s;
}

/* Puts the target of link before the rest of the name, and starts from the root if it is absolute. */
static int expand_link(struct walk *w, struct cursor *c, struct inode *link)
{
	size_t rest = strlen(c->name);
	char *buf;
	ssize_t n;

	buf = slab_alloc(&walk_cache, 0);
	if (!buf)
		return -ENOMEM;
	n = link->ops->readlink ? link->ops->readlink(link, buf, PATH_MAX) : -EINVAL;
	if (n == 0)
		n = -ENOENT;
	else if (n >= (ssize_t)PATH_MAX || (n > 0 && (size_t)n + rest + 1 > WALK_BUFFER))
		n = -ENAMETOOLONG;
	if (n < 0) {
		slab_free(&walk_cache, buf);
		return (int)n;
	}
	memcpy(buf + n, c->name, rest + 1);
	if (w->last_buf)
		slab_free(&walk_cache, w->last_buf);
	w->last_buf = buf;
	c->name = buf;
	if (*buf == '/') {
		int err = rules_to_root(w->flags, &c->at, &w->root, w->root_used);

		if (err)
			return err;
		w->root_used = true;
		let_go(c);
		c->at = w->root;
	}
	return 0;
}

static int follow_link(struct walk *w, struct cursor *c, struct inode *link)
{
	struct path p;
	int err;

	if (++w->links > MAX_LINKS)
		return -ELOOP;
	err = rules_link(w->flags, link->ops->follow);
	if (err)
		return err;
	if (!link->ops->follow)
		return expand_link(w, c, link);
	err = link->ops->follow(link, &p);
	if (err)
		return err;
	err = rules_jump(w->flags, &c->at, &p);
	if (err) {
		path_put(&p);
		return err;
	}
	let_go(c);
	c->at = p;
	c->held = true;
	return 0;
}

/* A directory that everybody may search, in a file system whose names change only through the cache. Not referenced: see dentry.c. */
__unchecked static bool open_to_all(const struct inode *i, const struct dentry_view *v)
{
	const struct inode_ops *ops = i->ops;
	const struct super *sb = i->sb;
	mode_t mode = i->mode;

	return dentry_view_holds(v) && S_ISDIR(mode) && (mode & 0111) == 0111 && !ops->permission && !sb->revalidate;
}

/* The step to *p, a place found by dentry_peek: plain, with no link to follow or missing file, but perhaps into a mount. Its inode, or NULL. */
__unchecked static const struct inode *plain_step(struct path *p, struct dentry_view *v)
{
	const struct inode *i = load_acquire(&p->dentry->inode);
	bool mounted = p->dentry->mounted;

	if (!dentry_view_holds(v) || !i || S_ISLNK(i->mode))
		return NULL;
	if (likely(!mounted))
		return i;
	if (!mount_peek(p, v))
		return NULL;
	dentry_view_cross(v);
	i = p->dentry->inode;
	return p->dentry->mounted || !dentry_view_holds(v) ? NULL : i;
}

/* Into another mount: it does not go away before preemption is on again, for mount_free waits for that after it was taken off its place. */
static bool arrive_in_mount(const struct path *p, const struct dentry_view *v)
{
	bool there, same = false, last = false;

	preempt_disable();
	there = dentry_view_holds(v);
	if (there) {
		mount_get(p->mnt);
		smp_mb(); /* either this sees that it is being taken off, or umount sees the reference */
		same = dentry_get_seen(p->dentry, v);
		last = !same && mount_put_atomic(p->mnt);
	}
	preempt_enable();
	if (unlikely(last))
		mount_free_tree(p->mnt);
	return same;
}

/* Takes the references of a place that was found so, and gives back those of where *c is. false: something changed, and p may be anything. */
static bool arrive(const struct path *p, struct cursor *c, const struct dentry_view *v)
{
	if (p->mnt == c->at.mnt) {
		if (!dentry_get_seen(p->dentry, v))
			return false;
		go_to(c, p->dentry);
		return true;
	}
	if (!arrive_in_mount(p, v))
		return false;
	let_go(c);
	c->at = *p;
	c->held = true;
	return true;
}

enum run { RUN_NOWHERE, RUN_ON, RUN_TO_COMPONENT };

/*
 * Goes as far as is simple, and takes one reference at the end instead of one for each component. Nowhere: the first step is for others to make;
 * on: some were made; to a component: some perhaps, and the next one is in hand, in a directory that everybody may search. A walk for a parent
 * stops with the last name in hand.
 */
static enum run run(const struct walk *w, struct cursor *c)
{
	struct dentry_view view, next_view;
	struct cursor at = *c; /* its place is not referenced */
	const struct inode *inode = c->at.dentry->inode, *next_inode;
	const char *reached = c->name;
	bool in_hand = false;
	struct path next;

	if (unlikely(!dentry_view_begin(&view)))
		return RUN_NOWHERE;
	for (; *at.name && open_to_all(inode, &view) && !next_component(&at); at.name = skip_slashes(at.name)) {
		in_hand = is_dot(&at) || is_dotdot(&at) || (w->flags & WALK_PARENT && !*skip_slashes(at.name));
		if (in_hand)
			break;
		next = (struct path){ at.at.mnt, dentry_peek(at.at.dentry, at.last, at.len, at.hash, &view, &next_view) };
		next_inode = next.dentry ? plain_step(&next, &next_view) : NULL;
		in_hand = !next_inode;
		if (in_hand)
			break;
		at.at = next;
		inode = next_inode;
		view = next_view;
		reached = at.name;
	}
	if (reached == c->name)
		return in_hand ? (*c = at, RUN_TO_COMPONENT) : RUN_NOWHERE;
	if (!arrive(&at.at, c, &view))
		return RUN_NOWHERE;
	if (!in_hand) {
		c->name = reached;
		return RUN_ON;
	}
	at.held = true;
	*c = at;
	return RUN_TO_COMPONENT;
}

/* The entry of the component in hand if the cache knows it for certain, or -EAGAIN. */
static struct dentry *lookup_cached(const struct cursor *c)
{
	struct dentry *d = NULL;

	if (!c->at.dentry->inode->sb->revalidate)
		d = dentry_find(c->at.dentry, c->last, c->len, c->hash);
	return d ? d : ERR_PTR(-EAGAIN);
}

/* Goes into the component in hand. more: something follows it in the name. */
static int step(struct walk *w, struct cursor *c, bool more)
{
	struct dentry *d;
	struct inode *i;
	int err;

	if (unlikely(w->flags & WALK_CACHED))
		d = lookup_cached(c);
	else
		d = dentry_lookup_hashed(c->at.dentry, c->last, c->len, c->hash, false);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	i = load_acquire(&d->inode);
	if (!i) {
		dentry_put(d);
		return -ENOENT;
	}
	if (unlikely(S_ISLNK(i->mode)) && (more || w->flags & WALK_FOLLOW)) {
		err = follow_link(w, c, i);
		dentry_put(d);
		return err;
	}
	go_to(c, d);
	return unlikely(d->mounted) ? cross_down(w, &c->at) : 0;
}

static void leave_last(struct walk *w, const struct cursor *c)
{
	w->last = c->last;
	w->last_len = c->len;
	w->last_type = !c->len ? LAST_ROOT : is_dot(c) ? LAST_DOT : is_dotdot(c) ? LAST_DOTDOT : LAST_NORMAL;
	w->last_slash = *c->name == '/';
}

/* Takes the next component in hand, having gone as far towards it as is simple. 1: there is none. */
static int approach(struct walk *w, struct cursor *c, bool *slash)
{
	enum run r = RUN_ON;
	int err;

	while (r == RUN_ON) {
		*slash |= *c->name == '/';
		c->name = skip_slashes(c->name);
		if (!*c->name)
			return 1;
		r = unlikely(w->flags & WALK_RULES) ? RUN_NOWHERE : run(w, c);
		if (r == RUN_ON)
			*slash = false;
	}
	if (r == RUN_TO_COMPONENT)
		return 0;
	err = may_search(w, c->at.dentry->inode);
	return err ? err : next_component(c);
}

/* The loop. 0 with c->at at the end of the name. */
static int walk_rest(struct walk *w, struct cursor *c)
{
	bool slash = false;
	int err;

	for (;;) {
		err = approach(w, c, &slash);
		if (err == 1)
			break;
		if (err)
			return err;
		if (w->flags & WALK_PARENT && !*skip_slashes(c->name)) {
			leave_last(w, c);
			return 0;
		}
		slash = *c->name == '/';
		if (is_dotdot(c))
			err = step_up(w, c);
		else if (!is_dot(c))
			err = step(w, c, slash);
		if (err)
			return err;
	}
	if (w->flags & WALK_PARENT) {
		c->last = c->name;
		c->len = 0;
		leave_last(w, c);
	}
	if ((slash || w->flags & WALK_DIRECTORY) && !S_ISDIR(c->at.dentry->inode->mode))
		return -ENOTDIR;
	return 0;
}

static int walk_from(struct walk *w, struct cursor *c, struct path *out)
{
	int err = walk_rest(w, c);

	if (!err)
		err = rules_arrived(w->flags, &c->at, &w->root);
	if (err) {
		let_go(c);
		return err;
	}
	hold(c);
	*out = c->at;
	return 0;
}

int path_walk(struct walk *w, const char *name, struct path *out)
{
	struct cursor c = { .name = name, .at = *name == '/' ? w->root : w->base };

	w->root_used = *name == '/' || w->flags & WALK_SCOPED;
	if (!*name && !(w->flags & WALK_EMPTY))
		return -ENOENT;
	if (*name)
		return walk_from(w, &c, out);
	path_get(&c.at);
	*out = c.at;
	return 0;
}

int path_walk_link(struct walk *w, struct path *dir, struct inode *link, struct path *out)
{
	struct cursor c = { .name = w->last + w->last_len, .at = *dir, .held = true };
	int err = follow_link(w, &c, link);

	if (err) {
		let_go(&c);
		return err;
	}
	if (link->ops->follow) { /* a magic link has no parent: the place itself is the result */
		w->last_type = LAST_ROOT;
		hold(&c);
		*out = c.at;
		return 0;
	}
	return walk_from(w, &c, out);
}

void walk_done(struct walk *w)
{
	if (w->last_buf)
		slab_free(&walk_cache, w->last_buf);
	w->last_buf = NULL;
}

/* Kernel threads act as root from the root of the system. */
static const struct cred *kernel_cred(void)
{
	static struct cred *root;
	struct cred *c = load_acquire(&root);

	if (!c) {
		c = cred_root();
		store_release(&root, c);
	}
	return c;
}

/* The walk begins at the top of all that it may see. */
static void base_is_root(struct walk *w)
{
	if (w->root_held)
		path_put(&w->root);
	w->root = w->base;
	w->root_held = false;
}

int walk_begin(struct walk *w, int dirfd, const char *name, unsigned flags)
{
	struct fsctx *fs = fsctx_current();
	bool borrow = !fs || fsctx_private(fs);

	if (unlikely(flags & WALK_BENEATH) && *name == '/')
		return -EXDEV;
	*w = (struct walk){ .flags = flags, .root_held = !borrow };
	w->cred = fs ? cred_current() : kernel_cred();
	w->root = borrow ? fs ? fs->root : mount_root_path : fsctx_root(fs);
	if ((*name == '/' && !(flags & WALK_IN_ROOT)) || !fs) {
		w->base = w->root;
		return 0;
	}
	if (dirfd == AT_FDCWD) {
		w->base_held = !borrow;
		w->base = borrow ? fs->cwd : fsctx_cwd(fs);
	} else {
		int err = path_dirfd_hook(dirfd, !*name && flags & WALK_EMPTY, &w->base);

		w->base_held = !err;
		if (err) {
			if (w->root_held)
				path_put(&w->root);
			return err;
		}
	}
	if (unlikely(flags & WALK_SCOPED))
		base_is_root(w);
	return 0;
}

void walk_end(struct walk *w)
{
	walk_done(w);
	if (w->base_held)
		path_put(&w->base);
	if (w->root_held)
		path_put(&w->root);
}

int path_lookup_as(int dirfd, const char *name, unsigned flags, const struct cred *c, struct path *out)
{
	struct walk w;
	int err;

	err = walk_begin(&w, dirfd, name, flags);
	if (err)
		return err;
	if (c)
		w.cred = c;
	err = path_walk(&w, name, out);
	walk_end(&w);
	return err;
}

int path_lookup(int dirfd, const char *name, unsigned flags, struct path *out)
{
	return path_lookup_as(dirfd, name, flags, NULL, out);
}

int path_lookup_kernel(const char *name, unsigned flags, struct path *out)
{
	struct walk w = { .base = mount_root_path, .root = mount_root_path, .cred = kernel_cred(), .flags = flags };
	int err = path_walk(&w, name, out);

	walk_done(&w);
	return err;
}

int path_may_write(const struct path *p)
{
	return (READ_ONCE(p->mnt->flags) | p->mnt->sb->flags) & MS_RDONLY ? -EROFS : 0;
}

char *path_from_user(uaddr_t name, bool empty_ok)
{
	char *buf = slab_alloc(&name_cache, 0);
	ssize_t n;

	if (!buf)
		return ERR_PTR(-ENOMEM);
	n = user_strncpy(buf, name, PATH_MAX);
	if (n == 0 && !empty_ok)
		n = -ENOENT;
	if (n >= 0)
		return buf;
	slab_free(&name_cache, buf);
	return ERR_PTR(n);
}

void path_name_free(char *name) { slab_free(&name_cache, name); }
