/* SPDX-License-Identifier: MIT */
/*
 * System V semaphores. A call's operations are done all at once or not at all; who has to wait stands in the set's list, and whoever changes the
 * set does for the waiters, oldest first, what has become possible. What SEM_UNDO is to take back is kept per (list, set); threads share a list
 * that asked for it (CLONE_SYSVSEM), and the last of them takes it back.
 */
#ifndef PROC_SYSVSEM_H
#define PROC_SYSVSEM_H

#include "core/clock.h"
#include "lib/types.h"
#include "proc/sysvipc.h"

#define SEM_VALUE_MAX 32767
#define SEM_UNDO 0x1000

struct task;
struct sem_undo_list;

struct sem_op { uint16_t num; int16_t op; int16_t flags; };
struct sem_status { struct ipc_perm perm; uint64_t otime_s, ctime_s; unsigned long count; };
struct sem_totals { unsigned long sets, semaphores; int last_index; };

/* Errors of all: as semget(2), semop(2), semctl(2). */
long sem_get(int key, int count, int flags); /* the id */
/* ops: count of them, 1..ipc_limits.semopm. EINTR when a signal comes, EAGAIN at the deadline (monotonic; WAIT_FOREVER). */
long sem_operate(int id, const struct sem_op *ops, unsigned count, ktime_t deadline);
long sem_value(int id, int num);
long sem_last_pid(int id, int num);
/* Who waits for the value to grow (zero: to become 0). */
long sem_waiters(int id, int num, bool zero);
long sem_set_value(int id, int num, int value);
/* All values: into a kmalloc'd array (*count of them; to be kfree'd), or from one that has *count. */
long sem_get_all(int id, uint16_t **values, unsigned long *count);
long sem_set_all(int id, const uint16_t *values, unsigned long count);
long sem_count(int id, unsigned wanted); /* how many semaphores the set has; wanted: see ipc_permits */
long sem_stat(int id, bool by_index, bool any, struct sem_status *out); /* the id */
long sem_set_owner(int id, uid_t uid, gid_t gid, unsigned mode);
long sem_remove(int id);
void sem_totals(struct sem_totals *out);

/* A new thread is to share the current one's list. 0 or ENOMEM. */
int sem_undo_share(struct task *child);
/* It ends, or wants a list of its own (unshare): the last one of a list takes back what is in it. */
void sem_undo_exit(struct task *t);

#endif
