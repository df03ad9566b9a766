/* SPDX-License-Identifier: MIT */
/*
 * The tree of /proc, and of /sys, which is of the same kind. An inode is made when a name is looked up and holds its process (the structure, not the life). Names of processes and
 * descriptors change behind the cache, so they are asked for again at each use (revalidate).
 *
 * A file's text is made whole by the first read, and again when it is read from its start: so it is consistent however it is read in pieces.
 */
#include "fs/procfs.h"
#include "core/panic.h"
#include "fs/procinfo.h"
#include "fs/proclook.h"
#include "fs/procpid.h"
#include "fs/sysnodes.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/pid.h"
#include "vfs/fdtable.h"
#include "vfs/file.h"
#include "vfs/options.h"

#define PROC_MAGIC 0x9fa0
#define SYSFS_MAGIC 0x62656572
#define POS_FIRST 2           /* 0 is ".", 1 is ".." */
#define POS_PIDS 0x1000       /* in the root: position of process n is POS_PIDS + n */
#define WRITE_MAX 256u

struct text_file {
	struct mutex lock;        /* LOCK_PIPE: text */
	struct text text;
	bool filled;
};

static SLAB_CACHE(proc_inode_cache, proc_inode);
static SLAB_CACHE(text_file_cache, text_file);
static const struct inode_ops dir_ops, link_ops, magic_ops, file_inode_ops;
static const struct file_ops dir_file_ops, text_ops;
static struct super *proc_super, *sysfs_super;

static const struct proc_node root_node = { .name = "", .mode = S_IFDIR | 0555 };
static const struct proc_node pid_node = { .name = "pid", .mode = S_IFDIR | 0555 };
static const struct proc_node tid_node = { .name = "tid", .mode = S_IFDIR | 0555 }; /* as pid_node, without "task" */
static const struct proc_node fdinfo_node = PROC_FILE("fdinfo", 0444, procpid_fdinfo);
static const struct proc_node fd_node = { .name = "fd", .mode = S_IFLNK | 0700, .special = PROC_FD_LINK };

static struct proc_inode *of(const struct inode *i) { return proc_inode_of(i); }

/* A number for st_ino that is the same each time: of the name, the process or thread, and the descriptor. */
static ino_t number_of(const struct proc_node *n, pid_t pid, unsigned fd)
{
	uint32_t h = 2166136261u ^ (uint32_t)pid * 2654435761u ^ fd * 40503u;

	for (const char *s = n->name; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h | 1;
}

/* Of what is private in a process that may not be looked into, root is the owner. */
static void own(struct proc_inode *i)
{
	procpid_owner(i->process, i->node == &pid_node || i->node == &tid_node, &i->inode.uid, &i->inode.gid);
}

static pid_t pid_of(const struct process *p, const struct task *t) { return t ? t->tid : p ? p->pid : 0; }

static struct inode *make(struct super *sb, const struct proc_node *n, struct process *p, struct task *t, unsigned fd)
{
	struct proc_inode *i = slab_alloc(&proc_inode_cache, ALLOC_ZERO);

	if (!i)
		return NULL;
	inode_init(&i->inode, sb, number_of(n, pid_of(p, t), fd), n->mode);
	i->inode.uid = 0;
	i->inode.gid = 0;
	i->inode.nlink = S_ISDIR(n->mode) ? 2 : 1;
	i->node = n;
	i->fd = fd;
	if (t) {
		task_get(t);
		i->task = t;
	}
	if (p) {
		process_get(p);
		i->process = p;
		own(i);
	}
	if (S_ISDIR(n->mode)) {
		i->inode.ops = &dir_ops;
		i->inode.fops = &dir_file_ops;
	} else if (S_ISLNK(n->mode)) {
		i->inode.ops = n->follow || n->special == PROC_FD_LINK ? &magic_ops : &link_ops;
	} else {
		i->inode.ops = &file_inode_ops;
		i->inode.fops = n->fops ? n->fops : &text_ops;
	}
	return &i->inode;
}

/* A decimal number without leading zeros below 2^31, or -1. */
static long parse_number(const char *s, size_t len)
{
	long n = 0;

	if (!len || len > 9 || (s[0] == '0' && len > 1))
		return -1;
	for (size_t i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -1;
		n = n * 10 + (s[i] - '0');
	}
	return n;
}

static const struct proc_node *children_of(const struct proc_inode *d, unsigned *count)
{
	if (d->node == &root_node) {
		*count = procinfo_count;
		return procinfo_nodes;
	}
	if (d->node == &pid_node || d->node == &tid_node) {
		*count = procpid_count;
		return procpid_nodes;
	}
	*count = d->node->child_count;
	return d->node->children;
}

/* The number of any thread will do, though only those of processes are listed. */
static int lookup_pid(const char *name, size_t len, struct inode **out)
{
	long n = parse_number(name, len);
	struct process *p = n > 0 ? pid_process((pid_t)n) : NULL;
	struct task *t = n > 0 && !p ? pid_task((pid_t)n) : NULL;

	if (!p && !t)
		return -ENOENT;
	*out = make(proc_super, &pid_node, p ? p : t->process, t, 0);
	if (p)
		process_put(p);
	if (t)
		task_put(t);
	return *out ? 0 : -ENOMEM;
}

static int lookup_task(struct proc_inode *d, const char *name, size_t len, struct inode **out)
{
	long n = parse_number(name, len);
	struct task *t = n > 0 ? pid_task((pid_t)n) : NULL;
	int err = -ENOENT;

	if (t ? t->process == d->process : n == d->process->pid) { /* its first thread has a place though it has ended */
		*out = make(proc_super, &tid_node, d->process, t, 0);
		err = *out ? 0 : -ENOMEM;
	}
	if (t)
		task_put(t);
	return err;
}

/* May the files and places of the thread be told that the inode is of? -EACCES; -ENOENT: it has ended. */
static int may_tell(const struct proc_inode *i)
{
	int err = proclook_allowed(i->process);

	return !err && proclook_gone(i->process, i->task) ? -ENOENT : err;
}

static int fd_path_of(const struct proc_inode *i, unsigned fd, struct path *out)
{
	int err = may_tell(i);

	return err ? err : procpid_fd_path(i->process, fd, out);
}

static int lookup_fd(struct proc_inode *d, const struct proc_node *node, const char *name, size_t len, struct inode **out)
{
	long n = parse_number(name, len);
	struct path path;
	int err = n >= 0 ? fd_path_of(d, (unsigned)n, &path) : -ENOENT;

	if (err)
		return err;
	path_put(&path);
	*out = make(proc_super, node, d->process, d->task, (unsigned)n);
	if (*out && node == &fd_node)
		(*out)->mode = S_IFLNK | procpid_fd_rights(d->process, (unsigned)n);
	return *out ? 0 : -ENOMEM;
}

/* There is no "task" below task/. */
static bool hidden(const struct proc_inode *d, const struct proc_node *c) { return d->node == &tid_node && c->special == PROC_TASK_DIR; }

static bool alive(const struct proc_inode *i)
{
	return !i->process || (procpid_alive(i->process) && (!i->task || !READ_ONCE(i->task->exiting)));
}

static int proc_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct proc_inode *d = of(dir);
	const struct proc_node *c;
	unsigned count;

	if (!alive(d))
		return -ENOENT;
	if (d->node->special == PROC_FD_DIR)
		return lookup_fd(d, &fd_node, name, len, out);
	if (d->node->special == PROC_FDINFO_DIR)
		return lookup_fd(d, &fdinfo_node, name, len, out);
	if (d->node->special == PROC_TASK_DIR)
		return lookup_task(d, name, len, out);
	c = children_of(d, &count);
	for (unsigned i = 0; i < count; i++)
		if (strlen(c[i].name) == len && !memcmp(c[i].name, name, len) && !hidden(d, &c[i])) {
			*out = make(dir->sb, &c[i], d->process, d->task, 0);
			return *out ? 0 : -ENOMEM;
		}
	return d->node == &root_node ? lookup_pid(name, len, out) : -ENOENT;
}

/* "No such name" is never believed twice; what belongs to a process is as good as the process, a descriptor as long as it is open. */
static bool proc_revalidate(struct inode *dir, const char *name, size_t len, struct inode *i)
{
	const struct proc_inode *p = i ? of(i) : NULL;
	struct path path;

	(void)dir, (void)name, (void)len;
	if (!p)
		return false;
	if (!p->process)
		return true;
	if (!alive(p))
		return false;
	if (p->node != &fd_node && p->node != &fdinfo_node)
		return true;
	if (fd_path_of(p, p->fd, &path))
		return false;
	path_put(&path);
	return true;
}

static int proc_getattr(struct inode *i)
{
	struct proc_inode *p = of(i);

	if (p->process)
		own(p);
	if (p->node == &fd_node)
		i->mode = S_IFLNK | procpid_fd_rights(p->process, p->fd);
	return 0;
}

struct process *procfs_process(const struct file *f)
{
	return f->inode->sb == proc_super && of(f->inode)->node == &pid_node ? of(f->inode)->process : NULL;
}

/* Modes and owners are the kernel's. */
static int proc_setattr(struct inode *i, const struct iattr *a)
{
	(void)i;
	return a->valid & (ATTR_MODE | ATTR_UID | ATTR_GID) ? -EPERM : 0;
}

/* Names come and go by the kernel's doing only. */
static int proc_create(struct inode *dir, const char *name, size_t len, mode_t mode, struct inode **out)
{
	(void)name, (void)len, (void)mode, (void)out;
	return dir->sb == proc_super ? -ENOENT : -EACCES;
}

static int proc_mkdir(struct inode *dir, const char *name, size_t len, mode_t mode, struct inode **out)
{
	(void)name, (void)len, (void)mode, (void)out;
	return dir->sb == proc_super ? -ENOENT : -EPERM;
}

static int proc_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	(void)dir, (void)name, (void)len, (void)victim;
	return -EPERM;
}

/* ---- reading directories ---- */

struct pid_list { pid_t *pids; unsigned n, cap; };

static bool collect_pid(struct process *p, void *ctx)
{
	struct pid_list *l = ctx;
	unsigned at = l->n;

	if (l->n == l->cap)
		return false;
	for (; at > 0 && l->pids[at - 1] > p->pid; at--) /* nearly in order already */
		l->pids[at] = l->pids[at - 1];
	l->pids[at] = p->pid;
	l->n++;
	return true;
}

static bool emit_number(struct dir_sink *s, unsigned n, const struct proc_node *node, pid_t pid, unsigned fd, loff_t next)
{
	char name[12];
	size_t len = fmt_buf(name, sizeof(name), "%u", n);

	return s->emit(s, name, len, number_of(node, pid, fd), node->mode >> 12, next);
}

static int iterate_pids(struct file *f, struct dir_sink *s)
{
	struct pid_list l = { NULL, 0, (unsigned)process_count() + 16 };

	l.pids = kmalloc(l.cap * sizeof(*l.pids), 0);
	if (!l.pids)
		return -ENOMEM;
	process_each(collect_pid, &l);
	for (unsigned i = 0; i < l.n; i++) {
		loff_t pos = POS_PIDS + l.pids[i];

		if (pos < f->pos)
			continue;
		if (!emit_number(s, (unsigned)l.pids[i], &pid_node, l.pids[i], 0, pos + 1))
			break;
		f->pos = pos + 1;
	}
	kfree(l.pids);
	return 0;
}

static int iterate_fds(struct file *f, struct dir_sink *s, const struct proc_inode *d, const struct proc_node *node)
{
	struct process *p = d->process;
	int err = may_tell(d), fd;
	struct fdtable *t = err ? NULL : fdtable_of(p);

	if (!t)
		return err == -ENOENT ? 0 : err;
	while ((fd = fd_next(t, (unsigned)(f->pos - POS_FIRST))) >= 0) {
		if (!emit_number(s, (unsigned)fd, node, pid_of(p, d->task), (unsigned)fd, POS_FIRST + fd + 1))
			break;
		f->pos = POS_FIRST + fd + 1;
	}
	fdtable_look_end(t);
	return 0;
}

/* The first thread, ended or not, and the others by position in the process's list; one that ends meanwhile may hide another until the next reading. */
static int iterate_tasks(struct file *f, struct dir_sink *s, struct process *p)
{
	for (;;) {
		loff_t n = POS_FIRST + 1;
		pid_t tid = f->pos == POS_FIRST ? p->pid : 0;
		struct task *t;

		spin_lock(&proc_tree_lock);
		list_for_each_entry(t, &p->tasks, process_link)
			if (t->tid != p->pid && n++ == f->pos)
				tid = t->tid;
		spin_unlock(&proc_tree_lock);
		if (!tid || !emit_number(s, (unsigned)tid, &tid_node, tid, 0, f->pos + 1))
			return 0;
		f->pos++;
	}
}

static int iterate_nodes(struct file *f, struct dir_sink *s, struct proc_inode *d)
{
	unsigned count;
	const struct proc_node *c = children_of(d, &count);

	for (; f->pos - POS_FIRST < count; f->pos++) {
		const struct proc_node *n = &c[f->pos - POS_FIRST];

		if (!hidden(d, n) && !s->emit(s, n->name, strlen(n->name), number_of(n, pid_of(d->process, d->task), 0), n->mode >> 12, f->pos + 1))
			return 0;
	}
	if (d->node != &root_node)
		return 0;
	f->pos = MAX(f->pos, (loff_t)POS_PIDS);
	return iterate_pids(f, s);
}

static int proc_iterate(struct file *f, struct dir_sink *s)
{
	struct proc_inode *d = of(f->inode);

	if (!alive(d))
		return -ENOENT;
	for (; f->pos < POS_FIRST; f->pos++)
		if (!s->emit(s, "..", f->pos ? 2 : 1, f->inode->ino, S_IFDIR >> 12, f->pos + 1))
			return 0;
	if (d->node == &root_node && f->pos >= POS_PIDS)
		return iterate_pids(f, s);
	if (d->node->special == PROC_FD_DIR)
		return iterate_fds(f, s, d, &fd_node);
	if (d->node->special == PROC_FDINFO_DIR)
		return iterate_fds(f, s, d, &fdinfo_node);
	if (d->node->special == PROC_TASK_DIR)
		return iterate_tasks(f, s, d->process);
	return iterate_nodes(f, s, d);
}

/* ---- links ---- */

static int magic_follow(struct inode *i, struct path *out)
{
	struct proc_inode *p = of(i);

	int err = may_tell(p);

	if (err)
		return err;
	return p->node->special == PROC_FD_LINK ? procpid_fd_path(p->process, p->fd, out) : p->node->follow(p->process, out);
}

static ssize_t text_out(struct text *t, int err, char *buf, size_t cap)
{
	size_t n = MIN(t->len, cap);

	if (!err && t->failed)
		err = -ENOMEM;
	if (!err)
		memcpy(buf, t->buf, n);
	text_free(t);
	return err ? err : (ssize_t)n;
}

static ssize_t magic_readlink(struct inode *i, char *buf, size_t cap)
{
	struct text t = { .buf = NULL };
	struct path path;
	int err = magic_follow(i, &path);

	if (err)
		return err;
	err = proclook_path(&t, &path);
	path_put(&path);
	return text_out(&t, err, buf, cap);
}

static ssize_t proc_readlink(struct inode *i, char *buf, size_t cap)
{
	struct text t = { .buf = NULL };

	return text_out(&t, of(i)->node->link(&t, of(i)->process), buf, cap);
}

/* ---- files ---- */

static int text_open(struct inode *i, struct file *f)
{
	const struct proc_inode *p = of(i);
	struct text_file *x;
	int err;

	if (f->mode & FMODE_WRITE && !p->node->store && !p->node->set)
		return -EACCES;
	if (p->node->special == PROC_MOUNTS && proclook_gone(p->process, p->task))
		return -EINVAL;
	err = p->node->guarded ? proclook_allowed(p->process) : 0;
	if (err)
		return err;
	x = slab_alloc(&text_file_cache, ALLOC_ZERO);
	if (!x)
		return -ENOMEM;
	mutex_init(&x->lock, LOCK_PIPE);
	f->data = x;
	return 0;
}

static void text_release(struct file *f)
{
	struct text_file *x = f->data;

	text_free(&x->text);
	slab_free(&text_file_cache, x);
}

static int text_fill(struct text_file *x, const struct proc_inode *p)
{
	int err;

	text_free(&x->text);
	x->filled = false;
	if (!alive(p))
		return -ESRCH;
	if (!p->node->fill)
		return p->process ? -EINVAL : -EIO;
	x->text.task = p->task;
	x->text.fd = p->fd;
	err = p->node->fill(&x->text, p->process);
	if (!err && x->text.failed)
		err = -ENOMEM;
	x->filled = !err;
	return err;
}

static ssize_t text_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct text_file *x = f->data;
	ssize_t n = 0;
	size_t want, done;

	mutex_lock(&x->lock);
	if (*pos == 0 || !x->filled)
		n = text_fill(x, of(f->inode));
	if (!n && *pos < (loff_t)x->text.len) {
		want = MIN(u->left, x->text.len - (size_t)*pos);
		done = uio_put(u, x->text.buf + *pos, want);
		*pos += (loff_t)done;
		n = done || !want ? (ssize_t)done : -EFAULT;
	}
	mutex_unlock(&x->lock);
	return n;
}

static ssize_t text_write(struct file *f, struct uio *u, loff_t *pos)
{
	const struct proc_inode *p = of(f->inode);
	char buf[WRITE_MAX + 1];
	size_t want = MIN(u->left, (size_t)WRITE_MAX), n = uio_get(u, buf, want);
	long err;

	if (n < want)
		return -EFAULT;
	buf[n] = '\0';
	if (!alive(p))
		return -ESRCH;
	err = p->node->set ? p->node->set(p->process, p->task, buf, n) : p->node->store(buf, n);
	if (err)
		return err;
	*pos += (loff_t)n;
	return (ssize_t)n;
}

static const struct inode_ops dir_ops = { .lookup = proc_lookup, .create = proc_create, .mkdir = proc_mkdir, .unlink = proc_unlink, .revalidate = proc_revalidate, .getattr = proc_getattr, .setattr = proc_setattr };
static const struct inode_ops link_ops = { .readlink = proc_readlink, .setattr = proc_setattr };
static const struct inode_ops magic_ops = { .readlink = magic_readlink, .follow = magic_follow, .getattr = proc_getattr, .setattr = proc_setattr };
static const struct inode_ops file_inode_ops = { .getattr = proc_getattr, .setattr = proc_setattr };
static const struct file_ops dir_file_ops = { .iterate = proc_iterate };
static const struct file_ops text_ops = { .open = text_open, .release = text_release, .read = text_read, .write = text_write };

/* ---- the file system ---- */

static void proc_inode_free(struct inode *i)
{
	struct proc_inode *p = of(i);

	if (p->task)
		task_put(p->task);
	if (p->process)
		process_put(p->process);
	slab_free(&proc_inode_cache, p);
}

static int proc_statfs(struct super *sb, struct statfs_info *out)
{
	*out = (struct statfs_info){ .type = sb == proc_super ? PROC_MAGIC : SYSFS_MAGIC, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = NAME_MAX };
	return 0;
}

/* "hidepid" and "subset" are heeded by nobody (docs/procfs.md). */
static int take_proc_option(const char *s, void *ctx)
{
	static const char words[][20] = { "subset=pid", "hidepid=0", "hidepid=1", "hidepid=2", "hidepid=4", "hidepid=off", "hidepid=noaccess", "hidepid=invisible",
					  "hidepid=ptraceable" };
	const char *end;

	(void)ctx;
	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (option_is(s, words[i]))
			return 0;
	if (strncmp(s, "gid=", 4))
		return -EINVAL;
	str_to_u64(s + 4, &end, 0);
	return end == s + 4 || (*end && *end != ',') ? -EINVAL : 0;
}

static int proc_remount(struct super *sb, const char *data) { return options_each(data, NULL, sb == proc_super ? take_proc_option : NULL); }

static const struct super_ops proc_super_ops = { .inode_free = proc_inode_free, .statfs = proc_statfs, .remount = proc_remount };

static int mount_instance(struct super *sb, const char *data, struct super **out)
{
	int err = proc_remount(sb, data);

	if (err)
		return err;
	refcount_get(&sb->refs);
	*out = sb;
	return 0;
}

/* Every mount shows the one instance, which lives for ever. */
static int proc_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	(void)source, (void)flags;
	return mount_instance(proc_super, data, out);
}

static int sysfs_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	(void)source, (void)flags;
	return mount_instance(sysfs_super, data, out);
}

static struct fs_type proc_type = { .name = "proc", .nodev = true, .mount = proc_mount };
static struct fs_type sysfs_type = { .name = "sysfs", .nodev = true, .mount = sysfs_mount };

static struct super *new_super(const char *type, const struct proc_node *root)
{
	struct super *sb = kzalloc(sizeof(*sb));

	if (!sb)
		panic("no memory for /%s", type);
	refcount_set(&sb->refs, 1);
	sb->ops = &proc_super_ops;
	sb->fstype = type;
	sb->dev = super_alloc_dev();
	sb->revalidate = true;
	sb->root = make(sb, root, NULL, NULL, 0);
	if (!sb->root)
		panic("no memory for /%s", type);
	return sb;
}

void procfs_init(void)
{
	proc_super = new_super("proc", &root_node);
	fs_register(&proc_type);
	sysfs_super = new_super("sysfs", &sysnodes_root);
	fs_register(&sysfs_type);
}
