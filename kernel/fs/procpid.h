/* SPDX-License-Identifier: MIT */
/* /proc/PID: what is known about one process. */
#ifndef FS_PROCPID_H
#define FS_PROCPID_H

#include "fs/proctext.h"

struct tty;

extern const struct proc_node procpid_nodes[];
extern const unsigned procpid_count;

/* May the current process look into p (its files, memory, environment)? 0 or -EACCES. */
int procpid_may_look(struct process *p);
/* The owner of the directory: effective ids of p. */
void procpid_owner(struct process *p, uid_t *uid, gid_t *gid);
/* False when it was reaped. */
bool procpid_alive(struct process *p);
/* The path of descriptor fd of p, with references; -ENOENT. */
int procpid_fd_path(struct process *p, unsigned fd, struct path *out);
/* Writes the name of a path as the current process sees it. */
int procpid_path_text(struct text *t, const struct path *path);
/* Set by dev/tty: device number (as stat(2) shows it) and foreground group of a terminal; PROC_TREE lock held. */
extern void (*procpid_tty_hook)(struct tty *tty, unsigned *dev, pid_t *foreground);

#endif
