/* SPDX-License-Identifier: MIT */
/*
 * Walks a name: all the way or not at all. No recursion on symbolic links (at most 40 in all: -ELOOP). Permissions are checked on
 * the way with the given credentials.
 */
#ifndef VFS_PATH_H
#define VFS_PATH_H

#include "vfs/fsctx.h"
#include "vfs/walkrules.h"

#define PATH_MAX 4096

#define WALK_FOLLOW 1u      /* follow a link in the last component */
#define WALK_DIRECTORY 2u   /* the result must be a directory (-ENOTDIR) */
#define WALK_EMPTY 4u       /* "" means the base itself (AT_EMPTY_PATH) */
#define WALK_PARENT 8u      /* stop before the last component (which is left in walk.last) */
/* And the rules of vfs/walkrules, which a walk that has none does not pay for. */

/* Longest string that a walk may have before it, links expanded. */
#define WALK_BUFFER (2 * PATH_MAX)

struct walk {
	struct path base;       /* start of a relative name (borrowed) */
	struct path root;       /* "/" (borrowed) */
	const struct cred *cred;
	unsigned flags;
	unsigned links;         /* symbolic links followed so far; 0 at first */
	/* results of WALK_PARENT: the last component */
	const char *last;       /* points into last_buf or the caller's name */
	size_t last_len;
	enum { LAST_NORMAL, LAST_DOT, LAST_DOTDOT, LAST_ROOT } last_type;
	bool last_slash;        /* trailing slash: must be a directory */
	char *last_buf;         /* from a link; walk_done frees */
	bool root_used;         /* it began at its root, or went there, or might have by ".." */
	bool base_held, root_held; /* walk_end gives a reference back; else nobody but this thread can change what it is borrowed from */
};

/* Result with references in *out, or an errno: ENOENT ENOTDIR EACCES ELOOP ENAMETOOLONG ENOMEM, with rules EXDEV EAGAIN. *out is never a negative entry. */
int path_walk(struct walk *w, const char *name, struct path *out);
void walk_done(struct walk *w);
/*
 * After WALK_PARENT, when the last component turned out to be the link: the walk goes on from dir (whose reference is taken over) with the
 * link's target, up to the parent of its last component again. -ELOOP and all errors of path_walk.
 */
int path_walk_link(struct walk *w, struct path *dir, struct inode *link, struct path *out);
/* The step for a last component "..", which WALK_PARENT left: *p is exchanged, on failure too. -EXDEV. */
int path_walk_up(struct walk *w, struct path *p);
/* A walk for the current process (a kernel thread: root's, from the system's root): root, credentials, and base from dirfd. walk_end gives the references back. */
int walk_begin(struct walk *w, int dirfd, const char *name, unsigned flags);
void walk_end(struct walk *w);
/* Set by vfs.c: the path of a descriptor (with references); -EBADF, -ENOTDIR. */
extern int (*path_dirfd_hook)(int dirfd, bool any, struct path *out);

/* For the current process: base from dirfd (AT_FDCWD: cwd), root from its fsctx, its credentials. */
#define AT_FDCWD (-100)
#define AT_SYMLINK_NOFOLLOW 0x100
#define AT_REMOVEDIR 0x200
#define AT_EACCESS 0x200
#define AT_SYMLINK_FOLLOW 0x400
#define AT_NO_AUTOMOUNT 0x800
#define AT_EMPTY_PATH 0x1000
int path_lookup(int dirfd, const char *name, unsigned flags, struct path *out);
int path_lookup_as(int dirfd, const char *name, unsigned flags, const struct cred *c, struct path *out);
/* Kernel's own: from the root, as root. */
int path_lookup_kernel(const char *name, unsigned flags, struct path *out);

/* Changes of names; each takes what the system call takes after copying the name in. For the current process. */
int path_mknod(int dirfd, const char *name, mode_t mode, dev_t dev);
int path_mkdir(int dirfd, const char *name, mode_t mode);
int path_symlink(const char *target, int dirfd, const char *name);
int path_link(int olddirfd, const char *old, int newdirfd, const char *new, int flags);
int path_unlink(int dirfd, const char *name);
int path_rmdir(int dirfd, const char *name);
int path_rename(int olddirfd, const char *old, int newdirfd, const char *new, unsigned flags);
/* Is the place writable: -EROFS for a read-only mount or file system. */
int path_may_write(const struct path *p);
/* Absolute name of a path as seen from root into buf, from its end; ERR_PTR(-ENAMETOOLONG); " (deleted)" is appended for unlinked names if mark. "(unreachable)" prefix as Linux. */
char *path_name(const struct path *p, const struct path *root, char *buf, size_t cap, bool mark);
/* Copies a path name from user space into a kmalloc'd page: -EFAULT, -ENAMETOOLONG, -ENOENT (empty, unless allowed) as ERR_PTR. */
char *path_from_user(uaddr_t name, bool empty_ok);
void path_name_free(char *name);

#endif
