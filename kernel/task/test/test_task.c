/* SPDX-License-Identifier: MIT */
/* Numbers of processes, groups and sessions, and signals that wait. */
#include "lib/bits.h"
#include "task/children.h"
#include "vfs/test/machine.h"

#define CHILDREN 4

static struct task *child[CHILDREN]; /* never run: they are only there */

static void never(void *unused) { (void)unused; }

static void make_children(void)
{
	for (int i = 0; i < CHILDREN; i++)
		assert_non_null(child[i] = test_fork(process_current(), never, NULL));
}

static void drop_children(void)
{
	for (int i = 0; i < CHILDREN; i++)
		test_discard(child[i]);
}

static pid_t pid(int i) { return child[i]->tid; }

/* ---- numbers ---- */

static void test_numbers_ascend_and_come_round(void)
{
	static pid_t seen[PID_MAX_DEFAULT];
	int n, count = 0;
	pid_t before = pid_last();

	n = pid_alloc();
	assert_true(n > before);
	pid_free(n);
	assert_int_equal(pid_alloc(), n + 1); /* not the one just given back */
	pid_free(n + 1);
	while ((n = pid_alloc()) > 0) {
		assert_true(n < PID_MAX_DEFAULT);
		seen[count++] = n;
	}
	assert_int_equal(n, -EAGAIN);
	assert_true(count > PID_MAX_DEFAULT - 400);
	pid_free(seen[10]);
	assert_true(seen[10] < 300);
	assert_int_equal(pid_alloc(), -EAGAIN); /* low ones are given out once only, at boot */
	pid_free(seen[1000]);
	assert_int_equal(pid_alloc(), seen[1000]);
	seen[10] = seen[--count];
	for (int i = 0; i < count; i++)
		pid_free(seen[i]);
	assert_int_equal(pid_alloc(), seen[1000] + 1);
	pid_free(seen[1000] + 1);
}

static void test_a_number_held_by_a_group_is_not_given_away(void)
{
	pid_t n;

	make_children();
	n = pid(0);
	assert_int_equal(group_setpgid(n, 0), 0);
	assert_int_equal(group_setpgid(pid(1), n), 0);
	test_discard(child[0]); /* its group lives on in the other child */
	assert_null(pid_process(n));
	assert_non_null(pgroup_find(n));
	struct pgroup *g = pgroup_find(n);
	pgroup_put(g);
	pgroup_put(g);
	for (int i = 0; i < 2 * PID_MAX_DEFAULT; i++) {
		pid_t other = pid_alloc();

		assert_true(other > 0 && other != n);
		pid_free(other);
	}
	test_discard(child[1]);
	assert_null(pgroup_find(n));
	test_discard(child[2]);
	test_discard(child[3]);
}

static void test_lookups_hold_what_they_find(void)
{
	struct process *p;
	struct task *t;

	make_children();
	p = pid_process(pid(2));
	t = pid_task(pid(2));
	assert_ptr_equal(t, child[2]);
	assert_ptr_equal(p, child[2]->process);
	assert_null(pid_process(0));
	assert_null(pid_process(-1));
	assert_null(pid_task(PID_MAX_DEFAULT + 5));
	drop_children();
	assert_int_equal(p->state, PROCESS_REAPED); /* still there to be looked at */
	task_put(t);
	process_put(p);
}

/* ---- groups and sessions ---- */

static void test_setpgid_keeps_its_rules(void)
{
	pid_t me = process_current()->pid;

	make_children();
	assert_int_equal(group_setpgid(0, -1), -EINVAL);
	assert_int_equal(group_setpgid(30000, 0), -ESRCH);
	assert_int_equal(group_setpgid(init_process->pid, 0), -ESRCH); /* no child of ours */
	assert_int_equal(group_setpgid(0, pid(0)), -EPERM);            /* no such group */
	assert_int_equal(group_setpgid(pid(0), pid(1)), -EPERM);
	assert_int_equal(group_setpgid(0, 0), 0);
	assert_int_equal(group_getpgid(0), me);
	assert_int_equal(group_setpgid(pid(0), me), 0);
	assert_int_equal(group_getpgid(pid(0)), me);
	assert_int_equal(group_setpgid(pid(0), 0), 0);
	assert_int_equal(group_setpgid(pid(1), pid(0)), 0);
	assert_int_equal(group_getpgid(pid(1)), pid(0));
	child[1]->process->did_exec = true;
	assert_int_equal(group_setpgid(pid(1), me), -EACCES);
	assert_int_equal(group_getpgid(-5), -ESRCH);
	assert_int_equal(group_getpgid(30000), -ESRCH);
	drop_children();
}

static int step;

static void begin_a_session(void *unused)
{
	pid_t me = process_current()->pid;

	(void)unused;
	assert_int_equal(group_setsid(), me);
	assert_int_equal(group_getsid(0), me);
	assert_int_equal(group_getpgid(0), me);
	assert_int_equal(group_setsid(), -EPERM);   /* a leader already */
	assert_int_equal(group_setpgid(0, 0), -EPERM);
	assert_int_equal(group_setpgid(0, group_getpgid(process_current()->parent->pid)), -EPERM); /* of another session */
	make_children();
	assert_int_equal(group_getsid(pid(0)), me);
	assert_int_equal(group_setpgid(pid(0), 0), 0);
	drop_children();
	step = 1;
}

static void test_sessions(void)
{
	step = 0;
	test_child(begin_a_session, NULL);
	assert_int_equal(step, 1);
	assert_int_equal(group_setpgid(0, 0), 0);
	assert_int_equal(group_setsid(), -EPERM); /* a group has our number */
}

static void test_orphaned_groups(void)
{
	struct list doubtful = LIST_INIT(doubtful);

	make_children();
	assert_int_equal(group_setpgid(0, 0), 0);
	assert_int_equal(group_setpgid(pid(0), 0), 0);
	assert_int_equal(group_setpgid(pid(1), pid(0)), 0);
	spin_lock(&proc_tree_lock);
	assert_false(pgroup_orphaned(child[0]->process->group)); /* we are the link to it */
	assert_true(pgroup_orphaned(process_current()->group));  /* a child of init */
	child[1]->process->stopped = true;
	for (int i = 0; i < 3; i++) /* as if we went: what is stopped must not be forgotten */
		group_move_child(child[i]->process, init_process, &doubtful);
	group_settle(&doubtful);
	spin_unlock(&proc_tree_lock);
	assert_true(child[0]->process->pending.set & SIGBIT(SIGHUP));
	assert_true(child[1]->process->pending.set & SIGBIT(SIGHUP));
	assert_false(child[1]->process->stopped); /* SIGCONT */
	assert_false(child[2]->process->pending.set & SIGBIT(SIGHUP));
	drop_children();
}

static void test_groups_without_memory(void)
{
	unsigned long objects;
	int failures = 0;

	assert_int_equal(group_setpgid(0, 0), 0);
	make_children();
	objects = slab_live();
	for (long n = 1; n < 8; n++) {
		long err;

		slab_reap();
		atomic_set(&alloc_fail_after, n);
		err = group_setpgid(pid(0), 0);
		atomic_set(&alloc_fail_after, 0);
		assert_true(err == 0 || err == -ENOMEM);
		failures += err != 0;
		assert_int_equal(group_setpgid(pid(0), group_getpgid(0)), 0);
		assert_int_equal(slab_live(), objects);
	}
	assert_true(failures >= 1);
	drop_children();
}

/* ---- signals ---- */

static int post(int signo, int code, unsigned long value)
{
	struct siginfo info = { .signo = signo, .code = code, .value = value, .pid = (pid_t)value };

	return signal_post_process(process_current(), &info);
}

static int post_own(int signo, int code, unsigned long value)
{
	struct siginfo info = { .signo = signo, .code = code, .value = value };

	return signal_post_task(task_current(), &info);
}

static int next(sigset64 blocked, struct siginfo *info)
{
	struct process *p = process_current();
	unsigned long irq = spin_lock_irqsave(&p->sighand->lock);
	int signo = signal_dequeue(task_current(), blocked, info);

	spin_unlock_irqrestore(&p->sighand->lock, irq);
	return signo;
}

static void block_all(void)
{
	task_current()->sigmask = ~SIG_UNBLOCKABLE;
}

static void test_classic_signals_merge_and_the_others_queue(void)
{
	struct siginfo info;

	block_all();
	assert_int_equal(post(SIGUSR1, SI_USER, 1), 0);
	assert_int_equal(post(SIGUSR1, SI_USER, 2), 0);
	for (unsigned long i = 0; i < 3; i++)
		assert_int_equal(post(SIGRTMIN + 2, SI_QUEUE, 10 + i), 0);
	assert_int_equal(post(SIGRTMIN + 1, SI_QUEUE, 20), 0);
	assert_int_equal(siguser_queued(process_current()->sig_user), 5);
	assert_int_equal(next(SIGBIT(SIGUSR1), &info), SIGRTMIN + 1); /* the lowest number first */
	assert_int_equal(info.value, 20);
	assert_int_equal(next(0, &info), SIGUSR1);
	assert_int_equal(info.pid, 1); /* the first of them */
	for (unsigned long i = 0; i < 3; i++) {
		assert_int_equal(next(0, &info), SIGRTMIN + 2);
		assert_int_equal(info.value, 10 + i); /* in the order of sending */
	}
	assert_int_equal(next(0, &info), 0);
	assert_int_equal(siguser_queued(process_current()->sig_user), 0);
}

/* Between the taking of SIGKILL by one thread and the end of all no other one forgets that it is to die. */
static void test_a_kill_is_for_all_threads(void)
{
	struct task *t = task_current();
	struct siginfo info;

	block_all();
	assert_int_equal(post(SIGKILL, SI_USER, 1), 0);
	assert_true(t->thread.work & WORK_KILL);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(next(SIGBIT(SIGKILL), &info), 0); /* somebody waits for others */
		assert_int_equal(next(0, &info), SIGKILL);
		assert_true(t->thread.work & WORK_KILL);
		assert_true(t->thread.work & WORK_SIGNAL);
	}
}

static void test_own_signals_and_faults_come_first(void)
{
	struct siginfo info;

	block_all();
	assert_int_equal(post(SIGUSR1, SI_USER, 1), 0);
	assert_int_equal(post_own(SIGUSR1, SI_TKILL, 2), 0);
	assert_int_equal(post_own(SIGSEGV, SI_KERNEL, 3), 0);
	assert_int_equal(post(SIGHUP, SI_USER, 4), 0);
	assert_int_equal(next(0, &info), SIGSEGV);
	assert_int_equal(next(0, &info), SIGHUP);
	assert_int_equal(next(0, &info), SIGUSR1);
	assert_int_equal(info.value, 2);
	assert_int_equal(next(0, &info), SIGUSR1);
	assert_int_equal(info.value, 1);
	assert_int_equal(next(0, &info), 0);
}

static void test_the_limit_of_queued_signals(void)
{
	struct siginfo info;

	block_all();
	process_current()->limits.cur[RLIMIT_SIGPENDING] = 3;
	for (unsigned long i = 0; i < 3; i++)
		assert_int_equal(post(SIGRTMIN, SI_QUEUE, i), 0);
	assert_int_equal(post(SIGRTMIN, SI_QUEUE, 3), -EAGAIN);
	assert_int_equal(post(SIGRTMIN, SI_USER, 4), 0); /* kill(2) never fails; it may say less */
	assert_int_equal(post(SIGUSR1, SI_USER, 5), 0);
	assert_int_equal(next(0, &info), SIGUSR1);
	assert_int_equal(info.pid, 5);
	for (unsigned long i = 0; i < 3; i++) {
		assert_int_equal(next(0, &info), SIGRTMIN);
		assert_int_equal(info.value, i);
	}
	assert_int_equal(next(0, &info), 0);
}

static void test_signals_without_memory(void)
{
	struct siginfo info;

	block_all();
	for (unsigned n = 0; n < 2; n++) {
		atomic_set(&alloc_fail_after, 1);
		assert_int_equal(post(SIGTERM, SI_USER, 1), 0);
		atomic_set(&alloc_fail_after, 1);
		assert_int_equal(post(SIGRTMIN, SI_QUEUE, 1), -EAGAIN);
		atomic_set(&alloc_fail_after, 0);
		assert_int_equal(next(0, &info), SIGTERM);
		assert_int_equal(next(0, &info), 0);
	}
}

static void test_ignored_signals_do_not_wait(void)
{
	struct process *p = process_current();
	struct siginfo info;

	p->sighand->action[SIGUSR1 - 1].handler = SIG_IGN;
	assert_int_equal(post(SIGUSR1, SI_USER, 1), 0);
	assert_int_equal(post(SIGCHLD, SI_USER, 1), 0); /* ignored by default */
	assert_int_equal(post(SIGWINCH, SI_USER, 1), 0);
	assert_int_equal(p->pending.set, 0);
	block_all(); /* but what is blocked waits: it may be asked for */
	assert_int_equal(post(SIGUSR1, SI_USER, 1), 0);
	assert_int_equal(post(SIGCHLD, SI_USER, 1), 0);
	assert_int_equal(next(0, &info), SIGUSR1);
	assert_int_equal(next(0, &info), SIGCHLD);
}

static void test_stop_and_continue_cancel_each_other(void)
{
	struct process *p = process_current();
	struct siginfo info;
	unsigned long irq;

	block_all();
	post(SIGTSTP, SI_USER, 1);
	post_own(SIGTTIN, SI_USER, 1);
	post(SIGCONT, SI_USER, 1);
	assert_int_equal((p->pending.set | task_current()->pending.set) & SIG_STOPS, 0);
	assert_true(p->pending.set & SIGBIT(SIGCONT));
	post(SIGTTOU, SI_USER, 1);
	assert_false(p->pending.set & SIGBIT(SIGCONT));
	assert_int_equal(next(0, &info), SIGTTOU);
	assert_int_equal(next(0, &info), 0);
	p->stopped = true;
	irq = sighand_lock(p);
	child_report(p, REPORT_STOP);
	sighand_unlock(p, irq);
	post(SIGCONT, SI_USER, 1);
	assert_false(p->stopped);
	assert_int_equal(p->report, REPORT_CONTINUE);
	assert_int_equal(next(0, &info), SIGCONT);
}

static void test_work_follows_what_is_pending(void)
{
	struct task *t = task_current();
	struct siginfo info;

	t->sigmask = SIGBIT(SIGUSR1);
	t->process->sighand->action[SIGUSR2 - 1].handler = 0x1000;
	post(SIGUSR1, SI_USER, 1);
	assert_false(signal_pending_current());
	post(SIGUSR2, SI_USER, 1);
	assert_true(signal_pending_current());
	assert_false(signal_fatal_pending_current());
	assert_int_equal(next(t->sigmask, &info), SIGUSR2);
	assert_false(signal_pending_current());
	assert_int_equal(next(t->sigmask, &info), 0);
	assert_int_equal(next(0, &info), SIGUSR1);
}

static void test_init_is_spared(void)
{
	struct siginfo kill = { .signo = SIGKILL, .code = SI_USER }, term = { .signo = SIGTERM, .code = SI_USER };

	assert_int_equal(signal_post_process(init_process, &kill), 0);
	assert_int_equal(signal_post_process(init_process, &term), 0);
	assert_int_equal(init_process->pending.set, 0);
}

static void test_a_forced_signal_cannot_be_blocked(void)
{
	struct siginfo segv = { .signo = SIGSEGV, .code = SEGV_MAPERR, .addr = 0x1234 }, info;
	struct task *t = task_current();

	block_all();
	t->process->sighand->action[SIGSEGV - 1].handler = 0x1000;
	signal_force(&segv);
	assert_false(t->sigmask & SIGBIT(SIGSEGV));
	assert_int_equal(t->process->sighand->action[SIGSEGV - 1].handler, SIG_DFL);
	assert_int_equal(next(t->sigmask, &info), SIGSEGV);
	assert_int_equal(info.addr, 0x1234);
}

/* ---- credentials ---- */

static void test_credentials_are_copied_whole(void)
{
	struct cred *c = cred_dup(cred_current()), *d;
	static gid_t groups[] = { 5, 7, 9 };

	assert_non_null(c);
	c->groups = kmalloc(sizeof(groups), 0);
	memcpy(c->groups, groups, sizeof(groups));
	c->group_count = ARRAY_SIZE(groups);
	d = cred_dup(c);
	assert_non_null(d);
	assert_ptr_not_equal(c->groups, d->groups);
	c->groups[0] = 6;
	assert_true(cred_in_group(d, 5) && cred_in_group(d, 7) && cred_in_group(d, 9) && cred_in_group(d, d->fsgid));
	assert_false(cred_in_group(d, 6) || cred_in_group(d, 8) || cred_in_group(d, ~0u));
	atomic_set(&alloc_fail_after, 2); /* the groups' memory */
	assert_null(cred_dup(c));
	atomic_set(&alloc_fail_after, 0);
	cred_put(c);
	cred_put(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_numbers_ascend_and_come_round), CASE(test_a_number_held_by_a_group_is_not_given_away),
		CASE(test_lookups_hold_what_they_find), CASE(test_setpgid_keeps_its_rules), CASE(test_sessions), CASE(test_orphaned_groups),
		CASE(test_groups_without_memory), CASE(test_classic_signals_merge_and_the_others_queue),
		CASE(test_a_kill_is_for_all_threads), CASE(test_own_signals_and_faults_come_first), CASE(test_the_limit_of_queued_signals), CASE(test_signals_without_memory),
		CASE(test_ignored_signals_do_not_wait), CASE(test_stop_and_continue_cancel_each_other), CASE(test_work_follows_what_is_pending),
		CASE(test_init_is_spared), CASE(test_a_forced_signal_cannot_be_blocked), CASE(test_credentials_are_copied_whole),
	};

	return cmocka_run_group_tests_name("task", tests, test_machine_start, NULL);
}
