/* SPDX-License-Identifier: MIT */
/* The 16550 serial ports COM1 and COM2 (National Semiconductor PC16550D data sheet). */
#ifndef DEV_SERIAL_H
#define DEV_SERIAL_H

#include "lib/types.h"

#define SERIAL_PORTS 2u

/* Sets the port up; false if there is none. Callable before anything else. */
bool serial_probe(unsigned n);
/* Writes, waiting for the transmitter. Any context. */
void serial_write(unsigned n, const char *s, size_t len);
/* Starts receiving: fn gets each byte in interrupt context. */
void serial_start(unsigned n, void (*fn)(unsigned n, unsigned char c));

#endif
