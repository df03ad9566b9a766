/* SPDX-License-Identifier: MIT */
/* Who may look into a process, and what a path is called for who looks. */
#ifndef FS_PROCLOOK_H
#define FS_PROCLOOK_H

#include "fs/proctext.h"

/* May the current process look into p (its files, memory, environment)? 0 or -EACCES. */
int proclook_allowed(struct process *p);
/* Writes the name of a path as the current process sees it. */
int proclook_path(struct text *t, const struct path *path);

#endif
