/* SPDX-License-Identifier: MIT */
/* /proc/PID: what is known about one process. */
#ifndef FS_PROCPID_H
#define FS_PROCPID_H

#include "fs/proctext.h"

extern const struct proc_node procpid_nodes[];
extern const unsigned procpid_count;

/* The owner of the directory: effective ids of p. Of what is inside it, unless "always": root, if p's memory is nobody's business. */
void procpid_owner(struct process *p, bool always, uid_t *uid, gid_t *gid);
/* False when it was reaped. */
bool procpid_alive(struct process *p);
/* The path of descriptor fd of p, with references; -ENOENT. Whether it may be told is the caller's affair. */
int procpid_fd_path(struct process *p, unsigned fd, struct path *out);
/* Its mode as a link: for the user, what it was opened for; 0 if it is not open. */
mode_t procpid_fd_rights(struct process *p, unsigned fd);
/* A file of fdinfo/: fill of its node. */
int procpid_fdinfo(struct text *t, struct process *p);

#endif
