/* SPDX-License-Identifier: MIT */
/*
 * Process groups, sessions, controlling terminals (POSIX 11.1, 2.4). A group's or session's number stays taken while it has members. All
 * under proc_tree_lock.
 */
#ifndef TASK_GROUP_H
#define TASK_GROUP_H

#include "task/process.h"

struct tty; /* dev, above: opaque */

struct session {
	refcount_t refs;
	pid_t sid;
	struct process *leader;   /* NULL after it died */
	struct tty *tty;          /* controlling terminal or NULL; the tty room keeps the other direction */
	struct list groups;
	bool holds_number;        /* its number is not given to new processes */
};

struct pgroup {
	refcount_t refs;
	pid_t pgid;
	struct session *session;
	struct list members;      /* process.group_link */
	struct list session_link;
	struct pgroup *all_next;  /* task/group */
};

struct pgroup *pgroup_find(pid_t pgid);    /* with a reference, or NULL; takes the lock */
static inline void pgroup_get(struct pgroup *g) { refcount_get(&g->refs); }
/* The group of a process that is freed; for process_release_hook. */
void pgroup_release(struct process *p);
void pgroup_put(struct pgroup *g);
static inline void session_get(struct session *s) { refcount_get(&s->refs); }
void session_put(struct session *s);
/* All four with proc_tree_lock held. Puts a new process into its parent's group. */
void group_inherit(struct process *child, struct process *parent);
/* p is about to exit, its children still its own: SIGHUP and SIGCONT to groups that become orphaned and have stopped members. */
void group_exit_notify(struct process *p);
/* Takes a reaped process out of its group, whose reference the caller puts after unlocking. */
struct pgroup *group_leave(struct process *p);
/* First session and group of init. -ENOMEM */
int group_init_process(struct process *p);
long group_setpgid(pid_t pid, pid_t pgid); /* the calls' errors exactly */
long group_getpgid(pid_t pid);
long group_setsid(void);
long group_getsid(pid_t pid);
bool pgroup_orphaned(struct pgroup *g);    /* lock held */
/* Sends to every member; no permission check (terminals). */
void pgroup_signal(struct pgroup *g, int signo);
/* Set by dev/tty: a session leader with a controlling terminal exits. Called without locks; session referenced. */
extern void (*session_leader_exit_hook)(struct session *s);

#endif
