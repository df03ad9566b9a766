/* SPDX-License-Identifier: MIT */
/* The list of those who watch the wall clock. */
#include "core/clockset.h"

#include "core/clock.h"
#include "core/clockstate.h"
#include "core/spinlock.h"

static struct spinlock lock = SPINLOCK_INIT(LOCK_CLOCKSET);
static struct list watchers = LIST_INIT(watchers);

void clock_watch(struct clock_watcher *w)
{
	spin_lock(&lock);
	list_push_back(&watchers, &w->link);
	spin_unlock(&lock);
}

void clock_unwatch(struct clock_watcher *w)
{
	spin_lock(&lock);
	list_del(&w->link);
	spin_unlock(&lock);
}

void clock_set(ktime_t ns)
{
	struct clock_watcher *w;

	spin_lock(&lock);
	clock_set_wall(ns);
	clock_state_clear();
	list_for_each_entry(w, &watchers, link)
		w->changed(w);
	spin_unlock(&lock);
}
