/* SPDX-License-Identifier: MIT */
/*
 * Locks on files: whole-file ones (flock(2)), records of a process (POSIX fcntl) and records of an open file (OFD). They are advice: only those
 * who ask are held up. The three kinds do not see each other's locks, but for POSIX and OFD records, which do.
 */
#ifndef VFS_FLOCK_H
#define VFS_FLOCK_H

#include "vfs/file.h"

#define F_RDLCK 0
#define F_WRLCK 1
#define F_UNLCK 2

#define FLOCK_END INT64_MAX /* the last byte of a range that has no end */

struct flock_request {
	int type;            /* F_RDLCK, F_WRLCK, F_UNLCK */
	loff_t start, end;   /* [start, end], 0 <= start <= end */
	const void *owner;   /* POSIX: the descriptor table; OFD: the file */
	pid_t pid;           /* POSIX: of the process; OFD: -1 */
};

/*
 * flock(2): type for the whole file on behalf of the open file f. -EWOULDBLOCK (wait false), -ERESTARTSYS (a signal came), -ENOLCK (no memory).
 * A change of the type gives the old lock up first.
 */
int flock_whole(struct file *f, int type, bool wait);
/* Sets or clears a record. -EAGAIN (wait false), -EDEADLK (POSIX owners that would wait for each other), -ERESTARTSYS, -ENOLCK. */
int flock_record(struct file *f, const struct flock_request *r, bool wait);
/* F_GETLK: a lock that would be in the way of *r replaces it; else r->type becomes F_UNLCK. */
void flock_test(struct file *f, struct flock_request *r);
/* Calls fn with each lock, for /proc/locks; fn must not sleep. kind: "FLOCK", "POSIX" or "OFDLCK". */
void flock_each(void (*fn)(const char *kind, const struct flock_request *r, const struct inode *i, void *ctx), void *ctx);
/* Wires file_close_locks_hook. */
void flock_init(void);

#endif
