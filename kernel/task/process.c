/* SPDX-License-Identifier: MIT */
/* Processes and their threads as objects: making, counting, finding, freeing. */
#include "task/process.h"
#include "task/coreset.h"
#include "core/ipi.h"
#include "core/nmi.h"
#include "core/percount.h"
#include "lib/fmt.h"
#include "lib/string.h"
#include "mem/slab.h"
#include "vm/aspace.h"

static const struct slab_kept kept_of_process[] = {
	SLAB_KEEP(process, refs), SLAB_KEEP(process, pid), SLAB_KEEP(process, pid_next), { 0 }
};
static const struct slab_kept kept_of_task[] = { SLAB_KEEP(task, thread.refs), SLAB_KEEP(task, tid), SLAB_KEEP(task, pid_next), { 0 } };
static SLAB_CACHE_STABLE(process_cache, process, kept_of_process);
static SLAB_CACHE_STABLE(task_cache, task, kept_of_task);

struct spinlock proc_tree_lock = SPINLOCK_INIT(LOCK_PROC_TREE);
struct process *init_process;
void (*process_release_hook)(struct process *p);
static struct percount live;

struct process *process_new(void)
{
	struct process *p = slab_alloc(&process_cache, ALLOC_ZERO);

	if (!p)
		return NULL;
	refcount_set(&p->refs, 1);
	list_init(&p->children);
	list_init(&p->children_walks);
	list_init(&p->sibling);
	spin_init(&p->reports_lock, LOCK_REPORTS);
	list_init(&p->tasks);
	list_init(&p->group_link);
	list_init(&p->pending.queue);
	list_init(&p->cpu_watchers);
	waitq_init(&p->child_wait);
	waitq_init(&p->signal_wait);
	waitq_init(&p->exit_wait);
	p->sig_user = siguser_get(0);
	p->exit_signal = SIGCHLD;
	p->dumpable = DUMP_USER;
	p->core_filter = CORE_FILTER_DEFAULT;
	p->marks = (struct marks){ .login_uid = ~0u, .login_session = ~0u };
	p->start_time = clock_now();
	percount_add(&live, 1);
	return p;
}

void process_put(struct process *p)
{
	if (!p || !refcount_put(&p->refs))
		return;
	if (p->sighand)
		sighand_put(p->sighand);
	cred_put(p->last_cred);
	siguser_put(p->sig_user);
	if (process_release_hook)
		process_release_hook(p);
	slab_free(&process_cache, p);
	percount_add(&live, -1);
}

static void release_task(struct thread *th)
{
	struct task *t = (struct task *)th;

	if (!t->cred_given)
		cred_put(t->cred);
	process_put(t->process);
	slab_free(&task_cache, t);
}

struct task *task_new(struct process *p, const char *name)
{
	struct task *t = slab_alloc(&task_cache, ALLOC_ZERO);

	if (!t)
		return NULL;
	if (thread_init(&t->thread, name)) {
		slab_free(&task_cache, t);
		return NULL;
	}
	t->thread.user = true;
	t->thread.release = release_task;
	t->process = p;
	process_get(p);
	list_init(&t->process_link);
	list_init(&t->pending.queue);
	t->syscall_nr = -1;
	return t;
}

/* One that is not running, or that moves meanwhile, looks at its work on its way to user mode. */
void task_kick(struct task *t)
{
	unsigned cpu;

	smp_mb();
	if (!READ_ONCE(t->thread.on_cpu))
		return;
	preempt_disable();
	cpu = READ_ONCE(t->thread.cpu);
	if (cpu != this_cpu()->id)
		ipi_wake(cpu);
	preempt_enable();
}

struct task *process_main_task(struct process *p)
{
	struct task *t;

	list_for_each_entry(t, &p->tasks, process_link)
		if (!load_acquire(&t->exiting)) /* else what it left is there */
			return t;
	return NULL;
}

struct task *process_first_task(struct process *p)
{
	struct task *t = process_main_task(p);

	return t && t->tid == p->pid ? t : NULL;
}

const struct cred *process_cred(struct process *p)
{
	struct task *t = process_main_task(p);

	return t ? t->cred : p->last_cred;
}

bool process_may_attach(struct process *p, bool fs)
{
	const struct cred *me = cred_current(), *c;
	uid_t uid = fs ? me->fsuid : me->uid;
	gid_t gid = fs ? me->fsgid : me->gid;
	bool may = p == process_current() || capable(CAP_SYS_PTRACE);

	if (may)
		return true;
	spin_lock(&proc_tree_lock);
	c = process_cred(p);
	may = c && p->dumpable == 1 && uid == c->uid && uid == c->euid && uid == c->suid && gid == c->gid && gid == c->egid && gid == c->sgid
	      && !(c->cap_permitted & ~me->cap_permitted);
	spin_unlock(&proc_tree_lock);
	return may;
}

struct aspace *process_aspace_get(struct process *p)
{
	unsigned long irq = sighand_lock(p);
	struct aspace *as = p->aspace;

	if (as)
		aspace_get(as);
	sighand_unlock(p, irq);
	return as;
}

unsigned long process_count(void) { return (unsigned long)percount_sum(&live); }

static void describe_current(char *buf, unsigned long cap)
{
	struct thread *t = thread_current();

	if (t && t->user)
		fmt_buf(buf, cap, "%d %s", ((struct task *)t)->tid, t->name);
	else
		fmt_buf(buf, cap, "kernel thread %s", t ? t->name : "(none)");
}

void process_init(void)
{
	panic_describe_current = describe_current;
}
