/* SPDX-License-Identifier: MIT */
/* Number -> function. */
#include "abi/dispatch.h"
#include "abi/strace.h"
#include "abi/table.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "sched/heldlocks.h"
#include "task/process.h"

struct trapframe *dispatch_frame(void)
{
	return arch_thread_frame(thread_stack_top(thread_current()));
}

static bool is_restart(long ret)
{
	return ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK;
}

void dispatch_syscall(struct trapframe *tf)
{
	unsigned long nr = (unsigned long)tf_syscall_nr(tf);
	struct task *t = task_current();
	long ret = -ENOSYS;

	t->syscall_nr = (long)nr;
	if (likely(nr < syscall_count && syscall_table[nr]))
		ret = syscall_table[nr](tf);
	tf_set_ret(tf, ret);
	if (unlikely(t->thread.work & WORK_TRACE))
		strace_exit(tf, nr, ret);
	if (unlikely(t->restore_mask || is_restart(ret)))
		thread_set_work(&t->thread, WORK_SIGNAL); /* on the way out: the old mask comes back, and programs never see these errors */
	else if (likely(!(t->thread.work & WORK_SIGNAL)))
		t->syscall_nr = -1;
	heldlocks_check_user();
}
