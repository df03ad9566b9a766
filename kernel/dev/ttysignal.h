/* SPDX-License-Identifier: MIT */
/*
 * Signals that come from terminals: to the foreground group, for what is typed, and to who asked by O_ASYNC, for input and room for output. What
 * they are for happens in interrupts, where nobody may look for processes: they are noted, and sent by deferred work.
 */
#ifndef DEV_TTYSIGNAL_H
#define DEV_TTYSIGNAL_H

#include "dev/ttydev.h"

void ttysignal_setup(struct tty *t);
/* The terminal's lock held. */
void ttysignal_note(struct tty *t, int signo);
/* There is input at that end, the lock held. each: told as often as it is said here, also before it was sent (lines). */
void ttysignal_input(struct tty *t, unsigned end, bool each);
/* These take the lock, in any context. A write at that end was left unfinished: who asked is told of room. */
void ttysignal_want_room(struct tty *t, unsigned end);
/* There is room for output at that end. */
void ttysignal_room(struct tty *t, unsigned end);
/* For the operation async: that end's list, and an owner, if the file has none: the foreground group of its terminal, or the current process. */
int ttysignal_async(struct tty *t, unsigned end, struct file *f, struct fasync *lists[FILE_LISTS]);

#endif
