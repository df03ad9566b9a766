/* SPDX-License-Identifier: MIT */
/* What openat2 may forbid a walk: see the header. */
#include "vfs/walkrules.h"

#include "lib/errno.h"

int rules_refusal(unsigned rules) { return rules & WALK_CACHED ? -EAGAIN : -EXDEV; }

int rules_link(unsigned rules, bool magic)
{
	if (rules & WALK_NO_LINKS)
		return -ELOOP;
	return magic && rules & WALK_CACHED ? -EAGAIN : 0;
}

int rules_jump(unsigned rules, const struct path *from, const struct path *to)
{
	if (rules & WALK_NO_MAGIC)
		return -ELOOP;
	if (rules & WALK_NO_XDEV && from->mnt != to->mnt)
		return -EXDEV;
	return rules & WALK_SCOPED ? -EXDEV : 0;
}

int rules_to_root(unsigned rules, const struct path *from, const struct path *root, bool used)
{
	if (rules & WALK_BENEATH)
		return -EXDEV;
	return rules & WALK_NO_XDEV && (!used || from->mnt != root->mnt) ? -EXDEV : 0;
}

/* Is p top or below it? Upwards through directories and mounts. */
static bool is_under(const struct path *p, const struct path *top)
{
	struct path at = *p;

	spin_lock(&dentry_lock);
	while (at.dentry && !path_equal(&at, top)) {
		if (at.dentry == at.mnt->root)
			at = at.mnt->parent ? (struct path){ at.mnt->parent, at.mnt->point } : (struct path){ NULL, NULL };
		else
			at.dentry = at.dentry->parent;
	}
	spin_unlock(&dentry_lock);
	return at.dentry;
}

int rules_arrived(unsigned rules, const struct path *at, const struct path *root)
{
	return rules & WALK_SCOPED && !is_under(at, root) ? -EXDEV : 0;
}
