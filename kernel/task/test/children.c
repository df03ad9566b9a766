/* SPDX-License-Identifier: MIT */
/*
 * Random histories of children: born, given away, gone, with something to tell or nothing, under three parents. The model is one array in order of birth.
 * After each step every question is asked with every start; and walks that stand in the middle must meet everybody who is there from their beginning
 * to their end exactly once, in order, and nobody who is gone.
 *
 * SEED=n in the environment runs that one history; TRACE=1 prints its steps. HISTORIES=n says how many (500).
 */
#include "lib/listwalk.h"
#include "lib/test/history.h"
#include "task/children.h"
#include "vfs/test/machine.h"

#define PARENTS 3u
#define CHILDREN_MAX 24u
#define STEPS 120u

struct child {
	struct process *p;
	unsigned parent;
	enum report report;
	bool plain;      /* ends with SIGCHLD */
	bool met, owed;  /* by the walk along its parent's children */
};

static struct process *parents[PARENTS];
static struct child model[CHILDREN_MAX]; /* in order of birth, or of their last coming to a parent */
static unsigned count;
static struct list_walk walks[PARENTS];
static bool walking[PARENTS];

static struct process *make(void)
{
	struct process *p = process_new();

	EXPECT(p != NULL);
	p->sighand = sighand_new();
	EXPECT(p->sighand != NULL);
	return p;
}

static void report(struct process *p, enum report r)
{
	unsigned long irq = sighand_lock(p);

	child_report(p, r);
	sighand_unlock(p, irq);
}

static void take_out(unsigned i)
{
	count--;
	for (; i < count; i++)
		model[i] = model[i + 1];
}

static void bear(void)
{
	struct child c = { .p = make(), .parent = rnd(PARENTS), .plain = rnd(4) };

	if (!c.plain)
		c.p->exit_signal = 0;
	child_add(parents[c.parent], c.p);
	c.owed = walking[c.parent];
	model[count++] = c;
}

static void bury(unsigned i)
{
	struct process *p = model[i].p;

	child_remove(p);
	process_put(p);
	take_out(i);
}

static void move(unsigned i)
{
	struct child c = model[i];

	c.parent = rnd(PARENTS);
	c.plain = true;
	c.met = false;
	c.owed = walking[c.parent];
	child_move(c.p, parents[c.parent]);
	take_out(i);
	model[count++] = c;
}

static void begin_walk(unsigned parent)
{
	list_walk_begin(&walks[parent], &parents[parent]->children_walks, &parents[parent]->children);
	walking[parent] = true;
	for (unsigned i = 0; i < count; i++)
		if (model[i].parent == parent) {
			model[i].met = false;
			model[i].owed = true;
		}
}

static void go_on(unsigned parent)
{
	struct list *at = list_walk_next(&walks[parent], &parents[parent]->children);
	struct process *p = at ? list_entry(at, struct process, sibling) : NULL;
	bool found = !p;

	for (unsigned i = 0; i < count; i++) {
		if (model[i].parent != parent)
			continue;
		if (model[i].p == p) {
			EXPECT(!model[i].met);
			model[i].met = found = true;
		}
		if (!p || !found) /* the eldest that is still to come is met first */
			EXPECT(model[i].met || !model[i].owed);
	}
	EXPECT(found);
	if (p)
		return;
	list_walk_end(&walks[parent]);
	walking[parent] = false;
}

static void one_step(void)
{
	unsigned i = count ? rnd(count) : 0, what = rnd(8), parent = rnd(PARENTS);
	enum report r = rnd(REPORTS);

	if (trace)
		fprintf(stderr, "%u: %u %u\n", step, what, i);
	if (what < 2 && count < CHILDREN_MAX)
		bear();
	else if (what == 2 && count)
		bury(i);
	else if (what == 3 && count)
		move(i);
	else if (what == 4 && !walking[parent])
		begin_walk(parent);
	else if (what == 4)
		go_on(parent);
	else if (what == 5 && count && !model[i].plain) {
		child_ends_with_sigchld(model[i].p);
		model[i].plain = true;
	} else if (count) {
		report(model[i].p, r);
		model[i].report = r;
	}
}

static struct process *eldest(unsigned parent, unsigned reports, uint64_t after)
{
	for (unsigned i = 0; i < count; i++)
		if (model[i].parent == parent && model[i].report && reports & REPORT_BIT(model[i].report) && model[i].p->birth > after)
			return model[i].p;
	return NULL;
}

static void compare(unsigned parent)
{
	unsigned long all = 0, clones = 0;
	struct process *p = parents[parent], *c;
	unsigned i = 0;

	list_for_each_entry(c, &p->children, sibling) {
		while (i < count && model[i].parent != parent)
			i++;
		EXPECT(i < count && model[i].p == c && c->parent == p && c->ppid == p->pid && c->report == model[i].report);
		all++;
		clones += !model[i++].plain;
	}
	EXPECT(p->child_count == all && p->clone_count == clones);
	for (unsigned reports = 0; reports < REPORT_BIT(REPORTS); reports += 2) {
		EXPECT(children_report(p, reports) == (eldest(parent, reports, 0) != NULL));
		EXPECT(child_reporting(p, reports, 0) == eldest(parent, reports, 0));
		for (i = 0; i < count; i++)
			EXPECT(child_reporting(p, reports, model[i].p->birth) == eldest(parent, reports, model[i].p->birth));
	}
}

static void one_history(unsigned long n)
{
	history_begin(n);
	for (unsigned i = 0; i < PARENTS; i++) {
		parents[i] = make();
		parents[i]->pid = (pid_t)(100 + i);
	}
	for (step = 0; step < STEPS; step++) {
		spin_lock(&proc_tree_lock);
		one_step();
		for (unsigned i = 0; i < PARENTS; i++)
			compare(i);
		spin_unlock(&proc_tree_lock);
	}
	spin_lock(&proc_tree_lock);
	while (count)
		bury(rnd(count));
	spin_unlock(&proc_tree_lock);
	for (unsigned i = 0; i < PARENTS; i++) {
		if (walking[i])
			list_walk_end(&walks[i]);
		walking[i] = false;
		EXPECT(list_empty(&parents[i]->children_walks));
		process_put(parents[i]);
	}
}

static void test_histories_of_children(void)
{
	const char *one = getenv("SEED"), *many = getenv("HISTORIES");
	unsigned long n = many ? strtoul(many, NULL, 0) : 500;

	if (one) {
		one_history(strtoul(one, NULL, 0));
		return;
	}
	for (unsigned long i = 1; i <= n; i++)
		one_history(i);
	printf("%lu histories of %u steps; seeds 1 to %lu\n", n, STEPS, n);
}

int main(void)
{
	const struct CMUnitTest tests[] = { CASE(test_histories_of_children) };

	return cmocka_run_group_tests_name("children", tests, test_machine_start, NULL);
}
