/* SPDX-License-Identifier: MIT */
/* Scheduling: niceness, policies, on which CPUs. */
#include "abi/convert.h"
#include "abi/dispatch.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "syscall_protos.h"
#include "task/group.h"
#include "task/pid.h"

/* With a reference, or NULL; 0 is the caller. */
static struct task *sched_target(int pid) { return pid < 0 ? NULL : pid ? pid_task(pid) : (task_get(task_current()), task_current()); }

/* The threads that which/who name (getpriority(2)): one thread, all of a group's, all of a user's; -ESRCH when there is none. */
enum { PRIO_PROCESS, PRIO_PGRP, PRIO_USER };
struct prio { int which, who, nice; bool set; long err; int best; bool any; };

/* May the thread be as urgent as this nice value without the right to? RLIMIT_NICE is 1 for 19 and 40 for -20. */
static bool limit_allows_nice(const struct task *t, int nice) { return (uint64_t)(20 - nice) <= t->process->limits.cur[RLIMIT_NICE]; }

/* PROC_TREE lock held. */
static void prio_one(struct task *t, struct prio *q)
{
	const struct cred *me = cred_current();

	q->any = true;
	q->best = MIN(q->best, (int)t->thread.se.nice);
	if (!q->set)
		return;
	if (me->euid != t->cred->uid && me->euid != t->cred->euid && !cred_capable(me, CAP_SYS_NICE))
		q->err = -EPERM;
	else if (q->nice < t->thread.se.nice && !limit_allows_nice(t, q->nice) && !cred_capable(me, CAP_SYS_NICE))
		q->err = -EACCES;
	else
		sched_set_nice(&t->thread, q->nice);
}

static bool prio_each(struct process *p, void *ctx)
{
	struct prio *q = ctx;
	struct task *t;

	spin_lock(&proc_tree_lock);
	list_for_each_entry(t, &p->tasks, process_link)
		if (q->which == PRIO_PGRP ? p->group && p->group->pgid == q->who : (int)t->cred->uid == q->who)
			prio_one(t, q);
	spin_unlock(&proc_tree_lock);
	return true;
}

static long prio(struct prio *q)
{
	struct task *t;

	if (q->which < 0 || q->which > 2)
		return -EINVAL;
	if (q->which == PRIO_PROCESS) {
		t = sched_target(q->who);
		if (!t)
			return -ESRCH;
		spin_lock(&proc_tree_lock);
		prio_one(t, q);
		spin_unlock(&proc_tree_lock);
		task_put(t);
		return q->err;
	}
	if (!q->who)
		q->who = q->which == PRIO_PGRP ? (int)group_getpgid(0) : (int)cred_current()->uid;
	process_each(prio_each, q);
	return q->any ? q->err : -ESRCH;
}

long sys_getpriority(int which, int who)
{
	struct prio q = { .which = which, .who = who, .best = 20 };
	long err = prio(&q);

	return err ? err : 20 - q.best;
}

long sys_setpriority(int which, int who, int nice)
{
	struct prio q = { .which = which, .who = who, .set = true, .nice = MAX(-20, MIN(19, nice)), .best = 20 };

	return prio(&q);
}

long sys_nice(int inc)
{
	struct thread *t = thread_current();
	int nice = t->se.nice + MAX(-40, MIN(40, inc));

	nice = MAX(-20, MIN(19, nice));
	if (nice < t->se.nice && !limit_allows_nice(task_current(), nice) && !capable(CAP_SYS_NICE))
		return -EPERM;
	sched_set_nice(t, nice);
	return 0;
}

long sys_sched_yield(void)
{
	sched_yield();
	return 0;
}

/* Whose scheduling may be changed: one's own processes', by whoever has the right anybody's. */
static long may_schedule(struct task *t)
{
	const struct cred *me = cred_current();
	bool ok;

	spin_lock(&proc_tree_lock);
	ok = me->euid == t->cred->uid || me->euid == t->cred->euid || cred_capable(me, CAP_SYS_NICE);
	spin_unlock(&proc_tree_lock);
	return ok ? 0 : -EPERM;
}

#define SCHED_RESET_ON_FORK 0x40000000

/* What is to become of a thread's scheduling; keep_policy: as it is. */
struct change {
	int policy, prio, nice;
	bool keep_policy, set_nice, reset_on_fork;
};

/* Has the caller the right to make this change? It has to have it for more urgent scheduling, and for taking back the reset on fork. */
static long may_change(struct task *t, const struct change *c)
{
	bool rt = c->policy == SCHED_FIFO || c->policy == SCHED_RR;
	uint64_t most = t->process->limits.cur[RLIMIT_RTPRIO];
	int policy = t->thread.se.own_policy, nice = t->thread.se.nice;

	if (may_schedule(t))
		return -EPERM;
	if (capable(CAP_SYS_NICE))
		return 0;
	if (rt && ((policy != c->policy && !most) || (c->prio > t->thread.se.own_prio && (uint64_t)c->prio > most)))
		return -EPERM;
	if (policy == SCHED_IDLE && c->policy != SCHED_IDLE && !limit_allows_nice(t, nice))
		return -EPERM;
	if ((t->thread.se.reset_on_fork && !c->reset_on_fork) || (c->set_nice && !rt && c->nice < nice && !limit_allows_nice(t, c->nice)))
		return -EPERM;
	return 0;
}

/* util: bounds of its use are asked for, too, which come after all other checks. */
static long change_policy(struct task *t, struct change *c, bool util)
{
	long err;

	if (c->keep_policy) {
		c->policy = t->thread.se.own_policy;
		c->reset_on_fork = t->thread.se.reset_on_fork;
	}
	err = sched_check_policy(c->policy, c->prio);
	if (!err)
		err = may_change(t, c);
	if (!err && util)
		err = -EOPNOTSUPP;
	if (err)
		return err;
	sched_set_policy(&t->thread, c->policy, c->prio);
	t->thread.se.reset_on_fork = c->reset_on_fork;
	if (c->set_nice)
		sched_set_nice(&t->thread, c->nice);
	return 0;
}

static long change_policy_of(int pid, struct change *c)
{
	struct task *t = sched_target(pid);
	long err;

	if (!t)
		return -ESRCH;
	err = change_policy(t, c, false);
	task_put(t);
	return err;
}

static long set_policy(int pid, struct change *c, uaddr_t param)
{
	if (!param || pid < 0)
		return -EINVAL;
	return user_get(&c->prio, param) ? -EFAULT : change_policy_of(pid, c);
}

long sys_sched_setscheduler(int pid, int policy, uaddr_t param)
{
	struct change c = { .policy = policy & ~SCHED_RESET_ON_FORK, .reset_on_fork = policy & SCHED_RESET_ON_FORK };

	return policy < 0 ? -EINVAL : set_policy(pid, &c, param);
}

long sys_sched_setparam(int pid, uaddr_t param)
{
	struct change c = { .keep_policy = true };

	return set_policy(pid, &c, param);
}

long sys_sched_getscheduler(int pid)
{
	struct task *t = sched_target(pid);
	long r;

	if (!t)
		return pid < 0 ? -EINVAL : -ESRCH;
	r = t->thread.se.own_policy | (t->thread.se.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	task_put(t);
	return r;
}

long sys_sched_getparam(int pid, uaddr_t param)
{
	struct task *t;
	int prio;

	if (!param || pid < 0)
		return -EINVAL;
	t = sched_target(pid);
	if (!t)
		return -ESRCH;
	prio = t->thread.se.own_prio;
	task_put(t);
	return user_put(param, &prio);
}

/* ---- all at once ---- */

struct u_sched_attr {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t util_min, util_max;
};
#define ATTR_SIZE_FIRST 48u /* without the last two */

/* Those of deadlines and of use mean nothing here: no policy has the first, and a kernel without the second says so. */
enum { ATTR_RESET_ON_FORK = 1, ATTR_DEADLINE = 2 | 4, ATTR_KEEP_POLICY = 8, ATTR_KEEP_PARAMS = 16, ATTR_UTIL = 32 | 64 };

/* A program may know more than this kernel: what follows must be zero, else -E2BIG, and the size that is known is told. */
static long attr_from_user(struct u_sched_attr *a, uaddr_t from)
{
	uint32_t size, known = sizeof(*a);
	uint8_t rest;

	if (user_get(&size, from))
		return -EFAULT;
	size = size ? size : ATTR_SIZE_FIRST;
	if (size < ATTR_SIZE_FIRST || size > PAGE_SIZE)
		return user_put(from, &known) ? -EFAULT : -E2BIG;
	memset(a, 0, sizeof(*a));
	if (user_read(a, from, MIN(size, known)))
		return -EFAULT;
	for (uint32_t i = known; i < size; i++) {
		if (user_get(&rest, from + i))
			return -EFAULT;
		if (rest)
			return user_put(from, &known) ? -EFAULT : -E2BIG;
	}
	return 0;
}

long sys_sched_setattr(int pid, uaddr_t attr, unsigned long flags)
{
	struct u_sched_attr a;
	struct change c;
	struct task *t;
	long err;

	if (!attr || pid < 0 || flags)
		return -EINVAL;
	err = attr_from_user(&a, attr);
	if (err)
		return err;
	if ((int)a.policy < 0 || a.flags & ~(uint64_t)(ATTR_RESET_ON_FORK | ATTR_DEADLINE | ATTR_KEEP_POLICY | ATTR_KEEP_PARAMS | ATTR_UTIL))
		return -EINVAL;
	t = sched_target(pid);
	if (!t)
		return -ESRCH;
	c = (struct change){ .policy = (int)a.policy, .prio = (int)a.priority, .nice = MAX(-20, MIN(19, a.nice)), .set_nice = true,
			     .reset_on_fork = a.flags & ATTR_RESET_ON_FORK };
	if (a.flags & ATTR_KEEP_POLICY)
		c.policy = t->thread.se.own_policy;
	if (a.flags & ATTR_KEEP_PARAMS) {
		c.prio = t->thread.se.own_prio;
		c.set_nice = false;
	}
	if (c.prio)
		c.set_nice = false;
	err = change_policy(t, &c, a.flags & ATTR_UTIL);
	task_put(t);
	return err;
}

long sys_sched_getattr(int pid, uaddr_t attr, unsigned size, unsigned long flags)
{
	struct u_sched_attr a = { .size = MIN(size, (unsigned)sizeof(a)) };
	struct task *t;

	if (!attr || pid < 0 || size > PAGE_SIZE || size < ATTR_SIZE_FIRST || flags)
		return -EINVAL;
	t = sched_target(pid);
	if (!t)
		return -ESRCH;
	a.policy = t->thread.se.own_policy;
	a.priority = t->thread.se.own_prio;
	a.nice = t->thread.se.own_prio ? 0 : t->thread.se.nice;
	a.flags = t->thread.se.reset_on_fork ? ATTR_RESET_ON_FORK : 0;
	a.util_max = 1024;
	task_put(t);
	return user_write(attr, &a, a.size);
}

static long rr_interval(int pid, uaddr_t ts, bool wide)
{
	struct task *t = sched_target(pid);
	uint64_t ns;

	if (!t)
		return pid < 0 ? -EINVAL : -ESRCH;
	ns = sched_slice_ns(&t->thread);
	task_put(t);
	return time_to_user(ts, wide, ns);
}

long sys_sched_rr_get_interval(int pid, uaddr_t ts) { return rr_interval(pid, ts, false); }
long sys_sched_rr_get_interval_time64(int pid, uaddr_t ts) { return rr_interval(pid, ts, true); }

static long prio_border(int policy, long real)
{
	if (policy == SCHED_FIFO || policy == SCHED_RR)
		return real;
	return policy == SCHED_NORMAL || policy == SCHED_BATCH || policy == SCHED_IDLE ? 0 : -EINVAL;
}

long sys_sched_get_priority_max(int policy) { return prio_border(policy, 99); }
long sys_sched_get_priority_min(int policy) { return prio_border(policy, 1); }

/* ---- where ---- */

long sys_sched_getaffinity(int pid, unsigned len, uaddr_t mask)
{
	struct task *t;
	uint32_t bits;

	if (len < sizeof(bits) || len % sizeof(long))
		return -EINVAL;
	t = sched_target(pid);
	if (!t)
		return -ESRCH;
	bits = sched_affinity(&t->thread);
	task_put(t);
	return user_put(mask, &bits) ? -EFAULT : (long)sizeof(bits);
}

long sys_sched_setaffinity(int pid, unsigned len, uaddr_t mask)
{
	uint32_t bits = 0;
	struct task *t;
	long err;

	if (user_read(&bits, mask, MIN(len, (unsigned)sizeof(bits))))
		return -EFAULT;
	t = sched_target(pid);
	if (!t)
		return -ESRCH;
	err = may_schedule(t);
	if (!err)
		err = sched_set_affinity(&t->thread, bits);
	task_put(t);
	return err;
}

long sys_getcpu(uaddr_t cpu, uaddr_t node, uaddr_t cache)
{
	uint32_t n = READ_ONCE(thread_current()->cpu), zero = 0;

	(void)cache;
	if ((cpu && user_put(cpu, &n)) || (node && user_put(node, &zero)))
		return -EFAULT;
	return 0;
}

/* ---- input and output: kept, and without effect ---- */

enum { IOPRIO_PROCESS = 1, IOPRIO_PGRP, IOPRIO_USER };
#define IOPRIO_CLASS_SHIFT 13
#define IOPRIO_CLASSES 7

/* One thread by its number, or the caller; for groups and users, the caller if it is one of them. */
static struct task *ioprio_target(int which, int who)
{
	if (which == IOPRIO_PROCESS)
		return sched_target(who);
	if (who && who != (which == IOPRIO_PGRP ? group_getpgid(0) : (long)cred_current()->uid))
		return NULL;
	task_get(task_current());
	return task_current();
}

long sys_ioprio_get(int which, int who)
{
	struct task *t;
	long prio;

	if (which < IOPRIO_PROCESS || which > IOPRIO_USER)
		return -EINVAL;
	t = ioprio_target(which, who);
	if (!t)
		return -ESRCH;
	prio = t->ioprio;
	task_put(t);
	return prio;
}

long sys_ioprio_set(int which, int who, int prio)
{
	int class = prio >> IOPRIO_CLASS_SHIFT & IOPRIO_CLASSES, level = prio & ((1 << IOPRIO_CLASS_SHIFT) - 1);
	struct task *t;
	long err;

	if (which < IOPRIO_PROCESS || which > IOPRIO_USER || class > 3 || (class && class < 3 && level > 7) || (!class && level))
		return -EINVAL;
	if (class == 1 && !capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE))
		return -EPERM;
	t = ioprio_target(which, who);
	if (!t)
		return -ESRCH;
	err = may_schedule(t);
	if (!err)
		t->ioprio = prio;
	task_put(t);
	return err;
}
