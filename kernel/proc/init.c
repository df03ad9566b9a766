/* SPDX-License-Identifier: MIT */
/* The first process: a kernel thread makes its structures, and its own first act is to exec. */
#include "proc/init.h"
#include "arch/context.h"
#include "arch/trap.h"
#include "core/klog.h"
#include "core/cmdline.h"
#include "core/panic.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "proc/exec.h"
#include "proc/exit.h"
#include "proc/futex.h"
#include "proc/itimer.h"
#include "proc/posixtimer.h"
#include "task/group.h"
#include "task/pid.h"
#include "vfs/fdtable.h"
#include "vfs/mount.h"

struct attempt {
	const char *path;
	const char *const *argv, *const *envp;
	long result;
	bool tried;
	struct waitq done;
};
static struct attempt attempt;

void proc_init(void)
{
	process_init();
	itimer_init();
	posixtimer_init();
	futex_init();
	waitq_init(&attempt.done);
}

static long try_exec(void)
{
	struct args a;
	struct file *f = file_open_exec(attempt.path);
	struct trapframe *tf = arch_thread_frame(thread_stack_top(thread_current()));
	int err = 0;

	if (IS_ERR(f))
		return PTR_ERR(f);
	args_init(&a, proc_arg_limit());
	for (const char *const *s = attempt.argv; *s && !err; s++)
		err = args_add(&a, *s, strlen(*s) + 1, false);
	for (const char *const *s = attempt.envp; *s && !err; s++)
		err = args_add(&a, *s, strlen(*s) + 1, true);
	if (err) {
		args_free(&a);
		file_put(f);
		return err;
	}
	return proc_exec(f, attempt.path, NULL, &a, tf);
}

static void open_console(void)
{
	struct file *f = file_open(AT_FDCWD, "/dev/console", O_RDWR | O_NOCTTY, 0);

	if (IS_ERR(f)) {
		klog_warn("cannot open /dev/console: error %ld", -PTR_ERR(f));
		return;
	}
	for (unsigned i = 0; i < 3; i++) {
		file_get(f);
		if (fd_install(fdtable_current(), f, i, false, 3) < 0)
			file_put(f);
	}
	file_put(f);
}

/* Runs in process 1 until an exec succeeds; then it returns to user mode through the frame that exec filled. */
static void first_steps(void)
{
	sched_tail();
	open_console();
	for (;;) {
		waitq_wait(&attempt.done, !READ_ONCE(attempt.tried), WAIT_UNINTERRUPTIBLE);
		attempt.result = try_exec();
		WRITE_ONCE(attempt.tried, true);
		waitq_wake_all(&attempt.done);
		if (!attempt.result)
			return;
	}
}

#define TIMER_SLACK_NS 50000ul /* as Linux begins */

static struct task *make_init(void)
{
	struct process *p = process_new();
	struct task *t = p ? task_new(p, "init") : NULL;
	struct trapframe tf;

	if (!t)
		panic("no memory for init");
	p->pid = t->tid = pid_alloc();
	p->sighand = sighand_new();
	t->files = fdtable_new();
	t->fs = fsctx_new(&mount_root_path);
	p->aspace = aspace_new();
	t->cred = cred_root();
	t->timer_slack = t->timer_slack_first = TIMER_SLACK_NS;
	rlimits_init(&p->limits);
	if (!p->sighand || !t->files || !t->fs || !p->aspace || !t->cred || group_init_process(p))
		panic("no memory for init");
	str_copy(p->comm, "init", sizeof(p->comm));
	t->thread.aspace = p->aspace;
	if (cmdline_has("strace"))
		t->thread.work |= WORK_TRACE; /* and so have all its descendants */
	init_process = p;
	list_push_back(&p->tasks, &t->process_link);
	p->task_count = 1;
	pid_set_task(t->tid, t);
	tf_init_user(&tf, 0, 0);
	arch_thread_fork(&t->thread.arch, &thread_current()->arch, thread_stack_top(&t->thread), &tf, first_steps);
	return t;
}

long proc_start_init(const char *path, const char *const *argv, const char *const *envp)
{
	bool first = !init_process;

	attempt.path = path;
	attempt.argv = argv;
	attempt.envp = envp;
	WRITE_ONCE(attempt.tried, false);
	if (first)
		sched_start(&make_init()->thread);
	else
		waitq_wake_all(&attempt.done);
	waitq_wait(&attempt.done, READ_ONCE(attempt.tried), WAIT_UNINTERRUPTIBLE);
	return attempt.result;
}
