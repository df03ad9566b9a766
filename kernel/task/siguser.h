/* SPDX-License-Identifier: MIT */
/*
 * How many signals wait for each real user, timers that may send one included: what RLIMIT_SIGPENDING limits. An entry lives while a process of the
 * user, or a signal that was charged to him, refers to it. Any context.
 */
#ifndef TASK_SIGUSER_H
#define TASK_SIGUSER_H

#include "lib/types.h"

struct siguser;

/* The entry of a user, with a reference; NULL without memory, but never for root. Not in interrupts. */
struct siguser *siguser_get(uid_t uid);
struct siguser *siguser_hold(struct siguser *u); /* one more reference */
void siguser_put(struct siguser *u);
/* One more signal, with a reference of its own: false if there are "most" already. */
bool siguser_charge(struct siguser *u, uint64_t most);
void siguser_uncharge(struct siguser *u);
unsigned siguser_queued(const struct siguser *u);

#endif
