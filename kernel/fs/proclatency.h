/* SPDX-License-Identifier: MIT */
/* /proc/perigee/latency: the longest sections with preemption or interrupts off (debug builds), longest first; writing forgets them. */
#ifndef FS_PROCLATENCY_H
#define FS_PROCLATENCY_H

#include "fs/proctext.h"

int proclatency_fill(struct text *t, struct process *p);
long proclatency_store(const char *s, size_t len);

#endif
