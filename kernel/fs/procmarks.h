/* SPDX-License-Identifier: MIT */
/* /proc/PID/oom_score, oom_score_adj, loginuid, sessionid. As struct proc_node's fill and set. */
#ifndef FS_PROCMARKS_H
#define FS_PROCMARKS_H

#include "fs/proctext.h"

int procmarks_score(struct text *t, struct process *p);
int procmarks_adj(struct text *t, struct process *p);
long procmarks_set_adj(struct process *p, struct task *t, const char *s, size_t len);
int procmarks_login(struct text *t, struct process *p);
long procmarks_set_login(struct process *p, struct task *t, const char *s, size_t len);
int procmarks_session(struct text *t, struct process *p);

#endif
