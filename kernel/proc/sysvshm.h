/* SPDX-License-Identifier: MIT */
/*
 * System V shared memory. A segment is a file in memory; each region that maps it holds a reference of the file, and so does the segment itself
 * until it is removed. So a removed segment goes with its last region.
 */
#ifndef PROC_SYSVSHM_H
#define PROC_SYSVSHM_H

#include "proc/sysvipc.h"

#define SHM_RDONLY 010000
#define SHM_RND 020000
#define SHM_REMAP 040000
#define SHM_EXEC 0100000

struct shm_status {
	struct ipc_perm perm;
	size_t size;
	uint64_t atime_s, dtime_s, ctime_s;
	pid_t cpid, lpid;
	unsigned long attached, resident_pages;
};

struct shm_totals { unsigned segments; int last_index; unsigned long pages, resident_pages; };

/* Errors of all: as shmget(2), shmat(2), shmctl(2). */
long shm_get(int key, size_t size, int flags); /* the id */
/* Where it is mapped; IS_ERR_VALUE. */
unsigned long shm_attach(int id, uaddr_t addr, int flags);
long shm_detach(uaddr_t addr);
/* by_index: id is an index of the table. any: without the right to read. The id. */
long shm_stat(int id, bool by_index, bool any, struct shm_status *out);
long shm_set(int id, uid_t uid, gid_t gid, unsigned mode);
long shm_remove(int id);
long shm_lock(int id); /* SHM_LOCK, SHM_UNLOCK: nothing is swapped, so only whether it is allowed */
void shm_totals(struct shm_totals *out);

#endif
