/* SPDX-License-Identifier: MIT */
/*
 * Extended attributes of file systems that keep them in memory: a list at the inode. Which names there are is Linux's tmpfs's: trusted. and security.,
 * which only the privileged set. xattr(7).
 */
#ifndef VFS_XATTR_H
#define VFS_XATTR_H

#include "vfs/inode.h"

#define XATTR_SIZE_MAX 65536u
#define XATTR_CREATE 1u
#define XATTR_REPLACE 2u

/* value may be NULL with size 0. EOPNOTSUPP (no such names here) EPERM EEXIST ENODATA ENOMEM. The inode's lock is taken inside. */
long xattr_set(struct inode *i, const char *name, const void *value, size_t size, unsigned flags);
/* The value's length; its bytes into buf if cap is not 0 (ERANGE: too small). ENODATA EOPNOTSUPP. */
long xattr_get(struct inode *i, const char *name, void *buf, size_t cap);
/* All names with their NULs, newest first; as above. */
long xattr_list(struct inode *i, char *buf, size_t cap);
long xattr_remove(struct inode *i, const char *name); /* ENODATA EPERM EOPNOTSUPP */
/* By the file system, with the inode. */
void xattr_free(struct inode *i);

#endif
