/* SPDX-License-Identifier: MIT */
/*
 * Signals for readiness: O_ASYNC of fcntl(2). What can become ready has a list of the open files that asked, named by the operation `async` of
 * theirs, and tells the list what happened; each file's owner (vfs/fileowner) gets a signal. A list is as old as its object: files leave it
 * before they go. Lists are changed, and walked, under one sleeping lock of this room, which is let go of after each signal. While nobody has
 * asked, to tell is to look at a word.
 */
#ifndef VFS_FASYNC_H
#define VFS_FASYNC_H

#include "lib/atomic.h"
#include "lib/list.h"
#include "vfs/file.h"

/* The list of an object: zero at first, and when nobody is on it. */
struct fasync { struct list files; };

/* si_code of the signal, SIGIO(7) of sigaction(2). */
#define POLL_IN 1
#define POLL_OUT 2

/* O_ASYNC of a file whose operations have `async` becomes this; fd is what signals name. What the operation returns, -ENOMEM. May sleep. */
long fasync_set(struct file *f, int fd, bool on);
/* Those of the list that have ended leave it, and lose the flag. May sleep. */
void fasync_end(struct fasync *l, bool (*ended)(const struct file *f));
void fasync_send(struct fasync *l, int code); /* fasync_tell's */
static inline bool fasync_any(const struct fasync *l) { return READ_ONCE(l->files.next) != NULL; }
/* To the owners of all on the list, which stays meanwhile; code: POLL_. May sleep; nothing is allocated but the signals themselves. */
static inline void fasync_tell(struct fasync *l, int code)
{
	if (unlikely(fasync_any(l)))
		fasync_send(l, code);
}

#endif
