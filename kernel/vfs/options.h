/* SPDX-License-Identifier: MIT */
/* The data of mount(2): options between commas. */
#ifndef VFS_OPTIONS_H
#define VFS_OPTIONS_H

#include "lib/types.h"

/* Is the option at s that word, and nothing more? */
bool option_is(const char *s, const char *word);
/*
 * Gives each option of data (NULL: none) to take, which knows the file system's own (NULL: it has none) and returns 0 or an errno. Those that every file
 * system knows (ro, rw, sync, async) are passed over. The first error, or 0; -EINVAL: an unknown option.
 */
int options_each(const char *data, void *ctx, int (*take)(const char *option, void *ctx));
/* What they say of MS_RDONLY, added to the flags of a mount. */
unsigned long options_flags(const char *data, unsigned long flags);

#endif
