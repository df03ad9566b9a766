/* SPDX-License-Identifier: MIT */
/* Out of memory: the largest process ends (vm_oom_hook). */
#ifndef PROC_OOM_H
#define PROC_OOM_H

#include "lib/types.h"

/* True when a victim was killed or is still dying, so that trying again makes sense. May sleep. */
bool oom_kill(void);

#endif
