/* SPDX-License-Identifier: MIT */
/*
 * Red-black tree. The rules: the root is black; a red node has no red child; every way from a node down to a missing child passes the same
 * number of black nodes. So the longest way is at most twice the shortest.
 *
 * Both repairs below are written for one side, with the side as a parameter: child(n, 0) is the left one, child(n, 1) the right one.
 *
 * What nodes know of their subtrees is brought up to date from the place of a change to the root before the repair, whose rotations then keep it:
 * each changes the subtrees of two nodes only.
 */
#include "lib/rbtree.h"
#include "lib/check.h"

static struct rbnode **child(struct rbnode *n, int side)
{
	return side ? &n->right : &n->left;
}

static bool is_red(const struct rbnode *n)
{
	return n && n->red;
}

/* Makes "by" the child of n's parent in n's place. */
static void replace(struct rbtree *t, struct rbnode *n, struct rbnode *by)
{
	struct rbnode *p = n->parent;

	if (!p)
		t->root = by;
	else if (p->left == n)
		p->left = by;
	else
		p->right = by;
	if (by)
		by->parent = p;
}

/* n goes down to the given side, its child of the other side comes up. */
static void rotate(struct rbtree *t, struct rbnode *n, int side, rb_update update)
{
	struct rbnode *up = *child(n, !side);
	struct rbnode *inner = *child(up, side);

	replace(t, n, up);
	*child(n, !side) = inner;
	if (inner)
		inner->parent = n;
	*child(up, side) = n;
	n->parent = up;
	if (update) {
		update(n);
		update(up);
	}
}

static void fix_insert(struct rbtree *t, struct rbnode *n, rb_update update)
{
	while (is_red(n->parent)) {
		struct rbnode *p = n->parent, *g = p->parent;
		int side = p == g->right;
		struct rbnode *uncle = *child(g, !side);

		if (is_red(uncle)) {
			p->red = uncle->red = false;
			g->red = true;
			n = g;
			continue;
		}
		if (n == *child(p, !side)) {
			rotate(t, p, side, update);
			p = n;
		}
		p->red = false;
		g->red = true;
		rotate(t, g, !side, update);
		break;
	}
	t->root->red = false;
}

/* A root is black, and a red child of a black node breaks no rule. */
static void repair_insert(struct rbtree *t, struct rbnode *n, rb_update update)
{
	if (!n->parent)
		n->red = false;
	else if (n->parent->red)
		fix_insert(t, n, update);
}

static void hang(struct rbnode *parent, struct rbnode **link, struct rbnode *n)
{
	n->parent = parent;
	n->left = n->right = NULL;
	n->red = true;
	*link = n;
}

void rb_link(struct rbtree *t, struct rbnode *parent, struct rbnode **link, struct rbnode *n)
{
	hang(parent, link, n);
	repair_insert(t, n, NULL);
}

void rb_propagate(struct rbnode *n, rb_update update)
{
	while (n && update(n))
		n = n->parent;
}

void rb_link_updating(struct rbtree *t, struct rbnode *parent, struct rbnode **link, struct rbnode *n, rb_update update)
{
	hang(parent, link, n);
	update(n);
	rb_propagate(parent, update);
	repair_insert(t, n, update);
}

void rb_insert(struct rbtree *t, struct rbnode *n, rb_cmp cmp)
{
	struct rbnode **link = &t->root, *parent = NULL;

	while (*link) {
		parent = *link;
		link = cmp(n, parent) < 0 ? &parent->left : &parent->right;
	}
	rb_link(t, parent, link, n);
}

/* The ways through n (perhaps NULL, child of p) lack one black node. */
static void fix_erase(struct rbtree *t, struct rbnode *n, struct rbnode *p, rb_update update)
{
	while (n != t->root && !is_red(n)) {
		int side = n == p->right;
		struct rbnode *s = *child(p, !side); /* exists: its ways have a black node more */

		if (s->red) {
			s->red = false;
			p->red = true;
			rotate(t, p, side, update);
			s = *child(p, !side);
		}
		if (!is_red(s->left) && !is_red(s->right)) {
			s->red = true;
			n = p;
			p = n->parent;
			continue;
		}
		if (!is_red(*child(s, !side))) {
			(*child(s, side))->red = false;
			s->red = true;
			rotate(t, s, !side, update);
			s = *child(p, !side);
		}
		s->red = p->red;
		p->red = false;
		(*child(s, !side))->red = false;
		rotate(t, p, side, update);
		break;
	}
	if (n)
		n->red = false; /* red or the root: the missing black node; else it was black already */
}

/* Puts the successor of n (which has two children) where n is, and n's colour on it. */
static void swap_with_next(struct rbtree *t, struct rbnode *n, struct rbnode *next)
{
	if (next->parent != n) {
		replace(t, next, next->right);
		next->right = n->right;
		next->right->parent = next;
	}
	replace(t, n, next);
	next->left = n->left;
	next->left->parent = next;
	next->red = n->red;
}

void rb_erase_updating(struct rbtree *t, struct rbnode *n, rb_update update)
{
	struct rbnode *hole, *parent;
	bool lost_black;

	if (n->left && n->right) {
		struct rbnode *next = rb_next(n);

		hole = next->right;
		parent = next->parent == n ? next : next->parent;
		lost_black = !next->red;
		swap_with_next(t, n, next);
	} else {
		hole = n->left ? n->left : n->right;
		parent = n->parent;
		lost_black = !n->red;
		replace(t, n, hole);
	}
	for (struct rbnode *p = !update ? NULL : hole ? hole : parent; p; p = p->parent) /* to the root: what has taken n's place is on the way */
		update(p);
	if (lost_black)
		fix_erase(t, hole, parent, update);
}

static struct rbnode *outermost(struct rbnode *n, int side)
{
	while (n && *child(n, side))
		n = *child(n, side);
	return n;
}

struct rbnode *rb_first(const struct rbtree *t)
{
	return outermost(t->root, 0);
}

struct rbnode *rb_last(const struct rbtree *t)
{
	return outermost(t->root, 1);
}

static struct rbnode *step(struct rbnode *n, int side)
{
	struct rbnode *p;

	if (*child(n, side))
		return outermost(*child(n, side), !side);
	for (p = n->parent; p && n == *child(p, side); p = p->parent)
		n = p;
	return p;
}

struct rbnode *rb_next(const struct rbnode *n)
{
	return step((struct rbnode *)n, 1);
}

struct rbnode *rb_prev(const struct rbnode *n)
{
	return step((struct rbnode *)n, 0);
}

static struct rbnode *deepest_first(struct rbnode *n)
{
	while (n && (n->left || n->right))
		n = n->left ? n->left : n->right;
	return n;
}

struct rbnode *rb_first_postorder(const struct rbtree *t) { return deepest_first(t->root); }

struct rbnode *rb_next_postorder(const struct rbnode *n)
{
	struct rbnode *p = n->parent;

	return p && n == p->left && p->right ? deepest_first(p->right) : p;
}

/* Number of black nodes on every way down from n. The depth is at most twice log2 of the nodes, so recursion is bounded. */
static unsigned check_subtree(const struct rbnode *n)
{
	unsigned left, right;

	if (!n)
		return 0;
	assert(!n->left || n->left->parent == n);
	assert(!n->right || n->right->parent == n);
	assert(!n->red || (!is_red(n->left) && !is_red(n->right)));
	left = check_subtree(n->left);
	right = check_subtree(n->right);
	assert(left == right);
	return left + !n->red;
}

unsigned long rb_check(const struct rbtree *t, rb_cmp cmp)
{
	unsigned long count = 0;
	struct rbnode *prev = NULL;

	assert(!is_red(t->root));
	assert(!t->root || !t->root->parent);
	check_subtree(t->root);
	for (struct rbnode *n = rb_first(t); n; prev = n, n = rb_next(n)) {
		assert(!prev || cmp(prev, n) <= 0);
		count++;
	}
	return count;
}
