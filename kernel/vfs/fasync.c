/* SPDX-License-Identifier: MIT */
/* Once O_ASYNC is taken back, no signal of it comes any more: they are sent under the lock. */
#include "vfs/fasync.h"
#include "lib/errno.h"
#include "vfs/fileowner.h"

/* On its way along a list, with the lock let go of between two steps. Who comes is put in front, where no round comes by, however often. */
struct round {
	struct list link;
	struct list *next; /* is met next; the list's head: it is over */
};

static struct mutex lock = MUTEX_INIT(lock, LOCK_ASYNC);
static struct list rounds = LIST_INIT(rounds);

/* Lock held, as below. */
static long enter(struct file *f, int fd)
{
	struct fileowner *o = fileowner_of(f);
	struct fasync *lists[FILE_LISTS];
	int n = o ? f->ops->async(f, lists) : -ENOMEM;

	if (n < 0)
		return n;
	o->fd = fd;
	for (; o->asyncs < (unsigned)n; o->asyncs++) {
		struct list *head = &lists[o->asyncs]->files;
		struct fileowner_async *a = &o->async[o->asyncs];

		a->file = f;
		if (!head->next)
			list_init(head);
		list_push_front(head, &a->link);
	}
	__atomic_fetch_or(&f->flags, O_ASYNC, __ATOMIC_RELAXED);
	return 0;
}

static void take_out(struct list *link)
{
	struct list *before = link->prev;
	struct round *r;

	list_for_each_entry(r, &rounds, link)
		if (r->next == link)
			r->next = link->next;
	list_del(link);
	if (list_empty(before)) /* the head */
		WRITE_ONCE(before->next, NULL);
}

/* A flag that open(2) was given stays: nothing came of it. */
static void leave(struct file *f)
{
	struct fileowner *o = f->owner;

	if (!o || !o->asyncs)
		return;
	while (o->asyncs)
		take_out(&o->async[--o->asyncs].link);
	__atomic_fetch_and(&f->flags, ~(unsigned)O_ASYNC, __ATOMIC_RELAXED);
}

long fasync_set(struct file *f, int fd, bool on)
{
	long err = 0;

	mutex_lock(&lock);
	if (!on)
		leave(f);
	else if (!(READ_ONCE(f->flags) & O_ASYNC))
		err = enter(f, fd);
	mutex_unlock(&lock);
	return err;
}

/* Or the head: nobody. */
static struct list *first(struct fasync *l) { return fasync_any(l) ? l->files.next : &l->files; }

void fasync_end(struct fasync *l, bool (*ended)(const struct file *f))
{
	mutex_lock(&lock);
	for (struct list *at = first(l), *next; at != &l->files; at = next) {
		struct file *f = list_entry(at, struct fileowner_async, link)->file;

		next = at->next;
		if (ended(f))
			leave(f);
	}
	mutex_unlock(&lock);
}

static void send(const struct fileowner_async *a, int code)
{
	struct fileowner *o = a->file->owner;
	struct fileowner_message m;

	fileowner_message(o, &m);
	m.fd = o->fd;
	m.code = code;
	m.band = code == POLL_IN ? POLLIN | POLLRDNORM : POLLOUT | POLLWRNORM | POLLWRBAND;
	fileowner_send(&m);
}

void fasync_send(struct fasync *l, int code)
{
	struct round r;

	mutex_lock(&lock);
	r.next = first(l);
	list_push_front(&rounds, &r.link);
	while (r.next != &l->files) {
		struct list *now = r.next;

		r.next = now->next;
		send(list_entry(now, struct fileowner_async, link), code);
		mutex_unlock(&lock);
		mutex_lock(&lock);
	}
	list_del(&r.link);
	mutex_unlock(&lock);
}
