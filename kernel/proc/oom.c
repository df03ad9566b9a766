/* SPDX-License-Identifier: MIT */
/*
 * Out of memory. Names and stacks that are only cached go first; then the process with the most resident pages is killed,
 * as far as oom_score_adj does not say otherwise.
 */
#include "proc/oom.h"
#include "core/klog.h"
#include "mem/frame.h"
#include "mem/kmap.h"
#include "mem/slab.h"
#include "task/marks.h"
#include "task/pid.h"
#include "task/sigqueue.h"
#include "vfs/dentry.h"
#include "vm/aspace.h"

struct victim { struct process *p; long points; bool dying; };

static bool consider(struct process *p, void *ctx)
{
	struct victim *v = ctx;
	long points;

	if (p == init_process || p->state != PROCESS_RUNNING)
		return true;
	if (((p->group_exit && !READ_ONCE(p->core)) || p->pending.set & SIGBIT(SIGKILL)) && (READ_ONCE(p->aspace) || READ_ONCE(p->unmapping)))
		v->dying = true;
	if (v->dying)
		return false;
	if (marks_oom_points(p, &points) && (!v->p || points >= v->points)) {
		if (v->p)
			process_put(v->p);
		process_get(p);
		v->p = p;
		v->points = points;
	}
	return true;
}

/* For the message only. */
static unsigned long resident(struct process *p)
{
	struct aspace *as = process_aspace_get(p);
	unsigned long pages = as ? (unsigned long)(as->rss_anon + as->rss_file) : 0;

	if (as)
		aspace_put(as);
	return pages;
}

static bool reclaim(void) { return dentry_shrink(0) + slab_reap() > 0; }

bool oom_kill(void)
{
	struct victim v = { 0 };

	if (reclaim())
		return true;
	process_each(consider, &v);
	if (v.p && !v.dying) {
		klog_err("Out of memory: killed process %d (%s), %lu KiB resident", v.p->pid, v.p->comm, resident(v.p) * (PAGE_SIZE / 1024));
		signal_kernel(v.p, SIGKILL);
	}
	if (v.p)
		process_put(v.p);
	if (!v.p && !v.dying)
		return false;
	sched_sleep_until(clock_now() + NSEC_PER_MSEC, false); /* lets the victim run: it gives memory back only by exiting */
	return true;
}

bool oom_relieve(void)
{
	if (!frame_scarce())
		return false;
	frame_drain(); /* names are worth more than what CPUs keep at hand */
	return !frame_scarce() || reclaim() || !frame_scarce();
}
