/* SPDX-License-Identifier: MIT */
/* Consoles: where the log goes and what /dev/console is, by the words console= of the command line. */
#ifndef DEV_CONSOLE_H
#define DEV_CONSOLE_H

#include "lib/types.h"

/* As early as there is a command line: serial consoles get the log from the start. */
void console_early_init(void);
/* Device number of /dev/console: the last console= word, as Linux has it. */
dev_t console_device(void);

#endif
