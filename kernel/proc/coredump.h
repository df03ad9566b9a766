/* SPDX-License-Identifier: MIT */
/* The end of a process by a signal: with a core file, where the signal, RLIMIT_CORE and core_pattern say so (core(5)). */
#ifndef PROC_COREDUMP_H
#define PROC_COREDUMP_H

#include "lib/compiler.h"

/* info: the signal's siginfo as programs see it. No locks held. */
__noreturn void coredump_exit(int signo, const unsigned char info[128]);

#endif
