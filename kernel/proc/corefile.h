/* SPDX-License-Identifier: MIT */
/* What a core file holds: an ELF file of notes, which describe the process and its threads as Linux's do, and of its memory. */
#ifndef PROC_COREFILE_H
#define PROC_COREFILE_H

#include "proc/coremeet.h"
#include "vfs/file.h"

/*
 * Writes the current process, whose threads have met, to f, at most limit bytes; there it ends, as Linux's. info: the signal's siginfo as programs
 * see it. False if there was not even the memory to begin.
 */
bool corefile_write(struct file *f, uint64_t limit, struct coremeet *m, int signo, const unsigned char info[128]);

#endif
