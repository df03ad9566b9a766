/* SPDX-License-Identifier: MIT */
/* Children and their reports. */
#include "task/children.h"
#include "lib/listwalk.h"

static uint64_t births; /* PROC_TREE lock */

static int by_birth(const struct rbnode *a, const struct rbnode *b)
{
	const struct process *p = rb_entry(a, struct process, report_node), *q = rb_entry(b, struct process, report_node);

	return p->birth < q->birth ? -1 : p->birth > q->birth;
}

void child_add(struct process *parent, struct process *c)
{
	c->parent = parent;
	WRITE_ONCE(c->ppid, parent->pid);
	c->birth = ++births;
	list_push_back(&parent->children, &c->sibling);
	WRITE_ONCE(parent->child_count, parent->child_count + 1);
	if (c->exit_signal != SIGCHLD)
		WRITE_ONCE(parent->clone_count, parent->clone_count + 1);
}

static void take_out(struct process *c)
{
	struct process *parent = c->parent;

	list_walks_pass(&parent->children_walks, &c->sibling);
	list_del(&c->sibling);
	WRITE_ONCE(parent->child_count, parent->child_count - 1);
	if (c->exit_signal != SIGCHLD)
		WRITE_ONCE(parent->clone_count, parent->clone_count - 1);
}

void child_remove(struct process *c)
{
	take_out(c);
	smp_wmb(); /* who sees without locks that it has nothing to tell any more sees that it is gone, too: tests/models/childwait.pml */
	if (c->report)
		child_report(c, REPORT_NONE);
}

void child_move(struct process *c, struct process *to)
{
	unsigned long irq = sighand_lock(c);
	enum report r = c->report;

	child_report(c, REPORT_NONE);
	take_out(c);
	c->exit_signal = SIGCHLD;
	child_add(to, c);
	child_report(c, r);
	sighand_unlock(c, irq);
}

void child_ends_with_sigchld(struct process *c)
{
	if (likely(c->exit_signal == SIGCHLD))
		return;
	c->exit_signal = SIGCHLD;
	if (c->parent)
		WRITE_ONCE(c->parent->clone_count, c->parent->clone_count - 1);
}

/* Puts c into the tree of those that have r to tell, or takes it out. The ends of children are guarded by PROC_TREE lock alone. */
static void list_report(struct process *c, enum report r, bool in)
{
	struct process *to = c->parent;
	unsigned long irq = 0;

	if (r != REPORT_END)
		irq = spin_lock_irqsave(&to->reports_lock);
	if (in)
		rb_insert(&to->reports[r], &c->report_node, by_birth);
	else
		rb_erase(&to->reports[r], &c->report_node);
	if (r != REPORT_END)
		spin_unlock_irqrestore(&to->reports_lock, irq);
}

void child_report(struct process *c, enum report r)
{
	if (c->report == r || !c->parent) /* nobody waits for init */
		return;
	if (c->report)
		list_report(c, c->report, false);
	WRITE_ONCE(c->report, (uint8_t)r);
	if (r)
		list_report(c, r, true);
}

/* The first in the tree that was born after that. */
static struct process *first_after(const struct rbtree *t, uint64_t after)
{
	struct process *found = NULL;

	for (struct rbnode *n = t->root; n;) {
		struct process *c = rb_entry(n, struct process, report_node);

		if (c->birth > after)
			found = c;
		n = c->birth > after ? n->left : n->right;
	}
	return found;
}

struct process *child_reporting(struct process *parent, unsigned reports, uint64_t after)
{
	struct process *eldest = reports & REPORT_BIT(REPORT_END) ? first_after(&parent->reports[REPORT_END], after) : NULL, *c;
	unsigned long irq;

	if (!children_report(parent, reports & ~REPORT_BIT(REPORT_END)))
		return eldest;
	irq = spin_lock_irqsave(&parent->reports_lock);
	for (unsigned r = REPORT_NONE + 1; r < REPORTS; r++) {
		c = r != REPORT_END && reports & REPORT_BIT(r) ? first_after(&parent->reports[r], after) : NULL;
		if (c && (!eldest || c->birth < eldest->birth))
			eldest = c;
	}
	spin_unlock_irqrestore(&parent->reports_lock, irq);
	return eldest;
}

bool children_report(const struct process *parent, unsigned reports)
{
	for (unsigned r = REPORT_NONE + 1; r < REPORTS; r++)
		if (reports & REPORT_BIT(r) && READ_ONCE(parent->reports[r].root))
			return true;
	return false;
}
