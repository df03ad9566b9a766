/* SPDX-License-Identifier: MIT */
/* Number -> function. */
#include "abi/dispatch.h"
#include "abi/strace.h"
#include "abi/table.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "proc/tracing.h"
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

/* Somebody looks on: before and after the call its tracer may change what it likes. */
static long dispatch_traced(struct trapframe *tf, struct task *t)
{
	bool call = true;
	unsigned long nr;
	long ret = -ENOSYS;

	if (t->thread.work & WORK_PTRACE) {
		tf_set_ret(tf, -ENOSYS);
		call = tracing_syscall_enter(tf);
	}
	nr = (unsigned long)tf_syscall_nr(tf);
	t->syscall_nr = call ? (long)nr : -1;
	if (call) {
		if (nr < syscall_count)
			ret = syscall_table[nr](tf);
		tf_set_ret(tf, ret);
	}
	if (t->thread.work & WORK_TRACE)
		strace_exit(tf, nr, ret);
	if (t->thread.work & WORK_PTRACE)
		tracing_syscall_exit(tf);
	return tf_ret(tf);
}

void dispatch_syscall(struct trapframe *tf)
{
	unsigned long nr = (unsigned long)tf_syscall_nr(tf);
	struct task *t = task_current();
	long ret = -ENOSYS;

	if (unlikely(t->thread.work & (WORK_TRACE | WORK_PTRACE))) {
		ret = dispatch_traced(tf, t);
	} else {
		t->syscall_nr = (long)nr;
		if (likely(nr < syscall_count))
			ret = syscall_table[nr](tf);
		tf_set_ret(tf, ret);
	}
	if (unlikely(t->restore_mask || is_restart(ret)))
		thread_set_work(&t->thread, WORK_SIGNAL); /* on the way out: the old mask comes back, and programs never see these errors */
	else if (likely(!(t->thread.work & WORK_SIGNAL)))
		t->syscall_nr = -1;
	heldlocks_check_user();
}
