/* SPDX-License-Identifier: MIT */
/* /proc/PID/timers (proc(5)). */
#include "fs/proctimers.h"

bool (*proctimers_hook)(struct process *p, int upto, struct proctimers_one *out);

int proctimers_fill(struct text *t, struct process *p)
{
	struct proctimers_one one;

	for (int upto = INT32_MAX; upto >= 0 && !t->failed && proctimers_hook(p, upto, &one); upto = one.id - 1) /* the newest first, as Linux */
		text_printf(t, "ID: %d\nsignal: %d/%08lx\nnotify: %s/%s.%d\nClockID: %d\n", one.id, one.signo, one.value, one.none ? "none" : "signal",
			    one.tid ? "tid" : "pid", one.tid ? one.tid : p->pid, one.clock);
	return 0;
}
