/* SPDX-License-Identifier: MIT */
/* Memory of a process in /proc/PID: maps, smaps, smaps_rollup, pagemap, and Perigee's own pgtables (docs/procfs.md). */
#ifndef FS_PROCMAPS_H
#define FS_PROCMAPS_H

#include "fs/proctext.h"

/* Operations of struct proc_node. */
int procmaps_maps(struct text *t, struct process *p);
int procmaps_smaps(struct text *t, struct process *p);
int procmaps_rollup(struct text *t, struct process *p);
int procmaps_pgtables(struct text *t, struct process *p);
extern const struct file_ops procmaps_pagemap_ops;

#endif
