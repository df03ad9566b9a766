/* SPDX-License-Identifier: MIT */
/* The text screen: the terminal model and the VGA that shows it, under one lock (LOCK_CONSOLE, interrupts off). Any context. */
#ifndef DEV_SCREEN_H
#define DEV_SCREEN_H

#include "dev/vtscreen.h"

/* Finds and prepares the screen; true if there is one. Callable before anything else, and again. */
bool screen_probe(void);
/* Output of programs. Answers to what they ask are put into reply (VT_REPLY bytes); returns their number. */
size_t screen_write(const char *s, size_t n, char *reply);
/* Messages of the kernel. */
void screen_print(const char *s, size_t n);
/* Do the cursor keys send what an application asked for (?1)? */
bool screen_cursor_keys_app(void);

#endif
