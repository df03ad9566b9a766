/* SPDX-License-Identifier: MIT */
/* Pictures of the characters of code page 437, 8 by 16 points. Pure. */
#ifndef DEV_VGAFONT_H
#define DEV_VGAFONT_H

#include "lib/types.h"

#define VGAFONT_ROWS 16u

/* The picture of c: VGAFONT_ROWS bytes from the top, the leftmost point is the highest bit. */
void vgafont_draw(uint8_t c, uint8_t *rows);

#endif
