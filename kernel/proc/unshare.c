/* SPDX-License-Identifier: MIT */
/* Parting: what needs memory is made first, then it is put in the place of what was shared. */
#include "proc/unshare.h"
#include "lib/errno.h"
#include "proc/fork.h"
#include "proc/sysvsem.h"
#include "task/pid.h"
#include "vfs/fdtable.h"
#include "vfs/fsctx.h"
#include "vm/aspace.h"

#define ALONE (CLONE_THREAD | CLONE_SIGHAND | CLONE_VM) /* what nobody is made alone in, but may be told to be */
#define KNOWN (ALONE | CLONE_FS | CLONE_FILES | CLONE_SYSVSEM | CLONE_NAMESPACES)

static bool other_user_of(struct process *p, void *used)
{
	bool *shared = used;

	*shared = p != process_current() && READ_ONCE(p->aspace) == aspace_current();
	return !*shared;
}

/* A count above one may be somebody who only looks. */
static bool memory_is_shared(void)
{
	bool shared = false;

	if (refcount_read(&aspace_current()->refs) > 1)
		process_each(other_user_of, &shared);
	return shared;
}

static long check(unsigned long flags)
{
	struct process *p = process_current();

	if (flags & ~KNOWN)
		return -EINVAL;
	if (flags & CLONE_NAMESPACES) /* there is one of each */
		return flags & CLONE_NEWUSER || capable(CAP_SYS_ADMIN) ? -EINVAL : -EPERM;
	if (flags & ALONE && READ_ONCE(p->task_count) > 1)
		return -EINVAL;
	if (flags & (CLONE_SIGHAND | CLONE_VM) && refcount_read(&p->sighand->refs) > 1)
		return -EINVAL;
	return flags & CLONE_VM && memory_is_shared() ? -EINVAL : 0;
}

long proc_unshare(unsigned long flags)
{
	struct fsctx *fs = NULL;
	long err = check(flags);

	if (err)
		return err;
	if (flags & CLONE_FS && !fsctx_private(fsctx_current())) {
		fs = fsctx_dup(fsctx_current());
		if (!fs)
			return -ENOMEM;
	}
	if (flags & CLONE_FILES && fdtable_unshare()) {
		if (fs)
			fsctx_put(fs);
		return -ENOMEM;
	}
	if (fs)
		fsctx_replace(fs);
	if (flags & CLONE_SYSVSEM)
		sem_undo_exit(task_current());
	return 0;
}
