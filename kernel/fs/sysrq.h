/* SPDX-License-Identifier: MIT */
/* /proc/sysrq-trigger: one letter from root makes the kernel say or do something, as on Linux. */
#ifndef FS_SYSRQ_H
#define FS_SYSRQ_H

#include "lib/types.h"

/*
 * Acts on the first letter: c crashes, b restarts, o turns off, m logs memory, t logs tasks, anything else logs the list. Returns 0. May
 * sleep. Who may write is the file's business.
 */
long sysrq_store(const char *s, size_t len);

#endif
