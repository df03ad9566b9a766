/* SPDX-License-Identifier: MIT */
/* The signal mask that waiting calls take along. Errors: EFAULT, EINVAL. */
#ifndef ABI_SIGMASK_H
#define ABI_SIGMASK_H

#include "lib/types.h"

/* The signal mask of a ppoll, if there is one: holds until the return to user mode, where the old one comes back. */
long mask_from_user(uaddr_t mask, size_t size);

#endif
