/* SPDX-License-Identifier: MIT */
/*
 * The model of a text screen: bytes that a program writes for the terminal type `linux` (console_codes(4)) move a cursor over a buffer of
 * cells. No hardware and no lock in here: the owner (dev/screen) holds its lock around every call, and draws the rows that are marked changed.
 */
#ifndef DEV_VTPARSE_H
#define DEV_VTPARSE_H

#include "dev/vtscreen.h"

/* Clear screen, all settings as after start. */
void vt_reset(struct vt *v);
/* What a program writes. */
void vt_write(struct vt *v, const char *s, size_t n);
/* Kernel messages: no sequences, only line ends; leaves a sequence that a program has begun as it is. */
void vt_print(struct vt *v, const char *s, size_t n);
/* Moves the answers to `to` (VT_REPLY bytes); returns their number. */
size_t vt_take_reply(struct vt *v, char *to);

#endif
