/* SPDX-License-Identifier: MIT */
/* Beginnings and ends of walks along lists. */
#include "lib/listwalk.h"

void list_walk_begin(struct list_walk *w, struct list *walks, struct list *head)
{
	w->at = head;
	list_push_back(walks, &w->link);
}

void list_walk_end(struct list_walk *w) { list_del(&w->link); }
