/* SPDX-License-Identifier: MIT */
/*
 * How many threads each real user has, for RLIMIT_NPROC, and how many pages his pipes may fill (pipe(7), pipe-user-pages-soft). A thread counts from its birth
 * to its end, the last one of a process until that is reaped.
 * Root's are not counted: nothing limits them.
 */
#ifndef TASK_USERCOUNT_H
#define TASK_USERCOUNT_H

#include "lib/types.h"

int usercount_add(uid_t uid); /* one more; -ENOMEM */
void usercount_sub(uid_t uid);
unsigned long usercount_get(uid_t uid);
int usercount_add_pipe(uid_t uid, unsigned long pages, unsigned long *total); /* *total: with these, 0 for root; -ENOMEM */
void usercount_sub_pipe(uid_t uid, unsigned long pages);

#endif
