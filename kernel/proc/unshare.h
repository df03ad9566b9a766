/* SPDX-License-Identifier: MIT */
/* Parting from what the current thread shares with others. unshare(2). */
#ifndef PROC_UNSHARE_H
#define PROC_UNSHARE_H

#include "lib/types.h"

/* 0, or EINVAL (unknown flags, namespaces, what threads cannot part from), EPERM, ENOMEM: nothing has changed then. */
long proc_unshare(unsigned long flags);

#endif
