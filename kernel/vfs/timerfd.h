/* SPDX-License-Identifier: MIT */
/* timerfd: a timer that is read: how often it has run out since the last time. */
#ifndef VFS_TIMERFD_H
#define VFS_TIMERFD_H

#include "vfs/file.h"

struct timerfd_setting { uint64_t value_ns, interval_ns; };

#define TIMERFD_ABSOLUTE 1u
#define TIMERFD_CANCEL_ON_SET 2u

/* wall: it counts on the clock that can be set. flags: O_NONBLOCK or 0. ERR_PTR: -ENOMEM. */
struct file *timerfd_create(bool wall, unsigned flags);
/* -EINVAL: no timerfd. *old: what was left, and the interval. */
int timerfd_set(struct file *f, unsigned flags, const struct timerfd_setting *new, struct timerfd_setting *old);
int timerfd_get(struct file *f, struct timerfd_setting *now);

#endif
