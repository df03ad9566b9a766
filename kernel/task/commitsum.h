/* SPDX-License-Identifier: MIT */
/* What processes were promised: their own memory that they may write to, in pages, whether it is there yet or not. */
#ifndef TASK_COMMITSUM_H
#define TASK_COMMITSUM_H

/* Goes through all processes, each by itself: what changes meanwhile may be counted or not. Takes PROC_TREE lock. */
unsigned long commitsum(void);

#endif
