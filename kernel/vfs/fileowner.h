/* SPDX-License-Identifier: MIT */
/* Who is told by a signal what happens to an open file: fcntl(2), F_SETOWN and F_SETSIG. Made for a file when it is first asked for. */
#ifndef VFS_FILEOWNER_H
#define VFS_FILEOWNER_H

#include "vfs/file.h"

enum fileowner_kind { OWNER_TASK, OWNER_PROCESS, OWNER_GROUP };

struct pgroup;

/* One of the three, with a reference, or none. */
struct fileowner_target {
	enum fileowner_kind kind;
	struct task *task;
	struct process *process;
	struct pgroup *group;
};

struct dnotify;

/* In a list of those that are told when something is ready. */
struct fileowner_async { struct list link; struct file *file; };

struct fileowner {
	/* the room's lock */
	struct fileowner_target target;
	uid_t uid, euid;          /* of whoever set it: they must have the right to send */
	int signo;                /* 0: SIGIO, without more */
	/* notify_lock */
	struct dnotify *dnotifies; /* vfs/dnotify */
	/* vfs/fasync's lock */
	int fd;                   /* that O_ASYNC was set by */
	unsigned asyncs;          /* of these are in lists */
	struct fileowner_async async[FILE_LISTS];
};

/* What a signal is to say, to whom: taken from an owner at one time, sent at another. */
struct fileowner_message { struct fileowner_target target; uid_t uid, euid; int signo, fd, code; unsigned long band; };

/* Whom a number means: 0 nobody. -ESRCH. The target goes to fileowner_set or fileowner_target_put. */
long fileowner_find(enum fileowner_kind kind, pid_t number, struct fileowner_target *out);
void fileowner_target_put(struct fileowner_target *t);
/* The file's, made if need be; NULL without memory. */
struct fileowner *fileowner_of(struct file *f);
/* Takes the target over. force: also if the file has one. -ENOMEM. */
long fileowner_set(struct file *f, struct fileowner_target *t, bool force);
/* Its kind and number, 0 if there is none any more. */
enum fileowner_kind fileowner_get(struct file *f, pid_t *number);
long fileowner_set_signal(struct file *f, int signo); /* -ENOMEM */
int fileowner_signal(struct file *f);
/* Fills in all but fd, code and band, with references; fileowner_send gives them back. Any context that may take a spinlock; the first may not sleep. */
void fileowner_message(struct fileowner *o, struct fileowner_message *m);
void fileowner_send(struct fileowner_message *m);
/* With the last reference to its file. */
void fileowner_free(struct fileowner *o);

#endif
