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

/*
 * clear_refs (proc(5)): 1, 2, 3: no page, no anonymous one, none of a file counts as referenced until it is used again, nor does it in a process that
 * shares the page table; 4 is taken, but nobody keeps soft-dirty bits, as on Linux for i386; 5: VmHWM begins anew.
 */
long procmaps_clear_refs(struct process *p, struct task *t, const char *s, size_t len);

#endif
