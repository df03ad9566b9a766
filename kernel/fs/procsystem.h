/* SPDX-License-Identifier: MIT */
/* Memory, CPUs and devices in /proc: meminfo, vmstat, stat, interrupts and the like. All are fill of struct proc_node. */
#ifndef FS_PROCSYSTEM_H
#define FS_PROCSYSTEM_H

#include "fs/proctext.h"

int procsystem_meminfo(struct text *t, struct process *p);
int procsystem_vmstat(struct text *t, struct process *p);
int procsystem_slabinfo(struct text *t, struct process *p);
int procsystem_swaps(struct text *t, struct process *p);
int procsystem_stat(struct text *t, struct process *p);
int procsystem_interrupts(struct text *t, struct process *p);
int procsystem_softirqs(struct text *t, struct process *p);
int procsystem_devices(struct text *t, struct process *p);
int procsystem_partitions(struct text *t, struct process *p);
/* A list of what there is none of: disks, modules. */
int procsystem_nothing(struct text *t, struct process *p);

#endif
