/* SPDX-License-Identifier: MIT */
/*
 * Terminals. Bytes arrive in interrupts and go through the line discipline under the terminal's lock; the signals that they mean are sent
 * by deferred work, for the tree of processes may not be looked at from an interrupt. Session and foreground group are guarded by proc_tree_lock.
 */
#include "dev/tty.h"

#include "dev/termio.h"
#include "dev/ttyjob.h"
#include "dev/ttysignal.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"

#define OUT_CHUNK 256u
#define OUT_CHAR 8u
#define READ_FEW 128u /* bytes that reading takes no memory for; if there is none, longer reads get that many at most */

enum { TCGETS = 0x5401, TCSETS, TCSETSW, TCSETSF, TCGETA, TCSETA, TCSETAW, TCSETAF, TCSBRK, TCXONC, TCFLSH, TIOCEXCL, TIOCNXCL, TIOCSCTTY, TIOCGPGRP, TIOCSPGRP, TIOCOUTQ,
       TIOCGWINSZ = 0x5413, TIOCSWINSZ, TIOCSTI = 0x5412, TIOCINQ = 0x541b, TIOCNOTTY = 0x5422, TCSBRKP = 0x5425, TIOCGSID = 0x5429,
       TIOCGLCKTRMIOS = 0x5456 };

#define TIOCGEXCL 0x80045440u

static void put(struct tty *t, const char *s, size_t n)
{
	if (!t->hung_up)
		t->driver->write(t, s, n);
}

static void echo(void *ctx, const char *s, size_t n) { put(ctx, s, n); }

static void note_signal(void *ctx, int signo) { ttysignal_note(ctx, signo); }

static void status(struct tty *t, unsigned bits)
{
	if (t->driver->status)
		t->driver->status(t, bits);
}

static void note_status(void *ctx, unsigned bits) { status(ctx, bits); }

static const struct ldisc_ops ldisc_ops = { .echo = echo, .signal = note_signal, .status = note_status };

/* Lock held, after input: is there something to be read? Who asked for signals gets one; lines are told of when they end. */
static bool input_came(struct tty *t)
{
	bool input = ldisc_available(&t->ld) > 0;

	if (input && !(t->ld.t.lflag & ICANON))
		ttysignal_input(t, TTY_SELF, false);
	return input;
}

/* Lock held: what the device answered to output is typed in its name. */
static void type_answer(struct tty *t)
{
	unsigned n = t->answer_len;

	t->answer_len = 0;
	for (unsigned i = 0; i < n; i++)
		ldisc_input(&t->ld, (unsigned char)t->answer[i]);
}

static size_t room(struct tty *t) { return t->driver->room ? t->driver->room(t) : OUT_CHUNK; }

/* What can be written now; the longest that one character becomes is OUT_CHAR. */
static bool writable(struct tty *t)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	bool yes = t->hung_up || (!t->ld.stopped && room(t) >= OUT_CHAR);

	spin_unlock_irqrestore(&t->lock, irq);
	return yes;
}

/* There may be room for what could not be written. */
static void tell_room(struct tty *t)
{
	if (READ_ONCE(t->async[TTY_SELF].wants_out) && writable(t))
		ttysignal_room(t, TTY_SELF);
}

static void wake(struct tty *t, bool input)
{
	if (input)
		waitq_wake_key(&t->readable, ~0u, POLLIN | POLLRDNORM);
	waitq_wake_key(&t->writable, ~0u, POLLOUT | POLLWRNORM);
	tell_room(t);
}

void tty_sent(struct tty *t) { wake(t, false); }

static size_t queued(struct tty *t) { return t->driver->queued ? t->driver->queued(t) : 0; }

/* Until all output has left (tcdrain(3)); `interrupted` when a signal comes first. */
static int wait_sent(struct tty *t, int interrupted)
{
	return waitq_wait(&t->writable, !queued(t) || READ_ONCE(t->hung_up), WAIT_INTERRUPTIBLE) ? interrupted : 0;
}

static long send_break(struct tty *t)
{
	int err = ttyjob_check(t, SIGTTOU);

	return err ? err : wait_sent(t, -EINTR); /* there is no break on these lines */
}

/* Input was taken, or is forgotten: there is room for more. */
static void freed(struct tty *t)
{
	if (t->driver->freed)
		t->driver->freed(t);
}

/* Bytes taken with interrupts off; fewer while the line is long, since editing it takes longer. */
#define RECEIVE_STEP 16u
#define LONG_LINE 256u

/* true: something is left, of the bytes or of what the last one asked for. The lock held. */
static bool receive_some(struct tty *t, const char **s, size_t *n)
{
	for (unsigned i = 0; i < RECEIVE_STEP && *n && !ldisc_busy(&t->ld); i++) {
		unsigned lines = t->ld.lines;

		ldisc_begin(&t->ld, (unsigned char)**s);
		if (t->ld.lines > lines)
			ttysignal_input(t, TTY_SELF, true);
		(*s)++;
		(*n)--;
		if (ldisc_line_length(&t->ld) > LONG_LINE)
			break;
	}
	if (ldisc_busy(&t->ld))
		ldisc_go_on(&t->ld);
	return *n || ldisc_busy(&t->ld);
}

void tty_receive(struct tty *t, const char *s, size_t n)
{
	bool more = true, input = false;

	while (more) {
		unsigned long irq = spin_lock_irqsave(&t->lock);

		more = receive_some(t, &s, &n);
		input = !more && input_came(t);
		spin_unlock_irqrestore(&t->lock, irq);
	}
	wake(t, input);
}

static bool lost(const struct file *f, const struct tty *t)
{
	return READ_ONCE(t->hung_up) || (unsigned)f->pos != READ_ONCE(t->hangups);
}

static bool lost_file(const struct file *f) { return lost(f, f->data); }

/* The line is gone, for good, or for those who have the terminal open now. */
static void hang_up(struct tty *t, bool for_good)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);

	t->hung_up |= for_good;
	t->hangups += !for_good;
	ldisc_stop(&t->ld, false);
	ldisc_flush_input(&t->ld);
	spin_unlock_irqrestore(&t->lock, irq);
	ttyjob_hangup(t);
	fasync_end(&t->async[TTY_SELF].files, lost_file);
	waitq_wake_all(&t->readable);
	waitq_wake_all(&t->writable);
}

void tty_hangup(struct tty *t) { hang_up(t, true); }

/* A terminal has no position: that of the file says how often it had been hung up when it was opened. */
void tty_opened(struct file *f, struct tty *t)
{
	f->data = t;
	f->mode |= FMODE_STREAM;
	f->pos = READ_ONCE(t->hangups);
}

void tty_disconnect(struct tty *t) { hang_up(t, false); }

static bool readable(struct tty *t)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	bool yes = ldisc_readable(&t->ld);

	spin_unlock_irqrestore(&t->lock, irq);
	return yes;
}

/* A read of n bytes that found `have` waiting: how many are enough to end it, and until when it waits (VMIN and VTIME, termios(3)). */
static bool enough(const struct tty *t, size_t n)
{
	const struct ldisc *l = &t->ld;
	unsigned least = l->t.cc[VMIN] ? l->t.cc[VMIN] : 1;

	return l->t.lflag & ICANON ? ldisc_readable(l) : ldisc_available(l) >= MIN((size_t)least, n);
}

static ktime_t deadline_after(const struct tty *t) { return clock_now() + (ktime_t)t->ld.t.cc[VTIME] * 100 * NSEC_PER_MSEC; }

static unsigned waiting(struct tty *t)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	unsigned n = t->ld.t.lflag & ICANON ? ldisc_readable(&t->ld) : ldisc_available(&t->ld);

	spin_unlock_irqrestore(&t->lock, irq);
	return n;
}

/* Waits for more than `have` bytes. 0, or the read ends: with what there is (-ETIMEDOUT), -EAGAIN, -ERESTARTSYS. */
static int wait_for_more(struct file *f, struct tty *t, unsigned have, ktime_t total_deadline)
{
	const struct termios *m = &t->ld.t;
	ktime_t deadline = WAIT_FOREVER;

	if (!(m->lflag & ICANON) && m->cc[VMIN] && m->cc[VTIME] && have)
		deadline = deadline_after(t); /* between bytes */
	else if (!(m->lflag & ICANON) && !m->cc[VMIN])
		deadline = total_deadline;
	if (deadline != WAIT_FOREVER && deadline <= clock_now())
		return -ETIMEDOUT;
	if (f->flags & O_NONBLOCK)
		return have ? -ETIMEDOUT : -EAGAIN;
	return waitq_wait_until(&t->readable, waiting(t) != have || lost(f, t), WAIT_INTERRUPTIBLE, deadline);
}

static ssize_t wait_and_take(struct file *f, struct tty *t, char *buf, size_t n)
{
	ktime_t deadline = deadline_after(t);
	bool give_what_is = false;
	unsigned long irq;

	for (;;) {
		int err = lost(f, t) ? 0 : ttyjob_check(t, SIGTTIN);
		bool done;
		unsigned have;

		if (lost(f, t))
			return 0;
		if (err)
			return err;
		irq = spin_lock_irqsave(&t->lock);
		done = give_what_is || t->hung_up || enough(t, n);
		have = t->ld.t.lflag & ICANON ? ldisc_readable(&t->ld) : ldisc_available(&t->ld);
		if (done)
			n = ldisc_read(&t->ld, buf, n);
		spin_unlock_irqrestore(&t->lock, irq);
		if (done)
			return (ssize_t)n;
		err = wait_for_more(f, t, have, deadline);
		if (err && err != -ETIMEDOUT)
			return err;
		give_what_is = err == -ETIMEDOUT;
	}
}

ssize_t tty_read(struct file *f, struct uio *u, loff_t *pos)
{
	struct tty *t = f->data;
	size_t cap = MIN(u->left, (size_t)LDISC_BUF);
	char few[READ_FEW], *mem = NULL, *buf;
	ssize_t n;

	(void)pos;
	if (!cap)
		return 0;
	if (cap > READ_FEW)
		mem = kmalloc(cap, 0);
	buf = mem ? mem : few;
	if (!mem)
		cap = MIN(cap, (size_t)READ_FEW);
	n = wait_and_take(f, t, buf, cap);
	if (n >= 0) /* an end of file took a place, too */
		freed(t);
	if (n > 0 && uio_put(u, buf, (size_t)n) < (size_t)n)
		n = -EFAULT;
	kfree(mem);
	return n;
}

/* Writes what there is room for; returns how much of s that was. */
static size_t output(struct tty *t, const char *s, size_t n)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	char out[OUT_CHUNK];
	size_t done = 0;
	bool answered;

	while (done < n && !t->ld.stopped && !t->hung_up) {
		size_t cap = MIN(sizeof(out), room(t)), used, k;

		if (cap < OUT_CHAR)
			break;
		k = ldisc_output(&t->ld, s + done, n - done, &used, out, cap);
		put(t, out, k);
		done += used;
	}
	answered = t->answer_len > 0;
	type_answer(t);
	answered = answered && input_came(t);
	spin_unlock_irqrestore(&t->lock, irq);
	if (answered)
		wake(t, true);
	return done;
}

static int wait_writable(struct file *f, struct tty *t)
{
	int err = 0;

	if (f->flags & O_NONBLOCK)
		err = writable(t) || lost(f, t) ? 0 : -EAGAIN;
	else
		err = waitq_wait(&t->writable, writable(t) || lost(f, t), WAIT_INTERRUPTIBLE);
	return !err && lost(f, t) ? -EIO : err;
}

/* Writes all of it, waiting; -errno if not even the first byte went. */
static ssize_t write_all(struct file *f, struct tty *t, const char *s, size_t n)
{
	size_t done = 0;
	int err = 0;

	while (done < n && !err) {
		err = wait_writable(f, t);
		if (!err)
			done += output(t, s + done, n - done);
	}
	return done ? (ssize_t)done : err;
}

/* Alone on the terminal. */
static ssize_t write_user(struct file *f, struct tty *t, struct uio *u)
{
	size_t done = 0;
	ssize_t err = 0;
	char buf[128];

	while (u->left) {
		size_t n = MIN(u->left, sizeof(buf)), got = uio_get(u, buf, n);

		err = got ? write_all(f, t, buf, got) : -EFAULT;
		if (err > 0)
			done += (size_t)err;
		if (err < (ssize_t)n)
			break; /* stopped, or a bad address */
	}
	return done || err >= 0 ? (ssize_t)done : err;
}

ssize_t tty_write(struct file *f, struct uio *u, loff_t *pos)
{
	struct tty *t = f->data;
	ssize_t n = t->ld.t.lflag & TOSTOP && !lost(f, t) ? ttyjob_check(t, SIGTTOU) : 0;
	size_t want = u->left;

	(void)pos;
	if (n)
		return n;
	if (!(f->flags & O_NONBLOCK))
		n = mutex_lock_interruptible(&t->writer);
	else if (!mutex_trylock(&t->writer))
		n = -EAGAIN;
	if (n)
		return n;
	n = write_user(f, t, u);
	mutex_unlock(&t->writer);
	if (n != (ssize_t)want) {
		ttysignal_want_room(t, TTY_SELF);
		tell_room(t); /* that came meanwhile */
	}
	return n;
}

unsigned tty_poll(struct file *f, struct poll_table *p)
{
	struct tty *t = f->data;

	poll_wait(p, &t->readable);
	poll_wait(p, &t->writable);
	if (lost(f, t))
		return POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDNORM | POLLWRNORM;
	return (readable(t) ? POLLIN | POLLRDNORM : 0) | (writable(t) ? POLLOUT | POLLWRNORM : 0);
}

/* Does the terminal stop and go on by ^S and ^Q? */
static bool usual_flow(const struct termios *m) { return m->iflag & IXON && m->cc[VSTOP] == 19 && m->cc[VSTART] == 17; }

static struct termios termios_of(struct tty *t)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	struct termios m = t->ld.t;

	spin_unlock_irqrestore(&t->lock, irq);
	return m;
}

static long get_termio(struct tty *t, unsigned long arg)
{
	struct termios m = termios_of(t);
	struct termio s = termio_of(&m);

	return user_put(arg, &s);
}

static bool read_termio(struct tty *t, unsigned long arg, struct termios *m)
{
	struct termio s;

	if (user_get(&s, arg))
		return false;
	*m = termios_of(t);
	termio_into(m, &s);
	return true;
}

enum { NOW, DRAIN, FLUSH };

/* when: at once, when output has left, or then with what was typed before forgotten. */
static long set_termios(struct tty *t, unsigned long arg, unsigned when, bool old_form)
{
	struct termios m;
	unsigned long irq;
	uint32_t old;
	bool flow;
	int err = ttyjob_check(t, SIGTTOU);

	if (err)
		return err;
	if (old_form ? !read_termio(t, arg, &m) : user_get(&m, arg) != 0)
		return -EFAULT;
	err = when == NOW ? 0 : wait_sent(t, -ERESTARTSYS);
	if (err)
		return err;
	irq = spin_lock_irqsave(&t->lock);
	old = t->ld.t.lflag;
	flow = usual_flow(&t->ld.t);
	t->ld.t = m;
	if (when == FLUSH) {
		ldisc_flush_input(&t->ld);
		status(t, PKT_FLUSHREAD);
	}
	if (flow != usual_flow(&m))
		status(t, flow ? PKT_NOSTOP : PKT_DOSTOP);
	if (!(m.iflag & IXON))
		ldisc_stop(&t->ld, false);
	ldisc_settings_changed(&t->ld, old);
	spin_unlock_irqrestore(&t->lock, irq);
	freed(t);
	wake(t, true);
	return 0;
}

static long get_termios(struct tty *t, unsigned long arg)
{
	struct termios m = termios_of(t);

	return user_put(arg, &m);
}

/* Settings that cannot be changed (TIOCSLCKTRMIOS): none can be made so. */
static long get_locked(unsigned long arg)
{
	struct termios none = { 0 };

	return user_put(arg, &none);
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
		ttyjob_signal(t, SIGWINCH);
	return 0;
}

static long get_size(struct tty *t, unsigned long arg)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);
	struct winsize w = t->size;

	spin_unlock_irqrestore(&t->lock, irq);
	return user_put(arg, &w);
}

static long flush_queues(struct tty *t, unsigned long which)
{
	unsigned long irq;
	int err = ttyjob_check(t, SIGTTOU);

	if (err || which > 2)
		return err ? err : -EINVAL;
	irq = spin_lock_irqsave(&t->lock);
	if (which != 1) {
		ldisc_flush_input(&t->ld);
		status(t, PKT_FLUSHREAD);
	}
	if (which)
		status(t, PKT_FLUSHWRITE);
	spin_unlock_irqrestore(&t->lock, irq);
	freed(t);
	wake(t, false);
	return 0;
}

/* TCXONC: output stops or goes on; the other side is asked to by a character. */
static long flow_control(struct tty *t, unsigned long what)
{
	unsigned long irq;
	char c;
	int err = ttyjob_check(t, SIGTTOU);

	if (err || what > 3)
		return err ? err : -EINVAL;
	irq = spin_lock_irqsave(&t->lock);
	c = (char)t->ld.t.cc[what == 2 ? VSTOP : VSTART];
	if (what < 2)
		ldisc_stop(&t->ld, what == 0);
	else if (c)
		put(t, &c, 1);
	spin_unlock_irqrestore(&t->lock, irq);
	wake(t, false);
	return 0;
}

static long set_exclusive(struct tty *t, bool on)
{
	unsigned long irq = spin_lock_irqsave(&t->lock);

	t->exclusive = on;
	spin_unlock_irqrestore(&t->lock, irq);
	return 0;
}

/* Typing in somebody's name is not to be had; who would not be allowed to hears that. */
static long refuse_typing(struct tty *t)
{
	return ttyjob_is_ours(t) || capable(CAP_SYS_ADMIN) ? -EIO : -EPERM;
}

static long put_int(unsigned long arg, int n) { return user_put(arg, &n); }

long tty_control(struct tty *t, unsigned cmd, unsigned long arg)
{
	if (READ_ONCE(t->hung_up))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	switch (cmd) {
	case TCGETS: return get_termios(t, arg);
	case TCSETS: case TCSETSW: case TCSETSF: return set_termios(t, arg, cmd - TCSETS, false);
	case TCGETA: return get_termio(t, arg);
	case TCSETA: case TCSETAW: case TCSETAF: return set_termios(t, arg, cmd - TCSETA, true);
	case TIOCGLCKTRMIOS: return get_locked(arg);
	case TCSBRK: case TCSBRKP: return send_break(t);
	case TCXONC: return flow_control(t, arg);
	case TIOCEXCL: case TIOCNXCL: return set_exclusive(t, cmd == TIOCEXCL);
	case TIOCGEXCL: return put_int(arg, READ_ONCE(t->exclusive));
	case TIOCSTI: return refuse_typing(t);
	case TCFLSH: return flush_queues(t, arg);
	case TIOCSCTTY: return ttyjob_acquire(t, arg == 1);
	case TIOCNOTTY: return ttyjob_give_up(t);
	case TIOCGPGRP: return ttyjob_get(t, arg, false);
	case TIOCGSID: return ttyjob_get(t, arg, true);
	case TIOCSPGRP: return ttyjob_set(t, arg);
	case TIOCGWINSZ: return get_size(t, arg);
	case TIOCSWINSZ: return set_size(t, arg);
	case TIOCOUTQ: return put_int(arg, (int)queued(t));
	case TIOCINQ: return put_int(arg, (int)ldisc_available(&t->ld));
	default: return t->driver->ioctl ? t->driver->ioctl(t, cmd, arg) : -ENOTTY;
	}
}

void tty_setup(struct tty *t, const struct tty_driver *driver, dev_t dev, unsigned port)
{
	memset(t, 0, sizeof(*t));
	spin_init(&t->lock, LOCK_TTY);
	ldisc_init(&t->ld, &ldisc_ops, t);
	ttysignal_setup(t);
	mutex_init(&t->writer, LOCK_TTY_IO);
	waitq_init(&t->readable);
	waitq_init(&t->writable);
	t->driver = driver;
	t->dev = dev;
	t->port = port;
}

long tty_ioctl(struct file *f, unsigned cmd, unsigned long arg)
{
	if (lost(f, f->data))
		return cmd == TIOCSPGRP ? -ENOTTY : -EIO;
	return tty_control(f->data, cmd, arg);
}

int tty_async(struct file *f, struct fasync *lists[FILE_LISTS])
{
	return lost_file(f) ? -ENOTTY : ttysignal_async(f->data, TTY_SELF, f, lists);
}

int tty_may_open(struct tty *t) { return READ_ONCE(t->exclusive) && !capable(CAP_SYS_ADMIN) ? -EBUSY : 0; }

void tty_release(struct file *f)
{
	struct tty *t = f->data;

	if (t->driver->closed)
		t->driver->closed(t);
}
