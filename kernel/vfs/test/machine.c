/* SPDX-License-Identifier: MIT */
/* A machine with files and processes for the tests. */
#include "vfs/test/machine.h"
#include "fs/tmpfs.h"
#include "sched/kthread.h"
#include "sched/sched.h"
#include "sched/test/machine.h"
#include "task/children.h"
#include "vfs/vfs.h"
#include "vm/aspace.h"
#include "vm/test/fixture.h"
#include <unistd.h>

static bool busy; /* a test's process runs; still so at the next test: it failed in there, and the machine with it */

struct body {
	void (*fn)(void *);
	void *arg;
};

/* Everything but the thread. */
static bool copy_process(struct process *p, struct task *t, struct process *parent)
{
	struct task *old = parent ? process_main_task(parent) : NULL;

	p->sighand = parent ? sighand_dup(parent->sighand) : sighand_new();
	t->files = old ? fdtable_dup(old->files) : fdtable_new();
	t->fs = old ? fsctx_dup(old->fs) : fsctx_new(&mount_root_path);
	t->cred = old ? cred_dup(old->cred) : cred_root();
	return p->sighand && t->files && t->fs && t->cred;
}

static void link_process(struct process *p, struct task *t, struct process *parent)
{
	spin_lock(&proc_tree_lock);
	list_push_back(&p->tasks, &t->process_link);
	p->task_count = 1;
	if (parent) {
		child_add(parent, p);
		group_inherit(p, parent);
	}
	spin_unlock(&proc_tree_lock);
	pid_set_task(t->tid, t);
}

static void give_back(struct task *t)
{
	if (t->files)
		fdtable_put(t->files);
	if (t->fs)
		fsctx_put(t->fs);
	t->files = NULL;
	t->fs = NULL;
}

/* As the end of a process and its reaping in one. Its children go to init. */
static void unlink_process(struct process *p, struct task *t)
{
	struct list dead = LIST_INIT(dead);
	struct pgroup *g;
	unsigned long irq;

	give_back(t);
	pid_clear_task(t);
	spin_lock(&proc_tree_lock);
	irq = sighand_lock(p);
	sigpending_flush(&p->pending, ~0ull, &dead);
	sigpending_flush(&t->pending, ~0ull, &dead);
	list_del(&t->process_link);
	sighand_unlock(p, irq);
	sigpending_free(&dead);
	while (!list_empty(&p->children))
		child_move(list_first(&p->children, struct process, sibling), init_process);
	if (p->parent)
		child_remove(p);
	pid_clear_process(p);
	p->state = PROCESS_REAPED;
	if (p->session->leader == p)
		p->session->leader = NULL;
	g = group_leave(p);
	spin_unlock(&proc_tree_lock);
	pgroup_put(g);
}

static void thread_main(void *arg)
{
	struct body b = *(struct body *)arg;
	struct task *t;

	sched_tail();
	free(arg);
	t = task_current();
	b.fn(b.arg);
	unlink_process(t->process, t);
	process_put(t->process); /* the thread keeps its own reference */
	sched_exit();
}

struct task *test_fork(struct process *parent, void (*fn)(void *), void *arg)
{
	struct process *p = process_new();
	struct task *t = p ? task_new(p, "test") : NULL;
	struct body *b;

	if (!t || !copy_process(p, t, parent)) {
		if (t) {
			give_back(t);
			task_put(t);
		}
		process_put(p);
		return NULL;
	}
	p->pid = t->tid = pid_alloc();
	assert_true(p->pid > 0);
	if (parent)
		p->limits = parent->limits;
	else
		rlimits_init(&p->limits);
	link_process(p, t, parent);
	b = malloc(sizeof(*b));
	*b = (struct body){ fn, arg };
	arch_thread_init(&t->thread.arch, thread_stack_top(&t->thread), thread_main, b);
	return t;
}

void test_start(struct task *t)
{
	preempt_disable();
	sched_start(&t->thread);
	preempt_enable_no_resched();
}

void test_discard(struct task *t)
{
	struct process *p = t->process;

	free(t->thread.arch.arg);
	unlink_process(p, t);
	task_put(t);
	process_put(p);
}

void test_let_run(void)
{
	for (int i = 0; i < 50; i++)
		sched_yield();
}

void test_child(void (*fn)(void *), void *arg)
{
	struct task *t = test_fork(process_current(), fn, arg);

	assert_non_null(t);
	test_start(t);
	test_let_run();
}

static void mount_the_root(void *arg)
{
	assert_int_equal(mount_root("rootfs", &mount_root_path), 0);
	*(bool *)arg = true;
}

int test_machine_start(void **state)
{
	struct task *init;
	bool mounted = false;

	(void)state;
	test_boot(8192, 8192, &test_traps);
	kthread_init();
	aspace_init();
	process_init();
	process_release_hook = pgroup_release;
	vfs_init();
	tmpfs_init();
	kthread_start("mount", mount_the_root, &mounted);
	while (!mounted)
		sched_yield();
	init = test_fork(NULL, NULL, NULL);
	assert_non_null(init);
	free(init->thread.arch.arg); /* it never runs */
	init_process = init->process;
	return group_init_process(init_process);
}

static void run_case(void *fn)
{
	((void (*)(void))fn)();
	busy = false;
}

void test_in_process(void **fn)
{
	struct task *t;

	if (busy) {
		fprintf(stderr, "the test before failed inside its process, and the machine with it; run others with TEST_FILTER\n");
		_exit(1);
	}
	t = test_fork(init_process, run_case, *fn);
	assert_non_null(t);
	busy = true;
	test_start(t);
	while (busy)
		sched_yield();
	test_let_run();
	assert_int_equal(file_live(), 0);
	assert_int_equal(process_count(), 1);
}

void test_become(uid_t uid, gid_t gid)
{
	struct cred *old = task_current()->cred, *c = cred_dup(old);

	assert_non_null(c);
	c->uid = c->euid = c->suid = c->fsuid = uid;
	c->gid = c->egid = c->sgid = c->fsgid = gid;
	cred_fix_caps(c, old);
	task_current()->cred = c;
	cred_put(old);
}

void test_make_file(const char *name, const char *text, mode_t mode)
{
	struct file *f = file_open(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_false(IS_ERR(f));
	assert_int_equal(test_write(f, text, strlen(text)), strlen(text));
	file_put(f);
}

ssize_t test_read(struct file *f, void *buf, size_t n)
{
	struct uio u;

	uio_kernel(&u, buf, n);
	return file_read(f, &u, NULL);
}

ssize_t test_write(struct file *f, const void *buf, size_t n)
{
	struct uio u;

	uio_kernel(&u, (void *)(uintptr_t)buf, n);
	return file_write(f, &u, NULL);
}
