/* SPDX-License-Identifier: MIT */
/* What the administrator says about core dumps: /proc/sys/kernel/core_pattern and its kin, core(5). */
#ifndef TASK_CORESET_H
#define TASK_CORESET_H

#include "lib/types.h"

#define CORE_PATTERN_MAX 127

/* Bits of /proc/PID/coredump_filter: which regions are written. */
#define CORE_ANON_PRIVATE 1u
#define CORE_ANON_SHARED 2u
#define CORE_FILE_PRIVATE 4u
#define CORE_FILE_SHARED 8u
#define CORE_ELF_HEADERS 0x10u
#define CORE_FILTER_DEFAULT 0x33u
#define CORE_FILTER_ALL 0x1ffu

/* Values of suid_dumpable and of a process's dumpable. */
#define DUMP_NEVER 0
#define DUMP_USER 1
#define DUMP_ROOT 2 /* to an absolute name, owned by root */

extern int core_uses_pid, core_suid_dumpable; /* single words */

void core_pattern_get(char out[CORE_PATTERN_MAX + 1]);
/* -EINVAL for a program to be piped to: there is nothing that would start it. What is too long is cut. */
long core_pattern_set(const char *s, size_t len);

#endif
