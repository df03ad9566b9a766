/* SPDX-License-Identifier: MIT */
/* Intrusive circular doubly linked list. A head is a node that is in no object. The caller holds the lock. */
#ifndef LIB_LIST_H
#define LIB_LIST_H

#include "lib/compiler.h"
#include "lib/types.h"

struct list {
	struct list *next, *prev;
};

#define LIST_INIT(name) { &(name), &(name) }

static inline void list_init(struct list *l) { l->next = l->prev = l; }
static inline bool list_empty(const struct list *l) { return l->next == l; }
static inline void list_insert_between(struct list *n, struct list *prev, struct list *next)
{
	n->prev = prev;
	n->next = next;
	prev->next = n;
	next->prev = n;
}
static inline void list_push_front(struct list *head, struct list *n) { list_insert_between(n, head, head->next); }
static inline void list_push_back(struct list *head, struct list *n) { list_insert_between(n, head->prev, head); }
/* Takes n out and leaves it a valid empty list, so that list_empty(n) says "not queued". */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}
/* Moves all of src to the end of dst; src is empty afterwards. */
static inline void list_splice_back(struct list *dst, struct list *src)
{
	if (list_empty(src))
		return;
	src->next->prev = dst->prev;
	dst->prev->next = src->next;
	src->prev->next = dst;
	dst->prev = src->prev;
	list_init(src);
}

#define list_entry(ptr, type, member) container_of(ptr, type, member)
/* The node in what may be no object: where the head would lie in one, at the end of a loop, pos->member would break the rules of its type. */
#define list_node(pos, member) ((struct list *)((char *)(pos) + offsetof(__typeof__(*(pos)), member)))
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_last(head, type, member) list_entry((head)->prev, type, member)
#define list_for_each(pos, head) for (struct list *pos = (head)->next; pos != (head); pos = pos->next)
#define list_for_each_entry(pos, head, member) \
	for (pos = list_entry((head)->next, __typeof__(*pos), member); list_node(pos, member) != (head); \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
#define list_for_each_entry_safe(pos, tmp, head, member) \
	for (pos = list_entry((head)->next, __typeof__(*pos), member), \
	     tmp = list_entry(list_node(pos, member)->next, __typeof__(*pos), member); \
	     list_node(pos, member) != (head); pos = tmp, tmp = list_entry(list_node(tmp, member)->next, __typeof__(*pos), member))

#endif
