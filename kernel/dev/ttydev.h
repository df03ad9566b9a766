/* SPDX-License-Identifier: MIT */
/* A terminal: the line discipline, the device under it, and whose terminal it is. */
#ifndef DEV_TTYDEV_H
#define DEV_TTYDEV_H

#include "core/spinlock.h"
#include "dev/ldisc.h"
#include "sched/kthread.h"
#include "sched/waitq.h"
#include "task/group.h"
#include "vfs/fasync.h"

struct winsize { uint16_t rows, cols, xpixel, ypixel; };

struct tty;

/* What is under a terminal. */
struct tty_driver {
	void (*write)(struct tty *t, const char *s, size_t n); /* finished output; t->lock held, must not sleep */
	size_t (*room)(struct tty *t);                         /* bytes that write takes now; NULL: any number, waiting for the device */
	size_t (*queued)(struct tty *t);                       /* NULL, or: bytes written that have not left; the terminal is told when they have */
	long (*ioctl)(struct tty *t, unsigned cmd, unsigned long arg); /* calls that only this kind has; NULL or -ENOTTY: none */
	void (*freed)(struct tty *t);                          /* NULL, or: readers have made room; no lock held */
	void (*opened)(struct tty *t);                         /* NULL, or counts a new file; must not sleep */
	void (*closed)(struct tty *t);                         /* and its end */
	void (*hold)(struct tty *t);                           /* NULL, or keeps the terminal in memory; t->lock held */
	void (*status)(struct tty *t, unsigned bits);          /* NULL, or: PKT_ bits for the other end; t->lock held */
	void (*drop)(struct tty *t);                           /* until this; no lock held */
};

/* The files of one end, as far as they asked for signals (O_ASYNC): what they are still to be told of. */
struct tty_async {
	struct fasync files;       /* the rest: the terminal's lock */
	unsigned in;               /* times that there was input */
	bool out;                  /* there is room for output */
	bool wants_out;            /* they wrote more than there was room for */
};

enum { TTY_SELF, TTY_MASTER, TTY_ENDS }; /* a terminal, and the master of a pseudo terminal */

struct tty {
	struct spinlock lock;      /* LOCK_TTY, interrupts off: ld, size, signals, async, answer */
	struct ldisc ld;
	struct winsize size;
	uint64_t signals;          /* bits to be sent to the foreground group */
	struct tty_async async[TTY_ENDS];
	struct work signal_work;   /* while it is queued, and runs, the terminal is held */
	bool signals_queued;
	struct mutex writer;       /* LOCK_TTY_IO: one write(2) at a time, so that texts do not mix */
	struct waitq readable, writable;
	const struct tty_driver *driver;
	void *data;                /* the driver's */
	unsigned port;             /* the driver's number for it */
	dev_t dev;
	bool hung_up;              /* set once, under the lock */
	unsigned hangups;          /* vhangup(2): files opened before the last one have lost it; the lock */
	bool exclusive;            /* TIOCEXCL: nobody else opens it, but the mighty; the lock */
	char answer[64];           /* the device's answers to what was written: become input */
	unsigned answer_len;
	/* proc_tree_lock */
	struct session *session;   /* whose controlling terminal; not counted */
	struct pgroup *foreground; /* counted */
};

#endif
