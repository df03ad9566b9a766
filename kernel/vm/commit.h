/* SPDX-License-Identifier: MIT */
/* How much memory may be promised: /proc/sys/vm/overcommit_memory and its kin, proc(5). */
#ifndef VM_COMMIT_H
#define VM_COMMIT_H

#include "vm/space.h"

#define OVERCOMMIT_GUESS 0  /* what all memory could never hold is refused */
#define OVERCOMMIT_ALWAYS 1
#define OVERCOMMIT_NEVER 2  /* all promises together stay below the limit */

extern int vm_overcommit, vm_overcommit_ratio; /* OVERCOMMIT_; percent of memory. Single words */

/* Set by init/main: pages that have been promised to all processes together; counted when asked. */
extern unsigned long (*vm_committed_hook)(void);
unsigned long vm_commit_limit(void); /* pages */
/* May a space get so many more pages of its own? as->lock held, if as is not NULL. */
bool vm_may_commit(const struct aspace *as, unsigned long pages);

#endif
