/* SPDX-License-Identifier: MIT */
/*
 * POSIX message queues, and the file system that they are in: one, which need not be mounted to be used. A queue is an inode; its messages lie in
 * order of priority, and of arrival among equals. mq_overview(7).
 */
#ifndef FS_MQUEUE_H
#define FS_MQUEUE_H

#include "core/clock.h"
#include "vfs/file.h"

#define MQ_PRIO_MAX 32768u

struct mq_attr { long max_messages, message_size, messages; };
/* What mq_notify(3) asks for. */
struct mq_notice { bool silent; int signo; unsigned long value; };

void mqueue_init(void);
/* attr NULL: the default size. ERR_PTR: ENOENT EEXIST EACCES EINVAL ENOSPC EMFILE ENOMEM. */
struct file *mqueue_open(const char *name, int flags, mode_t mode, const struct mq_attr *attr);
int mqueue_unlink(const char *name); /* ENOENT EACCES EPERM */
bool mqueue_is(const struct file *f);
/* The rest: f is a queue; the deadline is monotonic. EAGAIN ETIMEDOUT ERESTARTSYS EMSGSIZE EFAULT ENOMEM, EBADF for the wrong mode. */
long mqueue_send(struct file *f, struct uio *u, unsigned prio, ktime_t deadline);
long mqueue_receive(struct file *f, struct uio *u, unsigned *prio, ktime_t deadline); /* bytes */
void mqueue_get(struct file *f, struct mq_attr *out);
/* notice NULL: the current process wants none any more. EBUSY. */
int mqueue_notify(struct file *f, const struct mq_notice *notice);

#endif
