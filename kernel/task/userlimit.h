/* SPDX-License-Identifier: MIT */
/* What a user has of things that are limited for each user, not for each process. Any context but interrupts. */
#ifndef TASK_USERLIMIT_H
#define TASK_USERLIMIT_H

#include "lib/types.h"

enum userlimit { USER_MQ_BYTES, USER_INOTIFY_INSTANCES, USER_INOTIFY_WATCHES, USER_EPOLL_WATCHES };

/* The most that a user may have of each but USER_MQ_BYTES, whose is a limit of processes: as on Linux, two of them by the memory that there is. */
uint64_t userlimit_most(enum userlimit what);

/* n more for the user, if that makes no more than most in all: 0, -EDQUOT (too many), -ENOMEM. */
int userlimit_add(enum userlimit what, uid_t uid, uint64_t n, uint64_t most);
/* As many as were added with that uid. */
void userlimit_sub(enum userlimit what, uid_t uid, uint64_t n);

#endif
