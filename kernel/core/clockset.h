/* SPDX-License-Identifier: MIT */
/* Setting the wall clock, and who must know of it: timers that were set for a time of day. */
#ifndef CORE_CLOCKSET_H
#define CORE_CLOCKSET_H

#include "lib/list.h"
#include "lib/types.h"

struct clock_watcher {
	struct list link; /* LOCK_CLOCKSET */
	void (*changed)(struct clock_watcher *w); /* under the lock: does not sleep, nor come or go */
};

/* Process context. After clock_unwatch changed() neither runs nor will. */
void clock_watch(struct clock_watcher *w);
void clock_unwatch(struct clock_watcher *w);
/* Sets the wall clock to ns since 1970, and tells all. */
void clock_set(ktime_t ns);

#endif
