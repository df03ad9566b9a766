/* SPDX-License-Identifier: MIT */
/* Consoles: where the log goes and what /dev/console is, by the words console= of the command line. */
#ifndef DEV_CONSOLE_H
#define DEV_CONSOLE_H

#include "lib/types.h"

#define TTY_MAJOR 4u
#define TTY_SCREEN_MINOR 1u /* and 0, which is the one that is shown */
#define TTY_SERIAL_MINOR 64u

/* As early as there is a command line: consoles get the log from the start. */
void console_early_init(void);
/*
 * Device number of /dev/console: the last console= word, as Linux has it; without one the screen, or the first serial line where there is
 * no screen.
 */
dev_t console_device(void);

#endif
