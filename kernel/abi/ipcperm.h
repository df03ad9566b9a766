/* SPDX-License-Identifier: MIT */
/* Whose an object of System V IPC is, as msgctl and semctl tell. */
#ifndef ABI_IPCPERM_H
#define ABI_IPCPERM_H

#include "abi/uapi.h"
#include "proc/sysvipc.h"

static inline struct u_ipc_perm ipc_perm_to_user(const struct ipc_perm *p)
{
	return (struct u_ipc_perm){ .key = p->key, .uid = p->uid, .gid = p->gid, .cuid = p->cuid, .cgid = p->cgid,
				    .mode = (uint16_t)p->mode, .seq = (uint16_t)p->seq };
}

#endif
