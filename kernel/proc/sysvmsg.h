/* SPDX-License-Identifier: MIT */
/* System V message queues. A message's text lies in memory of its own; the queue keeps the messages in the order in which they came. */
#ifndef PROC_SYSVMSG_H
#define PROC_SYSVMSG_H

#include "lib/types.h"
#include "proc/sysvipc.h"

#define MSG_NOERROR 010000
#define MSG_EXCEPT 020000
#define MSG_COPY 040000

struct msg {
	struct list link;
	long type;
	size_t size;
	char text[];
};

struct msg_status {
	struct ipc_perm perm;
	uint64_t stime_s, rtime_s, ctime_s;
	unsigned long bytes, messages, bytes_max;
	pid_t lspid, lrpid;
};
struct msg_totals { unsigned long queues, messages, bytes; int last_index; };

/* Errors of all: as msgget(2), msgop(2), msgctl(2). */
long msg_get(int key, int flags); /* the id */
/* A message without contents, at most ipc_limits.msgmax bytes; NULL without memory. Given to msg_send or freed. */
struct msg *msg_new(size_t size);
void msg_free(struct msg *m);
/* Takes m when it returns 0. ERESTARTNOHAND when a signal comes. */
long msg_send(int id, struct msg *m, int flags);
/* A message for the caller to free; longer than size only with MSG_NOERROR. ERR_PTR. */
struct msg *msg_receive(int id, size_t size, long type, int flags);
long msg_stat(int id, bool by_index, bool any, struct msg_status *out); /* the id */
long msg_set(int id, uid_t uid, gid_t gid, unsigned mode, unsigned long bytes_max);
long msg_remove(int id);
void msg_totals(struct msg_totals *out);

#endif
