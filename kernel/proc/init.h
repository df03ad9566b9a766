/* SPDX-License-Identifier: MIT */
/* The first process. */
#ifndef PROC_INIT_H
#define PROC_INIT_H

void proc_init(void);
/*
 * Tries to start path as process 1, with /dev/console as descriptors 0-2. Returns an errno when that is not possible; on success it does not
 * return before the process exists, and later calls are not allowed.
 */
long proc_start_init(const char *path, const char *const *argv, const char *const *envp);

#endif
