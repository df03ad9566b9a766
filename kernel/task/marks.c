/* SPDX-License-Identifier: MIT */
/* Marks that a process inherits. Words that are read and written as wholes; what depends on an old value is done under the signals' lock. */
#include "task/marks.h"
#include "lib/atomic.h"
#include "lib/bits.h"
#include "lib/errno.h"
#include "mem/frame.h"
#include "vm/aspace.h"

#define LOGIN_NONE (~0u)

bool marks_oom_points(struct process *p, long *points)
{
	int adj = READ_ONCE(p->marks.oom_adj);
	struct aspace *as;

	if (adj == OOM_ADJ_MIN || p == init_process)
		return false;
	as = process_aspace_get(p);
	if (!as)
		return false;
	*points = READ_ONCE(as->rss_anon) + READ_ONCE(as->rss_file) + adj * (long)(frame_total() / 1000);
	aspace_put(as);
	return true;
}

long marks_oom_score(struct process *p)
{
	long points, total = (long)frame_total();

	if (!marks_oom_points(p, &points))
		return 0;
	return MAX((1000 + points * 100 / (total / 10 + 1)) * 2 / 3, 0l);
}

long marks_set_oom_adj(struct process *p, int adj)
{
	bool may = capable(CAP_SYS_RESOURCE);
	unsigned long irq;
	long err = 0;

	if (adj < OOM_ADJ_MIN || adj > OOM_ADJ_MAX)
		return -EINVAL;
	irq = sighand_lock(p);
	if (adj < p->marks.oom_adj_min && !may)
		err = -EACCES;
	if (!err) {
		WRITE_ONCE(p->marks.oom_adj, (int16_t)adj);
		if (may)
			p->marks.oom_adj_min = (int16_t)adj;
	}
	sighand_unlock(p, irq);
	return err;
}

long marks_set_login(uint32_t uid)
{
	static atomic_t last;
	struct process *p = process_current();
	bool may = capable(CAP_AUDIT_CONTROL);
	unsigned long irq = sighand_lock(p);
	long err = 0;

	if (p->marks.login_uid != LOGIN_NONE && !may)
		err = -EPERM;
	if (!err) {
		p->marks.login_uid = uid;
		p->marks.login_session = uid == LOGIN_NONE ? LOGIN_NONE : (uint32_t)atomic_add_return(&last, 1);
	}
	sighand_unlock(p, irq);
	return err;
}
