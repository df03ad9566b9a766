/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs. The buffer is a ring of pages, allocated when written and given back when read, but for one that is kept for the next write.
 * pipe->lock is held while bytes move (user copies may fault under it). Sleepers wait on two queues, and are woken only when somebody waits.
 */
#include "vfs/pipe.h"

#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/process.h"
#include "task/sigqueue.h"
#include "vfs/anoninode.h"

#define PIPE_PAGES 16u
#define PIPE_PAGES_MAX 256u /* 1 MiB: what an unprivileged process may ask for */
#define PIPE_ATOMIC 4096u   /* PIPE_BUF */
#define FIONREAD 0x541b
#define IN_EVENTS (POLLIN | POLLRDNORM)
#define OUT_EVENTS (POLLOUT | POLLWRNORM)

struct pipe_page {
	char *mem;
	unsigned start, end; /* the bytes in it */
	bool packet;         /* written under O_DIRECT: read as a whole, not added to */
};

struct pipe {
	struct mutex lock; /* LOCK_PIPE: everything below; poll and the conditions of sleepers peek */
	struct waitq readable, writable;
	unsigned readers, writers;
	unsigned reader_opens, writer_opens; /* ever, so that an open waiting for the other side cannot miss it */
	bool had_writer;                     /* since the last reader came that did not wait for one: POLLHUP means something */
	unsigned first, count;               /* pages in use: ring[first .. first + count), modulo pages */
	unsigned pages;                      /* slots; a power of two */
	bool unnamed;                        /* of pipe(2): an open through /proc/PID/fd waits for nobody */
	size_t bytes;
	unsigned tail_room;                  /* bytes that may be added to the last page: sleepers may not look at the ring, which can change */
	char *spare;
	struct pipe_page *ring;
	struct pipe_page inline_ring[PIPE_PAGES];
};

static SLAB_CACHE(pipe_cache, pipe);
static const struct file_ops pipe_ops;

static struct pipe *pipe_new(void)
{
	struct pipe *p = slab_alloc(&pipe_cache, ALLOC_ZERO);

	if (!p)
		return NULL;
	mutex_init(&p->lock, LOCK_PIPE);
	waitq_init(&p->readable);
	waitq_init(&p->writable);
	p->ring = p->inline_ring;
	p->pages = PIPE_PAGES;
	return p;
}

static struct pipe_page *slot(struct pipe *p, unsigned i) { return &p->ring[(p->first + i) & (p->pages - 1)]; }

static void page_release(struct pipe *p, char *mem)
{
	if (p->spare)
		kfree(mem);
	else
		p->spare = mem;
}

static char *page_take(struct pipe *p)
{
	char *mem = p->spare;

	p->spare = NULL;
	return mem ? mem : kmalloc(PAGE_SIZE, 0);
}

static void pipe_free(struct pipe *p)
{
	for (unsigned i = 0; i < p->count; i++)
		kfree(slot(p, i)->mem);
	kfree(p->spare);
	if (p->ring != p->inline_ring)
		kfree(p->ring);
	slab_free(&pipe_cache, p);
}

static void note_tail(struct pipe *p)
{
	const struct pipe_page *last = p->count ? slot(p, p->count - 1) : NULL;

	WRITE_ONCE(p->tail_room, last && !last->packet ? (unsigned)PAGE_SIZE - last->end : 0);
}

static void drop_first(struct pipe *p)
{
	struct pipe_page *b = slot(p, 0);

	p->bytes -= b->end - b->start;
	page_release(p, b->mem);
	p->first = (p->first + 1) & (p->pages - 1);
	p->count--;
	note_tail(p);
}

/* Moves bytes out until the reader has enough, or the pipe is empty, or a packet ends. */
static size_t take(struct pipe *p, struct uio *u, bool *fault)
{
	size_t done = 0;

	while (u->left && p->count) {
		struct pipe_page *b = slot(p, 0);
		size_t n = MIN(u->left, (size_t)(b->end - b->start)), moved = uio_put(u, b->mem + b->start, n);
		bool packet = b->packet;

		b->start += (unsigned)moved;
		p->bytes -= moved;
		done += moved;
		if (moved < n) {
			*fault = true;
			break;
		}
		if (b->start == b->end || packet)
			drop_first(p);
		if (packet)
			break;
	}
	return done;
}

static void wake(struct waitq *q, unsigned events)
{
	smp_mb(); /* the change is seen before the sleeper's second look, or the sleeper is seen here */
	if (waitq_active(q))
		waitq_wake_key(q, 1, events);
}

static bool can_read(const struct pipe *p) { return READ_ONCE(p->count) || !READ_ONCE(p->writers); }

static ssize_t pipe_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct pipe *p = f->data;
	bool fault = false, slept = false, more;
	ssize_t n;
	int err;

	(void)pos;
	if (!u->left)
		return 0;
	for (;;) {
		mutex_lock(&p->lock);
		n = (ssize_t)take(p, u, &fault);
		if (n || fault || !p->writers)
			break;
		mutex_unlock(&p->lock);
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_wait(&p->readable, can_read(p), WAIT_INTERRUPTIBLE);
		if (err)
			return err;
		slept = true;
	}
	more = slept && p->count != 0;
	mutex_unlock(&p->lock);
	if (n)
		wake(&p->writable, OUT_EVENTS);
	if (more) /* the wake-up that brought this reader here may be owed to another one */
		wake(&p->readable, IN_EVENTS);
	return n ? n : fault ? -EFAULT : 0;
}

/* Bytes that fit: free pages, and the rest of the last one if it may be added to. */
static size_t room(struct pipe *p)
{
	unsigned count = READ_ONCE(p->count), pages = READ_ONCE(p->pages);

	return (count < pages ? (pages - count) * PAGE_SIZE : 0) + READ_ONCE(p->tail_room);
}

/* The page that the next bytes go to; NULL: none free (*err stays 0) or no memory. */
static struct pipe_page *page_for_write(struct pipe *p, bool packet, int *err)
{
	struct pipe_page *b = p->count ? slot(p, p->count - 1) : NULL;
	char *mem;

	if (b && !packet && !b->packet && b->end < PAGE_SIZE)
		return b;
	if (p->count == p->pages)
		return NULL;
	mem = page_take(p);
	if (!mem) {
		*err = -ENOMEM;
		return NULL;
	}
	b = slot(p, p->count++);
	*b = (struct pipe_page){ .mem = mem, .packet = packet };
	return b;
}

/* Moves bytes in while there is room. *err: what stopped it, if not the room. */
static size_t give(struct pipe *p, struct uio *u, bool packet, int *err)
{
	struct pipe_page *b;
	size_t done = 0;

	while (u->left && (b = page_for_write(p, packet, err)) != NULL) {
		size_t n = MIN(u->left, (size_t)(PAGE_SIZE - b->end)), moved = uio_get(u, b->mem + b->end, n);

		b->end += (unsigned)moved;
		p->bytes += moved;
		done += moved;
		if (b->start == b->end) { /* nothing arrived: an empty page must not stay */
			page_release(p, b->mem);
			p->count--;
		}
		if (moved < n) {
			*err = -EFAULT;
			break;
		}
	}
	note_tail(p);
	return done;
}

static ssize_t broken(ssize_t done)
{
	if (done)
		return done;
	signal_kernel(process_current(), SIGPIPE);
	return -EPIPE;
}

static bool can_write(struct pipe *p, size_t need) { return room(p) >= need || !READ_ONCE(p->readers); }

static ssize_t pipe_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct pipe *p = f->data;
	bool packet = f->flags & O_DIRECT;
	size_t need = u->left <= PIPE_ATOMIC ? u->left : 1; /* what must fit before anything is moved */
	ssize_t done = 0;
	bool slept = false;
	int err = 0;

	(void)pos;
	if (!u->left)
		return 0;
	for (;;) {
		bool free;

		mutex_lock(&p->lock);
		if (!p->readers) {
			mutex_unlock(&p->lock);
			return broken(done);
		}
		if (packet ? p->count < p->pages : room(p) >= need)
			done += (ssize_t)give(p, u, packet, &err);
		free = slept && p->count < p->pages;
		mutex_unlock(&p->lock);
		if (done)
			wake(&p->readable, IN_EVENTS);
		if (!u->left || err) {
			if (free)
				wake(&p->writable, OUT_EVENTS);
			return done ? done : err;
		}
		need = done ? 1 : need;
		if (f->flags & O_NONBLOCK)
			return done ? done : -EAGAIN;
		err = waitq_wait(&p->writable, can_write(p, packet ? PAGE_SIZE : need), WAIT_INTERRUPTIBLE);
		if (err)
			return done ? done : err;
		slept = true;
	}
}

static unsigned pipe_poll(struct file *f, struct poll_table *t)
{
	struct pipe *p = f->data;
	unsigned ev = 0;

	if (f->mode & FMODE_READ) {
		poll_wait(t, &p->readable);
		ev |= READ_ONCE(p->count) ? IN_EVENTS : 0;
		ev |= !READ_ONCE(p->writers) && READ_ONCE(p->had_writer) ? POLLHUP : 0;
	}
	if (f->mode & FMODE_WRITE) {
		poll_wait(t, &p->writable);
		ev |= READ_ONCE(p->count) < p->pages ? OUT_EVENTS : 0;
		ev |= !READ_ONCE(p->readers) ? POLLERR : 0;
	}
	return ev;
}

static long pipe_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct pipe *p = f->data;
	int n;

	if (cmd != FIONREAD)
		return -ENOTTY;
	mutex_lock(&p->lock);
	n = (int)p->bytes;
	mutex_unlock(&p->lock);
	return user_put(arg, &n);
}

static void leave(struct pipe *p, unsigned mode)
{
	if (mode & FMODE_READ)
		p->readers--;
	if (mode & FMODE_WRITE)
		p->writers--;
	waitq_wake_all(&p->readable);
	waitq_wake_all(&p->writable);
}

static void pipe_release(struct file *f)
{
	struct pipe *p = f->data; /* freed with its inode */

	mutex_lock(&p->lock);
	leave(p, f->mode);
	while (!p->readers && !p->writers && p->count) /* a FIFO that nobody has open is empty */
		drop_first(p);
	mutex_unlock(&p->lock);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read, .write = pipe_write, .poll = pipe_poll, .ioctl = pipe_ioctl, .release = pipe_release,
};

long pipe_get_size(struct file *f)
{
	return f->ops == &pipe_ops ? (long)(((struct pipe *)f->data)->pages * PAGE_SIZE) : -EBADF;
}

/* Moves what is in the pipe to a ring of so many slots. */
static long resize(struct pipe *p, unsigned pages)
{
	struct pipe_page *ring = kzalloc(pages * sizeof(*ring)), *old;

	if (!ring)
		return -ENOMEM;
	mutex_lock(&p->lock);
	if (pages < p->count) {
		mutex_unlock(&p->lock);
		kfree(ring);
		return -EBUSY;
	}
	for (unsigned i = 0; i < p->count; i++)
		ring[i] = *slot(p, i);
	old = p->ring;
	p->ring = ring;
	p->first = 0;
	p->pages = pages;
	mutex_unlock(&p->lock);
	if (old != p->inline_ring)
		kfree(old);
	waitq_wake_all(&p->writable);
	return (long)(pages * PAGE_SIZE);
}

long pipe_set_size(struct file *f, unsigned long bytes)
{
	unsigned long pages;

	if (f->ops != &pipe_ops)
		return -EBADF;
	if (bytes > 1ul << 31)
		return -EINVAL;
	pages = 1ul << log2_up(MAX((bytes + PAGE_SIZE - 1) >> PAGE_SHIFT, 1ul));
	if (pages > PIPE_PAGES_MAX && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	return resize(f->data, (unsigned)pages);
}

void fifo_inode_free(struct inode *i)
{
	if (i->pipe)
		pipe_free(i->pipe);
	i->pipe = NULL;
}

static int make_ends(struct path *at, struct pipe *p, struct file **reader, struct file **writer, unsigned flags)
{
	*reader = file_new(at, &pipe_ops, FMODE_READ | FMODE_STREAM, O_RDONLY | flags);
	if (IS_ERR(*reader))
		return (int)PTR_ERR(*reader);
	path_get(at);
	p->readers = p->reader_opens = 1;
	(*reader)->data = p;
	*writer = file_new(at, &pipe_ops, FMODE_WRITE | FMODE_STREAM, O_WRONLY | flags);
	if (IS_ERR(*writer)) {
		file_put(*reader);
		return (int)PTR_ERR(*writer);
	}
	p->writers = p->writer_opens = 1;
	p->had_writer = true;
	(*writer)->data = p;
	return 0;
}

int pipe_create(struct file **reader, struct file **writer, unsigned flags)
{
	struct pipe *p = pipe_new();
	char name[32];
	struct path at;
	int err = -ENOMEM;

	if (p)
		err = anoninode_new(S_IFIFO | 0600, "", fifo_inode_free, &at);
	if (err) {
		if (p)
			pipe_free(p);
		return err;
	}
	fmt_buf(name, sizeof(name), "pipe:[%llu]", (unsigned long long)at.dentry->inode->ino);
	str_copy(at.dentry->inline_name, name, sizeof(at.dentry->inline_name));
	at.dentry->name_len = (uint16_t)strlen(at.dentry->inline_name);
	p->unnamed = true;
	at.dentry->inode->pipe = p; /* freed with the inode */
	err = make_ends(&at, p, reader, writer, flags & (O_NONBLOCK | O_DIRECT));
	if (err)
		path_put(&at);
	return err;
}

/* The pipe behind a FIFO: made by the first open, freed with the inode. */
static struct pipe *fifo_pipe(struct inode *i)
{
	struct pipe *fresh;
	void *old = NULL;

	if (load_acquire(&i->pipe))
		return i->pipe;
	fresh = pipe_new();
	if (fresh && !__atomic_compare_exchange_n(&i->pipe, &old, fresh, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		pipe_free(fresh);
	return i->pipe;
}

static void enter(struct pipe *p, unsigned mode)
{
	if (mode & FMODE_READ) {
		p->readers++;
		p->reader_opens++;
	}
	if (mode & FMODE_WRITE) {
		p->writers++;
		p->writer_opens++;
		p->had_writer = true;
	}
	waitq_wake_all(&p->readable);
	waitq_wake_all(&p->writable);
}

/* An opener of one side waits for the first of the other; p->lock is held before and after. */
static int wait_for_other(struct pipe *p, struct waitq *q, const unsigned *opens)
{
	unsigned seen = *opens;
	int err;

	mutex_unlock(&p->lock);
	err = waitq_wait(q, READ_ONCE(*opens) != seen, WAIT_INTERRUPTIBLE);
	mutex_lock(&p->lock);
	return err;
}

/* fifo(7): a reader waits for a writer and the reverse, unless O_NONBLOCK. p->lock is held. */
static int meet(struct pipe *p, unsigned side, bool nonblock)
{
	if (p->unnamed)
		return 0;
	if (side == FMODE_READ && !p->writers && !nonblock)
		return wait_for_other(p, &p->readable, &p->writer_opens);
	if (side == FMODE_READ && !p->writers)
		p->had_writer = false; /* no POLLHUP before a first writer came */
	if (side == FMODE_WRITE && !p->readers)
		return wait_for_other(p, &p->writable, &p->reader_opens);
	return 0;
}

static int fifo_open(struct inode *i, struct file *f)
{
	struct pipe *p = fifo_pipe(i);
	unsigned side = f->mode & (FMODE_READ | FMODE_WRITE);
	int err;

	if (!p)
		return -ENOMEM;
	mutex_lock(&p->lock);
	if (side == FMODE_WRITE && f->flags & O_NONBLOCK && !p->readers && !p->unnamed) {
		mutex_unlock(&p->lock);
		return -ENXIO;
	}
	f->ops = &pipe_ops;
	f->data = p;
	f->mode |= FMODE_STREAM;
	enter(p, f->mode);
	err = meet(p, side, f->flags & O_NONBLOCK);
	if (err)
		leave(p, f->mode);
	mutex_unlock(&p->lock);
	return err;
}

const struct file_ops fifo_ops = { .open = fifo_open };
