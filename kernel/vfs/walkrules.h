/* SPDX-License-Identifier: MIT */
/*
 * What openat2(2) may forbid a walk, in the order of its RESOLVE_ bits. Each function says whether a step is allowed: 0, or the errno that ends the
 * walk. rules: the WALK_ bits of the walk, others than these included.
 */
#ifndef VFS_WALKRULES_H
#define VFS_WALKRULES_H

#include "vfs/mount.h"

#define WALK_RULES_SHIFT 4
#define WALK_NO_XDEV (1u << 4)    /* stays in the mount where it begins */
#define WALK_NO_MAGIC (1u << 5)   /* follows no link that leads to a place instead of a name */
#define WALK_NO_LINKS (1u << 6)   /* follows no link */
#define WALK_BENEATH (1u << 7)    /* an attempt to leave the directory where it begins ends it */
#define WALK_IN_ROOT (1u << 8)    /* that directory is its root */
#define WALK_CACHED (1u << 9)     /* asks no file system: only what the cache of names has */
#define WALK_SCOPED (WALK_BENEATH | WALK_IN_ROOT)
#define WALK_RULES (0x3fu << WALK_RULES_SHIFT)

/* The errno of a step out of the mount or of the root: -EXDEV; of a walk that may use the cache only -EAGAIN, as if it did not know. */
int rules_refusal(unsigned rules);
/* A link is about to be followed; magic: it leads to a place. -ELOOP, -EAGAIN. */
int rules_link(unsigned rules, bool magic);
/* A magic link leads from a place to another one. -ELOOP, -EXDEV. */
int rules_jump(unsigned rules, const struct path *from, const struct path *to);
/* A link leads to the root; used: the walk had to do with its root before, and only then Linux knows that it is in the same mount. -EXDEV. */
int rules_to_root(unsigned rules, const struct path *from, const struct path *root, bool used);
/* The walk has arrived where nobody may have moved it out of its root meanwhile. -EXDEV. */
int rules_arrived(unsigned rules, const struct path *at, const struct path *root);

#endif
