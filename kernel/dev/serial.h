/* SPDX-License-Identifier: MIT */
/* The 16550 serial ports COM1 and COM2 (National Semiconductor PC16550D data sheet). */
#ifndef DEV_SERIAL_H
#define DEV_SERIAL_H

#include "lib/types.h"

#define SERIAL_PORTS 2u

/* Sets the port up; false if there is none. Callable before anything else. */
bool serial_probe(unsigned n);
/*
 * Writes: at once what the transmitter takes, the rest by interrupts. Beyond serial_room(), or before the port was started, it waits for
 * the transmitter, and what does not leave after a while is lost. Any context.
 */
void serial_write(unsigned n, const char *s, size_t len);
/* Bytes written that the transmitter has not taken yet, and that a program may write now. Any context. */
size_t serial_queued(unsigned n);
size_t serial_room(unsigned n);
/* What has not been sent yet never is. Any context. */
void serial_forget(unsigned n);

/* Both are called in interrupts, without a lock. */
struct serial_user {
	void (*receive)(unsigned n, unsigned char c);
	void (*sent)(unsigned n); /* there is more room */
};
/* Starts receiving, and sending by interrupts. */
void serial_start(unsigned n, const struct serial_user *user);

#endif
