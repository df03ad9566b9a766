/* SPDX-License-Identifier: MIT */
/*
 * The pipe's lock is not held while a file is read or written, for both may sleep long. So a page that goes to a file is taken out of the pipe
 * first, and what the file did not take is put back in front of what has come since.
 */
#include "vfs/splice.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/waitq.h"
#include "task/sigqueue.h"
#include "vfs/pipering.h"

bool splice_is_pipe(const struct file *f) { return f->ops == &pipe_ops; }

static bool has_slot(struct pipe *p) { return READ_ONCE(p->count) < READ_ONCE(p->pages); }

/* Until there is something to take: 1, locked. 0: nobody writes any more; EAGAIN, ERESTARTSYS: not locked. */
static long wait_for_bytes(struct pipe *p, bool nonblock)
{
	long err;

	for (;;) {
		mutex_lock(&p->lock);
		if (p->count)
			return 1;
		err = p->writers ? -EAGAIN : 0;
		mutex_unlock(&p->lock);
		if (!err || nonblock)
			return err;
		err = waitq_wait(&p->readable, pipe_can_read(p), WAIT_INTERRUPTIBLE);
		if (err)
			return err;
	}
}

/* Until a page can be added: 1, locked. EPIPE (the signal is the caller's), EAGAIN, ERESTARTSYS: not locked. */
static long wait_for_slot(struct pipe *p, bool nonblock)
{
	long err;

	for (;;) {
		mutex_lock(&p->lock);
		if (p->readers && has_slot(p))
			return 1;
		err = p->readers ? -EAGAIN : -EPIPE;
		mutex_unlock(&p->lock);
		if (err == -EPIPE || nonblock)
			return err;
		err = waitq_wait(&p->writable, has_slot(p) || !READ_ONCE(p->readers), WAIT_INTERRUPTIBLE);
		if (err)
			return err;
	}
}

static void add_page(struct pipe *p, const struct pipe_page *b)
{
	*pipe_slot(p, p->count++) = *b;
	p->bytes += b->end - b->start;
	pipe_note_tail(p);
}

/* A page in front of all others. The pipe may be full by now: then it grows (ring: twice as many slots, empty; taken if it is needed). */
static void put_back(struct pipe *p, const struct pipe_page *b, struct pipe_page **ring)
{
	if (p->count == p->pages) {
		struct pipe_page *old = p->ring == p->inline_ring ? NULL : p->ring;

		for (unsigned i = 0; i < p->count; i++)
			(*ring)[i] = *pipe_slot(p, i);
		p->ring = *ring;
		p->first = 0;
		p->pages *= 2;
		*ring = old;
	}
	p->first = (p->first - 1) & (p->pages - 1);
	p->count++;
	*pipe_slot(p, 0) = *b;
	p->bytes += b->end - b->start;
	pipe_note_tail(p);
}

/* The first page is the caller's now. Lock held; what was waiting for room is woken by the caller. */
static struct pipe_page take_first(struct pipe *p)
{
	struct pipe_page b = *pipe_slot(p, 0);

	p->bytes -= b.end - b.start;
	p->first = (p->first + 1) & (p->pages - 1);
	p->count--;
	pipe_note_tail(p);
	return b;
}

/* Writes up to len bytes of the page to the file; what stays goes back. Lock taken and given up. */
static ssize_t page_to_file(struct pipe *p, struct pipe_page *b, struct file *out, loff_t *pos, size_t len, struct pipe_page **ring)
{
	size_t want = MIN(len, (size_t)(b->end - b->start));
	struct uio u;
	ssize_t n;

	uio_kernel(&u, b->mem + b->start, want);
	n = file_write(out, &u, pos);
	if (n > 0)
		b->start += (unsigned)n;
	mutex_lock(&p->lock);
	if (b->start < b->end)
		put_back(p, b, ring);
	else
		pipe_page_release(p, b->mem);
	mutex_unlock(&p->lock);
	pipe_wake(&p->writable, PIPE_OUT_EVENTS);
	if (b->start < b->end)
		pipe_wake(&p->readable, PIPE_IN_EVENTS);
	return n;
}

/* Slots to put a page back into a pipe that has become full. */
static struct pipe_page *ring_for(struct pipe *p)
{
	struct pipe_page *ring;
	unsigned pages;

	for (;;) {
		pages = READ_ONCE(p->pages);
		ring = kzalloc(2 * pages * sizeof(*ring));
		if (!ring)
			return NULL;
		mutex_lock(&p->lock);
		if (p->pages <= pages)
			return ring; /* locked */
		mutex_unlock(&p->lock);
		kfree(ring);
	}
}

ssize_t splice_to_file(struct file *pipe, struct file *out, loff_t *pos, size_t len, bool nonblock)
{
	struct pipe *p = pipe->data;
	ssize_t done = 0, n = 0;
	bool freed = false;

	while ((size_t)done < len && !signal_fatal_pending_current()) {
		struct pipe_page *ring, b;
		size_t had;

		n = wait_for_bytes(p, nonblock || done);
		if (n <= 0)
			break;
		mutex_unlock(&p->lock);
		ring = ring_for(p);
		if (!ring) {
			n = -ENOMEM;
			break;
		}
		if (!p->count) { /* another reader was faster */
			mutex_unlock(&p->lock);
			kfree(ring);
			continue;
		}
		b = take_first(p);
		mutex_unlock(&p->lock);
		had = MIN((size_t)(b.end - b.start), len - (size_t)done);
		n = page_to_file(p, &b, out, pos, had, &ring);
		kfree(ring);
		freed |= b.start == b.end;
		if (n <= 0)
			break;
		done += n;
		if ((size_t)n < had)
			break;
	}
	if (freed)
		fasync_tell(&p->async_out, POLL_OUT);
	return done ? done : n;
}

/* What is read has a page of its own, which then goes into the pipe. */
static ssize_t file_to_page(struct file *in, loff_t *pos, struct pipe *p, char *mem, size_t len, bool nonblock)
{
	struct uio u;
	ssize_t n;
	long err;

	err = wait_for_slot(p, nonblock); /* before anything is read that might have to go back */
	if (err < 0)
		return err;
	mutex_unlock(&p->lock);
	uio_kernel(&u, mem, len);
	n = file_read(in, &u, pos);
	if (n <= 0)
		return n;
	err = wait_for_slot(p, false);
	if (err < 0)
		return err;
	add_page(p, &(struct pipe_page){ .mem = mem, .end = (unsigned)n });
	mutex_unlock(&p->lock);
	pipe_wake(&p->readable, PIPE_IN_EVENTS);
	return n;
}

static ssize_t file_loop(struct file *in, loff_t *pos, struct pipe *p, size_t len, bool nonblock)
{
	bool stream = in->mode & FMODE_STREAM || !S_ISREG(in->inode->mode);
	ssize_t done = 0, n = 0;

	while ((size_t)done < len && !signal_fatal_pending_current()) {
		size_t want = MIN(len - (size_t)done, (size_t)PAGE_SIZE);
		loff_t at = pos ? *pos : 0;
		char *mem = kmalloc(PAGE_SIZE, 0);

		n = mem ? file_to_page(in, pos ? &at : NULL, p, mem, want, nonblock || done) : -ENOMEM;
		if (n <= 0) {
			kfree(mem);
			break;
		}
		if (pos)
			*pos = at;
		done += n;
		if (stream || (size_t)n < want) /* another read might wait, or is the end */
			break;
	}
	return done ? done : n;
}

ssize_t splice_from_file(struct file *in, loff_t *pos, struct file *pipe, size_t len, bool nonblock)
{
	bool own = !pos && S_ISREG(in->inode->mode);
	struct pipe *p = pipe->data;
	loff_t at = 0;
	ssize_t n;

	if (own) { /* the position moves by what has arrived */
		mutex_lock(&in->pos_lock);
		at = in->pos;
		mutex_unlock(&in->pos_lock);
	}
	n = file_loop(in, own ? &at : pos, p, len, nonblock);
	if (n > 0)
		fasync_tell(&p->async_in, POLL_IN);
	if (own && n > 0) {
		mutex_lock(&in->pos_lock);
		in->pos = at;
		mutex_unlock(&in->pos_lock);
	}
	return n == -EPIPE ? pipe_broken(0) : n;
}

static void lock_both(struct pipe *a, struct pipe *b)
{
	mutex_lock(a < b ? &a->lock : &b->lock);
	mutex_lock_nested(a < b ? &b->lock : &a->lock); /* by address */
}

/* Up to len bytes of b in a page of their own. */
static bool copy_part(struct pipe *out, const struct pipe_page *b, unsigned skip, size_t len, struct pipe_page *copy)
{
	char *mem = pipe_page_take(out);

	if (!mem)
		return false;
	*copy = (struct pipe_page){ .mem = mem, .end = (unsigned)MIN(len, (size_t)(b->end - b->start - skip)), .packet = b->packet };
	memcpy(mem, b->mem + b->start + skip, copy->end);
	return true;
}

/* Both locked: as many pages as there are and fit. */
static ssize_t move(struct pipe *in, struct pipe *out, size_t len, bool copy)
{
	struct pipe_page b;
	ssize_t done = 0;

	for (unsigned i = 0; (size_t)done < len && out->count < out->pages && i < in->count; i += copy) {
		struct pipe_page *from = pipe_slot(in, i);
		size_t n = from->end - from->start;

		if (!copy && n <= len - (size_t)done) {
			b = take_first(in);
		} else if (!copy_part(out, from, 0, len - (size_t)done, &b)) {
			return done ? done : -ENOMEM;
		} else if (!copy) {
			from->start += b.end;
			in->bytes -= b.end;
		}
		done += b.end - b.start;
		add_page(out, &b);
	}
	return done;
}

ssize_t splice_pipes(struct file *from, struct file *to, size_t len, bool copy, bool nonblock)
{
	struct pipe *in = from->data, *out = to->data;
	unsigned had;
	ssize_t n;
	bool more, freed;

	if (in == out)
		return -EINVAL;
	do {
		n = wait_for_bytes(in, nonblock);
		if (n <= 0)
			return n;
		mutex_unlock(&in->lock);
		n = wait_for_slot(out, nonblock);
		if (n < 0)
			return n == -EPIPE ? pipe_broken(0) : n;
		mutex_unlock(&out->lock);
		lock_both(in, out);
		had = in->count;
		n = out->readers ? move(in, out, len, copy) : -EPIPE;
		freed = in->count < had;
		more = in->count != 0;
		mutex_unlock(&in->lock);
		mutex_unlock(&out->lock);
	} while (!n && !signal_pending_current()); /* others took the bytes or the room meanwhile */
	if (n > 0) {
		pipe_wake(&out->readable, PIPE_IN_EVENTS);
		if (!copy)
			pipe_wake(&in->writable, PIPE_OUT_EVENTS);
		if (more)
			pipe_wake(&in->readable, PIPE_IN_EVENTS);
		fasync_tell(&out->async_in, POLL_IN);
		if (freed)
			fasync_tell(&in->async_out, POLL_OUT);
	}
	return n == -EPIPE ? pipe_broken(0) : n ? n : -ERESTARTSYS;
}

ssize_t splice_from_user(struct uio *u, struct file *pipe, bool nonblock)
{
	struct pipe *p = pipe->data;
	int err = 0;
	ssize_t n = wait_for_slot(p, nonblock);

	if (n < 0)
		return n == -EPIPE ? pipe_broken(0) : n;
	n = (ssize_t)pipe_give(p, u, false, &err);
	mutex_unlock(&p->lock);
	if (n) {
		pipe_wake(&p->readable, PIPE_IN_EVENTS);
		fasync_tell(&p->async_in, POLL_IN);
	}
	return n ? n : err;
}

ssize_t splice_to_user(struct file *pipe, struct uio *u, bool nonblock)
{
	struct pipe *p = pipe->data;
	bool fault = false, more;
	ssize_t n = wait_for_bytes(p, nonblock);
	unsigned had;

	if (n <= 0)
		return n;
	had = p->count;
	n = (ssize_t)pipe_take(p, u, &fault);
	more = p->count != 0;
	had -= p->count;
	mutex_unlock(&p->lock);
	if (n)
		pipe_wake(&p->writable, PIPE_OUT_EVENTS);
	if (more)
		pipe_wake(&p->readable, PIPE_IN_EVENTS);
	if (had)
		fasync_tell(&p->async_out, POLL_OUT);
	return n ? n : fault ? -EFAULT : 0;
}
