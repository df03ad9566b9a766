/* SPDX-License-Identifier: MIT */
/* The settings of a terminal as System V had them (TCGETA, TCSETA): 16 bits of each word, and the first characters. */
#ifndef DEV_TERMIO_H
#define DEV_TERMIO_H

#include "dev/ldisc.h"

struct termio { uint16_t iflag, oflag, cflag, lflag; uint8_t line; uint8_t cc[8]; };

struct termio termio_of(const struct termios *m);
/* What the old form does not have stays as it is. */
void termio_into(struct termios *m, const struct termio *s);

#endif
