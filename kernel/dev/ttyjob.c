/* SPDX-License-Identifier: MIT */
/* Job control: controlling terminals and their foreground groups. */
#include "dev/ttyjob.h"

#include "lib/errno.h"
#include "task/sigqueue.h"

struct pgroup *ttyjob_foreground(struct tty *t)
{
	struct pgroup *g;

	spin_lock(&proc_tree_lock);
	g = t->foreground;
	if (g)
		pgroup_get(g);
	spin_unlock(&proc_tree_lock);
	return g;
}

void ttyjob_signal(struct tty *t, int signo)
{
	struct pgroup *g = ttyjob_foreground(t);

	if (!g)
		return;
	pgroup_signal(g, signo);
	pgroup_put(g);
}

int ttyjob_check(struct tty *t, int signo)
{
	struct process *p = process_current();
	struct pgroup *g = NULL;
	bool ignored, orphaned = false;
	unsigned long irq;

	irq = sighand_lock(p);
	ignored = p->sighand->action[signo - 1].handler == SIG_IGN || task_current()->sigmask & SIGBIT(signo);
	sighand_unlock(p, irq);
	spin_lock(&proc_tree_lock);
	if (p->session == t->session && t->session && t->foreground && p->group != t->foreground) {
		g = p->group;
		pgroup_get(g);
		orphaned = pgroup_orphaned(g);
	}
	spin_unlock(&proc_tree_lock);
	if (!g)
		return 0;
	if (!ignored && !orphaned)
		pgroup_signal(g, signo);
	pgroup_put(g);
	if (ignored)
		return signo == SIGTTIN ? -EIO : 0;
	return orphaned ? -EIO : -ERESTARTSYS;
}

/* Lock held: the session leader's terminal from now on. */
static void acquire_locked(struct tty *t, struct process *p)
{
	t->session = p->session;
	p->session->tty = t;
	t->foreground = p->group;
	pgroup_get(p->group);
}

bool ttyjob_is_ours(struct tty *t)
{
	bool ours;

	spin_lock(&proc_tree_lock);
	ours = process_current()->session->tty == t;
	spin_unlock(&proc_tree_lock);
	return ours;
}

/* Lock held: its session has it no more. The foreground group, for the caller to put; NULL. */
static struct pgroup *take_away(struct tty *t)
{
	struct pgroup *g = t->foreground;

	if (t->session)
		t->session->tty = NULL;
	t->session = NULL;
	t->foreground = NULL;
	return g;
}

long ttyjob_acquire(struct tty *t, bool steal)
{
	struct process *p = process_current();
	struct pgroup *g = NULL;
	long err = 0;

	spin_lock(&proc_tree_lock);
	if (READ_ONCE(t->hung_up)) /* set before ttyjob_hangup takes the lock: nobody gets it any more */
		err = -EIO;
	else if (p->session->leader == p && t->session == p->session)
		err = 0;
	else if (p->session->leader != p || p->session->tty || (t->session && !(steal && capable(CAP_SYS_ADMIN))))
		err = -EPERM;
	else {
		g = take_away(t);
		acquire_locked(t, p);
	}
	spin_unlock(&proc_tree_lock);
	if (g)
		pgroup_put(g);
	return err;
}

void ttyjob_disassociate(struct session *s)
{
	struct pgroup *g = NULL;
	struct tty *t;

	spin_lock(&proc_tree_lock);
	t = s->tty;
	if (t) {
		g = t->foreground;
		t->foreground = NULL;
		t->session = NULL;
		s->tty = NULL;
	}
	spin_unlock(&proc_tree_lock);
	if (!g)
		return;
	pgroup_signal(g, SIGHUP);
	pgroup_signal(g, SIGCONT);
	pgroup_put(g);
}

long ttyjob_give_up(struct tty *t)
{
	struct process *p = process_current();
	struct session *s = NULL;
	bool ours;

	spin_lock(&proc_tree_lock);
	ours = p->session->tty == t;
	if (ours && p->session->leader == p) {
		s = p->session;
		session_get(s); /* another thread may begin a new one */
	}
	spin_unlock(&proc_tree_lock);
	if (s) {
		ttyjob_disassociate(s);
		session_put(s);
	}
	return ours ? 0 : -ENOTTY;
}

long ttyjob_get(struct tty *t, unsigned long arg, bool session)
{
	int id = 0;

	spin_lock(&proc_tree_lock);
	if (!t->session || process_current()->session != t->session)
		id = -ENOTTY;
	else
		id = session ? t->session->sid : t->foreground ? t->foreground->pgid : 0;
	spin_unlock(&proc_tree_lock);
	return id < 0 ? id : user_put(arg, &id);
}

long ttyjob_set(struct tty *t, unsigned long arg)
{
	struct pgroup *g, *old = NULL;
	int id, err = ttyjob_check(t, SIGTTOU);

	if (err)
		return err;
	if (user_get(&id, arg))
		return -EFAULT;
	if (id < 0)
		return -EINVAL;
	g = pgroup_find(id);
	spin_lock(&proc_tree_lock);
	if (!t->session || process_current()->session != t->session)
		err = -ENOTTY;
	else if (!g)
		err = -ESRCH;
	else if (g->session != t->session)
		err = -EPERM;
	if (!err) {
		old = t->foreground;
		t->foreground = g;
		g = NULL;
	}
	spin_unlock(&proc_tree_lock);
	if (g)
		pgroup_put(g);
	if (old)
		pgroup_put(old);
	return err;
}

void ttyjob_hangup(struct tty *t)
{
	struct session *s;
	struct process *leader = NULL;

	spin_lock(&proc_tree_lock);
	s = t->session;
	if (s) {
		session_get(s);
		leader = s->leader;
		if (leader)
			process_get(leader);
	}
	spin_unlock(&proc_tree_lock);
	if (!s)
		return;
	ttyjob_disassociate(s);
	if (leader) {
		signal_kernel(leader, SIGHUP);
		signal_kernel(leader, SIGCONT);
		process_put(leader);
	}
	session_put(s);
}

void ttyjob_describe(struct tty *t, unsigned *dev, pid_t *foreground)
{
	*dev = (MINOR(t->dev) & 0xff) | MAJOR(t->dev) << 8 | (MINOR(t->dev) & ~0xffu) << 12; /* as programs know it */
	*foreground = t->foreground ? t->foreground->pgid : -1;
}
