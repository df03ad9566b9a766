/* SPDX-License-Identifier: MIT */
/* Queues of events. An event that equals the last one in the queue is not queued again; a full queue says so in one more event, and loses the rest. */
#include "vfs/inotify.h"

#include "lib/bits.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/process.h"
#include "task/userlimit.h"
#include "vfs/anonfile.h"
#include "vfs/fasync.h"
#include "vfs/notify.h"

#define QUEUE_MAX 16384u   /* as Linux's max_queued_events */
#define WATCHES_MAX 65536u /* of one descriptor */
#define FIONREAD 0x541bu
#define MASK_KEPT (IN_ALL | IN_UNMOUNT | IN_ONESHOT | IN_EXCL_UNLINK)

struct event {
	struct list link;
	int wd;
	uint32_t mask, cookie;
	size_t len;
	char name[];
};

/* As user space has it; a name, padded to a multiple of this size, follows. */
struct u_event { int32_t wd; uint32_t mask, cookie, len; };

struct inotify {
	struct watcher watcher; /* notify_lock, and all below */
	struct list events;
	unsigned queued;
	size_t bytes;           /* of the queue as user space sees it */
	bool overflowed;        /* the last event says so */
	struct waitq readable;
	struct notify_owed owed; /* signals of O_ASYNC, which cannot be sent under the lock */
	unsigned signals;       /* that many; 0: it is nowhere */
	uid_t uid;              /* who is charged for it and its watches */
	refcount_t refs;        /* the file's, and that of the signals */
	struct fasync async;    /* who gets them */
};

static SLAB_CACHE(inotify_cache, inotify);
static const struct file_ops inotify_ops;

bool inotify_is(const struct file *f) { return f->ops == &inotify_ops; }

static size_t user_size(size_t len) { return sizeof(struct u_event) + (len ? ALIGN_UP(len + 1, sizeof(struct u_event)) : 0); }

static bool same(const struct event *e, int wd, const struct notice *n)
{
	return e->wd == wd && e->mask == n->mask && e->cookie == n->cookie && e->len == n->len && !memcmp(e->name, n->name, n->len);
}

static void push(struct inotify *in, int wd, const struct notice *n)
{
	struct event *e = kmalloc(sizeof(*e) + n->len, 0);

	if (!e) /* the watcher is to know that something is missing */
		return;
	*e = (struct event){ .wd = wd, .mask = n->mask, .cookie = n->cookie, .len = n->len };
	memcpy(e->name, n->name, n->len);
	list_push_back(&in->events, &e->link);
	in->queued++;
	in->bytes += user_size(n->len);
	in->overflowed = n->mask & IN_Q_OVERFLOW;
}

static void inotify_put(struct inotify *in)
{
	if (refcount_put(&in->refs))
		slab_free(&inotify_cache, in);
}

static void send_signals(struct notify_owed *o)
{
	struct inotify *in = container_of(o, struct inotify, owed);
	unsigned n;

	spin_lock(&notify_lock);
	n = in->signals;
	in->signals = 0;
	spin_unlock(&notify_lock);
	while (n--)
		fasync_tell(&in->async, POLL_IN);
	inotify_put(in);
}

/* One for each event. Lock held. */
static void owe_signal(struct inotify *in)
{
	if (in->signals++)
		return;
	refcount_get(&in->refs);
	in->owed.pay = send_signals;
	notify_owe(&in->owed);
}

static void note(struct watcher *w, int wd, const struct notice *n)
{
	struct inotify *in = container_of(w, struct inotify, watcher);

	if (n->mask & IN_IGNORED) /* the watch is gone */
		userlimit_sub(USER_INOTIFY_WATCHES, in->uid, 1);
	if (!list_empty(&in->events) && same(list_last(&in->events, struct event, link), wd, n))
		return;
	if (in->queued < QUEUE_MAX)
		push(in, wd, n);
	else if (!in->overflowed)
		push(in, -1, &(struct notice){ .mask = IN_Q_OVERFLOW });
	waitq_wake_key(&in->readable, 1, POLLIN | POLLRDNORM);
	if (unlikely(fasync_any(&in->async)))
		owe_signal(in);
}

/* The first event, taken out if it fits into room; NULL: none, or *too_big. */
static struct event *take(struct inotify *in, size_t room, bool *too_big)
{
	struct event *e = NULL;

	spin_lock(&notify_lock);
	if (!list_empty(&in->events)) {
		e = list_first(&in->events, struct event, link);
		*too_big = user_size(e->len) > room;
		if (*too_big) {
			e = NULL;
		} else {
			list_del(&e->link);
			in->queued--;
			in->bytes -= user_size(e->len);
			in->overflowed = in->overflowed && in->queued;
		}
	}
	spin_unlock(&notify_lock);
	return e;
}

static bool give(struct uio *u, const struct event *e)
{
	size_t padded = user_size(e->len) - sizeof(struct u_event);
	struct u_event out = { e->wd, e->mask, e->cookie, (uint32_t)padded };

	return uio_put(u, &out, sizeof(out)) == sizeof(out) && uio_put(u, e->name, e->len) == e->len &&
	       uio_put_zero(u, padded - e->len) == padded - e->len;
}

static bool any(const struct inotify *in) { return READ_ONCE(in->queued) != 0; }

static ssize_t inotify_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct inotify *in = f->data;
	ssize_t done = 0;
	int err;

	(void)pos;
	for (;;) {
		bool too_big = false, written;
		struct event *e = take(in, u->left, &too_big);

		if (e) {
			written = give(u, e);
			if (written)
				done += (ssize_t)user_size(e->len);
			kfree(e);
			if (!written)
				return done ? done : -EFAULT;
			continue;
		}
		if (done)
			return done;
		if (too_big)
			return -EINVAL;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_wait(&in->readable, any(in), WAIT_INTERRUPTIBLE);
		if (err)
			return err;
	}
}

static unsigned inotify_poll(struct file *f, struct poll_table *t)
{
	struct inotify *in = f->data;

	poll_wait(t, &in->readable);
	return any(in) ? POLLIN | POLLRDNORM : 0;
}

static long inotify_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct inotify *in = f->data;
	int n = (int)READ_ONCE(in->bytes);

	return cmd == FIONREAD ? user_put(arg, &n) : -ENOTTY;
}

static void inotify_release(struct file *f)
{
	struct inotify *in = f->data;
	struct list dead = LIST_INIT(dead);
	struct rbnode *n;

	spin_lock(&notify_lock);
	while ((n = rb_first(&in->watcher.watches)) != NULL)
		watch_remove(rb_entry(n, struct watch, node), &dead);
	spin_unlock(&notify_lock);
	watch_free_all(&dead);
	while (!list_empty(&in->events)) {
		struct event *e = list_first(&in->events, struct event, link);

		list_del(&e->link);
		kfree(e);
	}
	userlimit_sub(USER_INOTIFY_INSTANCES, in->uid, 1);
	inotify_put(in);
}

static int inotify_async(struct file *f, struct fasync *lists[FILE_LISTS])
{
	struct inotify *in = f->data;

	lists[0] = &in->async;
	return 1;
}

static const struct file_ops inotify_ops = {
	.read = inotify_read, .poll = inotify_poll, .ioctl = inotify_ioctl, .release = inotify_release, .async = inotify_async,
};

/* Changes the watch that there is, or adds the fresh one, which is NULL then; limit: 0, or the user has too many for that. */
static int watch_locked(struct inotify *in, struct watch **fresh, uint32_t mask, int limit)
{
	struct watch *w = watch_of(&in->watcher, (*fresh)->inode);

	if (w && mask & IN_MASK_CREATE)
		return -EEXIST;
	if (w) {
		w->mask = (mask & IN_MASK_ADD ? w->mask : IN_UNMOUNT) | (mask & MASK_KEPT);
		return w->wd;
	}
	if (limit || in->watcher.count >= WATCHES_MAX)
		return -ENOSPC;
	w = *fresh;
	*fresh = NULL;
	w->mask = IN_UNMOUNT | (mask & MASK_KEPT);
	watch_add(&in->watcher, w);
	return w->wd;
}

int inotify_watch(struct file *f, struct inode *i, uint32_t mask)
{
	const struct inotify *in = f->data;
	struct watch *w;
	int wd, limit = userlimit_add(USER_INOTIFY_WATCHES, in->uid, 1, userlimit_most(USER_INOTIFY_WATCHES));

	w = limit == -ENOMEM ? NULL : kzalloc(sizeof(*w));
	if (!w) {
		if (!limit)
			userlimit_sub(USER_INOTIFY_WATCHES, in->uid, 1);
		return -ENOMEM;
	}
	inode_get(i);
	w->inode = i;
	spin_lock(&notify_lock);
	wd = watch_locked(f->data, &w, mask, limit);
	spin_unlock(&notify_lock);
	if (w) {
		if (!limit)
			userlimit_sub(USER_INOTIFY_WATCHES, in->uid, 1);
		inode_put(i);
		kfree(w);
	}
	return wd;
}

int inotify_forget(struct file *f, int wd)
{
	struct inotify *in = f->data;
	struct list dead = LIST_INIT(dead);
	struct watch *w;

	spin_lock(&notify_lock);
	w = watch_find(&in->watcher, wd);
	if (w)
		watch_remove(w, &dead);
	spin_unlock(&notify_lock);
	watch_free_all(&dead);
	return w ? 0 : -EINVAL;
}

struct file *inotify_create(unsigned flags)
{
	struct inotify *in = slab_alloc(&inotify_cache, ALLOC_ZERO);
	struct file *f;
	int err;

	if (!in)
		return ERR_PTR(-ENOMEM);
	in->uid = cred_current()->euid;
	err = userlimit_add(USER_INOTIFY_INSTANCES, in->uid, 1, userlimit_most(USER_INOTIFY_INSTANCES));
	if (err) {
		slab_free(&inotify_cache, in);
		return ERR_PTR(err == -EDQUOT ? -EMFILE : err);
	}
	in->watcher.note = note;
	rb_init(&in->watcher.watches);
	list_init(&in->events);
	refcount_set(&in->refs, 1);
	waitq_init(&in->readable);
	f = anonfile_new("anon_inode:inotify", &inotify_ops, flags, in);
	if (IS_ERR(f)) {
		userlimit_sub(USER_INOTIFY_INSTANCES, in->uid, 1);
		slab_free(&inotify_cache, in);
		return f;
	}
	f->flags &= ~(unsigned)O_ACCMODE; /* as Linux: open for reading only */
	f->mode &= ~FMODE_WRITE;
	return f;
}
