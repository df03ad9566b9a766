/* SPDX-License-Identifier: MIT */
/*
 * Does the sanitized build find what it is for? Faults on demand, for the tests: the word sanitize_probe=NAME on the command line makes the kernel do
 * one of them when everything is up, and it must panic. tests/guest/sanitize.py has the list of names and what the panic must say.
 */
#ifndef MEM_SANITIZEPROBE_H
#define MEM_SANITIZEPROBE_H

#include "lib/check.h"

#if CONFIG_SANITIZE
/* NULL and names that it does not know: nothing happens. */
void sanitize_probe(const char *name);
#else
static inline void sanitize_probe(const char *name) { (void)name; }
#endif

#endif
