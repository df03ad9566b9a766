/* SPDX-License-Identifier: MIT */
/*
 * What System V's objects have in common: a key, owners, a mode, and an id, which is an index into the table of their kind and above that how
 * often the table has handed out an id. svipc(7). The caller holds the lock of the table.
 */
#ifndef PROC_SYSVIPC_H
#define PROC_SYSVIPC_H

#include "lib/idr.h"
#include "task/process.h"

#define IPC_PRIVATE 0
#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_NOWAIT 04000
#define IPC_INDEX_BITS 15
#define IPC_OBJECTS_MAX (1ul << IPC_INDEX_BITS)

/* First member of an object. */
struct ipc_perm {
	int key, id;
	unsigned seq, mode;
	uid_t uid, cuid;
	gid_t gid, cgid;
};

struct ipc_table {
	struct idr objects;  /* struct ipc_perm * */
	unsigned long count;
	unsigned next_seq;
	bool ready;
};

uint64_t ipc_now_s(void);
/* wanted: bits of one class, 4 to read, 2 to write. */
bool ipc_permits(const struct ipc_perm *p, unsigned wanted);
/* Owner, creator, or privileged: may change and remove it. */
bool ipc_owns(const struct ipc_perm *p);
/* The current process makes p: 0, or ENOSPC (limit) ENOMEM. */
int ipc_add(struct ipc_table *t, struct ipc_perm *p, int key, unsigned mode, unsigned long limit);
void ipc_remove(struct ipc_table *t, struct ipc_perm *p);
struct ipc_perm *ipc_find(const struct ipc_table *t, int id);    /* NULL: -EINVAL */
struct ipc_perm *ipc_find_key(const struct ipc_table *t, int key);
struct ipc_perm *ipc_at(const struct ipc_table *t, int index);   /* NULL: nothing there */
/* To be looked at: by id, or by index; any: without asking for permission. ERR_PTR(-EINVAL, -EACCES). */
struct ipc_perm *ipc_look(const struct ipc_table *t, int id, bool by_index, bool any);
/* Highest index in use, 0 if there is none. */
int ipc_last_index(const struct ipc_table *t);
/* IPC_SET: 0, or EPERM, or EINVAL for an id that there is not. */
int ipc_set(struct ipc_perm *p, uid_t uid, gid_t gid, unsigned mode);
/*
 * Objects outlive their makers, so the OOM killer cannot get their memory back: all of them together may have an eighth of the kernel's memory.
 * 0 or ENOMEM. Any context.
 */
int ipc_charge(size_t bytes);
void ipc_uncharge(size_t bytes);

#endif
