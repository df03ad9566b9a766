/* SPDX-License-Identifier: MIT */
/* The options of a tmpfs (tmpfs(5)): limits, and who owns the root. */
#ifndef FS_TMPFSOPT_H
#define FS_TMPFSOPT_H

#include "lib/types.h"

#define TMPFS_UNLIMITED (~0ul >> 1)

struct tmpfs_options {
	unsigned long pages, inodes; /* at most; TMPFS_UNLIMITED */
	bool pages_set, inodes_set;  /* they were named */
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

/* Takes over what data (NULL: nothing), options between commas, names. -EINVAL: an unknown one, or a bad value. */
int tmpfs_options_parse(const char *data, struct tmpfs_options *o);
/* Of a ramfs: the mode. Others are ignored, as on Linux; -EINVAL: a bad one. */
int ramfs_options_parse(const char *data, struct tmpfs_options *o);
/* Writes them as /proc/mounts has them, each after a comma, but for those that are as in usual. Returns the length; cap: OPTIONS_MAX (vfs/inode). */
size_t tmpfs_options_text(const struct tmpfs_options *o, const struct tmpfs_options *usual, char *buf, size_t cap);

#endif
