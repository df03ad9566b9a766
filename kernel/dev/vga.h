/* SPDX-License-Identifier: MIT */
/* The VGA in its text mode of 80 by 25 characters, at 0xB8000 (IBM VGA/XGA Technical Reference). The caller holds the lock of its screen. */
#ifndef DEV_VGA_H
#define DEV_VGA_H

#include "lib/types.h"

#define VGA_COLS 80u
#define VGA_ROWS 25u

/* Looks for a VGA and sets text mode up if it is in another one (or no BIOS has run); false if there is none. Early, once. */
bool vga_probe(void);
/* Shows the rows whose bit is set; cells as the hardware has them: attribute << 8 | character. Only what differs is written. */
void vga_draw(const uint16_t *cells, uint32_t rows);
/* Cursor to a cell, or away (not on). */
void vga_cursor(unsigned cell, bool on);

#endif
