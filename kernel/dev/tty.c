/* SPDX-License-Identifier: MIT */
/*
 * Terminals. Bytes arrive in interrupts and go through the line discipline under the terminal's lock; the signals that they mean are sent
 * by deferred work, for the tree of processes may not be looked at from an interrupt. Session and foreground group are guarded by proc_tree_lock.
 */
#include "dev/tty.h"

#include "dev/console.h"
#include "dev/ldisc.h"
#include "dev/serial.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "sched/kthread.h"
#include "task/group.h"
#include "vfs/chrdev.h"
#include "vfs/file.h"

enum { TCGETS = 0x5401, TCSETS, TCSETSW, TCSETSF, TCSBRK = 0x5409, TCXONC, TCFLSH, TIOCEXCL, TIOCNXCL, TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCOUTQ,
       TIOCGWINSZ = 0x5413, TIOCSWINSZ, TIOCINQ = 0x541b, TIOCGSERIAL = 0x541e, TIOCNOTTY = 0x5422, TCSBRKP = 0x5425, TIOCGSID = 0x5429 };

struct winsize { uint16_t rows, cols, xpixel, ypixel; };

struct tty {
	struct spinlock lock;      /* LOCK_TTY, interrupts off: ld, size, signals */
	struct ldisc ld;
	struct winsize size;
	uint64_t signals;          /* bits to be sent to the foreground group */
	struct work signal_work;
	struct waitq readable, writable;
	unsigned port;
	/* proc_tree_lock */
	struct session *session;   /* whose controlling terminal; not counted */
	struct pgroup *foreground; /* counted */
};

static struct tty ttys[SERIAL_PORTS];

static void echo(void *ctx, const char *s, size_t n) { serial_write(((struct tty *)ctx)->port, s, n); }

/* In the discipline, lock held: noted for the worker. */
static void note_signal(void *ctx, int signo)
{
	struct tty *t = ctx;

	t->signals |= SIGBIT(signo);
	work_queue(&t->signal_work);
}

static const struct ldisc_ops ldisc_ops = { .echo = echo, .signal = note_signal };

static struct pgroup *foreground_get(struct tty *t)
{
	struct pgroup *g;

	spin_lock(&proc_tree_lock);
	g = t->foreground;
	if (g)
		pgroup_get(g);
	spin_unlock(&proc_tree_lock);
	return g;
}

static void signal_foreground(struct tty *t, int signo)
{
	struct pgroup *g = foreground_get(t);

	if (!g)
		return;
	pgroup_signal(g, signo);
	pgroup_put(g);
}

static void send_signals(struct work *w)
{
	struct tty *t = container_of(w, struct tty, signal_work);
	unsigned long irq = spin_lock_irqsave(&t->lock);
	uint64_t set = t->signals;

	t->signals = 0;
	spin_unlock_irqrestore(&t->lock, irq);
	for (int n = 1; n <= NSIG; n++)
		if (set & SIGBIT(n))
			signal_foreground(t, n);
}

static void receive(unsigned port, unsigned char c)
{
	struct tty *t = &ttys[port];
	unsigned long irq = spin_lock_irqsave(&t->lock);
	bool wake;

	ldisc_input(&t->ld, c);
	wake = ldisc_readable(&t->ld);
	spin_unlock_irqrestore(&t->lock, irq);
	if (wake)
		waitq_wake_key(&t->readable, ~0u, POLLIN | POLLRDNORM);
	waitq_wake_key(&t->writable, ~0u, POLLOUT | POLLWRNORM);
}

/*
 * May a process in the background go on? 0, -EIO, or -ERESTARTSYS after its group got the signal (SIGTTIN, SIGTTOU).
 */
static int check_background(struct tty *t, int signo)
{
	struct process *p = process_current();
	struct sighand *s = p->sighand;
	struct pgroup *g = NULL;
	bool ignored, orphaned = false;
	unsigned long irq;

	irq = spin_lock_irqsave(&s->lock);
	ignored = s->action[signo - 1].handler == SIG_IGN || task_current()->sigmask & SIGBIT(signo);
	spin_unlock_irqrestore(&s->lock, irq);
	spin_lock(&proc_tree_lock);
	if (p->session == t->session && t->session && t->foreground && p->group != t->foreground) {
		g = p->group;
		pgroup_get(g);
		orphaned = pgroup_orphaned(g);
	}
	spin_unlock(&proc_tree_lock);
	if (!g)
		return 0;
	if (!ignored && !orphaned)
		pgroup_signal(g, signo);
	pgroup_put(g);
	if (ignored)
		return signo == SIGTTIN ? -EIO : 0;
	return orphaned ? -EIO : -ERESTARTSYS;
}

static bool readable(struct tty *t)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	bool yes = ldisc_readable(&t->ld);

	spin_unlock_irqrestore(&t->lock, irq);
	return yes;
}

/* How long a read waits: for ever, or by VTIME where VMIN asks for nothing (termios(3)). */
static ktime_t read_deadline(const struct tty *t)
{
	const struct termios *m = &t->ld.t;

	if (m->lflag & ICANON || m->cc[VMIN])
		return WAIT_FOREVER;
	return clock_now() + m->cc[VTIME] * 100 * NSEC_PER_MSEC;
}

static ssize_t wait_and_take(struct file *f, struct tty *t, char *buf, size_t n)
{
	ktime_t deadline = read_deadline(t);
	unsigned long irq;

	for (;;) {
		int err = check_background(t, SIGTTIN);
		bool ready;

		if (err)
			return err;
		irq = spin_lock_irqsave(&t->lock);
		ready = ldisc_readable(&t->ld);
		n = ready ? ldisc_read(&t->ld, buf, n) : n;
		spin_unlock_irqrestore(&t->lock, irq);
		if (ready)
			return (ssize_t)n;
		if (f->flags & O_NONBLOCK)
			return -EAGAIN;
		err = waitq_wait_until(&t->readable, readable(t), WAIT_INTERRUPTIBLE, deadline);
		if (err)
			return err == -ETIMEDOUT ? 0 : err;
	}
}

static ssize_t tty_read(struct file *f, struct uio *u, loff_t *pos)
{
	size_t cap = MIN(u->left, (size_t)LDISC_BUF);
	char *buf;
	ssize_t n;

	(void)pos;
	if (!cap)
		return 0;
	buf = kmalloc(cap, 0);
	if (!buf)
		return -ENOMEM;
	n = wait_and_take(f, f->data, buf, cap);
	if (n > 0 && uio_put(u, buf, (size_t)n) < (size_t)n)
		n = -EFAULT;
	kfree(buf);
	return n;
}

static void output(struct tty *t, const char *s, size_t n)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	char out[256];

	while (n) {
		size_t used, k = ldisc_output(&t->ld, s, n, &used, out, sizeof(out));

		serial_write(t->port, out, k);
		s += used;
		n -= used;
	}
	spin_unlock_irqrestore(&t->lock, irq);
}

static ssize_t tty_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct tty *t = f->data;
	size_t done = 0;
	char buf[128];
	int err = t->ld.t.lflag & TOSTOP ? check_background(t, SIGTTOU) : 0;

	(void)pos;
	while (!err && u->left) {
		size_t n = MIN(u->left, sizeof(buf)), got;

		if (READ_ONCE(t->ld.stopped) && f->flags & O_NONBLOCK)
			err = -EAGAIN;
		else
			err = waitq_wait(&t->writable, !READ_ONCE(t->ld.stopped), WAIT_INTERRUPTIBLE);
		if (err)
			break;
		got = uio_get(u, buf, n);
		output(t, buf, got);
		done += got;
		if (got < n)
			err = -EFAULT;
	}
	return done ? (ssize_t)done : err;
}

static unsigned tty_poll(struct file *f, struct poll_table *p)
{
	struct tty *t = f->data;

	poll_wait(p, &t->readable);
	poll_wait(p, &t->writable);
	return (readable(t) ? POLLIN | POLLRDNORM : 0) | (READ_ONCE(t->ld.stopped) ? 0 : POLLOUT | POLLWRNORM);
}

static long set_termios(struct tty *t, unsigned long arg, bool flush)
{
	struct termios m;
	unsigned long irq;
	uint32_t old;
	int err = check_background(t, SIGTTOU);

	if (err)
		return err;
	if (user_get(&m, arg))
		return -EFAULT;
	irq = spin_lock_irqsave(&t->lock);
	old = t->ld.t.lflag;
	t->ld.t = m;
	if (flush)
		ldisc_flush_input(&t->ld);
	ldisc_settings_changed(&t->ld, old);
	spin_unlock_irqrestore(&t->lock, irq);
	waitq_wake_all(&t->readable);
	return 0;
}

static long get_termios(struct tty *t, unsigned long arg)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	struct termios m = t->ld.t;

	spin_unlock_irqrestore(&t->lock, irq);
	return user_put(arg, &m);
}

static long set_size(struct tty *t, unsigned long arg)
{
	struct winsize w;
	unsigned long irq;
	bool changed;

	if (user_get(&w, arg))
		return -EFAULT;
	irq = spin_lock_irqsave(&t->lock);
	changed = memcmp(&w, &t->size, sizeof(w)) != 0;
	t->size = w;
	spin_unlock_irqrestore(&t->lock, irq);
	if (changed)
		signal_foreground(t, SIGWINCH);
	return 0;
}

static long get_size(struct tty *t, unsigned long arg)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	struct winsize w = t->size;

	spin_unlock_irqrestore(&t->lock, irq);
	return user_put(arg, &w);
}

/* Lock held: the session leader's terminal from now on. */
static void acquire_locked(struct tty *t, struct process *p)
{
	t->session = p->session;
	p->session->tty = t;
	t->foreground = p->group;
	pgroup_get(p->group);
}

/* TIOCSCTTY, and open without O_NOCTTY (quietly). */
static long acquire(struct tty *t)
{
	struct process *p = process_current();
	long err = 0;

	spin_lock(&proc_tree_lock);
	if (p->session->leader != p)
		err = -EPERM;
	else if (t->session != p->session) {
		if (p->session->tty || t->session)
			err = -EPERM;
		else
			acquire_locked(t, p);
	}
	spin_unlock(&proc_tree_lock);
	return err;
}

/* The session loses its terminal; its foreground group is told. */
static void disassociate(struct session *s)
{
	struct pgroup *g = NULL;
	struct tty *t;

	spin_lock(&proc_tree_lock);
	t = s->tty;
	if (t) {
		g = t->foreground;
		t->foreground = NULL;
		t->session = NULL;
		s->tty = NULL;
	}
	spin_unlock(&proc_tree_lock);
	if (!g)
		return;
	pgroup_signal(g, SIGHUP);
	pgroup_signal(g, SIGCONT);
	pgroup_put(g);
}

static long give_up(struct tty *t)
{
	struct process *p = process_current();

	if (p->session->tty != t)
		return -ENOTTY;
	if (p->session->leader == p)
		disassociate(p->session);
	return 0;
}

static long get_group(struct tty *t, unsigned long arg, bool session)
{
	int id = 0;

	spin_lock(&proc_tree_lock);
	if (!t->session || process_current()->session != t->session)
		id = -ENOTTY;
	else
		id = session ? t->session->sid : t->foreground ? t->foreground->pgid : 0;
	spin_unlock(&proc_tree_lock);
	return id < 0 ? id : user_put(arg, &id);
}

static long set_group(struct tty *t, unsigned long arg)
{
	struct pgroup *g, *old = NULL;
	int id, err = check_background(t, SIGTTOU);

	if (err)
		return err;
	if (user_get(&id, arg))
		return -EFAULT;
	if (id < 0)
		return -EINVAL;
	g = pgroup_find(id);
	spin_lock(&proc_tree_lock);
	if (!t->session || process_current()->session != t->session)
		err = -ENOTTY;
	else if (!g)
		err = -ESRCH;
	else if (g->session != t->session)
		err = -EPERM;
	if (!err) {
		old = t->foreground;
		t->foreground = g;
		g = NULL;
	}
	spin_unlock(&proc_tree_lock);
	if (g)
		pgroup_put(g);
	if (old)
		pgroup_put(old);
	return err;
}

static long flush_queues(struct tty *t, unsigned long which)
{
	unsigned long irq;

	if (which > 2)
		return -EINVAL;
	irq = spin_lock_irqsave(&t->lock);
	if (which != 1)
		ldisc_flush_input(&t->ld);
	spin_unlock_irqrestore(&t->lock, irq);
	return 0;
}

/* struct serial_struct, of which the type (16550A) and the number are told. */
static long get_serial(struct tty *t, unsigned long arg)
{
	uint32_t s[15] = { 4, t->port };

	return user_write(arg, s, sizeof(s));
}

static long put_int(unsigned long arg, int n) { return user_put(arg, &n); }

static long tty_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	struct tty *t = f->data;

	switch (cmd) {
	case TCGETS: return get_termios(t, arg);
	case TCSETS: case TCSETSW: return set_termios(t, arg, false);
	case TCSETSF: return set_termios(t, arg, true);
	case TCSBRK: case TCSBRKP: return 0; /* output is out already */
	case TCFLSH: return flush_queues(t, arg);
	case TIOCSCTTY: return acquire(t);
	case TIOCNOTTY: return give_up(t);
	case TIOCGPGRP: return get_group(t, arg, false);
	case TIOCGSID: return get_group(t, arg, true);
	case TIOCSPGRP: return set_group(t, arg);
	case TIOCGWINSZ: return get_size(t, arg);
	case TIOCSWINSZ: return set_size(t, arg);
	case TIOCGSERIAL: return get_serial(t, arg);
	case TIOCOUTQ: return put_int(arg, 0);
	case TIOCINQ: return put_int(arg, (int)ldisc_available(&t->ld));
	default: return -ENOTTY;
	}
}

static struct tty *tty_of(dev_t dev)
{
	struct tty *t;

	if (dev == MKDEV(5, 1))
		dev = console_device();
	if (dev == MKDEV(5, 0)) {
		spin_lock(&proc_tree_lock);
		t = process_current()->session->tty;
		spin_unlock(&proc_tree_lock);
		return t;
	}
	if (MAJOR(dev) != TTY_MAJOR || MINOR(dev) < TTY_SERIAL_MINOR || MINOR(dev) - TTY_SERIAL_MINOR >= SERIAL_PORTS)
		return NULL;
	t = &ttys[MINOR(dev) - TTY_SERIAL_MINOR];
	return serial_probe(t->port) ? t : NULL;
}

static int tty_open(struct inode *i, struct file *f)
{
	struct tty *t = tty_of(i->rdev);

	if (!t)
		return -ENXIO;
	f->data = t;
	f->mode |= FMODE_STREAM;
	if (!(f->flags & O_NOCTTY) && i->rdev != MKDEV(5, 1) && thread_current()->user)
		acquire(t);
	return 0;
}

static const struct file_ops tty_ops = { .open = tty_open, .read = tty_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl };

void tty_init(void)
{
	for (unsigned n = 0; n < SERIAL_PORTS; n++) {
		struct tty *t = &ttys[n];

		spin_init(&t->lock, LOCK_TTY);
		ldisc_init(&t->ld, &ldisc_ops, t);
		work_init(&t->signal_work, send_signals);
		waitq_init(&t->readable);
		waitq_init(&t->writable);
		t->port = n;
		serial_start(n, receive);
	}
	session_leader_exit_hook = disassociate;
	chrdev_register(5, 0, 1, &tty_ops, "/dev/tty");
	chrdev_register(5, 1, 1, &tty_ops, "/dev/console");
	chrdev_register(TTY_MAJOR, TTY_SERIAL_MINOR, SERIAL_PORTS, &tty_ops, "ttyS");
}
