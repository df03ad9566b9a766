/* SPDX-License-Identifier: MIT */
/* The machine's own terminals: the serial lines (ttyS0, ttyS1), screen with keyboard (tty1, tty0), and /dev/console, which is one of them. */
#ifndef DEV_TERMINALS_H
#define DEV_TERMINALS_H

#include "dev/tty.h"

/* Registers them and /dev/tty, and starts receiving. */
void terminals_init(void);

/* vhangup(2): the controlling terminal of the current process, if it has one. */
void terminals_hangup_own(void);

#endif
