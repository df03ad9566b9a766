/* SPDX-License-Identifier: MIT */
/* CPU time of a process: that of its threads, dead and alive. */
#include "task/cputime.h"
#include "sched/sched.h"
#include "sched/times.h"

struct cputime process_cputime(struct process *p)
{
	struct cputime c;
	struct task *t;

	spin_lock(&proc_tree_lock);
	c = (struct cputime){ p->usage.user_ns, p->usage.system_ns };
	list_for_each_entry(t, &p->tasks, process_link)
		sched_thread_times(&t->thread, &c.user_ns, &c.system_ns);
	spin_unlock(&proc_tree_lock);
	return c;
}

uint64_t process_cpu_ns(struct process *p)
{
	uint64_t sum;
	struct task *t;

	spin_lock(&proc_tree_lock);
	sum = p->usage.user_ns + p->usage.system_ns;
	list_for_each_entry(t, &p->tasks, process_link)
		sum += sched_thread_cpu_ns(&t->thread);
	spin_unlock(&proc_tree_lock);
	return sum;
}
