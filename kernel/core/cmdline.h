/* SPDX-License-Identifier: MIT */
/* Boot options, as Linux writes them: "name", "name=value", quotes around values with spaces; what follows "--" is for init. */
#ifndef CORE_CMDLINE_H
#define CORE_CMDLINE_H

#include "lib/types.h"

/* Splits the line once (in a private copy). */
void cmdline_init(const char *line);
const char *cmdline_text(void); /* the whole line, for /proc/cmdline */
/* Value of the last "name=value", "" for a bare "name", NULL if absent. Marks the word as known to the kernel. */
const char *cmdline_get(const char *name);
bool cmdline_has(const char *name);
unsigned long cmdline_u64(const char *name, unsigned long fallback);
/* n-th value of an option that may be given several times (console=). NULL past the end. */
const char *cmdline_get_nth(const char *name, unsigned n);
/*
 * What init gets, after all options were asked for: words after "--" and words with no '=' and no '.' that the kernel does not know go to
 * argv, unknown name=value words go to the environment. Returns the number of words; pointers stay valid.
 */
unsigned cmdline_init_args(const char **argv, unsigned max);
unsigned cmdline_init_env(const char **envp, unsigned max);

#endif
