/* SPDX-License-Identifier: MIT */
/* prctl(2): what a process or thread says of itself. Options that are not here are EINVAL, as in a kernel built without them. */
#include "abi/convert.h"
#include "abi/sys_caps.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "syscall_protos.h"
#include "task/pid.h"

enum { PR_SET_PDEATHSIG = 1, PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_DUMPABLE, PR_GET_TIMING = 13, PR_SET_TIMING, PR_SET_NAME, PR_GET_NAME,
       PR_GET_TSC = 25, PR_SET_TSC, PR_SET_TIMERSLACK = 29, PR_GET_TIMERSLACK, PR_SET_CHILD_SUBREAPER = 36, PR_GET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS,
       PR_GET_NO_NEW_PRIVS, PR_GET_TID_ADDRESS, PR_SET_PTRACER = 0x59616d61 };
#define TIMING_STATISTICAL 0
#define TSC_ENABLE 1

static long set_name(uaddr_t from)
{
	struct task *t = task_current();
	char name[16] = "";
	ssize_t n = user_strncpy(name, from, sizeof(name));
	unsigned long irq;

	if (n == -EFAULT)
		return n;
	irq = sighand_lock(t->process);
	memcpy(t->thread.name, name, sizeof(name));
	if (t->tid == t->process->pid)
		memcpy(t->process->comm, name, sizeof(name));
	sighand_unlock(t->process, irq);
	return 0;
}

/* Who else may trace this process, where descent decides; here it does not: whoever might may. 0: nobody else; -1: anybody. */
static long set_ptracer(long pid)
{
	struct task *t = pid > 0 ? pid_task((pid_t)pid) : NULL;

	if (!t && pid != 0 && pid != -1)
		return -EINVAL;
	if (t)
		task_put(t);
	return 0;
}

static long set_no_new_privs(unsigned long on, bool rest)
{
	if (on != 1 || rest)
		return -EINVAL;
	task_current()->no_new_privs = true;
	return 0;
}

/* How late timers may come, in nanoseconds: kept and told, but they come on time. 0: as at the thread's birth. */
static long set_timer_slack(unsigned long ns)
{
	struct task *t = task_current();

	t->timer_slack = ns ? ns : t->timer_slack_first;
	return 0;
}

static long put_number(uaddr_t to, int v) { return user_put(to, &v); }

/* What concerns one thread. -ENOSYS: not one of these. */
static long prctl_thread(int option, unsigned long a2, bool rest)
{
	struct task *t = task_current();
	uint32_t word;

	switch (option) {
	case PR_SET_PDEATHSIG:
		if (a2 > NSIG)
			return -EINVAL;
		t->parent_death_signal = (int)a2;
		return 0;
	case PR_GET_PDEATHSIG: return put_number(a2, t->parent_death_signal);
	case PR_SET_NAME: return set_name(a2);
	case PR_GET_NAME: return user_write(a2, t->thread.name, 16);
	case PR_GET_NO_NEW_PRIVS: return a2 || rest ? -EINVAL : t->no_new_privs;
	case PR_SET_NO_NEW_PRIVS: return set_no_new_privs(a2, rest);
	case PR_GET_TIMERSLACK: return (long)t->timer_slack;
	case PR_SET_TIMERSLACK: return set_timer_slack(a2);
	case PR_GET_TIMING: return TIMING_STATISTICAL;
	case PR_SET_TIMING: return a2 == TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_GET_TSC: return put_number(a2, TSC_ENABLE);
	case PR_SET_TSC: return a2 == TSC_ENABLE ? 0 : -EINVAL;
	case PR_GET_TID_ADDRESS:
		word = (uint32_t)t->clear_tid;
		return user_put(a2, &word);
	default: return -ENOSYS;
	}
}

long sys_prctl(int option, unsigned long a2, unsigned long a3, unsigned long a4, unsigned long a5)
{
	struct process *p = process_current();
	long r = caps_prctl(option, a2, a3, a4, a5);

	if (r == -ENOSYS)
		r = prctl_thread(option, a2, a3 | a4 | a5);
	if (r != -ENOSYS)
		return r;
	switch (option) {
	case PR_SET_PTRACER: return set_ptracer((long)a2);
	case PR_GET_DUMPABLE: return p->dumpable;
	case PR_SET_DUMPABLE:
		if (a2 > 1)
			return -EINVAL;
		p->dumpable = (int)a2;
		return 0;
	case PR_SET_CHILD_SUBREAPER: p->subreaper = a2 != 0; return 0;
	case PR_GET_CHILD_SUBREAPER: return put_number(a2, p->subreaper);
	default: return -EINVAL;
	}
}
