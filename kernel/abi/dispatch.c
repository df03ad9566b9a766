/* SPDX-License-Identifier: MIT */
/* Number -> function. */
#include "abi/dispatch.h"
#include "abi/strace.h"
#include "abi/table.h"
#include "arch/trap.h"
#include "lib/errno.h"
#include "proc/oom.h"
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

/*
 * A call that found no memory is made once more if some was only cached. Here nothing is held, which it may be where the memory is asked for; and what
 * fails with ENOMEM has changed nothing. Except a return from a handler, whose result is a register of what it had interrupted (syscall_nr is -1).
 */
static long call_again(struct trapframe *tf, struct task *t, unsigned long nr)
{
	return t->syscall_nr >= 0 && !t->restore_mask && oom_relieve() ? syscall_table[nr](tf) : -ENOMEM;
}

/* Apart from the usual way, which takes one comparison to know all of these. */
static bool is_error(long ret) { return (unsigned long)ret >= (unsigned long)-ERESTART_RESTARTBLOCK; }

static __noinline long failed(struct trapframe *tf, struct task *t, unsigned long nr, long ret)
{
	if (ret == -ENOMEM)
		ret = call_again(tf, t, nr);
	if (is_restart(ret))
		thread_set_work(&t->thread, WORK_SIGNAL); /* programs never see these errors */
	return ret;
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
		if (ret == -ENOMEM)
			ret = call_again(tf, t, nr);
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
		if (is_restart(dispatch_traced(tf, t)))
			thread_set_work(&t->thread, WORK_SIGNAL);
	} else {
		t->syscall_nr = (long)nr;
		if (likely(nr < syscall_count))
			ret = syscall_table[nr](tf);
		if (unlikely(is_error(ret)))
			ret = failed(tf, t, nr, ret);
		tf_set_ret(tf, ret);
	}
	if (unlikely(t->restore_mask))
		thread_set_work(&t->thread, WORK_SIGNAL); /* on the way out the old mask comes back */
	else if (likely(!(t->thread.work & WORK_SIGNAL)))
		t->syscall_nr = -1;
	heldlocks_check_user();
}
