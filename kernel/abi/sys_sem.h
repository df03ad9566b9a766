/* SPDX-License-Identifier: MIT */
/* semop(2) for the old call of all of System V, which alone has it with 32-bit times. */
#ifndef ABI_SYS_SEM_H
#define ABI_SYS_SEM_H

#include "lib/types.h"

/* timeout: user address of a timespec (wide: 64-bit form), 0 for none. */
long semtimedop_call(int id, uaddr_t ops, unsigned count, uaddr_t timeout, bool wide);

#endif
