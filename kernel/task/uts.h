/* SPDX-License-Identifier: MIT */
/* What the system is called: uname(2), /proc/sys/kernel. The names of host and domain can be set; the rest is constant. */
#ifndef TASK_UTS_H
#define TASK_UTS_H

#include "lib/types.h"

#define UTS_SYSNAME "Linux"
#define UTS_RELEASE "6.1.0-perigee"
#define UTS_VERSION "#1 SMP PREEMPT Perigee"
#define UTS_NAME_MAX 64

enum uts_name { UTS_HOST, UTS_DOMAIN };

/* Copies the name with its NUL into out. */
void uts_get(enum uts_name which, char out[UTS_NAME_MAX + 1]);
/* -EINVAL when it is longer than UTS_NAME_MAX. */
long uts_set(enum uts_name which, const char *name, size_t len);

#endif
