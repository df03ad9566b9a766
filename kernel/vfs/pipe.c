/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs. The buffer is a ring of pages, allocated when written and given back when read, but for one that is kept for the next write.
 * pipe->lock is held while bytes move (user copies may fault under it). Sleepers wait on two queues, and are woken only when somebody waits.
 */
#include "vfs/pipe.h"
#include "vfs/pipering.h"

#include "lib/bits.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "task/process.h"
#include "task/sigqueue.h"
#include "task/usercount.h"
#include "vfs/anoninode.h"

#define PIPE_PAGES_LEAST 2u
#define PIPE_PAGES_MAX 256u /* 1 MiB: what an unprivileged process may ask for */
#define PIPE_ATOMIC 4096u   /* PIPE_BUF */
#define FIONREAD 0x541b

static SLAB_CACHE(pipe_cache, pipe);

static bool may_have_more(void) { return capable(CAP_SYS_RESOURCE) || capable(CAP_SYS_ADMIN); }

/* Counts the pages of a new pipe as its user's, who gets small pipes from some number of pages on. False without memory. */
static bool charge(struct pipe *p)
{
	unsigned long total;

	p->user = cred_current()->uid;
	p->pages = PIPE_PAGES;
	if (usercount_add_pipe(p->user, PIPE_PAGES, &total))
		return false;
	if (unlikely(total > PIPE_USER_PAGES) && !may_have_more()) {
		usercount_sub_pipe(p->user, PIPE_PAGES - PIPE_PAGES_LEAST);
		p->pages = PIPE_PAGES_LEAST;
	}
	return true;
}

static struct pipe *pipe_new(void)
{
	struct pipe *p = slab_alloc(&pipe_cache, ALLOC_ZERO);

	if (!p)
		return NULL;
	mutex_init(&p->lock, LOCK_PIPE);
	waitq_init(&p->readable);
	waitq_init(&p->writable);
	p->ring = p->inline_ring;
	if (!charge(p)) {
		slab_free(&pipe_cache, p);
		return NULL;
	}
	return p;
}

void pipe_page_release(struct pipe *p, char *mem)
{
	if (p->spare)
		kfree(mem);
	else
		p->spare = mem;
}

char *pipe_page_take(struct pipe *p)
{
	char *mem = p->spare;

	p->spare = NULL;
	return mem ? mem : kmalloc(PAGE_SIZE, 0);
}

static void pipe_free(struct pipe *p)
{
	for (unsigned i = 0; i < p->count; i++)
		kfree(pipe_slot(p, i)->mem);
	kfree(p->spare);
	if (p->ring != p->inline_ring)
		kfree(p->ring);
	usercount_sub_pipe(p->user, p->pages);
	slab_free(&pipe_cache, p);
}

void pipe_note_tail(struct pipe *p)
{
	const struct pipe_page *last = p->count ? pipe_slot(p, p->count - 1) : NULL;

	WRITE_ONCE(p->tail_room, last && !last->packet ? (unsigned)PAGE_SIZE - last->end : 0);
}

void pipe_drop_first(struct pipe *p)
{
	struct pipe_page *b = pipe_slot(p, 0);

	p->bytes -= b->end - b->start;
	pipe_page_release(p, b->mem);
	p->first = (p->first + 1) & (p->pages - 1);
	p->count--;
	pipe_note_tail(p);
}

/* Moves bytes out until the reader has enough, or the pipe is empty, or a packet ends. */
size_t pipe_take(struct pipe *p, struct uio *u, bool *fault)
{
	size_t done = 0;

	while (u->left && p->count) {
		struct pipe_page *b = pipe_slot(p, 0);
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
			pipe_drop_first(p);
		if (packet)
			break;
	}
	return done;
}

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
		n = (ssize_t)pipe_take(p, u, &fault);
		if (n || fault || !p->writers)
			break;
		mutex_unlock(&p->lock);
		fasync_tell(&p->async_out, POLL_OUT); /* as Linux: after every look, whatever it found */
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_wait(&p->readable, pipe_can_read(p), WAIT_INTERRUPTIBLE);
		if (err)
			return err;
		slept = true;
	}
	more = slept && p->count != 0;
	mutex_unlock(&p->lock);
	if (n)
		pipe_wake(&p->writable, PIPE_OUT_EVENTS);
	if (more) /* the wake-up that brought this reader here may be owed to another one */
		pipe_wake(&p->readable, PIPE_IN_EVENTS);
	fasync_tell(&p->async_out, POLL_OUT);
	return n ? n : fault ? -EFAULT : 0;
}

/* The page that the next bytes go to; NULL: none free (*err stays 0) or no memory. */
static struct pipe_page *page_for_write(struct pipe *p, bool packet, int *err)
{
	struct pipe_page *b = p->count ? pipe_slot(p, p->count - 1) : NULL;
	char *mem;

	if (b && !packet && !b->packet && b->end < PAGE_SIZE)
		return b;
	if (p->count == p->pages)
		return NULL;
	mem = pipe_page_take(p);
	if (!mem) {
		*err = -ENOMEM;
		return NULL;
	}
	b = pipe_slot(p, p->count++);
	*b = (struct pipe_page){ .mem = mem, .packet = packet };
	return b;
}

/* Moves bytes in while there is room. *err: what stopped it, if not the room. */
size_t pipe_give(struct pipe *p, struct uio *u, bool packet, int *err)
{
	struct pipe_page *b;
	size_t done = 0;

	while (u->left && (b = page_for_write(p, packet, err)) != NULL) {
		size_t n = MIN(u->left, (size_t)(PAGE_SIZE - b->end)), moved = uio_get(u, b->mem + b->end, n);

		b->end += (unsigned)moved;
		p->bytes += moved;
		done += moved;
		if (b->start == b->end) { /* nothing arrived: an empty page must not stay */
			pipe_page_release(p, b->mem);
			p->count--;
		}
		if (moved < n) {
			*err = -EFAULT;
			break;
		}
	}
	pipe_note_tail(p);
	return done;
}

ssize_t pipe_broken(ssize_t done)
{
	if (done)
		return done;
	signal_kernel(process_current(), SIGPIPE);
	return -EPIPE;
}

static bool can_write(struct pipe *p, size_t need) { return pipe_room(p) >= need || !READ_ONCE(p->readers); }

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
			return pipe_broken(done);
		}
		if (packet ? p->count < p->pages : pipe_room(p) >= need)
			done += (ssize_t)pipe_give(p, u, packet, &err);
		free = slept && p->count < p->pages;
		mutex_unlock(&p->lock);
		if (done)
			pipe_wake(&p->readable, PIPE_IN_EVENTS);
		fasync_tell(&p->async_in, POLL_IN);
		if (!u->left || err) {
			if (free)
				pipe_wake(&p->writable, PIPE_OUT_EVENTS);
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
		ev |= READ_ONCE(p->count) ? PIPE_IN_EVENTS : 0;
		ev |= !READ_ONCE(p->writers) && READ_ONCE(p->had_writer) ? POLLHUP : 0;
	}
	if (f->mode & FMODE_WRITE) {
		poll_wait(t, &p->writable);
		ev |= READ_ONCE(p->count) < p->pages ? PIPE_OUT_EVENTS : 0;
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
	bool alone;

	mutex_lock(&p->lock);
	leave(p, f->mode);
	alone = !p->readers != !p->writers;
	while (!p->readers && !p->writers && p->count) /* a FIFO that nobody has open is empty */
		pipe_drop_first(p);
	mutex_unlock(&p->lock);
	if (alone) { /* who is left finds an end of file, or a pipe that is broken */
		fasync_tell(&p->async_in, POLL_IN);
		fasync_tell(&p->async_out, POLL_OUT);
	}
}

static int pipe_async(struct file *f, struct fasync *lists[FILE_LISTS])
{
	struct pipe *p = f->data;
	int n = 0;

	if (f->mode & FMODE_READ)
		lists[n++] = &p->async_in;
	if (f->mode & FMODE_WRITE)
		lists[n++] = &p->async_out;
	return n;
}

const struct file_ops pipe_ops = {
	.read = pipe_read, .write = pipe_write, .poll = pipe_poll, .ioctl = pipe_ioctl, .release = pipe_release, .async = pipe_async,
};

long pipe_get_size(struct file *f)
{
	return f->ops == &pipe_ops ? (long)(((struct pipe *)f->data)->pages * PAGE_SIZE) : -EBADF;
}

/* Gives the pipe that ring of so many slots, with what is in it. The number of those that it had, or -EBUSY: more are in use. */
static long exchange_ring(struct pipe *p, struct pipe_page *ring, unsigned pages)
{
	struct pipe_page *old = ring;
	long had = -EBUSY;

	mutex_lock(&p->lock);
	if (pages >= p->count) {
		for (unsigned i = 0; i < p->count; i++)
			ring[i] = *pipe_slot(p, i);
		old = p->ring;
		had = (long)p->pages;
		p->ring = ring;
		p->first = 0;
		p->pages = pages;
	}
	mutex_unlock(&p->lock);
	if (old != p->inline_ring)
		kfree(old);
	return had;
}

static long resize(struct pipe *p, unsigned pages)
{
	unsigned long total, before = READ_ONCE(p->pages);
	struct pipe_page *ring = kzalloc(pages * sizeof(*ring));
	long had;

	if (!ring)
		return -ENOMEM;
	if (usercount_add_pipe(p->user, pages, &total)) {
		kfree(ring);
		return -ENOMEM;
	}
	if (pages > before && total > PIPE_USER_PAGES + before && !may_have_more()) {
		kfree(ring);
		had = -EPERM;
	} else {
		had = exchange_ring(p, ring, pages);
	}
	usercount_sub_pipe(p->user, had < 0 ? pages : (unsigned long)had);
	if (had < 0)
		return had;
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
