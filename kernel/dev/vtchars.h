/* SPDX-License-Identifier: MIT */
/* Unicode and the characters of code page 437, which the VGA's text mode shows. */
#ifndef DEV_VTCHARS_H
#define DEV_VTCHARS_H

#include "lib/types.h"

/* Code page 437 character for a Unicode one; -1: there is none. */
int vt_cp437(uint32_t code);
/* Columns that a character takes: 0 (combining), 1, 2. */
unsigned vt_width(uint32_t code);

#endif
