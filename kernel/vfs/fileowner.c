/* SPDX-License-Identifier: MIT */
#include "vfs/fileowner.h"
#include "lib/errno.h"
#include "mem/slab.h"
#include "task/group.h"
#include "task/pid.h"
#include "task/sigqueue.h"

#define OWN_CODES (SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGBUS) | SIGBIT(SIGFPE) | SIGBIT(SIGSEGV) | SIGBIT(SIGCHLD) | SIGBIT(SIGSYS))

static SLAB_CACHE(fileowner_cache, fileowner);
static struct spinlock lock = SPINLOCK_INIT(LOCK_LEAF);

long fileowner_find(enum fileowner_kind kind, pid_t n, struct fileowner_target *out)
{
	struct task *any;

	*out = (struct fileowner_target){ .kind = kind };
	if (!n)
		return 0;
	any = n > 0 ? pid_task(n) : NULL;
	if (kind == OWNER_TASK)
		out->task = any;
	else if (kind == OWNER_PROCESS)
		out->process = n > 0 ? pid_process(n) : NULL;
	else
		out->group = n > 0 ? pgroup_find(n) : NULL;
	if (any && !out->task)
		task_put(any);
	return any || out->process || out->group ? 0 : -ESRCH; /* a thread that is neither leads nobody who could be told */
}

void fileowner_target_put(struct fileowner_target *t)
{
	if (t->task)
		task_put(t->task);
	process_put(t->process);
	if (t->group)
		pgroup_put(t->group);
}

struct fileowner *fileowner_of(struct file *f)
{
	struct fileowner *o = load_acquire(&f->owner), *none = NULL;

	if (o)
		return o;
	o = slab_alloc(&fileowner_cache, ALLOC_ZERO);
	if (o && !__atomic_compare_exchange_n(&f->owner, &none, o, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		slab_free(&fileowner_cache, o); /* another thread was faster */
	return load_acquire(&f->owner);
}

static bool is_set(const struct fileowner_target *t) { return t->task || t->process || t->group; }

long fileowner_set(struct file *f, struct fileowner_target *t, bool force)
{
	struct fileowner *o = fileowner_of(f);
	struct fileowner_target old = *t;

	if (o) {
		spin_lock(&lock);
		if (force || !is_set(&o->target)) {
			old = o->target;
			o->target = *t;
			o->uid = cred_current()->uid;
			o->euid = cred_current()->euid;
		}
		spin_unlock(&lock);
	}
	fileowner_target_put(&old);
	return o ? 0 : -ENOMEM;
}

enum fileowner_kind fileowner_get(struct file *f, pid_t *number)
{
	struct fileowner *o = load_acquire(&f->owner);
	enum fileowner_kind kind = OWNER_TASK;

	*number = 0;
	if (!o)
		return kind;
	spin_lock(&lock);
	kind = o->target.kind;
	if (o->target.task)
		*number = READ_ONCE(o->target.task->exiting) ? 0 : o->target.task->tid;
	else if (o->target.process)
		*number = READ_ONCE(o->target.process->state) == PROCESS_REAPED ? 0 : o->target.process->pid;
	else if (o->target.group)
		*number = o->target.group->pgid;
	spin_unlock(&lock);
	return kind;
}

long fileowner_set_signal(struct file *f, int signo)
{
	struct fileowner *o = fileowner_of(f);

	if (!o)
		return -ENOMEM;
	WRITE_ONCE(o->signo, signo);
	return 0;
}

int fileowner_signal(struct file *f)
{
	const struct fileowner *o = load_acquire(&f->owner);

	return o ? READ_ONCE(o->signo) : 0;
}

void fileowner_message(struct fileowner *o, struct fileowner_message *m)
{
	spin_lock(&lock);
	*m = (struct fileowner_message){ .target = o->target, .uid = o->uid, .euid = o->euid, .signo = o->signo };
	if (m->target.task)
		task_get(m->target.task);
	if (m->target.process)
		process_get(m->target.process);
	if (m->target.group)
		pgroup_get(m->target.group);
	spin_unlock(&lock);
}

/* PROC_TREE lock held: as kill(2) from whoever set the owner. */
static bool may_send(const struct fileowner_message *m, struct process *p)
{
	const struct cred *his = process_cred(p);

	return his && (!m->euid || m->euid == his->suid || m->euid == his->uid || m->uid == his->suid || m->uid == his->uid);
}

/* PROC_TREE lock held. */
static int post_one(const struct fileowner_message *m, struct process *p, const struct siginfo *info)
{
	if (m->target.group)
		return signal_post_member(p, info);
	return m->target.task ? signal_post_task(m->target.task, info) : signal_post_process(p, info);
}

/* The signal that was asked for, with what happened where; when that cannot be queued, or none was, a plain SIGIO. PROC_TREE lock held. */
static void send_one(struct process *p, void *message)
{
	const struct fileowner_message *m = message;
	struct siginfo plain = { .signo = SIGIO, .code = SI_KERNEL };
	bool codes_of_its_own = m->signo && m->signo <= SIGSYS && SIGBIT(m->signo) & OWN_CODES;
	struct siginfo info = { .signo = m->signo, .code = codes_of_its_own ? SI_SIGIO : m->code, .of_file = true, .status = m->fd, .value = m->band };

	if (!may_send(m, p))
		return;
	if (!m->signo || post_one(m, p, &info))
		(void)post_one(m, p, &plain);
}

void fileowner_send(struct fileowner_message *m)
{
	if (m->target.group) {
		pgroup_each(m->target.group, send_one, m);
	} else if (m->target.task || m->target.process) {
		spin_lock(&proc_tree_lock);
		send_one(m->target.task ? m->target.task->process : m->target.process, m);
		spin_unlock(&proc_tree_lock);
	}
	fileowner_target_put(&m->target);
}

void fileowner_free(struct fileowner *o)
{
	fileowner_target_put(&o->target);
	slab_free(&fileowner_cache, o);
}
