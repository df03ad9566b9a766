/* SPDX-License-Identifier: MIT */
/*
 * Intrusive red-black tree ordered by the caller's compare function; equal keys keep insertion order (go right).
 * No allocation, O(log n). The caller holds the lock.
 */
#ifndef LIB_RBTREE_H
#define LIB_RBTREE_H

#include "lib/compiler.h"
#include "lib/types.h"

struct rbnode {
	struct rbnode *parent, *left, *right;
	bool red;
};

struct rbtree {
	struct rbnode *root;
};

typedef int (*rb_cmp)(const struct rbnode *a, const struct rbnode *b);

static inline void rb_init(struct rbtree *t) { t->root = NULL; }
static inline bool rb_empty(const struct rbtree *t) { return !t->root; }
void rb_insert(struct rbtree *t, struct rbnode *n, rb_cmp cmp);
/* Links n below parent (NULL: as the root) at *link, found by the caller's own descent, and rebalances. */
void rb_link(struct rbtree *t, struct rbnode *parent, struct rbnode **link, struct rbnode *n);
/*
 * The same for nodes that know something of the subtree below them, like the largest of its values. update computes that of one node anew from
 * the node itself and its children, which are up to date; false if it is what it was.
 */
typedef bool (*rb_update)(struct rbnode *n);
void rb_link_updating(struct rbtree *t, struct rbnode *parent, struct rbnode **link, struct rbnode *n, rb_update update);
/* Of the node behind n, too: it is always on the way that is brought up to date. */
void rb_erase_updating(struct rbtree *t, struct rbnode *n, rb_update update);
static inline void rb_erase(struct rbtree *t, struct rbnode *n) { rb_erase_updating(t, n, NULL); }
/* After a change in n itself: n and those above it, as far as it changes anything. */
void rb_propagate(struct rbnode *n, rb_update update);
struct rbnode *rb_first(const struct rbtree *t);
struct rbnode *rb_last(const struct rbtree *t);
struct rbnode *rb_next(const struct rbnode *n);
struct rbnode *rb_prev(const struct rbnode *n);
/* Children before parents: each node may be freed once its successor is known. The tree must not be used otherwise meanwhile. */
struct rbnode *rb_first_postorder(const struct rbtree *t);
struct rbnode *rb_next_postorder(const struct rbnode *n);
/* Walks the whole tree and asserts the red-black rules and the order; returns the number of nodes (tests, debug). */
unsigned long rb_check(const struct rbtree *t, rb_cmp cmp);

#define rb_entry(ptr, type, member) container_of(ptr, type, member)

#endif
