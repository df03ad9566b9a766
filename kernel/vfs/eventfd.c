/* SPDX-License-Identifier: MIT */
/* Event counters. Readers wait for a count above zero, writers until their number fits below the largest one. */
#include "vfs/eventfd.h"

#include "lib/fmt.h"
#include "mem/slab.h"
#include "vfs/anonfile.h"

#define COUNT_END UINT64_MAX /* the count never gets here */

struct eventfd {
	struct spinlock lock; /* LOCK_EVENT, interrupts off: count */
	uint64_t count;
	bool semaphore;
	struct waitq changed; /* readers and writers */
};

static SLAB_CACHE(eventfd_cache, eventfd);

static uint64_t count_of(struct eventfd *e)
{
	unsigned long irq = spin_lock_irqsave(&e->lock);
	uint64_t n = e->count;

	spin_unlock_irqrestore(&e->lock, irq);
	return n;
}

/* What a read gives, taken out; 0: nothing to read. */
static uint64_t take(struct eventfd *e)
{
	unsigned long irq = spin_lock_irqsave(&e->lock);
	uint64_t n = e->semaphore && e->count ? 1 : e->count;

	e->count -= n;
	spin_unlock_irqrestore(&e->lock, irq);
	return n;
}

/* Adds if it fits. */
static bool add(struct eventfd *e, uint64_t n)
{
	unsigned long irq = spin_lock_irqsave(&e->lock);
	bool fits = COUNT_END - e->count > n;

	if (fits)
		e->count += n;
	spin_unlock_irqrestore(&e->lock, irq);
	return fits;
}

static ssize_t eventfd_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct eventfd *e = f->data;
	uint64_t n;
	int err;

	(void)pos;
	if (u->left < sizeof(n))
		return -EINVAL;
	while ((n = take(e)) == 0) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_wait(&e->changed, count_of(e) > 0, WAIT_INTERRUPTIBLE);
		if (err)
			return err;
	}
	waitq_wake_key(&e->changed, 1, POLLOUT);
	return uio_put(u, &n, sizeof(n)) == sizeof(n) ? (ssize_t)sizeof(n) : -EFAULT;
}

static ssize_t eventfd_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct eventfd *e = f->data;
	uint64_t n;
	int err;

	(void)pos;
	if (u->left < sizeof(n))
		return -EINVAL;
	if (uio_get(u, &n, sizeof(n)) != sizeof(n))
		return -EFAULT;
	if (n == COUNT_END)
		return -EINVAL;
	while (!add(e, n)) {
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_wait(&e->changed, COUNT_END - count_of(e) > n, WAIT_INTERRUPTIBLE);
		if (err)
			return err;
	}
	waitq_wake_key(&e->changed, 1, POLLIN);
	return (ssize_t)sizeof(n);
}

static unsigned eventfd_poll(struct file *f, struct poll_table *t)
{
	struct eventfd *e = f->data;
	uint64_t n;

	poll_wait(t, &e->changed);
	n = count_of(e);
	return (n ? POLLIN : 0) | (COUNT_END - 1 > n ? POLLOUT : 0);
}

static size_t eventfd_describe(struct file *f, char *buf, size_t cap)
{
	return fmt_buf(buf, cap, "eventfd-count: %16llx\n", (unsigned long long)count_of(f->data));
}

static void eventfd_release(struct file *f) { slab_free(&eventfd_cache, f->data); }

static const struct file_ops eventfd_ops = { .read = eventfd_read, .write = eventfd_write, .poll = eventfd_poll, .release = eventfd_release, .describe = eventfd_describe };

struct file *eventfd_create(uint64_t count, bool semaphore, unsigned flags)
{
	struct eventfd *e = slab_alloc(&eventfd_cache, ALLOC_ZERO);
	struct file *f;

	if (!e)
		return ERR_PTR(-ENOMEM);
	spin_init(&e->lock, LOCK_EVENT);
	waitq_init(&e->changed);
	e->count = count;
	e->semaphore = semaphore;
	f = anonfile_new("anon_inode:[eventfd]", &eventfd_ops, flags, e);
	if (IS_ERR(f))
		slab_free(&eventfd_cache, e);
	return f;
}
