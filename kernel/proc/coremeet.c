/* SPDX-License-Identifier: MIT */
/* The threads of a process meet before a core is written. */
#include "proc/coremeet.h"
#include "task/sigqueue.h"

/* sighand->lock held. Those that have passed coremeet_pass are as good as gone. */
static unsigned others(struct process *p, const struct task *me)
{
	struct task *t;
	unsigned n = 0;

	list_for_each_entry(t, &p->tasks, process_link)
		n += t != me && !t->past_meet;
	return n;
}

static void add_self(struct coremeet *m, struct core_thread *c)
{
	c->task = task_current();
	arch_fp_save(&c->fp);
	list_push_back(&m->threads, &c->link);
}

bool coremeet_begin(struct coremeet *m, int signo)
{
	struct task *me = task_current();
	struct process *p = me->process;
	unsigned long irq = sighand_lock(p);

	if (p->group_exit || (p->pending.set | me->pending.set) & SIGBIT(SIGKILL)) {
		sighand_unlock(p, irq);
		return false;
	}
	list_init(&m->threads);
	add_self(m, &m->own);
	m->missing = others(p, me);
	p->group_exit = true;
	p->exit_status = signo;
	p->stopped = false;
	p->core = m;
	signal_end_others(p, me, &irq);
	/* what else was on its way comes to nothing: the writer can wait undisturbed */
	thread_clear_work(&me->thread, WORK_SIGNAL | (p->pending.set & SIGBIT(SIGKILL) ? 0 : WORK_KILL));
	sighand_unlock(p, irq);
	waitq_wait(&p->child_wait, !READ_ONCE(m->missing), WAIT_UNINTERRUPTIBLE);
	return true;
}

void coremeet_end(bool dumped)
{
	struct process *p = process_current();
	unsigned long irq = sighand_lock(p);

	p->core = NULL;
	if (p->pending.set & SIGBIT(SIGKILL) || task_current()->pending.set & SIGBIT(SIGKILL))
		p->exit_status = SIGKILL;
	else if (dumped)
		p->exit_status |= 0x80;
	sighand_unlock(p, irq);
	waitq_wake_all(&p->child_wait);
}

void coremeet_pass(void)
{
	struct task *t = task_current();
	struct process *p = t->process;
	struct core_thread self;
	unsigned long irq;
	bool waits;

	if (READ_ONCE(p->task_count) == 1)
		return; /* nobody else is left who could write one */
	irq = sighand_lock(p);
	waits = p->core != NULL;
	if (waits) {
		add_self(p->core, &self);
		WRITE_ONCE(p->core->missing, p->core->missing - 1);
	} else {
		t->past_meet = true;
	}
	sighand_unlock(p, irq);
	if (!waits)
		return;
	waitq_wake_all(&p->child_wait);
	waitq_wait(&p->child_wait, !READ_ONCE(p->core), WAIT_UNINTERRUPTIBLE);
}
