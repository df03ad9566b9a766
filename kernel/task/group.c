/* SPDX-License-Identifier: MIT */
/* Process groups and sessions. */
#include "task/group.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "task/pid.h"
#include "task/sigqueue.h"

static SLAB_CACHE(session_cache, session);
static SLAB_CACHE(pgroup_cache, pgroup);
#define BUCKETS 256u
static struct pgroup *buckets[BUCKETS]; /* all groups by number, chained by all_next; proc_tree_lock */
void (*session_leader_exit_hook)(struct session *s);

static struct session *session_new(pid_t sid, struct process *leader)
{
	struct session *s = slab_alloc(&session_cache, ALLOC_ZERO);

	if (s) {
		refcount_set(&s->refs, 1);
		s->sid = sid;
		s->leader = leader;
		list_init(&s->groups);
	}
	return s;
}

/* Takes over one reference of the session. Not yet listed. */
static struct pgroup *pgroup_new(pid_t pgid, struct session *s)
{
	struct pgroup *g = slab_alloc(&pgroup_cache, ALLOC_ZERO);

	if (g) {
		refcount_set(&g->refs, 1);
		g->pgid = pgid;
		g->session = s;
		list_init(&g->members);
		list_init(&g->session_link);
	}
	return g;
}

void session_put(struct session *s)
{
	if (!s || !refcount_put(&s->refs))
		return;
	if (s->holds_number)
		pid_free(s->sid);
	slab_free(&session_cache, s);
}

void pgroup_put(struct pgroup *g)
{
	if (!g || !refcount_put(&g->refs))
		return;
	session_put(g->session);
	slab_free(&pgroup_cache, g);
}

void pgroup_release(struct process *p) { pgroup_put(p->group); }

/* The link that leads to the group, or to the end of its chain. */
static struct pgroup **link_to(pid_t pgid)
{
	struct pgroup **link = &buckets[(unsigned)pgid % BUCKETS];

	while (*link && (*link)->pgid != pgid)
		link = &(*link)->all_next;
	return link;
}

static struct pgroup *find_locked(pid_t pgid) { return *link_to(pgid); }

struct pgroup *pgroup_find(pid_t pgid)
{
	struct pgroup *g;

	spin_lock(&proc_tree_lock);
	g = find_locked(pgid);
	if (g)
		pgroup_get(g);
	spin_unlock(&proc_tree_lock);
	return g;
}

/* A group that is listed holds its number, and so does its session: no new process gets it. */
static void list_group(struct pgroup *g)
{
	pid_hold(g->pgid);
	if (!g->session->holds_number) {
		pid_hold(g->session->sid);
		g->session->holds_number = true;
	}
	g->all_next = NULL;
	*link_to(g->pgid) = g;
	list_push_back(&g->session->groups, &g->session_link);
}

/* Lock held. The process takes its own reference. */
static void join(struct process *p, struct pgroup *g)
{
	pgroup_get(g);
	p->group = g;
	p->session = g->session;
	list_push_back(&g->members, &p->group_link);
}

/* Lock held. Returns the group whose reference the caller must put after unlocking. */
static struct pgroup *leave(struct process *p)
{
	struct pgroup *g = p->group;

	list_del(&p->group_link);
	if (list_empty(&g->members)) {
		*link_to(g->pgid) = g->all_next;
		list_del(&g->session_link);
		pid_free(g->pgid);
	}
	p->group = NULL;
	return g;
}

void group_inherit(struct process *child, struct process *parent)
{
	join(child, parent->group);
}

int group_init_process(struct process *p)
{
	struct session *s = session_new(0, NULL);
	struct pgroup *g = s ? pgroup_new(0, s) : NULL;

	if (!g) {
		session_put(s);
		return -ENOMEM;
	}
	spin_lock(&proc_tree_lock);
	list_group(g);
	join(p, g);
	spin_unlock(&proc_tree_lock);
	pgroup_put(g);
	return 0;
}

/* A group is orphaned when no member has a parent in another group of the same session (POSIX 3.264). except: a process that is leaving. */
static bool orphaned(struct pgroup *g, struct process *except)
{
	struct process *p;

	list_for_each_entry(p, &g->members, group_link) {
		struct process *parent = p->parent;

		if (p == except || p->state == PROCESS_ZOMBIE || !parent || parent == init_process)
			continue;
		if (parent->group != g && parent->session == g->session)
			return false;
	}
	return true;
}

bool pgroup_orphaned(struct pgroup *g) { return orphaned(g, NULL); }

static bool has_stopped(struct pgroup *g)
{
	struct process *p;

	list_for_each_entry(p, &g->members, group_link)
		if (READ_ONCE(p->stopped))
			return true;
	return false;
}

static void signal_locked(struct pgroup *g, int signo)
{
	struct process *p;

	list_for_each_entry(p, &g->members, group_link)
		signal_kernel(p, signo);
}

void pgroup_signal(struct pgroup *g, int signo)
{
	spin_lock(&proc_tree_lock);
	signal_locked(g, signo);
	spin_unlock(&proc_tree_lock);
}

/* Lock held: p is about to exit or to change its group; did g lose its last link to the session outside? */
static void check_orphan(struct pgroup *g, struct process *except, bool was_orphaned)
{
	if (was_orphaned || !orphaned(g, except) || !has_stopped(g))
		return;
	signal_locked(g, SIGHUP);
	signal_locked(g, SIGCONT);
}

/* Lock held. Would g be orphaned once parent is gone? Members whose parent it is do not count. */
static bool orphaned_by(struct pgroup *g, struct process *gone)
{
	struct process *p;

	list_for_each_entry(p, &g->members, group_link) {
		struct process *parent = p->parent;

		if (p->state == PROCESS_ZOMBIE || !parent || parent == init_process || parent == gone)
			continue;
		if (parent->group != g && parent->session == g->session)
			return false;
	}
	return true;
}

void group_exit_notify(struct process *p)
{
	struct process *c;

	check_orphan(p->group, p, orphaned(p->group, NULL));
	list_for_each_entry(c, &p->children, sibling)
		if (c->group && c->group != p->group && c->session == p->session && c->state != PROCESS_ZOMBIE && orphaned_by(c->group, p) && has_stopped(c->group)) {
			signal_locked(c->group, SIGHUP);
			signal_locked(c->group, SIGCONT);
		}
}

struct pgroup *group_leave(struct process *p)
{
	return leave(p);
}

/* The rules of setpgid(2); everything is checked under the lock, with the group that may be needed at hand. */
static long setpgid_locked(struct process *me, struct process *p, pid_t pgid, struct pgroup *fresh, struct pgroup **old)
{
	struct pgroup *g;

	if (p != me && p->parent != me)
		return -ESRCH;
	if (p->state == PROCESS_REAPED || !p->group)
		return -ESRCH;
	if (p != me && p->session != me->session)
		return -EPERM;
	if (p != me && p->did_exec)
		return -EACCES;
	if (p->session->leader == p)
		return -EPERM;
	g = find_locked(pgid);
	if (g ? g->session != me->session : pgid != p->pid)
		return -EPERM;
	if (!g) {
		g = fresh;
		g->session = p->session;
		session_get(p->session);
		list_group(g);
	}
	if (g != p->group) {
		*old = leave(p);
		join(p, g);
	}
	return 0;
}

long group_setpgid(pid_t pid, pid_t pgid)
{
	struct process *me = process_current(), *p;
	struct pgroup *fresh, *old = NULL;
	long err;

	if (pgid < 0 || (pgid == 0 && pid < 0))
		return -EINVAL;
	p = pid && pid != me->pid ? pid_process_any(pid) : (process_get(me), me);
	if (!p)
		return -ESRCH;
	if (pid && p->pid != pid) { /* a thread that is not its process's first */
		process_put(p);
		return -EINVAL;
	}
	if (!pgid)
		pgid = p->pid;
	fresh = pgroup_new(pgid, NULL);
	if (!fresh) {
		process_put(p);
		return -ENOMEM;
	}
	spin_lock(&proc_tree_lock);
	err = setpgid_locked(me, p, pgid, fresh, &old);
	spin_unlock(&proc_tree_lock);
	pgroup_put(old);
	pgroup_put(fresh);
	process_put(p);
	return err;
}

static long id_of(pid_t pid, bool session)
{
	struct process *p = pid ? pid_process_any(pid) : (process_get(process_current()), process_current());
	long id = -ESRCH;

	if (!p)
		return -ESRCH;
	spin_lock(&proc_tree_lock);
	if (p->group)
		id = session ? p->session->sid : p->group->pgid;
	spin_unlock(&proc_tree_lock);
	process_put(p);
	return id;
}

long group_getpgid(pid_t pid) { return pid < 0 ? -ESRCH : id_of(pid, false); }
long group_getsid(pid_t pid) { return pid < 0 ? -ESRCH : id_of(pid, true); }

long group_setsid(void)
{
	struct process *p = process_current();
	struct session *s = session_new(p->pid, p);
	struct pgroup *g = s ? pgroup_new(p->pid, s) : NULL, *old = NULL;
	long err = p->pid;

	if (!g) {
		session_put(s);
		return -ENOMEM;
	}
	spin_lock(&proc_tree_lock);
	if (find_locked(p->pid)) {
		err = -EPERM;
	} else {
		old = leave(p);
		list_group(g);
		join(p, g);
	}
	spin_unlock(&proc_tree_lock);
	pgroup_put(old);
	pgroup_put(g);
	return err;
}
