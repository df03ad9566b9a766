/* SPDX-License-Identifier: MIT */
/* The lines of /proc/sysvipc: what ipcs(1) reads. For the hooks of fs/procipc; 0. */
#ifndef PROC_SYSVPROC_H
#define PROC_SYSVPROC_H

struct text;

int sysvproc_shm(struct text *t);
int sysvproc_sem(struct text *t);
int sysvproc_msg(struct text *t);

#endif
