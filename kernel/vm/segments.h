/* SPDX-License-Identifier: MIT */
/* The segments that a program makes in its address space (modify_ldt(2)): all threads of it have them, a child gets a copy. */
#ifndef VM_SEGMENTS_H
#define VM_SEGMENTS_H

#include "lib/types.h"

/* The first bytes of the current space's table, zeroes behind its end: how many. EFAULT, ENOMEM. */
long segments_read(uaddr_t to, unsigned long bytes);
/* Sets an entry. EINVAL, EFAULT, ENOMEM, EINTR. */
long segments_write(uaddr_t desc, unsigned long bytes, bool old_meaning);

#endif
