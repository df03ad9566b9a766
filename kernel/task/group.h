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
	struct list walks;        /* along members */
	struct list session_link;
	struct list doubt_link;   /* it may have lost its last link to the rest of its session */
	struct pgroup *all_next;  /* task/group */
};

struct pgroup *pgroup_find(pid_t pgid);    /* with a reference, or NULL; takes the lock */
static inline void pgroup_get(struct pgroup *g) { refcount_get(&g->refs); }
/* The group of a process that is freed; for process_release_hook. */
void pgroup_release(struct process *p);
void pgroup_put(struct pgroup *g);
static inline void session_get(struct session *s) { refcount_get(&s->refs); }
void session_put(struct session *s);
/* Puts a new process into its parent's group, before the parent: a walk that has passed the parent does not meet it. proc_tree_lock held. */
void group_inherit(struct process *child, struct process *parent);
/*
 * Groups that become orphaned by the end of a process and have stopped members get SIGHUP and SIGCONT (POSIX, _exit): those that its children or it itself
 * kept from being orphaned are noted when it begins to end and when a child goes to another parent, and are looked at when the list is settled.
 * proc_tree_lock held; settling gives it up now and then.
 */
void group_begin_exit(struct process *p, struct list *doubtful);
void group_move_child(struct process *c, struct process *to, struct list *doubtful);
void group_settle(struct list *doubtful);
/* proc_tree_lock held. Takes a reaped process out of its group, whose reference the caller puts after unlocking. */
struct pgroup *group_leave(struct process *p);
/* First session and group of init. -ENOMEM */
int group_init_process(struct process *p);
long group_setpgid(pid_t pid, pid_t pgid); /* the calls' errors exactly */
long group_getpgid(pid_t pid);
long group_setsid(void);
long group_getsid(pid_t pid);
/* No member has a parent in another group of its session. Lock held, given up now and then in large groups; the caller has a reference. */
bool pgroup_orphaned(struct pgroup *g);
/*
 * Calls fn for every member, under the lock, which is given up now and then; the caller has a reference. A signal that is sent to each by
 * signal_post_member reaches exactly those who are members at one moment, and those that these are making.
 */
void pgroup_each(struct pgroup *g, void (*fn)(struct process *p, void *ctx), void *ctx);
/* Sends to every member; no permission check (terminals). */
void pgroup_signal(struct pgroup *g, int signo);
/* Set by dev/tty: a session leader with a controlling terminal exits. Called without locks; session referenced. */
extern void (*session_leader_exit_hook)(struct session *s);

#endif
