/* SPDX-License-Identifier: MIT */
/* Numbers -> files, close-on-exec; counted, each thread's own: copied on fork and unshare(2), or shared by CLONE_FILES. */
#ifndef VFS_FDTABLE_H
#define VFS_FDTABLE_H

#include "lib/bitmap.h"
#include "task/process.h"
#include "vfs/file.h"

struct fdtable {
	refcount_t refs;          /* threads that use it; the last one closes everything */
	refcount_t memory;        /* one for all of those, and one for each that looks (fdtable_of) */
	struct spinlock lock;     /* LOCK_FDTABLE: everything below */
	struct file **files;
	unsigned long *used, *cloexec; /* bitmaps of cap bits */
	unsigned cap;
	unsigned top;             /* no open number from here on: raised at once, lowered by who copies the table */
	unsigned next_hint;       /* no free number below */
	struct list copies;       /* that are being made of the arrays (fdtable.c) */
	struct file *inline_files[32];
	unsigned long inline_used[32 / BITS_PER_WORD + (BITS_PER_WORD > 32)], inline_cloexec[32 / BITS_PER_WORD + (BITS_PER_WORD > 32)];
};

struct fdtable *fdtable_new(void);
struct fdtable *fdtable_dup(struct fdtable *t); /* fork; NULL without memory */
static inline void fdtable_get(struct fdtable *t) { refcount_get(&t->refs); }
void fdtable_put(struct fdtable *t);
/* The current thread gets a table of its own, a copy, if it shares one. 0, -ENOMEM. Takes sighand->lock. */
int fdtable_unshare(void);
struct fdtable *fdtable_current(void);
unsigned long fd_limit(void); /* the current process's limit of numbers, for the functions below */
/* Lowest free number >= from, below the RLIMIT_NOFILE given; the file's reference is taken over. -EMFILE, -ENOMEM, -EINVAL (from too big). */
int fd_install(struct fdtable *t, struct file *f, unsigned from, bool cloexec, unsigned long limit);
/* Is there a number for fd_install to take? Makes the table large enough. 0, -EMFILE, -ENOMEM; another thread may take it first. */
int fd_room(struct fdtable *t, unsigned long limit);
/* With a reference, or NULL (EBADF; also for O_PATH files unless path_ok). */
struct file *fd_get(struct fdtable *t, unsigned fd, bool path_ok);

/*
 * A descriptor of the current thread for the time of one call: file NULL if it is not open (or O_PATH, unless path_ok). While the table has one
 * user, nobody else can close it, and neither lock nor count is touched.
 */
struct fdref { struct file *file; bool counted; };
static inline bool fd_private(const struct fdtable *t) { return likely(refcount_read(&t->refs) == 1); }
/* Of a table for which fd_private holds. */
static inline struct file *fd_look(const struct fdtable *t, unsigned fd, bool path_ok)
{
	struct file *f = fd < t->cap ? t->files[fd] : NULL;

	return likely(f) && (path_ok || !(f->mode & FMODE_PATH)) ? f : NULL;
}
static inline struct fdref fd_borrow(unsigned fd, bool path_ok)
{
	struct fdtable *t = task_current()->files;

	if (fd_private(t))
		return (struct fdref){ fd_look(t, fd, path_ok), false };
	return (struct fdref){ fd_get(t, fd, path_ok), true };
}
static inline void fd_return(struct fdref r)
{
	if (r.counted)
		file_put(r.file);
}

int fd_close(struct fdtable *t, unsigned fd);          /* -EBADF; runs flush */
int fd_dup_to(struct fdtable *t, unsigned from, unsigned to, bool cloexec, unsigned long limit); /* dup2/dup3 */
int fd_set_cloexec(struct fdtable *t, unsigned fd, bool on); /* -EBADF */
int fd_get_cloexec(struct fdtable *t, unsigned fd);
void fdtable_exec(struct fdtable *t);                  /* closes the marked ones */
/* Next open number >= from, -1 at the end (for /proc/PID/fd). */
int fd_next(struct fdtable *t, unsigned from);
/*
 * Table of the first thread of another process that has one, to be looked at, or NULL; for fdtable_look_end. It may become empty meanwhile: the process
 * closes its files when it ends, in its own time, whoever looks. Any context that may take a spinlock.
 */
struct fdtable *fdtable_of(struct process *p);
/* The same for one thread. */
struct fdtable *fdtable_of_task(struct task *task);
void fdtable_look_end(struct fdtable *t);
/* The path of an open file, with a reference; -ENOENT. (Not a reference to the file: who looks must not be the one who closes it.) */
int fd_path(struct fdtable *t, unsigned fd, struct path *out);
/* What /proc/PID/fdinfo says of an open file; -ENOENT. hold: special is the file, with a reference, if its operations have "describe"; else NULL. */
struct fd_info { loff_t pos; unsigned flags, mode; int mnt_id; ino_t ino; struct file *special; };
int fd_describe(struct fdtable *t, unsigned fd, struct fd_info *out, bool hold);

#endif
