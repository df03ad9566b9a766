/* SPDX-License-Identifier: MIT */
/*
 * Pipes and FIFOs. The buffer is a ring of pages that are allocated when written and freed when read, so an idle pipe holds no memory. pipe->lock is
 * held while bytes move; sleepers wait on two queues and are woken only when the other side may have been waiting for the change.
 */
#include "vfs/pipe.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/frame.h"
#include "mem/slab.h"
#include "task/process.h"
#include "vfs/poll.h"

#define PIPE_PAGES 16u
#define PIPE_ATOMIC 4096u /* PIPE_BUF */
#define FIONREAD 0x541b

struct pipe_page { char *mem; unsigned start, end; };

struct pipe {
	struct mutex lock; /* LOCK_PIPE: everything below */
	struct waitq readable, writable;
	unsigned readers, writers;
	unsigned reader_opens, writer_opens; /* ever, so that an open waiting for the other side cannot miss it */
	unsigned first, count;               /* pages in use: ring[first .. first + count) */
	size_t bytes;
	struct pipe_page ring[PIPE_PAGES];
};

static SLAB_CACHE(pipe_cache, pipe);
static struct super pipe_super;
static atomic_long_t next_ino = ATOMIC_INIT(1);

static struct pipe *pipe_new(void)
{
	struct pipe *p = slab_alloc(&pipe_cache, ALLOC_ZERO);

	if (p) {
		mutex_init(&p->lock, LOCK_PIPE);
		waitq_init(&p->readable);
		waitq_init(&p->writable);
	}
	return p;
}

static void pipe_free(struct pipe *p)
{
	for (unsigned i = 0; i < p->count; i++)
		kfree(p->ring[(p->first + i) % PIPE_PAGES].mem);
	slab_free(&pipe_cache, p);
}

/* Moves bytes out until the reader has enough or the pipe is empty. */
static size_t take(struct pipe *p, struct uio *u, bool *fault)
{
	size_t done = 0;

	while (u->left && p->count) {
		struct pipe_page *b = &p->ring[p->first];
		size_t n = MIN(u->left, (size_t)(b->end - b->start)), moved = uio_put(u, b->mem + b->start, n);

		b->start += (unsigned)moved;
		p->bytes -= moved;
		done += moved;
		if (b->start == b->end) {
			kfree(b->mem);
			b->mem = NULL;
			p->first = (p->first + 1) % PIPE_PAGES;
			p->count--;
		}
		if (moved < n) {
			*fault = true;
			break;
		}
	}
	return done;
}

static ssize_t pipe_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct pipe *p = f->data;
	bool fault = false, was_full;
	ssize_t n = 0;
	int err;

	(void)pos;
	if (!u->left)
		return 0;
	for (;;) {
		mutex_lock(&p->lock);
		was_full = p->count == PIPE_PAGES;
		n = (ssize_t)take(p, u, &fault);
		if (n || fault || !p->writers)
			break;
		mutex_unlock(&p->lock);
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_wait(&p->readable, READ_ONCE(p->count) || !READ_ONCE(p->writers), WAIT_INTERRUPTIBLE);
		if (err)
			return err;
	}
	mutex_unlock(&p->lock);
	if (n && (was_full || waitq_active(&p->writable)))
		waitq_wake_key(&p->writable, ~0u, POLLOUT | POLLWRNORM);
	return n ? n : fault ? -EFAULT : 0;
}

static size_t room(const struct pipe *p)
{
	size_t n = (PIPE_PAGES - p->count) * PAGE_SIZE;

	if (p->count)
		n += PAGE_SIZE - p->ring[(p->first + p->count - 1) % PIPE_PAGES].end;
	return n;
}

/* Moves bytes in while there is room. *err: -EFAULT or -ENOMEM stopped it. */
static size_t give(struct pipe *p, struct uio *u, int *err)
{
	size_t done = 0;

	while (u->left) {
		struct pipe_page *b = p->count ? &p->ring[(p->first + p->count - 1) % PIPE_PAGES] : NULL;
		size_t n, moved;

		if (!b || b->end == PAGE_SIZE) {
			char *mem = p->count < PIPE_PAGES ? kmalloc(PAGE_SIZE, 0) : NULL;

			if (!mem) {
				*err = p->count < PIPE_PAGES ? -ENOMEM : 0;
				break;
			}
			b = &p->ring[(p->first + p->count++) % PIPE_PAGES];
			*b = (struct pipe_page){ mem, 0, 0 };
		}
		n = MIN(u->left, (size_t)(PAGE_SIZE - b->end));
		moved = uio_get(u, b->mem + b->end, n);
		b->end += (unsigned)moved;
		p->bytes += moved;
		done += moved;
		if (b->start == b->end) { /* nothing arrived: an empty page must not stay */
			kfree(b->mem);
			p->count--;
		}
		if (moved < n) {
			*err = -EFAULT;
			break;
		}
	}
	return done;
}

static ssize_t broken(ssize_t done)
{
	if (done)
		return done;
	signal_kernel(process_current(), SIGPIPE);
	return -EPIPE;
}

static ssize_t pipe_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct pipe *p = f->data;
	size_t atomic = u->left <= PIPE_ATOMIC ? u->left : 1;
	ssize_t done = 0;
	int err = 0;

	(void)pos;
	if (!u->left)
		return 0;
	for (;;) {
		mutex_lock(&p->lock);
		if (!p->readers) {
			mutex_unlock(&p->lock);
			return broken(done);
		}
		if (room(p) >= atomic)
			done += (ssize_t)give(p, u, &err);
		mutex_unlock(&p->lock);
		if (done && waitq_active(&p->readable))
			waitq_wake_key(&p->readable, ~0u, POLLIN | POLLRDNORM);
		if (!u->left || err)
			return done ? done : err;
		if (f->flags & O_NONBLOCK)
			return done ? done : -EAGAIN;
		err = waitq_wait(&p->writable, room(p) >= atomic || !READ_ONCE(p->readers), WAIT_INTERRUPTIBLE);
		if (err)
			return done ? done : err;
	}
}

static unsigned pipe_poll(struct file *f, struct poll_table *t)
{
	struct pipe *p = f->data;
	unsigned ev = 0;

	if (f->mode & FMODE_READ) {
		poll_wait(t, &p->readable);
		ev |= READ_ONCE(p->count) ? POLLIN | POLLRDNORM : 0;
		ev |= !READ_ONCE(p->writers) && p->writer_opens ? POLLHUP : 0;
	}
	if (f->mode & FMODE_WRITE) {
		poll_wait(t, &p->writable);
		ev |= READ_ONCE(p->count) < PIPE_PAGES ? POLLOUT | POLLWRNORM : 0;
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
	mutex_unlock(&p->lock);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read, .write = pipe_write, .poll = pipe_poll, .ioctl = pipe_ioctl, .release = pipe_release,
};

static const struct inode_ops no_inode_ops;

static void pipe_inode_free(struct inode *i)
{
	if (i->pipe)
		pipe_free(i->pipe);
	kfree(i);
}

static void never_free(struct super *sb) { (void)sb; }
static const struct super_ops pipe_super_ops = { .inode_free = pipe_inode_free, .super_free = never_free };

struct dentry *anon_dentry(mode_t mode, const char *kind)
{
	struct inode *i = kzalloc(sizeof(*i));
	struct dentry *d;
	char name[32];

	if (!i)
		return NULL;
	if (!pipe_super.ops) {
		pipe_super.ops = &pipe_super_ops;
		pipe_super.fstype = "pipefs";
		pipe_super.dev = super_alloc_dev();
		refcount_set(&pipe_super.refs, 1);
	}
	inode_init(i, &pipe_super, (ino_t)atomic_add_return(&next_ino, 1), mode);
	i->ops = &no_inode_ops;
	i->uid = cred_current()->fsuid;
	i->gid = cred_current()->fsgid;
	fmt_buf(name, sizeof(name), "%s:[%llu]", kind, (unsigned long long)i->ino);
	d = dentry_make_anon(i, name);
	if (!d)
		inode_put(i);
	return d;
}

static struct mount *anon_mount(void) { return mount_root_path.mnt; }

int pipe_create(struct file **reader, struct file **writer, unsigned flags)
{
	struct path at = { anon_mount(), anon_dentry(S_IFIFO | 0600, "pipe") };
	struct pipe *p = at.dentry ? pipe_new() : NULL;

	if (!p) {
		dentry_put(at.dentry);
		return -ENFILE;
	}
	at.dentry->inode->pipe = p; /* freed with the inode */
	*reader = file_new(&at, &pipe_ops, FMODE_READ | FMODE_STREAM, O_RDONLY | (flags & O_NONBLOCK));
	*writer = *reader ? file_new(&at, &pipe_ops, FMODE_WRITE | FMODE_STREAM, O_WRONLY | (flags & O_NONBLOCK)) : NULL;
	if (!*writer) {
		if (*reader) {
			(*reader)->data = p;
			p->readers = 1;
			file_put(*reader);
		}
		dentry_put(at.dentry);
		return -ENFILE;
	}
	p->readers = p->writers = p->reader_opens = p->writer_opens = 1;
	(*reader)->data = (*writer)->data = p;
	dentry_put(at.dentry);
	return 0;
}

/* The pipe behind a FIFO: made by the first open, freed with the inode. */
static struct pipe *fifo_pipe(struct inode *i)
{
	struct pipe *fresh, *old = NULL;

	if (i->pipe)
		return i->pipe;
	fresh = pipe_new();
	if (fresh && !__atomic_compare_exchange_n(&i->pipe, (void **)&old, fresh, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		pipe_free(fresh);
	return i->pipe;
}

/* fifo(7): a reader waits for a writer and the reverse, unless O_NONBLOCK. */
static int fifo_open(struct inode *i, struct file *f)
{
	struct pipe *p = fifo_pipe(i);
	unsigned seen;
	int err = 0;

	if (!p)
		return -ENOMEM;
	f->ops = &pipe_ops;
	f->data = p;
	f->mode |= FMODE_STREAM;
	mutex_lock(&p->lock);
	if (f->mode & FMODE_READ) {
		p->readers++;
		p->reader_opens++;
	}
	if (f->mode & FMODE_WRITE) {
		p->writers++;
		p->writer_opens++;
	}
	waitq_wake_all(&p->readable);
	waitq_wake_all(&p->writable);
	if ((f->mode & (FMODE_READ | FMODE_WRITE)) == FMODE_READ && !p->writers && !(f->flags & O_NONBLOCK)) {
		seen = p->writer_opens;
		mutex_unlock(&p->lock);
		err = waitq_wait(&p->readable, READ_ONCE(p->writer_opens) != seen, WAIT_INTERRUPTIBLE);
		mutex_lock(&p->lock);
	} else if ((f->mode & (FMODE_READ | FMODE_WRITE)) == FMODE_WRITE && !p->readers) {
		if (f->flags & O_NONBLOCK) {
			err = -ENXIO;
		} else {
			seen = p->reader_opens;
			mutex_unlock(&p->lock);
			err = waitq_wait(&p->writable, READ_ONCE(p->reader_opens) != seen, WAIT_INTERRUPTIBLE);
			mutex_lock(&p->lock);
		}
	}
	if (err)
		leave(p, f->mode);
	mutex_unlock(&p->lock);
	return err;
}

const struct file_ops fifo_ops = { .open = fifo_open };

void fifo_inode_free(struct inode *i)
{
	if (i->pipe)
		pipe_free(i->pipe);
	i->pipe = NULL;
}
