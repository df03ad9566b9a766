/* SPDX-License-Identifier: MIT */
/* An open file: shared by dup and fork. f->pos is protected by f->pos_lock (sleeping, LOCK_FILE_POS). */
#ifndef VFS_FILE_H
#define VFS_FILE_H

#include "sched/mutex.h"
#include "vfs/path.h"
#include "vfs/poll.h"
#include "vm/mmap.h"
#include "vm/usercopy.h"

#define O_ACCMODE 3
#define O_RDONLY 0
#define O_WRONLY 1
#define O_RDWR 2
#define O_CREAT 0100
#define O_EXCL 0200
#define O_NOCTTY 0400
#define O_TRUNC 01000
#define O_APPEND 02000
#define O_NONBLOCK 04000
#define O_DSYNC 010000
#define O_ASYNC 020000
#define O_DIRECT 040000
#define O_LARGEFILE 0100000
#define O_DIRECTORY 0200000
#define O_NOFOLLOW 0400000
#define O_NOATIME 01000000
#define O_CLOEXEC 02000000
#define O_SYNC 04010000
#define O_PATH 010000000
#define O_TMPFILE 020200000

#define FMODE_READ 1u
#define FMODE_WRITE 2u
#define FMODE_PATH 4u
#define FMODE_WRITE_COUNTED 16u /* inode->writers includes it */
#define FMODE_DENIES_WRITE 32u  /* inode->writers counts it as a program that runs */
#define FMODE_UNOPENED 64u      /* its open failed: nobody is told that it goes */
#define FMODE_NO_POS 128u /* its operations look at no position: they need no lock of it */
#define FMODE_STREAM 8u  /* no position: lseek gives ESPIPE, pos is NULL in read/write */

#define FILE_LISTS 2

struct file;
struct fasync;

/* One directory entry; returns false when the caller's buffer is full. type: DT_*. */
struct dir_sink {
	bool (*emit)(struct dir_sink *s, const char *name, size_t len, ino_t ino, unsigned type, loff_t next_pos);
};

struct file_ops {
	int (*open)(struct inode *i, struct file *f);              /* may set f->ops and f->data; on error release is not called */
	void (*release)(struct file *f);                           /* last reference */
	int (*flush)(struct file *f);                              /* each close() */
	ssize_t (*read)(struct file *f, struct uio *u, loff_t *pos);  /* bytes, 0 at the end, -errno; advances *pos */
	ssize_t (*write)(struct file *f, struct uio *u, loff_t *pos);
	loff_t (*seek)(struct file *f, loff_t off, int whence);    /* NULL: generic over inode size; pos_lock held */
	int (*iterate)(struct file *f, struct dir_sink *s);        /* directory: from f->pos on; inode lock held for reading; advances f->pos */
	unsigned (*poll)(struct file *f, struct poll_table *t);    /* NULL: always readable and writable */
	long (*ioctl)(struct file *f, unsigned cmd, unsigned long arg); /* NULL: -ENOTTY */
	int (*mmap)(struct file *f, struct map_request *r);        /* fills ops, object, may; NULL: -ENODEV */
	int (*fsync)(struct file *f);
	long (*fallocate)(struct file *f, int mode, loff_t off, loff_t len);
	/* Lines for /proc/PID/fdinfo, whole ones, as many as there is room for: their length. May sleep. */
	size_t (*describe)(struct file *f, char *buf, size_t cap);
	/*
	 * Who sets O_ASYNC wants signals (vfs/fasync, whose lock is held): in which lists, and how many; or -errno. NULL: this never becomes ready, or
	 * tells nobody.
	 */
	int (*async)(struct file *f, struct fasync *lists[FILE_LISTS]);
};

struct file {
	const struct file_ops *ops; /* never NULL */
	refcount_t refs;            /* kept while the file is free, for fd_get */
	struct path path;
	struct inode *inode;        /* = path.dentry->inode */
	unsigned flags;             /* O_ status flags; changed by F_SETFL, atomic word */
	unsigned mode;              /* FMODE_ */
	struct mutex pos_lock;
	loff_t pos;
	const struct cred *cred;    /* of the opener; owned */
	void *data;
	struct fileowner *owner;    /* vfs/fileowner: who gets signals; made once, NULL: nobody */
	struct epoll_item *watchers; /* of epolls; their lock. Only grows while somebody holds a reference */
};

/* Opens what the system call opens: flags and mode checked (EINVAL, EISDIR, ...), creation included. ERR_PTR. */
int file_check_flags(int flags); /* of open(2): -EINVAL for those that contradict each other */
struct file *file_open(int dirfd, const char *name, int flags, mode_t mode);
/* With rules for the walk (vfs/walkrules): -EXDEV, -ELOOP, -EAGAIN. */
struct file *file_open_ruled(int dirfd, const char *name, int flags, mode_t mode, unsigned rules);
/*
 * A program to be run: opened for reading; nobody writes to it until it is closed or file_allow_write was called. Name of the current process
 * or the kernel. ERR_PTR: -EACCES, -ETXTBSY (open for writing), and what the walk finds.
 */
struct file *file_open_exec(const char *name);
/* The same from a directory; walk: WALK_FOLLOW or not (ELOOP then, if it is a link), WALK_EMPTY. */
struct file *file_open_exec_at(int dirfd, const char *name, unsigned walk);
/* Opens a path already found (exec, kernel). Takes its own references. */
struct file *file_open_path(const struct path *p, int flags);
/* A file over an anonymous inode (pipes, eventfd): takes over the path's references; on failure (ERR_PTR) they stay the caller's. */
struct file *file_new(const struct path *p, const struct file_ops *ops, unsigned mode, unsigned flags);
static inline void file_get(struct file *f) { refcount_get(&f->refs); }
void file_put(struct file *f); /* may sleep; NULL is fine */
unsigned long file_live(void);
/* read(2)/write(2) after the descriptor: checks modes and limits, position rules (O_APPEND atomic), SIGXFSZ. pos NULL: the file's own. */
/* Clips a write of *len bytes at pos to RLIMIT_FSIZE; -EFBIG (with SIGXFSZ) when nothing is left. */
int file_write_limit(struct file *f, loff_t pos, size_t *len);
ssize_t file_read(struct file *f, struct uio *u, loff_t *pos);
ssize_t file_write(struct file *f, struct uio *u, loff_t *pos);
/* Marks the access time as the mount's options say (relatime). */
void file_accessed(struct file *f);
/* Set by vfs.c: what a FIFO inode is opened with. */
extern const struct file_ops *file_fifo_ops;
/* Set by vfs.c: releases the locks of the owner when a descriptor is closed / of the file with its last reference. */
extern void (*file_close_locks_hook)(struct file *f, void *owner);
/* Set by vfs.c: the file, which has watchers, goes. */
extern void (*file_watched_hook)(struct file *f);
/* Set by vfs.c: the file, which has an owner, goes. */
extern void (*file_owned_hook)(struct file *f);
/* Kernel buffers (exec, initrd): at an explicit offset. */
ssize_t file_read_kernel(struct file *f, void *buf, size_t len, loff_t pos);
loff_t file_seek(struct file *f, loff_t off, int whence);
#define FALLOC_KEEP_SIZE 1
#define FALLOC_PUNCH_HOLE 2
/* fallocate(2) after the descriptor: checks and calls the file's operation. EINVAL EOPNOTSUPP EBADF ESPIPE EISDIR ENODEV EFBIG ENOSPC EINTR. */
long file_allocate(struct file *f, unsigned long mode, loff_t off, loff_t len);
/* One more / one less writer of the contents; -ETXTBSY while the program runs. */
int file_write_begin(struct inode *i);
void file_write_end(struct inode *i);
/* Changes the length for truncate(2) and its kin; the right to write was checked. EFBIG (with SIGXFSZ) EINVAL EISDIR ETXTBSY. */
int file_truncate(struct inode *i, loff_t size);
/* Denies writing to a program that runs, until the file is closed or file_allow_write. Once a file; 0 or -ETXTBSY. */
int file_deny_write(struct file *f);
/* Gives up what file_deny_write took, if it did. Not while others could close the file. */
void file_allow_write(struct file *f);

#endif
