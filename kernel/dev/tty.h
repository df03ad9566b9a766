/* SPDX-License-Identifier: MIT */
/* Terminals: a line discipline between a device and its readers, window size, job control (POSIX 11.1). */
#ifndef DEV_TTY_H
#define DEV_TTY_H

#include "dev/ttydev.h"

/* A new terminal with the default settings; the memory is the caller's. */
void tty_setup(struct tty *t, const struct tty_driver *driver, dev_t dev, unsigned port);
/* Input from the device. Any context, no lock held. */
void tty_receive(struct tty *t, const char *s, size_t n);
/* The device has sent what waited: there is more room, or nothing left. Any context, no lock held. */
void tty_sent(struct tty *t);
/* The device is gone for good: reads end, all else fails with EIO, the session is told. May sleep. */
void tty_hangup(struct tty *t);
int tty_may_open(struct tty *t); /* EBUSY: somebody has it for himself (TIOCEXCL) */
/* The terminal stays, but whoever has it open has lost it, as if it had gone. May sleep. */
void tty_disconnect(struct tty *t);
/* At the end of an open: f is a file of t. */
void tty_opened(struct file *f, struct tty *t);
/* File operations; f->data is the terminal. */
ssize_t tty_read(struct file *f, struct uio *u, loff_t *pos);
ssize_t tty_write(struct file *f, struct uio *u, loff_t *pos);
unsigned tty_poll(struct file *f, struct poll_table *p);
long tty_ioctl(struct file *f, unsigned cmd, unsigned long arg);
void tty_release(struct file *f);
int tty_async(struct file *f, struct fasync *lists[FILE_LISTS]);
/* The same calls without a file. */
long tty_control(struct tty *t, unsigned cmd, unsigned long arg);

#endif
