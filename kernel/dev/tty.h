/* SPDX-License-Identifier: MIT */
/* Terminals: a line discipline between a device and its readers, window size, job control (POSIX 11.1). */
#ifndef DEV_TTY_H
#define DEV_TTY_H

#include "lib/types.h"

#define TTY_MAJOR 4u
#define TTY_SERIAL_MINOR 64u

/* Registers the serial terminals, /dev/tty and /dev/console, and starts receiving. */
void tty_init(void);

#endif
