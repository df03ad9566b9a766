/* SPDX-License-Identifier: MIT */
/*
 * Sets of watched descriptors.
 *
 * links_lock (one for all) guards what ties items to files, and with it every change of a set; ep->lock keeps a set as it is while somebody
 * collects from it, and is what makes it safe to ask the file of an item: a file that goes, and has no references any more, first takes its
 * items out under both (epoll_file_gone). Wake-ups take neither: they come under the lock of a file's queue, from interrupts too, and touch
 * the list of the ready only, under ready_lock.
 *
 * That no change is missed: a collector takes an item off the list before it asks its file, so a wake-up after the asking lists it again.
 */
#include "vfs/epoll.h"

#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/fmt.h"
#include "mem/slab.h"
#include "task/process.h"
#include "task/userlimit.h"
#include "vfs/anonfile.h"
#include "vfs/epollpaths.h"

#define OPTIONS (EPOLLWAKEUP | EPOLLONESHOT | EPOLLET | EPOLLEXCLUSIVE)
#define EXCLUSIVE_ALLOWED (POLLIN | POLLOUT | POLLERR | POLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE)
#define FEW 16u           /* events that need no allocation */
#define MANY 4096u        /* events that one call gives at most */

struct collected { struct epoll_event event; struct file *file; int fd; };

static SLAB_CACHE(epoll_cache, epoll);
static SLAB_CACHE(epoll_item_cache, epoll_item);
static struct mutex links_lock = MUTEX_INIT(links_lock, LOCK_EPOLL_LINKS);
static const struct file_ops epoll_ops;

bool epoll_is(const struct file *f) { return f->ops == &epoll_ops; }

/* ---- the list of those that may be ready ---- */

/* Lists the item; false: it was listed. */
static bool ready_add(struct epoll_item *it)
{
	struct epoll *ep = it->ep;
	unsigned long irq = spin_lock_irqsave(&ep->ready_lock);
	bool fresh = !it->listed;

	if (fresh)
		list_push_back(&ep->ready, &it->ready_link);
	it->listed = true;
	spin_unlock_irqrestore(&ep->ready_lock, irq);
	return fresh;
}

static void ready_remove(struct epoll_item *it)
{
	struct epoll *ep = it->ep;
	unsigned long irq = spin_lock_irqsave(&ep->ready_lock);

	if (it->listed)
		list_del(&it->ready_link);
	it->listed = false;
	spin_unlock_irqrestore(&ep->ready_lock, irq);
}

static struct epoll_item *ready_pop(struct epoll *ep)
{
	unsigned long irq = spin_lock_irqsave(&ep->ready_lock);
	struct epoll_item *it = NULL;

	if (!list_empty(&ep->ready)) {
		it = list_first(&ep->ready, struct epoll_item, ready_link);
		list_del(&it->ready_link);
		it->listed = false;
	}
	spin_unlock_irqrestore(&ep->ready_lock, irq);
	return it;
}

static bool ready_any(const struct epoll *ep) { return READ_ONCE(ep->ready.next) != &ep->ready; }

static void tell(struct epoll *ep)
{
	waitq_wake_one(&ep->waiters);
	waitq_wake_key(&ep->pollers, 1, POLLIN);
}

/* A queue of the file is woken; its lock is held. */
static bool woken(struct waiter *w, unsigned long key)
{
	struct epoll_item *it = container_of(w, struct epoll_link, w)->item;
	struct epoll *ep = it->ep;
	uint32_t events = __atomic_load_n(&it->events, __ATOMIC_SEQ_CST);
	bool taken;

	if (!(events & ~OPTIONS) || (key && !(key & events)))
		return false;
	ready_add(it);
	taken = waitq_active(&ep->waiters);
	waitq_wake_nested(&ep->waiters, 1, 0);
	waitq_wake_nested(&ep->pollers, 1, POLLIN);
	return taken || !w->exclusive;
}

/* ---- items ---- */

static int compare(const struct rbnode *a, const struct rbnode *b)
{
	const struct epoll_item *x = rb_entry(a, const struct epoll_item, node), *y = rb_entry(b, const struct epoll_item, node);

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->fd < y->fd ? -1 : x->fd > y->fd;
}

static struct epoll_item *find(struct epoll *ep, const struct file *f, int fd)
{
	struct epoll_item key = { .file = (struct file *)f, .fd = fd };
	struct rbnode *n = ep->items.root;

	while (n) {
		int c = compare(&key.node, n);

		if (!c)
			return rb_entry(n, struct epoll_item, node);
		n = c < 0 ? n->left : n->right;
	}
	return NULL;
}

struct item_table { struct poll_table t; struct epoll_item *item; };

/* poll_wait of a watched file. */
static void queue_item(struct poll_table *t, struct waitq *q)
{
	struct epoll_item *it = container_of(t, struct item_table, t)->item;
	struct epoll_link *l = it->links ? kzalloc(sizeof(*l)) : &it->first;

	if (!l) {
		t->failed = true;
		return;
	}
	*l = (struct epoll_link){ .w = { .wake = woken, .exclusive = it->events & EPOLLEXCLUSIVE }, .q = q, .item = it, .next = it->links };
	it->links = l;
	waitq_add(q, &l->w);
}

static unsigned ask(const struct epoll_item *it, struct poll_table *t) { return it->file->ops->poll(it->file, t) & it->events; }

/* Leaves the queues: no wake-up comes any more when it returns. */
static void leave_queues(struct epoll_item *it)
{
	struct epoll_link *l = it->links;

	while (l) {
		struct epoll_link *next = l->next;

		waitq_remove(l->q, &l->w);
		if (l != &it->first)
			kfree(l);
		l = next;
	}
	it->links = NULL;
}

static void item_link(struct epoll *ep, struct epoll_item *it)
{
	struct file *f = it->file;

	rb_insert(&ep->items, &it->node, compare);
	ep->count++;
	it->next = f->watchers;
	it->place = &f->watchers;
	if (it->next)
		it->next->place = &it->next;
	store_release(&f->watchers, it);
}

/* Both locks held. Nothing touches the file once its watchers are seen to be gone (file_put). */
static void item_remove(struct epoll_item *it)
{
	leave_queues(it);
	ready_remove(it);
	rb_erase(&it->ep->items, &it->node);
	it->ep->count--;
	if (it->next)
		it->next->place = it->place;
	store_release(it->place, it->next);
	userlimit_sub(USER_EPOLL_WATCHES, it->ep->uid, 1);
	slab_free(&epoll_item_cache, it);
}

/* ---- epoll_ctl ---- */

/* Asks a first time, which queues the item; lists it if it is ready. -ENOMEM. */
static int item_start(struct epoll_item *it)
{
	struct item_table table = { .t = { .queue = queue_item, .events = it->events }, .item = it };
	unsigned now = ask(it, &table.t);

	if (table.t.failed)
		return -ENOMEM;
	if (now && ready_add(it))
		tell(it->ep);
	return 0;
}

static int add(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll_item *it;
	int err;

	if (find(ep, f, fd))
		return -EEXIST;
	err = userlimit_add(USER_EPOLL_WATCHES, ep->uid, 1, userlimit_most(USER_EPOLL_WATCHES));
	if (err)
		return err == -EDQUOT ? -ENOSPC : err;
	it = slab_alloc(&epoll_item_cache, ALLOC_ZERO);
	if (!it) {
		userlimit_sub(USER_EPOLL_WATCHES, ep->uid, 1);
		return -ENOMEM;
	}
	it->ep = ep;
	it->file = f;
	it->inner = epoll_is(f) ? f->data : NULL;
	it->fd = fd;
	it->events = ev->events | POLLERR | POLLHUP;
	it->data = ev->data;
	item_link(ep, it);
	err = epoll_refuse_paths(it) ? -EINVAL : item_start(it);
	if (err)
		item_remove(it);
	return err;
}

static int modify(struct epoll_item *it, const struct epoll_event *ev)
{
	if (it->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	it->data = ev->data;
	__atomic_store_n(&it->events, ev->events | POLLERR | POLLHUP, __ATOMIC_SEQ_CST);
	smp_mb(); /* either a wake-up sees the new events, or the file is seen as it is after it */
	if (ask(it, NULL) && ready_add(it))
		tell(it->ep);
	return 0;
}

static int change(struct epoll *ep, int op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll_item *it = find(ep, f, fd);

	if (op == EPOLL_ADD)
		return add(ep, f, fd, ev);
	if (!it)
		return -ENOENT;
	if (op == EPOLL_MOD)
		return modify(it, ev);
	item_remove(it);
	return 0;
}

static int check_args(const struct file *epoll, int op, const struct file *f, const struct epoll_event *ev)
{
	if (!f->ops->poll)
		return -EPERM;
	if (epoll == f || !epoll_is(epoll))
		return -EINVAL;
	if (ev && ev->events & EPOLLEXCLUSIVE && (op == EPOLL_MOD || (op == EPOLL_ADD && (epoll_is(f) || ev->events & ~EXCLUSIVE_ALLOWED))))
		return -EINVAL;
	return 0;
}

int epoll_ctl(struct file *epoll, int op, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epoll *ep = epoll->data;
	int err = check_args(epoll, op, f, ev);

	if (err)
		return err;
	mutex_lock(&links_lock);
	if (op == EPOLL_ADD && epoll_is(f) && epoll_refuse_nesting(ep, f->data)) {
		err = -ELOOP;
	} else if (op < EPOLL_ADD || op > EPOLL_MOD) {
		err = -EINVAL;
	} else {
		mutex_lock(&ep->lock);
		err = change(ep, op, f, fd, ev);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&links_lock);
	return err;
}

void epoll_file_gone(struct file *f)
{
	mutex_lock(&links_lock);
	while (f->watchers) {
		struct epoll_item *it = f->watchers;
		struct epoll *ep = it->ep;

		mutex_lock(&ep->lock);
		item_remove(it);
		mutex_unlock(&ep->lock);
	}
	mutex_unlock(&links_lock);
}

/* ---- epoll_wait ---- */

/* Puts the listed items of a scan back behind those that were woken meanwhile. */
static void relist(struct epoll *ep, struct list *again)
{
	unsigned long irq = spin_lock_irqsave(&ep->ready_lock);

	list_splice_back(&ep->ready, again);
	spin_unlock_irqrestore(&ep->ready_lock, irq);
}

/* Takes note of one event: what of the item stays. */
static void take(struct epoll_item *it, unsigned now, struct collected *out, struct list *again)
{
	*out = (struct collected){ { now, it->data }, it->file, it->fd };
	if (it->events & EPOLLONESHOT) {
		__atomic_store_n(&it->events, it->events & OPTIONS, __ATOMIC_SEQ_CST);
	} else if (!(it->events & EPOLLET)) {
		unsigned long irq = spin_lock_irqsave(&it->ep->ready_lock);

		if (it->listed) /* woken since it was asked: once is enough */
			list_del(&it->ready_link);
		it->listed = true;
		list_push_back(again, &it->ready_link);
		spin_unlock_irqrestore(&it->ep->ready_lock, irq);
	}
}

/* Up to max events; level-triggered items are asked again by the next one who collects. */
static unsigned collect(struct epoll *ep, struct collected *out, unsigned max)
{
	struct list again = LIST_INIT(again);
	struct epoll_item *it;
	unsigned n = 0;

	mutex_lock(&ep->lock);
	while (n < max && (it = ready_pop(ep)) != NULL) {
		unsigned now = ask(it, NULL);

		if (now)
			take(it, now, &out[n++], &again);
	}
	relist(ep, &again);
	mutex_unlock(&ep->lock);
	return n;
}

/* User space could not be written: the events from the first one on have not been seen by anybody. */
static void give_back(struct epoll *ep, const struct collected *c, unsigned n)
{
	mutex_lock(&ep->lock);
	for (unsigned i = 0; i < n; i++) {
		struct epoll_item *it = find(ep, c[i].file, c[i].fd);

		if (!it)
			continue;
		if (!(it->events & ~OPTIONS))
			it->events |= c[i].event.events | POLLERR | POLLHUP;
		ready_add(it);
	}
	mutex_unlock(&ep->lock);
}

static long copy_out(struct epoll *ep, uaddr_t events, const struct collected *c, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (user_put(events + i * sizeof(c[i].event), &c[i].event)) {
			give_back(ep, c + i, n - i);
			return i ? (long)i : -EFAULT;
		}
	}
	return (long)n;
}

/* What is ready now, to user space. */
static long deliver(struct epoll *ep, uaddr_t events, unsigned max)
{
	struct collected few[FEW], *c = few;
	unsigned room = MIN(MIN(max, READ_ONCE(ep->count)), MANY);
	long n;

	if (room > FEW)
		c = kmalloc(room * sizeof(*c), 0);
	if (!c) {
		c = few;
		room = FEW;
	}
	n = copy_out(ep, events, c, collect(ep, c, room));
	if (c != few)
		kfree(c);
	return n;
}

/* Until something is listed. Each waiter is woken for itself: who leaves something behind wakes the next. */
static int wait_listed(struct epoll *ep, ktime_t deadline)
{
	struct waiter w = { .exclusive = true };
	int err = 0;

	for (;;) {
		waitq_prepare(&ep->waiters, &w, WAIT_INTERRUPTIBLE);
		if (ready_any(ep)) {
			err = 0;
			break;
		}
		if (err)
			break;
		if (waitq_interrupted(WAIT_INTERRUPTIBLE)) {
			err = -EINTR;
			break;
		}
		err = waitq_sleep(deadline);
	}
	waitq_finish(&ep->waiters, &w);
	return err;
}

long epoll_wait(struct file *epoll, uaddr_t events, unsigned max, ktime_t deadline)
{
	struct epoll *ep = epoll->data;

	for (;;) {
		long n = ready_any(ep) ? deliver(ep, events, max) : 0;
		int err;

		if (n && ready_any(ep))
			waitq_wake_one(&ep->waiters);
		if (n || deadline == 0)
			return n;
		err = wait_listed(ep, deadline);
		if (err)
			return err == -ETIMEDOUT ? 0 : err;
	}
}

/* ---- the descriptor ---- */

/* Readable when one of the items is ready; those that are not leave the list. */
static unsigned epoll_poll(struct file *f, struct poll_table *t)
{
	struct epoll *ep = f->data;
	struct epoll_item *it;
	unsigned ev = 0;

	poll_wait(t, &ep->pollers);
	if (!ready_any(ep))
		return 0;
	mutex_lock_nested(&ep->lock); /* under that of an epoll which watches this one: there are no circles */
	while (!ev && (it = ready_pop(ep)) != NULL) {
		if (!ask(it, NULL))
			continue;
		ready_add(it);
		ev = POLLIN | POLLRDNORM;
	}
	mutex_unlock(&ep->lock);
	return ev;
}

static void epoll_release(struct file *f)
{
	struct epoll *ep = f->data;
	struct rbnode *n;

	mutex_lock(&links_lock);
	mutex_lock(&ep->lock);
	while ((n = rb_first(&ep->items)) != NULL)
		item_remove(rb_entry(n, struct epoll_item, node));
	mutex_unlock(&ep->lock);
	mutex_unlock(&links_lock);
	slab_free(&epoll_cache, ep);
}

static size_t epoll_describe(struct file *f, char *buf, size_t cap)
{
	struct epoll *ep = f->data;
	size_t len = 0;

	mutex_lock(&ep->lock);
	for (struct rbnode *n = rb_first(&ep->items); n; n = rb_next(n)) {
		const struct epoll_item *it = rb_entry(n, const struct epoll_item, node);

		size_t n = fmt_buf(buf + len, cap - len, "tfd: %8d events: %8x data: %16llx\n", it->fd, it->events, (unsigned long long)it->data);

		if (n >= cap - len)
			break;
		len += n;
	}
	mutex_unlock(&ep->lock);
	return len;
}

const struct file *epoll_target(struct file *epoll, int fd, unsigned skip)
{
	struct epoll *ep = epoll->data;
	const struct file *target = NULL;

	mutex_lock(&ep->lock);
	for (struct rbnode *n = rb_first(&ep->items); n && !target; n = rb_next(n)) {
		const struct epoll_item *it = rb_entry(n, const struct epoll_item, node);

		if (it->fd == fd && skip-- == 0)
			target = it->file;
	}
	mutex_unlock(&ep->lock);
	return target;
}

static const struct file_ops epoll_ops = { .describe = epoll_describe, .poll = epoll_poll, .release = epoll_release };

struct file *epoll_create(void)
{
	struct epoll *ep = slab_alloc(&epoll_cache, ALLOC_ZERO);
	struct file *f;

	if (!ep)
		return ERR_PTR(-ENOMEM);
	ep->uid = cred_current()->uid;
	mutex_init(&ep->lock, LOCK_EPOLL);
	waitq_init(&ep->waiters);
	waitq_init(&ep->pollers);
	spin_init(&ep->ready_lock, LOCK_EVENT);
	list_init(&ep->ready);
	f = anonfile_new("anon_inode:[eventpoll]", &epoll_ops, 0, ep);
	if (IS_ERR(f))
		slab_free(&epoll_cache, ep);
	else
		ep->file = f;
	return f;
}
