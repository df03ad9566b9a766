/* SPDX-License-Identifier: MIT */
/*
 * The children of a process in order of birth, and those that have something to tell it (wait(2)): these stand in trees of their own, one for each
 * kind of report, so that looking for one costs the same however many children there are.
 *
 * Who is whose child: PROC_TREE lock, and to give a child away its sighand->lock as well; so under either a process keeps its parent. A report is
 * guarded by the child's sighand->lock, that of a zombie by PROC_TREE lock. The tree of those that have ended is PROC_TREE's, too; the others have a
 * lock in the parent below these.
 */
#ifndef TASK_CHILDREN_H
#define TASK_CHILDREN_H

#include "task/process.h"

#define REPORT_BIT(r) (1u << (r))

/* c becomes the youngest child of parent. PROC_TREE lock held. */
void child_add(struct process *parent, struct process *c);
/* c, of whom there is nothing left to tell, is nobody's child any more. PROC_TREE lock held. */
void child_remove(struct process *c);
/* c goes to another parent, as its youngest child that ends with SIGCHLD, and takes its report along. PROC_TREE lock held. */
void child_move(struct process *c, struct process *to);
/* As every program does that c executes from now on. PROC_TREE lock held. */
void child_ends_with_sigchld(struct process *c);
/* What c has to tell from now on, instead of what it had. c's sighand->lock held; once it is a zombie, PROC_TREE lock. */
void child_report(struct process *c, enum report r);
/* The eldest of the children born after `after` (0: all) that have one of these reports (REPORT_BITs), or NULL. PROC_TREE lock held. */
struct process *child_reporting(struct process *parent, unsigned reports, uint64_t after);
/* Has any child one of these reports? Without locks: what comes at the same time may be missed. */
bool children_report(const struct process *parent, unsigned reports);

#endif
