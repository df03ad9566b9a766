/* SPDX-License-Identifier: MIT */
/* A trap from user mode. */
#include "proc/usertrap.h"
#include "proc/exit.h"
#include "proc/itimer.h"
#include "proc/rseq.h"
#include "proc/signal.h"
#include "proc/tracing.h"
#include "sched/heldlocks.h"
#include "task/sigqueue.h"
#include "vm/fault.h"

static void fault_signal(enum fault_result r, uaddr_t addr)
{
	struct siginfo info = { .signo = SIGSEGV, .code = SEGV_MAPERR, .addr = addr };

	if (r == FAULT_ACCERR)
		info.code = SEGV_ACCERR;
	if (r == FAULT_BUS) {
		info.signo = SIGBUS;
		info.code = BUS_ADRERR;
	}
	if (r == FAULT_OOM)
		info = (struct siginfo){ .signo = SIGKILL, .code = SI_KERNEL };
	if (r != FAULT_KILLED)
		signal_force(&info);
}

bool usertrap_page_fault(struct trapframe *tf, uaddr_t addr, enum fault_access access, bool present)
{
	struct aspace *as = thread_current()->aspace;
	enum fault_result r;

	if (!as)
		return false;
	r = vm_fault(as, addr, access, !present);
	if (r == FAULT_OK) {
		task_current()->minflt++;
		if (CONFIG_DEBUG && tf_user(tf))
			heldlocks_check_user();
		return true;
	}
	if (tf_user(tf)) {
		fault_signal(r, addr);
		heldlocks_check_user();
	}
	return false;
}

void usertrap_exception(struct trapframe *tf, const struct trap_signal *sig)
{
	struct siginfo info = { .signo = sig->signo, .code = sig->code, .addr = sig->addr };

	if (sig->signo == SIGTRAP && tracing_stray_step(tf))
		return;
	signal_force(&info);
	heldlocks_check_user();
}

void usertrap_return(struct trapframe *tf)
{
	uint32_t work = READ_ONCE(thread_current()->work);

	if (work & WORK_RESCHED)
		sched_preempt();
	if (work & WORK_CPUTIME)
		itimer_check();
	if (work & (WORK_SIGNAL | WORK_KILL | WORK_CPUTIME))
		signal_deliver(tf);
	if (work & WORK_RSEQ)
		rseq_work(tf);
	heldlocks_check_user();
}
