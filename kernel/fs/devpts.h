/* SPDX-License-Identifier: MIT */
/* devpts, mounted at /dev/pts: the names of the pseudo terminals that exist. One instance, mounted any number of times. */
#ifndef FS_DEVPTS_H
#define FS_DEVPTS_H

#include "lib/types.h"

#define PTS_MAX 256u
#define PTS_MAJOR 136u

void devpts_init(void);
/* A name appears (owned by the current process) and goes away again; n < PTS_MAX, not there / there. May sleep. 0, -ENOMEM. */
int devpts_add(unsigned n);
void devpts_remove(unsigned n);

#endif
