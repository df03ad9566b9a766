/* SPDX-License-Identifier: MIT */
/* /proc/PID/mounts and mountinfo: what is mounted where, as the reader sees it. */
#ifndef FS_PROCMOUNT_H
#define FS_PROCMOUNT_H

#include "fs/proctext.h"

int procmount_mounts(struct text *t, struct process *p);
int procmount_mountinfo(struct text *t, struct process *p);
int procmount_mountstats(struct text *t, struct process *p);

#endif
