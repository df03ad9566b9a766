/* SPDX-License-Identifier: MIT */
#include "fs/mqueue.h"

#include "lib/bits.h"
#include "lib/check.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/ipclimits.h"
#include "task/sigqueue.h"
#include "task/userlimit.h"
#include "vfs/mount.h"
#include "vfs/options.h"

#define MQUEUE_MAGIC 0x19800202u
#define HARD_MESSAGES 65536l
#define HARD_SIZE (16l << 20)
#define FILE_SIZE 80 /* what stat says */
#define SI_MESGQ (-3)
#define POS_FIRST 2

struct message {
	struct list link;
	unsigned prio;
	size_t size;
	char text[];
};

struct mqueue {
	struct inode inode;
	struct list named;          /* the file system's; root's inode lock */
	size_t name_len;
	char *name;
	struct mutex lock;          /* LOCK_PIPE: all below; who waits and who polls peeks at the counts */
	struct list messages;       /* highest priority first */
	long count, max, size;
	size_t bytes;
	unsigned receivers;         /* that wait */
	struct waitq readable, writable;
	struct process *told;       /* who wants to know; counted */
	struct mq_notice notice;
	uid_t uid;                  /* who is charged */
	uint64_t charged;
};

static SLAB_CACHE(mqueue_cache, mqueue);
static struct super *instance;
static struct mount nowhere;        /* a mount of it in no tree: what descriptors are on */
static struct list queues = LIST_INIT(queues); /* with a name; root's inode lock */
static unsigned long queue_count;   /* the same */
static ino_t next_ino = 2;          /* the same */
static const struct inode_ops dir_ops, queue_ops;
static const struct file_ops dir_file_ops, mqueue_ops;

static struct mqueue *of(const struct inode *i) { return container_of(i, struct mqueue, inode); }
bool mqueue_is(const struct file *f) { return f->ops == &mqueue_ops; }

/* ---- making and removing ---- */

static struct mqueue *find(const char *name, size_t len)
{
	struct mqueue *q;

	list_for_each_entry(q, &queues, named)
		if (q->name_len == len && !memcmp(q->name, name, len))
			return q;
	return NULL;
}

static int check_size(const struct mq_attr *a)
{
	bool mighty = capable(CAP_SYS_RESOURCE);

	if (a->max_messages <= 0 || a->message_size <= 0)
		return -EINVAL;
	if (a->max_messages > (mighty ? HARD_MESSAGES : (long)ipc_limits.mq_messages) || a->message_size > (mighty ? HARD_SIZE : (long)ipc_limits.mq_size))
		return -EINVAL;
	return 0;
}

static struct mqueue *make(mode_t mode)
{
	struct mqueue *q = slab_alloc(&mqueue_cache, ALLOC_ZERO);

	if (!q)
		return NULL;
	inode_init(&q->inode, instance, next_ino++, mode);
	list_init(&q->named);
	list_init(&q->messages);
	mutex_init(&q->lock, LOCK_PIPE);
	waitq_init(&q->readable);
	waitq_init(&q->writable);
	q->inode.size = FILE_SIZE;
	q->inode.ops = &queue_ops;
	q->inode.fops = &mqueue_ops;
	return q;
}

/* As Linux counts: a header for each message, and a node for each priority that there can be. */
static uint64_t cost(const struct mq_attr *a)
{
	return (uint64_t)a->max_messages * (uint64_t)(a->message_size + (long)sizeof(void *)) + (uint64_t)MIN(a->max_messages, (long)MQ_PRIO_MAX) * 32;
}

static int charge(struct mqueue *q, const struct mq_attr *a)
{
	uint64_t n = cost(a);
	uid_t uid = cred_current()->uid;
	int err = userlimit_add(USER_MQ_BYTES, uid, n, process_current()->limits.cur[RLIMIT_MSGQUEUE]);

	if (err)
		return err == -EDQUOT ? -EMFILE : err;
	q->uid = uid;
	q->charged = n;
	return 0;
}

/* The root's lock is held for writing. */
static int create(const char *name, size_t len, mode_t mode, const struct mq_attr *attr, struct mqueue **out)
{
	struct mq_attr a = { .max_messages = (long)MIN(ipc_limits.mq_messages, ipc_limits.mq_messages_default),
			     .message_size = (long)MIN(ipc_limits.mq_size, ipc_limits.mq_size_default) };
	struct mqueue *q;
	int err = 0;

	if (queue_count >= ipc_limits.mq_queues && !capable(CAP_SYS_RESOURCE))
		return -ENOSPC;
	if (attr) {
		a = *attr;
		err = check_size(&a);
	}
	if (err)
		return err;
	q = make(S_IFREG | mode);
	if (!q)
		return -ENOMEM;
	inode_init_owner(&q->inode, instance->root);
	q->max = a.max_messages;
	q->size = a.message_size;
	q->name = kmalloc(len, 0);
	err = q->name ? charge(q, &a) : -ENOMEM;
	if (err) {
		inode_put(&q->inode);
		return err;
	}
	memcpy(q->name, name, len);
	q->name_len = len;
	inode_get(&q->inode); /* the name's */
	list_push_back(&queues, &q->named);
	queue_count++;
	instance->root->size += 20;
	inode_touch(instance->root, ATTR_MTIME | ATTR_CTIME);
	*out = q;
	return 0;
}

/* The same lock. */
static void remove(struct mqueue *q)
{
	list_del(&q->named);
	list_init(&q->named);
	queue_count--;
	instance->root->size -= 20;
	inode_touch(instance->root, ATTR_MTIME | ATTR_CTIME);
	q->inode.nlink = 0;
	inode_put(&q->inode);
}

static void mqueue_inode_free(struct inode *i)
{
	struct mqueue *q = of(i);
	struct message *m, *tmp;

	list_for_each_entry_safe(m, tmp, &q->messages, link)
		kfree(m);
	process_put(q->told);
	userlimit_sub(USER_MQ_BYTES, q->uid, q->charged);
	kfree(q->name);
	slab_free(&mqueue_cache, q);
}

/* ---- the directory ---- */

static int mq_lookup(struct inode *dir, const char *name, size_t len, struct inode **out)
{
	struct mqueue *q = find(name, len);

	(void)dir;
	if (!q)
		return -ENOENT;
	inode_get(&q->inode);
	*out = &q->inode;
	return 0;
}

/* A queue has one name, until it has none. With and without the directory's lock. */
static bool mq_revalidate(struct inode *dir, const char *name, size_t len, struct inode *i)
{
	(void)dir, (void)name, (void)len;
	return i && READ_ONCE(i->nlink);
}

static int mq_create(struct inode *dir, const char *name, size_t len, mode_t mode, struct inode **out)
{
	struct mqueue *q;
	int err;

	(void)dir;
	if (!S_ISREG(mode))
		return -EPERM;
	if (find(name, len))
		return -EEXIST;
	err = create(name, len, mode & 07777, NULL, &q);
	if (!err)
		*out = &q->inode;
	return err;
}

static int mq_unlink(struct inode *dir, const char *name, size_t len, struct inode *victim)
{
	struct mqueue *q = find(name, len);

	(void)dir;
	if (!q || &q->inode != victim)
		return -ENOENT;
	remove(q);
	return 0;
}

/* A queue's place is its number, and the list is in that order: those that go while somebody reads shift no other. */
static int mq_iterate(struct file *f, struct dir_sink *s)
{
	struct mqueue *q;

	for (; f->pos < POS_FIRST; f->pos++)
		if (!s->emit(s, "..", f->pos ? 2 : 1, instance->root->ino, S_IFDIR >> 12, f->pos + 1))
			return 0;
	list_for_each_entry(q, &queues, named) {
		loff_t place = (loff_t)q->inode.ino;

		if (place < f->pos)
			continue;
		if (!s->emit(s, q->name, q->name_len, q->inode.ino, S_IFREG >> 12, place + 1))
			return 0;
		f->pos = place + 1;
	}
	return 0;
}

/* A queue's size is not for setting. */
static int mq_setattr(struct inode *i, const struct iattr *a)
{
	struct iattr b = *a;

	b.valid &= ~ATTR_SIZE;
	inode_copy_attr(i, &b);
	return 0;
}

static const struct inode_ops dir_ops = { .lookup = mq_lookup, .create = mq_create, .unlink = mq_unlink, .revalidate = mq_revalidate };
static const struct inode_ops queue_ops = { .setattr = mq_setattr };
static const struct file_ops dir_file_ops = { .iterate = mq_iterate };

/* ---- names for the calls ---- */

/* One name of the file system's root. */
static int check_name(const char *name, size_t *len)
{
	*len = strlen(name);
	if (!*len || strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EACCES;
	return *len > 255 ? -ENAMETOOLONG : 0;
}

static int find_or_create(const char *name, size_t len, int flags, mode_t mode, const struct mq_attr *attr, struct mqueue **out)
{
	static const int wanted[4] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, 0 };
	const struct cred *c = cred_current();
	int err;

	*out = find(name, len);
	if (!*out) {
		if (!(flags & O_CREAT))
			return -ENOENT;
		err = inode_permission(instance->root, MAY_WRITE | MAY_EXEC, c);
		return err ? err : create(name, len, mode, attr, out);
	}
	inode_get(&(*out)->inode);
	err = (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL) ? -EEXIST : 0;
	if (!err && (flags & O_ACCMODE) == O_ACCMODE)
		err = -EINVAL;
	if (!err)
		err = inode_permission(&(*out)->inode, wanted[flags & O_ACCMODE], c);
	if (err)
		inode_put(&(*out)->inode);
	return err;
}

struct file *mqueue_open(const char *name, int flags, mode_t mode, const struct mq_attr *attr)
{
	struct path at = { &nowhere, NULL };
	struct mqueue *q;
	char shown[257];
	struct file *f;
	size_t len;
	int err = check_name(name, &len);

	if (err)
		return ERR_PTR(err);
	rwlock_write_lock(&instance->root->lock);
	err = find_or_create(name, len, flags, mode & 07777 & ~READ_ONCE(fsctx_current()->umask), attr, &q);
	rwlock_write_unlock(&instance->root->lock);
	if (err)
		return ERR_PTR(err);
	fmt_buf(shown, sizeof(shown), "/%s", name);
	at.dentry = dentry_make_anon(&q->inode, shown);
	if (!at.dentry) {
		inode_put(&q->inode);
		return ERR_PTR(-ENOMEM);
	}
	f = file_open_path(&at, flags & (O_ACCMODE | O_NONBLOCK));
	dentry_put(at.dentry);
	return f;
}

int mqueue_unlink(const char *name)
{
	struct inode *root = instance->root;
	const struct cred *c = cred_current();
	struct mqueue *q;
	size_t len;
	int err = check_name(name, &len);

	if (err)
		return err;
	rwlock_write_lock(&root->lock);
	q = find(name, len);
	err = q ? inode_permission(root, MAY_WRITE | MAY_EXEC, c) : -ENOENT;
	if (!err && root->mode & S_ISVTX && c->fsuid != q->inode.uid && c->fsuid != root->uid && !capable(CAP_FOWNER))
		err = -EPERM;
	if (!err)
		remove(q);
	rwlock_write_unlock(&root->lock);
	return err;
}

/* ---- messages ---- */

static void insert(struct mqueue *q, struct message *m)
{
	struct list *at = q->messages.prev;

	while (at != &q->messages && list_entry(at, struct message, link)->prio < m->prio)
		at = at->prev;
	list_push_front(at, &m->link);
	WRITE_ONCE(q->count, q->count + 1);
	q->bytes += m->size;
}

/* Nobody is told from now on. Lock held. */
static void forget_notice(struct mqueue *q)
{
	process_put(q->told);
	q->told = NULL;
}

/* The queue was empty and nobody waited for the message: who asked is told, once. Lock held. */
static void tell(struct mqueue *q)
{
	struct siginfo info = { .signo = q->notice.signo, .code = SI_MESGQ, .pid = process_current()->pid, .uid = cred_current()->uid, .value = q->notice.value };

	if (!q->told)
		return;
	if (!q->notice.silent && q->notice.signo)
		signal_post_process(q->told, &info);
	forget_notice(q);
}

static struct message *message_from(struct uio *u, unsigned prio)
{
	struct message *m = kmalloc(sizeof(*m) + u->left, 0);

	if (!m)
		return ERR_PTR(-ENOMEM);
	m->prio = prio;
	m->size = u->left;
	if (uio_get(u, m->text, m->size) == m->size)
		return m;
	kfree(m);
	return ERR_PTR(-EFAULT);
}

/* Locked when it returns 0. */
static long wait_for_room(struct mqueue *q, bool nonblock, ktime_t deadline)
{
	long err;

	for (;;) {
		mutex_lock(&q->lock);
		if (q->count < q->max)
			return 0;
		mutex_unlock(&q->lock);
		if (nonblock)
			return -EAGAIN;
		err = waitq_wait_until(&q->writable, READ_ONCE(q->count) < q->max, WAIT_INTERRUPTIBLE, deadline);
		if (err)
			return err;
	}
}

long mqueue_send(struct file *f, struct uio *u, unsigned prio, ktime_t deadline)
{
	struct mqueue *q = of(f->inode);
	struct message *m;
	long err;

	if (!(f->mode & FMODE_WRITE))
		return -EBADF;
	if (u->left > (size_t)q->size)
		return -EMSGSIZE;
	m = message_from(u, prio);
	if (IS_ERR(m))
		return PTR_ERR(m);
	err = wait_for_room(q, f->flags & O_NONBLOCK, deadline);
	if (err) {
		kfree(m);
		return err;
	}
	insert(q, m);
	if (q->count == 1 && !q->receivers)
		tell(q);
	mutex_unlock(&q->lock);
	waitq_wake_all(&q->readable);
	inode_touch(f->inode, ATTR_ATIME | ATTR_MTIME | ATTR_CTIME);
	return 0;
}

/* Locked when it returns 0. */
static long wait_for_message(struct mqueue *q, bool nonblock, ktime_t deadline)
{
	long err = 0;

	mutex_lock(&q->lock);
	while (!q->count && !err) {
		q->receivers++;
		mutex_unlock(&q->lock);
		err = nonblock ? -EAGAIN : waitq_wait_until(&q->readable, READ_ONCE(q->count) > 0, WAIT_INTERRUPTIBLE, deadline);
		mutex_lock(&q->lock);
		q->receivers--;
	}
	if (q->count)
		return 0;
	mutex_unlock(&q->lock);
	return err;
}

long mqueue_receive(struct file *f, struct uio *u, unsigned *prio, ktime_t deadline)
{
	struct mqueue *q = of(f->inode);
	struct message *m;
	long n;

	if (!(f->mode & FMODE_READ))
		return -EBADF;
	if (u->left < (size_t)q->size)
		return -EMSGSIZE;
	n = wait_for_message(q, f->flags & O_NONBLOCK, deadline);
	if (n)
		return n;
	m = list_first(&q->messages, struct message, link);
	list_del(&m->link);
	WRITE_ONCE(q->count, q->count - 1);
	q->bytes -= m->size;
	mutex_unlock(&q->lock);
	waitq_wake_all(&q->writable);
	inode_touch(f->inode, ATTR_ATIME | ATTR_MTIME | ATTR_CTIME);
	*prio = m->prio;
	n = (long)m->size;
	if (uio_put(u, m->text, m->size) < m->size)
		n = -EFAULT;
	kfree(m);
	return n;
}

void mqueue_get(struct file *f, struct mq_attr *out)
{
	struct mqueue *q = of(f->inode);

	*out = (struct mq_attr){ .max_messages = q->max, .message_size = q->size, .messages = READ_ONCE(q->count) };
}

int mqueue_notify(struct file *f, const struct mq_notice *notice)
{
	struct mqueue *q = of(f->inode);
	struct process *me = process_current();
	int err = 0;

	mutex_lock(&q->lock);
	if (!notice) {
		if (q->told == me)
			forget_notice(q);
	} else if (q->told) {
		err = -EBUSY;
	} else {
		process_get(me);
		q->told = me;
		q->notice = *notice;
	}
	mutex_unlock(&q->lock);
	return err;
}

/* A process that closes a descriptor of the queue, whichever one, is told nothing any more. */
static int mqueue_flush(struct file *f)
{
	struct mqueue *q = of(f->inode);

	mutex_lock(&q->lock);
	if (q->told && q->told == process_current())
		forget_notice(q);
	mutex_unlock(&q->lock);
	return 0;
}

static unsigned mqueue_poll(struct file *f, struct poll_table *t)
{
	struct mqueue *q = of(f->inode);

	poll_wait(t, &q->readable);
	poll_wait(t, &q->writable);
	return (READ_ONCE(q->count) ? POLLIN | POLLRDNORM : 0) | (READ_ONCE(q->count) < q->max ? POLLOUT | POLLWRNORM : 0);
}

/* A line about it. */
static ssize_t mqueue_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct mqueue *q = of(f->inode);
	char line[FILE_SIZE + 1];
	size_t len, n, done;
	bool told;

	mutex_lock(&q->lock);
	told = q->told;
	len = fmt_buf(line, sizeof(line), "QSIZE:%-10lu NOTIFY:%-5d SIGNO:%-5d NOTIFY_PID:%-6d\n", (unsigned long)q->bytes, told && q->notice.silent ? 1 : 0,
		      told && !q->notice.silent ? q->notice.signo : 0, told ? q->told->pid : 0);
	mutex_unlock(&q->lock);
	if (*pos >= (loff_t)len)
		return 0;
	n = MIN(u->left, len - (size_t)*pos);
	done = uio_put(u, line + *pos, n);
	*pos += (loff_t)done;
	return done || !n ? (ssize_t)done : -EFAULT;
}

static const struct file_ops mqueue_ops = { .read = mqueue_read, .poll = mqueue_poll, .flush = mqueue_flush };

/* ---- the file system ---- */

static int mqueue_statfs(struct super *sb, struct statfs_info *out)
{
	(void)sb;
	*out = (struct statfs_info){ .type = MQUEUE_MAGIC, .bsize = PAGE_SIZE, .frsize = PAGE_SIZE, .namelen = 255 };
	return 0;
}

/* It has no options. */
static int mqueue_remount(struct super *sb, const char *data)
{
	(void)sb;
	return options_each(data, NULL, NULL);
}

static const struct super_ops super_ops = { .inode_free = mqueue_inode_free, .statfs = mqueue_statfs, .remount = mqueue_remount };

/* Every mount shows the one instance, which lives for ever. */
static int mqueue_mount(const char *source, unsigned long flags, const char *data, struct super **out)
{
	int err = mqueue_remount(instance, data);

	(void)source, (void)flags;
	if (err)
		return err;
	refcount_get(&instance->refs);
	*out = instance;
	return 0;
}

static struct fs_type mqueue_type = { .name = "mqueue", .nodev = true, .mount = mqueue_mount };

void mqueue_init(void)
{
	struct mqueue *root;

	instance = kzalloc(sizeof(*instance));
	assert(instance); /* at boot */
	refcount_set(&instance->refs, 1);
	instance->ops = &super_ops;
	instance->fstype = "mqueue";
	instance->dev = super_alloc_dev();
	instance->revalidate = true;
	root = make(S_IFDIR | S_ISVTX | 0777);
	assert(root);
	root->inode.ops = &dir_ops;
	root->inode.fops = &dir_file_ops;
	root->inode.nlink = 2;
	root->inode.size = 40;
	instance->root = &root->inode;
	nowhere.sb = instance;
	nowhere.source = "mqueue";
	fs_register(&mqueue_type);
}
