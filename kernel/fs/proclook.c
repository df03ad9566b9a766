/* SPDX-License-Identifier: MIT */
/* Who may look into a process, and what a path is called for who looks. */
#include "fs/proclook.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "vfs/fsctx.h"

int proclook_allowed(struct process *p)
{
	return process_may_attach(p, true) ? 0 : -EACCES;
}

bool proclook_gone(struct process *p, const struct task *t)
{
	bool gone;

	if (t)
		return false; /* who ends is not asked any more (procfs.c) */
	spin_lock(&proc_tree_lock);
	gone = !process_first_task(p);
	spin_unlock(&proc_tree_lock);
	return gone;
}

struct aspace *proclook_aspace(struct process *p, const struct task *t) { return proclook_gone(p, t) ? NULL : process_aspace_get(p); }

int proclook_path(struct text *t, const struct path *path)
{
	struct path root = thread_current()->user ? fsctx_root(fsctx_current()) : mount_root_path;
	char *buf = kmalloc(PATH_MAX, 0), *name = ERR_PTR(-ENOMEM);

	if (buf)
		name = path_name(path, &root, buf, PATH_MAX, true);
	if (!IS_ERR(name))
		text_add(t, name, strlen(name));
	kfree(buf);
	if (thread_current()->user)
		path_put(&root);
	return IS_ERR(name) ? (int)PTR_ERR(name) : 0;
}
