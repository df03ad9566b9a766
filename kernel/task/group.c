/* SPDX-License-Identifier: MIT */
/* Process groups and sessions. */
#include "task/group.h"
#include "lib/errno.h"
#include "lib/listwalk.h"
#include "mem/slab.h"
#include "task/children.h"
#include "task/pid.h"
#include "task/sigqueue.h"

static SLAB_CACHE(session_cache, session);
static SLAB_CACHE(pgroup_cache, pgroup);
#define BUCKETS 1024u
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
		list_init(&g->walks);
		list_init(&g->session_link);
		list_init(&g->doubt_link);
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

/* Lock held. The process takes its own reference; its place is before that node of the list, or its head. */
static void join(struct process *p, struct pgroup *g, struct list *before)
{
	pgroup_get(g);
	p->group = g;
	p->session = g->session;
	list_push_back(before, &p->group_link);
}

/* Lock held. Returns the group whose reference the caller must put after unlocking. */
static struct pgroup *leave(struct process *p)
{
	struct pgroup *g = p->group;

	list_walks_pass(&g->walks, &p->group_link);
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
	join(child, parent->group, &parent->group_link);
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
	join(p, g, &g->members);
	spin_unlock(&proc_tree_lock);
	pgroup_put(g);
	return 0;
}

/* Does a member keep its group from being orphaned (POSIX 3.264)? It has a parent in another group of the same session. */
static bool is_link(const struct process *p)
{
	const struct process *parent = p->parent;

	return !p->leaving && parent && parent != init_process && parent->group != p->group && parent->session == p->session;
}

static bool is_stopped(const struct process *p) { return READ_ONCE(p->stopped); }

#define LOOKS_MAX 512  /* members looked at under one hold of the lock */
#define SIGNALS_MAX 16 /* members that a signal is sent to */

/* Is there such a member? Lock held, given up now and then; the caller has a reference of the group. */
static bool has_member(struct pgroup *g, bool (*such)(const struct process *p))
{
	struct list_walk walk;
	struct list *at;
	bool found = false;

	list_walk_begin(&walk, &g->walks, &g->members);
	for (unsigned n = 1; !found && (at = list_walk_next(&walk, &g->members)) != NULL; n++) {
		found = such(list_entry(at, struct process, group_link));
		if (n % LOOKS_MAX == 0)
			proc_tree_lock_anew();
	}
	list_walk_end(&walk);
	return found;
}

bool pgroup_orphaned(struct pgroup *g) { return !has_member(g, is_link); }

/* Locks as has_member. */
static void each_member(struct pgroup *g, void (*fn)(struct process *p, void *ctx), void *ctx)
{
	struct list_walk walk;
	struct list *at;

	list_walk_begin(&walk, &g->walks, &g->members);
	for (unsigned n = 1; (at = list_walk_next(&walk, &g->members)) != NULL; n++) {
		fn(list_entry(at, struct process, group_link), ctx);
		if (n % SIGNALS_MAX == 0)
			proc_tree_lock_anew();
	}
	list_walk_end(&walk);
}

void pgroup_each(struct pgroup *g, void (*fn)(struct process *p, void *ctx), void *ctx)
{
	spin_lock(&proc_tree_lock);
	each_member(g, fn, ctx);
	spin_unlock(&proc_tree_lock);
}

static void send_info(struct process *p, void *info) { signal_post_member(p, info); }

static void signal_members(struct pgroup *g, int signo)
{
	struct siginfo info = { .signo = signo, .code = SI_KERNEL };

	each_member(g, send_info, &info);
}

void pgroup_signal(struct pgroup *g, int signo)
{
	spin_lock(&proc_tree_lock);
	signal_members(g, signo);
	spin_unlock(&proc_tree_lock);
}

/* Has g lost its last link? Then nobody could continue what is stopped there. Locks as has_member. */
static void check_orphan(struct pgroup *g)
{
	if (!has_member(g, is_stopped) || has_member(g, is_link))
		return;
	signal_members(g, SIGHUP);
	signal_members(g, SIGCONT);
}

/* To be looked at once, when the list is settled. Whose other list it is on looks at it later, too. */
static void doubt(struct pgroup *g, struct list *doubtful)
{
	if (!list_empty(&g->doubt_link))
		return;
	pgroup_get(g);
	list_push_back(doubtful, &g->doubt_link);
}

void group_begin_exit(struct process *p, struct list *doubtful)
{
	bool was_link = is_link(p);

	p->leaving = true;
	if (was_link)
		doubt(p->group, doubtful);
}

void group_move_child(struct process *c, struct process *to, struct list *doubtful)
{
	bool was_link = is_link(c);

	child_move(c, to);
	if (was_link && !is_link(c))
		doubt(c->group, doubtful);
}

void group_settle(struct list *doubtful)
{
	struct pgroup *g;

	while (!list_empty(doubtful)) {
		g = list_first(doubtful, struct pgroup, doubt_link);
		list_del(&g->doubt_link);
		check_orphan(g);
		pgroup_put(g);
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
		join(p, g, &g->members);
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
		join(p, g, &g->members);
	}
	spin_unlock(&proc_tree_lock);
	pgroup_put(old);
	pgroup_put(g);
	return err;
}
