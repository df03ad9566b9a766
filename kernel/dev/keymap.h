/* SPDX-License-Identifier: MIT */
/* Scan codes of set 1 (what an 8042 that translates gives) to what the `linux` terminal sends, American layout. Pure; the owner locks. */
#ifndef DEV_KEYMAP_H
#define DEV_KEYMAP_H

#include "lib/types.h"

#define KEYMAP_BYTES 8u /* the longest that one key sends */

enum { LED_SCROLL = 1, LED_NUM = 2, LED_CAPS = 4 };

struct keymap {
	uint8_t held;      /* modifiers that are down */
	uint8_t leds;      /* LED_: what is locked */
	bool extended;     /* 0xE0 came */
	uint8_t skip;      /* codes of the Pause key to pass over */
	bool application;  /* cursor keys as vi and its kin ask for them (?1); set by the owner */
	bool restart;      /* Ctrl-Alt-Del was pressed */
};

/* Takes one code; what the key sends goes to out (KEYMAP_BYTES). Returns the number of bytes. */
size_t keymap_code(struct keymap *k, uint8_t code, char *out);

#endif
