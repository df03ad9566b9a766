/* SPDX-License-Identifier: MIT */
/* Out of memory: what is only cached goes, then the largest process ends (vm_oom_hook). */
#ifndef PROC_OOM_H
#define PROC_OOM_H

#include "lib/types.h"

/* Something failed for want of memory: gives back what is only cached, if memory is scarce. True when it may succeed now. Sleeps; nothing is held. */
bool oom_relieve(void);
/* True when a victim was killed or is still dying, so that trying again makes sense. May sleep. */
bool oom_kill(void);

#endif
