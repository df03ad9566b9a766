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

/* Is p top or below it? Upwards through mounts to that of top. */
static bool is_under(const struct path *p, const struct path *top)
{
	struct path at = *p;
	bool is;

	path_get(&at);
	while (at.mnt != top->mnt && mount_cross_up(&at))
		;
	is = at.mnt == top->mnt && dentry_is_ancestor(top->dentry, at.dentry);
	path_put(&at);
	return is;
}

int rules_arrived(unsigned rules, const struct path *at, const struct path *root)
{
	return rules & WALK_SCOPED && !is_under(at, root) ? -EXDEV : 0;
}
