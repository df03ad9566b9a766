/* SPDX-License-Identifier: MIT */
/* /proc/sysvipc, and the limits of interprocess communication under /proc/sys/kernel and /proc/sys/fs/mqueue. */
#ifndef FS_PROCIPC_H
#define FS_PROCIPC_H

#include "fs/proctext.h"

/* Set by init/main: the objects themselves are in rooms above. */
extern int (*procipc_shm_hook)(struct text *t);
extern int (*procipc_sem_hook)(struct text *t);
extern int (*procipc_msg_hook)(struct text *t);

extern const struct proc_node procipc_sysvipc[3], procipc_mqueue[5]; /* what is in the directories */

/* The knobs of sys/kernel. */
#define PROCIPC_KNOBS(X) X(shmmax) X(shmall) X(shmmni) X(msgmax) X(msgmnb) X(msgmni) X(sem)
#define PROCIPC_DECLARE(name) int procipc_fill_##name(struct text *t, struct process *p); long procipc_store_##name(const char *s, size_t len);
PROCIPC_KNOBS(PROCIPC_DECLARE)
#define PROCIPC_NODE(n) PROC_KNOB(#n, procipc_fill_##n, procipc_store_##n),

#endif
