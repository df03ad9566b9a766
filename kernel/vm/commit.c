/* SPDX-License-Identifier: MIT */
/* Promises of memory. */
#include "vm/commit.h"
#include "lib/bits.h"
#include "mem/frame.h"

#define SURELY_ENOUGH ((64ul << 20) >> PAGE_SHIFT) /* not looked at: a page that is not there is found out when it is touched */
#define USER_RESERVE ((128ul << 20) >> PAGE_SHIFT) /* kept of the limit, if a 32nd part of the space is not less */

int vm_overcommit, vm_overcommit_ratio = 50;
unsigned long (*vm_committed_hook)(void);

static unsigned long all_memory(void)
{
	struct frame_stats s;

	frame_stats(&s);
	return s.total;
}

unsigned long vm_commit_limit(void) { return (unsigned long)((uint64_t)all_memory() * (unsigned)READ_ONCE(vm_overcommit_ratio) / 100); }

bool vm_may_commit(const struct aspace *as, unsigned long pages)
{
	int mode = READ_ONCE(vm_overcommit);
	unsigned long promised;

	if (mode == OVERCOMMIT_ALWAYS)
		return true;
	if (mode == OVERCOMMIT_GUESS)
		return pages < SURELY_ENOUGH || pages <= all_memory();
	promised = (vm_committed_hook ? vm_committed_hook() : 0) + (as ? MIN(as->total_pages / 32, USER_RESERVE) : 0);
	return pages + promised >= pages && pages + promised < vm_commit_limit();
}
