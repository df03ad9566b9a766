/* SPDX-License-Identifier: MIT */
/* The PS/2 keyboard behind an 8042 controller (IBM PS/2 Technical Reference), which is set up here from nothing. */
#ifndef DEV_KBD_H
#define DEV_KBD_H

#include "lib/types.h"

/* Finds and starts the keyboard, if there is one: fn gets what keys send, in interrupt context without a lock. Once, interrupts routed. */
void kbd_start(void (*fn)(const char *s, size_t n));
uint8_t kbd_leds(void); /* LED_ of dev/keymap.h */

#endif
