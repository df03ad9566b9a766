/* SPDX-License-Identifier: MIT */
/* /proc/PID/mounts and mountinfo (proc(5)). White space and backslashes in names are written in octal. */
#include "fs/procmount.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "vfs/path.h"

static void add_escaped(struct text *t, const char *s)
{
	for (; *s; s++) {
		if (strchr(" \t\n\\#", *s))
			text_printf(t, "\\%03o", (unsigned char)*s);
		else
			text_add(t, s, 1);
	}
}

/* Where the mount is, as seen from the root of the current process. */
static void add_place(struct text *t, const struct path *at, char *buf)
{
	struct path root = thread_current()->user ? fsctx_root(fsctx_current()) : mount_root_path;
	char *name = path_name(at, &root, buf, PATH_MAX, false);

	add_escaped(t, IS_ERR(name) ? "?" : name);
	if (thread_current()->user)
		path_put(&root);
}

/* Which part of the file system it shows: "/" or, of a bind mount, a name inside. */
static void add_inside(struct text *t, const struct mount *m, char *buf)
{
	struct mount whole = { .sb = m->sb, .root = m->sb->root_dentry };
	struct path at = { &whole, m->root }, root = { &whole, m->sb->root_dentry };
	char *name = path_name(&at, &root, buf, PATH_MAX, false);

	add_escaped(t, IS_ERR(name) ? "?" : name);
}

static void add_flags(struct text *t, unsigned long flags)
{
	static const struct { unsigned long flag; const char *name; } names[] = {
		{ MS_NOSUID, ",nosuid" }, { MS_NODEV, ",nodev" }, { MS_NOEXEC, ",noexec" }, { MS_NOATIME, ",noatime" },
	};

	text_printf(t, "%s", flags & MS_RDONLY ? "ro" : "rw");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (flags & names[i].flag)
			text_printf(t, "%s", names[i].name);
	if (!(flags & MS_NOATIME))
		text_printf(t, ",relatime");
}

static void add_options(struct text *t, struct super *sb)
{
	char buf[OPTIONS_MAX];

	if (sb->ops->options)
		text_add(t, buf, sb->ops->options(sb, buf, sizeof(buf)));
}

struct printing {
	struct text *t;
	char *buf; /* PATH_MAX bytes */
};

static void print_mount(struct mount *m, void *ctx)
{
	struct printing *x = ctx;

	add_escaped(x->t, m->source);
	text_printf(x->t, " ");
	add_place(x->t, &(struct path){ m, m->root }, x->buf);
	text_printf(x->t, " %s ", m->sb->fstype);
	add_flags(x->t, m->flags | m->sb->flags);
	add_options(x->t, m->sb);
	text_printf(x->t, " 0 0\n");
}

static void print_info(struct mount *m, void *ctx)
{
	struct printing *x = ctx;
	dev_t dev = m->sb->dev;
	int parent;

	spin_lock(&dentry_lock);
	parent = m->parent ? m->parent->id : m->id;
	spin_unlock(&dentry_lock);
	text_printf(x->t, "%d %d %u:%u ", m->id, parent, MAJOR(dev), MINOR(dev));
	add_inside(x->t, m, x->buf);
	text_printf(x->t, " ");
	add_place(x->t, &(struct path){ m, m->root }, x->buf);
	text_printf(x->t, " ");
	add_flags(x->t, m->flags);
	text_printf(x->t, " - %s ", m->sb->fstype);
	add_escaped(x->t, m->source);
	text_printf(x->t, " %s", m->sb->flags & MS_RDONLY ? "ro" : "rw");
	add_options(x->t, m->sb);
	text_printf(x->t, "\n");
}

static void print_stats(struct mount *m, void *ctx)
{
	struct printing *x = ctx;

	text_printf(x->t, "device ");
	add_escaped(x->t, m->source);
	text_printf(x->t, " mounted on ");
	add_place(x->t, &(struct path){ m, m->root }, x->buf);
	text_printf(x->t, " with fstype %s\n", m->sb->fstype);
}

static int print_all(struct text *t, void (*print)(struct mount *m, void *ctx))
{
	struct printing x = { t, kmalloc(PATH_MAX, 0) };

	if (!x.buf)
		return -ENOMEM;
	mount_each(print, &x);
	kfree(x.buf);
	return 0;
}

int procmount_mounts(struct text *t, struct process *p) { (void)p; return print_all(t, print_mount); }
int procmount_mountinfo(struct text *t, struct process *p) { (void)p; return print_all(t, print_info); }
int procmount_mountstats(struct text *t, struct process *p) { (void)p; return print_all(t, print_stats); }
