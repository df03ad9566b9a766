/* SPDX-License-Identifier: MIT */
/* The machine's own terminals. */
#include "dev/terminals.h"

#include "dev/console.h"
#include "dev/kbd.h"
#include "dev/screen.h"
#include "dev/serial.h"
#include "dev/ttyjob.h"
#include "dev/vtioctl.h"
#include "fs/procview.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "vfs/chrdev.h"

#define TIOCGSERIAL 0x541eu
#define CONSOLE MKDEV(5, 1)
#define CURRENT MKDEV(5, 0)

static struct tty lines[SERIAL_PORTS], screen;

static void line_write(struct tty *t, const char *s, size_t n) { serial_write(t->port, s, n); }
static size_t line_room(struct tty *t) { return serial_room(t->port); }
static size_t line_queued(struct tty *t) { return serial_queued(t->port); }

static void line_flags(struct tty *t, unsigned bits)
{
	if (bits & PKT_FLUSHWRITE)
		serial_forget(t->port);
}

/* TIOCGSERIAL: struct serial_struct, of which the type (16550A) and the number are told. */
static long line_ioctl(struct tty *t, unsigned cmd, unsigned long arg)
{
	uint32_t s[15] = { 4, t->port };

	return cmd == TIOCGSERIAL ? user_write(arg, s, sizeof(s)) : -ENOTTY;
}

static void line_received(unsigned port, unsigned char c) { tty_receive(&lines[port], (const char *)&c, 1); }
static void line_sent(unsigned port) { tty_sent(&lines[port]); }

/* Answers that do not fit are lost, as on a line whose reader sleeps. */
static void screen_tty_write(struct tty *t, const char *s, size_t n)
{
	char answer[VT_REPLY];
	size_t k = screen_write(s, n, answer);

	k = MIN(k, sizeof(t->answer) - t->answer_len);
	memcpy(t->answer + t->answer_len, answer, k);
	t->answer_len += (unsigned)k;
}

static long screen_ioctl(struct tty *t, unsigned cmd, unsigned long arg)
{
	(void)t;
	return vtioctl(cmd, arg);
}

static void key_received(const char *s, size_t n) { tty_receive(&screen, s, n); }

static const struct tty_driver line_driver = {
	.write = line_write, .room = line_room, .queued = line_queued, .status = line_flags, .ioctl = line_ioctl,
};
static const struct serial_user line_user = { .receive = line_received, .sent = line_sent };
static const struct tty_driver screen_driver = { .write = screen_tty_write, .ioctl = screen_ioctl };

static struct tty *current_terminal(void)
{
	struct tty *t;

	spin_lock(&proc_tree_lock);
	t = process_current()->session->tty;
	if (t && t->driver->opened)
		t->driver->opened(t); /* before the session can lose it */
	spin_unlock(&proc_tree_lock);
	return t;
}

void terminals_hangup_own(void)
{
	struct tty *t = current_terminal();

	if (!t)
		return;
	tty_disconnect(t);
	if (t->driver->closed)
		t->driver->closed(t);
}

static struct tty *terminal_of(dev_t dev)
{
	unsigned minor = MINOR(dev);

	if (MAJOR(dev) != TTY_MAJOR)
		return NULL;
	if (minor <= TTY_SCREEN_MINOR)
		return &screen;
	if (minor < TTY_SERIAL_MINOR || minor - TTY_SERIAL_MINOR >= SERIAL_PORTS || !serial_probe(minor - TTY_SERIAL_MINOR))
		return NULL;
	return &lines[minor - TTY_SERIAL_MINOR];
}

static int terminal_open(struct inode *i, struct file *f)
{
	dev_t dev = i->rdev;
	struct tty *t = dev == CURRENT ? current_terminal() : terminal_of(dev == CONSOLE ? console_device() : dev);

	if (!t)
		return dev == CONSOLE ? -ENODEV : -ENXIO;
	if (thread_current()->user && tty_may_open(t)) {
		if (dev == CURRENT && t->driver->closed)
			t->driver->closed(t);
		return -EBUSY;
	}
	tty_opened(f, t);
	if (!(f->flags & O_NOCTTY) && dev != CONSOLE && MINOR(dev) && thread_current()->user)
		ttyjob_acquire(t, false); /* quietly */
	return 0;
}

static const struct file_ops terminal_ops = {
	.open = terminal_open, .release = tty_release, .read = tty_read, .write = tty_write, .poll = tty_poll, .ioctl = tty_ioctl,
	.async = tty_async,
};

void terminals_init(void)
{
	for (unsigned n = 0; n < SERIAL_PORTS; n++) {
		tty_setup(&lines[n], &line_driver, MKDEV(TTY_MAJOR, TTY_SERIAL_MINOR + n), n);
		serial_start(n, &line_user);
	}
	tty_setup(&screen, &screen_driver, MKDEV(TTY_MAJOR, TTY_SCREEN_MINOR), 0);
	screen.size = (struct winsize){ VT_ROWS, VT_COLS, 0, 0 };
	screen_probe();
	kbd_start(key_received);
	session_leader_exit_hook = ttyjob_disassociate;
	procview_tty_hook = ttyjob_describe;
	chrdev_register(5, 0, 1, &terminal_ops, "/dev/tty");
	chrdev_register(5, 1, 1, &terminal_ops, "/dev/console");
	chrdev_register(TTY_MAJOR, 0, TTY_SCREEN_MINOR + 1, &terminal_ops, "tty");
	chrdev_register(TTY_MAJOR, TTY_SERIAL_MINOR, SERIAL_PORTS, &terminal_ops, "ttyS");
}
