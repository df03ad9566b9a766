/* SPDX-License-Identifier: MIT */
/*
 * Pseudo terminals. A pair is there while its master or any file of its slave is open (refs). The slave is an ordinary terminal whose device is a
 * ring that the master reads. When the master goes the slave hangs up; when the last file of the slave goes the master reads EIO.
 */
#include "dev/pty.h"

#include "dev/tty.h"
#include "dev/ttyjob.h"
#include "dev/ttysignal.h"
#include "fs/devpts.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/ring.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "vfs/chrdev.h"
#include "vfs/fdtable.h"

#define RING_BYTES 4096u
#define CHUNK 256u

enum { TCFLSH = 0x540b, TIOCGPGRP = 0x540f, TIOCINQ = 0x541b, TIOCGSID = 0x5429, TIOCSCTTY = 0x540e, TIOCNOTTY = 0x5422, TIOCSPGRP = 0x5410, TIOCGPTPEER = 0x5441 };
#define TIOCGPTN 0x80045430u
#define TIOCSPTLCK 0x40045431u
#define TIOCSIG 0x40045436u
#define TIOCGPTLCK 0x80045439u
#define TIOCPKT 0x5420u
#define TIOCGPKT 0x80045438u

struct pty {
	struct tty slave;         /* its lock guards what follows */
	struct ring out;          /* what the slave wrote */
	struct waitq readable, writable; /* the master's */
	unsigned n;
	unsigned slave_files;
	bool slave_closed;        /* was open and is no more */
	bool packet;              /* TIOCPKT: each read of the master begins with a byte that says what it is */
	unsigned status;          /* PKT_ bits that are such a byte next; 0: none */
	bool locked;              /* TIOCSPTLCK: the slave may not be opened yet */
	refcount_t refs;          /* the master's file and each of the slave's: as long as there are any it has its number */
	refcount_t memory;        /* those together, and signals on their way */
	unsigned char buf[RING_BYTES];
};

static struct spinlock table_lock = SPINLOCK_INIT(LOCK_LEAF);
static struct pty *table[PTS_MAX]; /* table_lock; not counted: an entry goes before the pair */

static struct pty *pty_of(struct tty *t) { return container_of(t, struct pty, slave); }

static void memory_put(struct pty *p)
{
	if (refcount_put(&p->memory))
		kfree(p);
}

static void pty_put(struct pty *p)
{
	bool last;

	spin_lock(&table_lock);
	last = refcount_put(&p->refs);
	if (last)
		table[p->n] = NULL;
	spin_unlock(&table_lock);
	if (last)
		memory_put(p);
}

static struct pty *pty_find(unsigned n)
{
	struct pty *p;

	spin_lock(&table_lock);
	p = n < PTS_MAX ? table[n] : NULL;
	if (p)
		refcount_get(&p->refs);
	spin_unlock(&table_lock);
	return p;
}

/* ---- the slave's device ---- */

/* Lock held. Echo that does not fit is lost; output waits for room. */
static void slave_write(struct tty *t, const char *s, size_t n)
{
	struct pty *p = pty_of(t);

	ring_write(&p->out, s, n);
	ttysignal_input(t, TTY_MASTER, false);
	waitq_wake_key(&p->readable, ~0u, POLLIN | POLLRDNORM);
}

static size_t slave_room(struct tty *t) { return ring_space(&pty_of(t)->out); }

static void slave_freed(struct tty *t)
{
	waitq_wake_key(&pty_of(t)->writable, ~0u, POLLOUT | POLLWRNORM);
	ttysignal_room(t, TTY_MASTER);
}

/* Lock held. */
static void slave_status(struct tty *t, unsigned bits)
{
	struct pty *p = pty_of(t);

	if (bits & PKT_FLUSHWRITE)
		ring_clear(&p->out);
	if (!p->packet)
		return;
	if (bits & (PKT_STOP | PKT_START))
		p->status &= ~(PKT_STOP | PKT_START);
	if (bits & (PKT_NOSTOP | PKT_DOSTOP))
		p->status &= ~(PKT_NOSTOP | PKT_DOSTOP);
	p->status |= bits;
	waitq_wake_key(&p->readable, ~0u, POLLIN | POLLRDNORM | POLLPRI);
}

static void slave_opened(struct tty *t)
{
	struct pty *p = pty_of(t);
	unsigned long irq = spin_lock_irqsave(&t->lock);

	refcount_get(&p->refs);
	p->slave_files++;
	p->slave_closed = false;
	spin_unlock_irqrestore(&t->lock, irq);
}

static void slave_gone(struct tty *t)
{
	struct pty *p = pty_of(t);
	unsigned long irq = spin_lock_irqsave(&t->lock);

	if (!--p->slave_files)
		p->slave_closed = true;
	spin_unlock_irqrestore(&t->lock, irq);
	waitq_wake_all(&p->readable);
	waitq_wake_all(&p->writable);
	pty_put(p);
}

static void slave_hold(struct tty *t) { refcount_get(&pty_of(t)->memory); }
static void slave_drop(struct tty *t) { memory_put(pty_of(t)); }

static const struct tty_driver slave_driver = {
	.write = slave_write, .room = slave_room, .freed = slave_freed, .opened = slave_opened, .closed = slave_gone,
	.hold = slave_hold, .drop = slave_drop, .status = slave_status,
};

static int slave_open(struct inode *i, struct file *f)
{
	struct pty *p = pty_find(MINOR(i->rdev));
	int err;

	if (!p)
		return -EIO;
	if (READ_ONCE(p->locked) || READ_ONCE(p->slave.hung_up)) {
		pty_put(p);
		return -EIO;
	}
	err = thread_current()->user ? tty_may_open(&p->slave) : 0;
	if (err) {
		pty_put(p);
		return err;
	}
	slave_opened(&p->slave);
	pty_put(p);
	tty_opened(f, &p->slave);
	if (!(f->flags & O_NOCTTY) && thread_current()->user)
		ttyjob_acquire(&p->slave, false); /* quietly */
	return 0;
}

static const struct file_ops slave_ops = {
	.open = slave_open, .release = tty_release, .read = tty_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl,
	.async = tty_async,
};

/* ---- the master ---- */

static struct pty *pty_new(void)
{
	struct pty *p = kzalloc(sizeof(*p));

	if (!p)
		return NULL;
	ring_init(&p->out, p->buf, RING_BYTES);
	waitq_init(&p->readable);
	waitq_init(&p->writable);
	refcount_set(&p->refs, 1);
	refcount_set(&p->memory, 1);
	p->locked = true;
	p->n = PTS_MAX;
	return p;
}

/* Puts it into the table under the lowest free number. */
static bool number_pty(struct pty *p)
{
	unsigned n = 0;

	spin_lock(&table_lock);
	while (n < PTS_MAX && table[n])
		n++;
	if (n < PTS_MAX) {
		tty_setup(&p->slave, &slave_driver, MKDEV(PTS_MAJOR, n), n);
		p->n = n;
		table[n] = p;
	}
	spin_unlock(&table_lock);
	return n < PTS_MAX;
}

static int master_open(struct inode *i, struct file *f)
{
	struct pty *p = pty_new();
	int err;

	(void)i;
	if (!p)
		return -ENOMEM;
	if (!number_pty(p)) {
		kfree(p);
		return -ENOSPC;
	}
	err = devpts_add(p->n);
	if (err) {
		pty_put(p);
		return err;
	}
	f->data = p;
	f->mode |= FMODE_STREAM;
	return 0;
}

static void master_release(struct file *f)
{
	struct pty *p = f->data;

	devpts_remove(p->n);
	tty_hangup(&p->slave);
	pty_put(p);
}

/* There is room for what the slave writes. */
static void output_freed(struct pty *p)
{
	waitq_wake_key(&p->slave.writable, ~0u, POLLOUT | POLLWRNORM);
	ttysignal_room(&p->slave, TTY_SELF);
}

/* What the master's read gets next. first: in packet mode it begins with the status, or with 0 before data. */
static size_t take(struct pty *p, char *buf, size_t n, bool first, bool *status)
{
	unsigned long irq = spin_lock_irqsave(&p->slave.lock);
	bool packet = p->packet && first;
	size_t got = 0;

	*status = packet && p->status;
	if (*status) {
		buf[0] = (char)p->status;
		p->status = 0;
		spin_unlock_irqrestore(&p->slave.lock, irq);
		return 1;
	}
	if (packet && ring_used(&p->out)) {
		buf[got++] = 0;
		n--;
	}
	n = ring_read(&p->out, buf + got, n);
	spin_unlock_irqrestore(&p->slave.lock, irq);
	if (n)
		output_freed(p);
	return n + got;
}

static size_t master_waiting(struct pty *p)
{
	unsigned long irq = spin_lock_irqsave(&p->slave.lock);
	size_t n = ring_used(&p->out) + (p->packet && p->status);

	spin_unlock_irqrestore(&p->slave.lock, irq);
	return n;
}

static ssize_t master_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct pty *p = f->data;
	size_t done = 0, n;
	char buf[CHUNK];
	bool status;
	int err;

	(void)pos;
	if (!u->left)
		return 0;
	while (!(n = take(p, buf, MIN(u->left, sizeof(buf)), true, &status))) {
		if (READ_ONCE(p->slave_closed))
			return -EIO;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_wait(&p->readable, master_waiting(p) || READ_ONCE(p->slave_closed), WAIT_INTERRUPTIBLE);
		if (err)
			return err;
	}
	do {
		size_t moved = uio_put(u, buf, n);

		done += moved;
		if (moved < n)
			return done ? (ssize_t)done : -EFAULT;
	} while (u->left && !status && (n = take(p, buf, MIN(u->left, sizeof(buf)), false, &status)));
	return (ssize_t)done;
}

/* Input goes in while there is room, and also when nobody could make any: a line too long for the buffer loses what does not fit. */
static size_t input_room(struct pty *p)
{
	unsigned long irq = spin_lock_irqsave(&p->slave.lock);
	const struct ldisc *l = &p->slave.ld;
	size_t room = LDISC_BUF - (l->tail - l->head);

	if (room < CHUNK && !ldisc_available(l))
		room = CHUNK;
	spin_unlock_irqrestore(&p->slave.lock, irq);
	return room;
}

static ssize_t master_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct pty *p = f->data;
	size_t done = 0;
	char buf[CHUNK];
	int err = 0;

	(void)pos;
	while (u->left && !err) {
		size_t n = MIN(u->left, MIN(input_room(p), sizeof(buf))), got;

		if (!n) {
			err = f->flags & O_NONBLOCK ? -EAGAIN : waitq_wait(&p->writable, input_room(p) > 0, WAIT_INTERRUPTIBLE);
			continue;
		}
		got = uio_get(u, buf, n);
		tty_receive(&p->slave, buf, got);
		done += got;
		if (got < n)
			err = -EFAULT;
	}
	if (u->left) {
		ttysignal_want_room(&p->slave, TTY_MASTER);
		if (input_room(p)) /* it came meanwhile */
			ttysignal_room(&p->slave, TTY_MASTER);
	}
	return done ? (ssize_t)done : err;
}

static int master_async(struct file *f, struct fasync *lists[FILE_LISTS])
{
	struct pty *p = f->data;

	return ttysignal_async(&p->slave, TTY_MASTER, f, lists);
}

static unsigned master_poll(struct file *f, struct poll_table *t)
{
	struct pty *p = f->data;

	poll_wait(t, &p->readable);
	poll_wait(t, &p->writable);
	return (master_waiting(p) ? POLLIN | POLLRDNORM : 0) | (READ_ONCE(p->packet) && READ_ONCE(p->status) ? POLLPRI : 0) | (input_room(p) ? POLLOUT | POLLWRNORM : 0)
		| (READ_ONCE(p->slave_closed) ? POLLHUP : 0);
}

static long put_int(unsigned long arg, int n) { return user_put(arg, &n); }

static long set_packet(struct pty *p, unsigned long arg)
{
	unsigned long irq;
	int on;

	if (user_get(&on, arg))
		return -EFAULT;
	irq = spin_lock_irqsave(&p->slave.lock);
	if (on && !p->packet)
		p->status = 0;
	p->packet = on != 0;
	spin_unlock_irqrestore(&p->slave.lock, irq);
	return 0;
}

static long set_locked(struct pty *p, unsigned long arg)
{
	int on;

	if (user_get(&on, arg))
		return -EFAULT;
	WRITE_ONCE(p->locked, on != 0);
	return 0;
}

/* TIOCGPTPEER: opens the slave, whose name need not be known to the caller. */
static long open_peer(struct pty *p, int flags)
{
	char name[24];
	struct file *f;
	int fd;

	fmt_buf(name, sizeof(name), "/dev/pts/%u", p->n);
	f = file_open(AT_FDCWD, name, flags, 0);
	if (IS_ERR(f))
		return PTR_ERR(f);
	fd = fd_install(fdtable_current(), f, 0, flags & O_CLOEXEC, fd_limit());
	if (fd < 0)
		file_put(f);
	return fd;
}

/* The master may ask for its slave's group and session, though it is nobody's controlling terminal. */
static long get_group(struct pty *p, unsigned long arg, bool session)
{
	pid_t id;
	unsigned dev;

	spin_lock(&proc_tree_lock);
	ttyjob_describe(&p->slave, &dev, &id);
	if (session)
		id = p->slave.session ? p->slave.session->sid : -1;
	spin_unlock(&proc_tree_lock);
	if (id < 0 && session)
		return -ENOTTY;
	return put_int(arg, id < 0 ? 0 : id);
}

static long send_signal(struct pty *p, unsigned long signo)
{
	if (!signo || signo > NSIG)
		return -EINVAL;
	ttyjob_signal(&p->slave, (int)signo);
	return 0;
}

static void clear_output(struct pty *p)
{
	unsigned long irq = spin_lock_irqsave(&p->slave.lock);

	ring_clear(&p->out);
	spin_unlock_irqrestore(&p->slave.lock, irq);
	output_freed(p);
}

/* TCFLSH: what the master could read is the slave's output, and the other way round. */
static long flush(struct pty *p, unsigned long which)
{
	if (which > 2)
		return -EINVAL;
	if (which != 1)
		clear_output(p);
	return which ? tty_control(&p->slave, TCFLSH, 0) : 0;
}

static long master_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct pty *p = f->data;

	switch (cmd) {
	case TIOCGPTN: return put_int(arg, (int)p->n);
	case TIOCSPTLCK: return set_locked(p, arg);
	case TIOCGPTLCK: return put_int(arg, READ_ONCE(p->locked));
	case TIOCPKT: return set_packet(p, arg);
	case TIOCGPKT: return put_int(arg, READ_ONCE(p->packet));
	case TIOCGPTPEER: return open_peer(p, (int)arg);
	case TIOCSIG: return send_signal(p, arg);
	case TIOCGPGRP: return get_group(p, arg, false);
	case TIOCGSID: return get_group(p, arg, true);
	case TIOCSCTTY: case TIOCNOTTY: case TIOCSPGRP: return -ENOTTY;
	case TCFLSH: return flush(p, arg);
	case TIOCINQ: return put_int(arg, (int)master_waiting(p));
	default: return tty_control(&p->slave, cmd, arg);
	}
}

static const struct file_ops master_ops = {
	.open = master_open, .release = master_release, .read = master_read, .write = master_write, .poll = master_poll, .ioctl = master_ioctl,
	.async = master_async,
};

void pty_init(void)
{
	devpts_init();
	chrdev_register(5, 2, 1, &master_ops, "/dev/ptmx");
	chrdev_register(PTS_MAJOR, 0, PTS_MAX, &slave_ops, "pts");
}
