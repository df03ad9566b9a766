/* SPDX-License-Identifier: MIT */
/*
 * Walks along a list that may change between two steps: whoever takes a node out first calls list_walks_pass, and each walk that stood there stands
 * at the one before. What is added at the end is still met. One lock guards the list and its walks; it may be given up between two steps.
 */
#ifndef LIB_LISTWALK_H
#define LIB_LISTWALK_H

#include "lib/list.h"

struct list_walk {
	struct list link;  /* among the walks of the list */
	struct list *at;   /* the node that was met last; the head before the first one */
};

/* The walk is among those of its list until it ends. */
void list_walk_begin(struct list_walk *w, struct list *walks, struct list *head);
void list_walk_end(struct list_walk *w);
/* The next node, or NULL when there is none yet. */
static inline struct list *list_walk_next(struct list_walk *w, const struct list *head)
{
	if (w->at->next == head)
		return NULL;
	w->at = w->at->next;
	return w->at;
}

/* n is about to leave the list of these walks. */
static inline void list_walks_pass(struct list *walks, const struct list *n)
{
	list_for_each(i, walks) {
		struct list_walk *w = list_entry(i, struct list_walk, link);

		if (w->at == n)
			w->at = n->prev;
	}
}

#endif
