/* SPDX-License-Identifier: MIT */
/* What a process has used and what it may use: getrusage, times, the limits. */
#include "abi/convert.h"
#include "core/clock.h"
#include "lib/div64.h"
#include "lib/errno.h"
#include "proc/itimer.h"
#include "sched/times.h"
#include "syscall_protos.h"
#include "task/cputime.h"
#include "task/pid.h"
#include "vm/aspace.h"

static void usage_now(struct process *p, struct usage *u)
{
	struct task *t;

	spin_lock(&proc_tree_lock);
	*u = p->usage;
	list_for_each_entry(t, &p->tasks, process_link) {
		sched_thread_times(&t->thread, &u->user_ns, &u->system_ns);
		u->minflt += t->minflt;
		u->nvcsw += t->thread.switches_voluntary;
		u->nivcsw += t->thread.switches_forced;
	}
	spin_unlock(&proc_tree_lock);
	u->maxrss_pages = (unsigned long)p->aspace->rss_peak;
}

static void child_usage(struct process *p, struct usage *u)
{
	spin_lock(&proc_tree_lock);
	*u = p->child_usage;
	spin_unlock(&proc_tree_lock);
}

long sys_getrusage(int who, uaddr_t usage)
{
	struct process *p = process_current();
	struct u_rusage r;
	struct usage u;

	if (who != 0 && who != -1 && who != 1)
		return -EINVAL;
	if (who == -1)
		child_usage(p, &u);
	else
		usage_now(p, &u);
	rusage_fill(&r, &u);
	return user_put(usage, &r);
}

static int32_t ticks(uint64_t ns)
{
	div64_32(&ns, 10000000);
	return (int32_t)ns;
}

long sys_times(uaddr_t buf)
{
	struct process *p = process_current();
	struct usage u, children;
	struct u_tms t;

	usage_now(p, &u);
	child_usage(p, &children);
	t = (struct u_tms){ ticks(u.user_ns), ticks(u.system_ns), ticks(children.user_ns), ticks(children.system_ns) };
	if (buf && user_put(buf, &t))
		return -EFAULT;
	return ticks(clock_now());
}

/* Address spaces have copies of the limits that concern them. */
static void apply_limit(struct process *p, unsigned resource, uint64_t cur)
{
	unsigned long v = cur > ~0ul ? ~0ul : (unsigned long)cur;
	struct aspace *as = process_aspace_get(p);

	if (!as)
		return;
	if (resource == RLIMIT_AS)
		as->limit_as = v;
	else if (resource == RLIMIT_DATA)
		as->limit_data = v;
	else if (resource == RLIMIT_STACK)
		as->limit_stack = v;
	else if (resource == RLIMIT_MEMLOCK)
		as->limit_memlock = v;
	aspace_put(as);
}

/* Reads the pair, then sets it from want (may be NULL). */
static long exchange_limit(struct process *p, unsigned resource, const uint64_t want[2], uint64_t was[2])
{
	bool may_raise = capable(CAP_SYS_RESOURCE);
	long err = 0;
	unsigned long irq;

	if (want && want[0] > want[1])
		return -EINVAL;
	if (want && resource == RLIMIT_NOFILE && want[1] > 1048576)
		return -EPERM;
	irq = sighand_lock(p);
	was[0] = p->limits.cur[resource];
	was[1] = p->limits.max[resource];
	if (want && want[1] > was[1] && !may_raise) {
		err = -EPERM;
	} else if (want) {
		p->limits.cur[resource] = want[0];
		p->limits.max[resource] = want[1];
	}
	sighand_unlock(p, irq);
	if (err || !want)
		return err;
	apply_limit(p, resource, want[0]);
	if (resource == RLIMIT_CPU)
		itimer_limit_changed(p);
	else if (resource == RLIMIT_RTTIME && was[0] == RLIM_INFINITY64)
		itimer_realtime_bounded(p);
	return 0;
}

/* Those of another process are for its owner, whoever it runs as, and the capable. */
static bool may_see_limits(struct process *p)
{
	const struct cred *me = cred_current(), *c;
	struct task *t;
	bool ok;

	if (p == process_current() || capable(CAP_SYS_RESOURCE))
		return true;
	spin_lock(&proc_tree_lock);
	t = process_main_task(p);
	c = t ? t->cred : NULL;
	ok = c && me->uid == c->uid && me->uid == c->euid && me->uid == c->suid && me->gid == c->gid && me->gid == c->egid && me->gid == c->sgid;
	spin_unlock(&proc_tree_lock);
	return ok;
}

static struct process *process_or_self(int pid)
{
	if (pid)
		return pid_process_any(pid);
	process_get(process_current());
	return process_current();
}

long sys_prlimit64(int pid, unsigned resource, uaddr_t new, uaddr_t old)
{
	uint64_t was[2], want[2];
	struct process *p;
	long err;

	if (resource >= RLIM_COUNT)
		return -EINVAL;
	if (new && user_read(want, new, sizeof(want)))
		return -EFAULT;
	p = process_or_self(pid);
	if (!p)
		return -ESRCH;
	err = may_see_limits(p) ? exchange_limit(p, resource, new ? want : NULL, was) : -EPERM;
	process_put(p);
	return err || !old ? err : user_write(old, was, sizeof(was));
}

static uint32_t narrow(uint64_t v, uint32_t top) { return v > top ? top : (uint32_t)v; }

static long get_limit(unsigned resource, uaddr_t limit, uint32_t top)
{
	uint64_t now[2];
	uint32_t v[2];

	if (resource >= RLIM_COUNT)
		return -EINVAL;
	exchange_limit(process_current(), resource, NULL, now);
	for (unsigned i = 0; i < 2; i++)
		v[i] = now[i] == RLIM_INFINITY64 && top == ~0u ? ~0u : narrow(now[i], top);
	return user_write(limit, v, sizeof(v));
}

long sys_getrlimit(unsigned resource, uaddr_t limit) { return get_limit(resource, limit, ~0u); }
long sys_old_getrlimit(unsigned resource, uaddr_t limit) { return get_limit(resource, limit, 0x7fffffff); }

long sys_setrlimit(unsigned resource, uaddr_t limit)
{
	uint64_t want[2], was[2];
	uint32_t v[2];

	if (resource >= RLIM_COUNT)
		return -EINVAL;
	if (user_read(v, limit, sizeof(v)))
		return -EFAULT;
	want[0] = v[0] == ~0u ? RLIM_INFINITY64 : v[0];
	want[1] = v[1] == ~0u ? RLIM_INFINITY64 : v[1];
	return exchange_limit(process_current(), resource, want, was);
}
