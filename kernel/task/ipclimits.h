/* SPDX-License-Identifier: MIT */
/* How much of interprocess communication there may be: what /proc/sys/kernel and /proc/sys/fs/mqueue show and set. Read without a lock. */
#ifndef TASK_IPCLIMITS_H
#define TASK_IPCLIMITS_H

struct ipc_limits {
	unsigned long shmmax, shmall;     /* bytes of a segment; pages of all */
	unsigned long shmmni;             /* segments */
	unsigned long msgmax, msgmnb;     /* bytes of a message, of a queue */
	unsigned long msgmni;             /* queues */
	unsigned long semmsl, semmns;     /* semaphores of a set, of all */
	unsigned long semopm, semmni;     /* operations of a call; sets */
	unsigned long mq_queues;          /* POSIX message queues */
	unsigned long mq_messages, mq_size;                 /* the most that an unprivileged user may ask for */
	unsigned long mq_messages_default, mq_size_default; /* of a queue that is made without saying */
};

extern struct ipc_limits ipc_limits;

#endif
