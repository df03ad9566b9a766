/* SPDX-License-Identifier: MIT */
/* Searches up and down what epolls watch. Each remembers in the sets where it has been, so that it looks at each of them once. */
#include "vfs/epollpaths.h"

#include "lib/bits.h"

#define NESTED_MAX 4 /* as Linux: what ELOOP and EINVAL depend on */

static unsigned search; /* links_lock: number of the search */
#define CIRCLE 1000u

/* How many epolls, one in the other, "from" watches; at least CIRCLE: "ep" is one of them. The depth is limited by this very check. */
static unsigned depth_below(struct epoll *from, const struct epoll *ep)
{
	unsigned depth = 0;

	if (from == ep)
		return CIRCLE;
	if (from->checked == search)
		return from->depth;
	from->checked = search;
	for (struct rbnode *n = rb_first(&from->items); n; n = rb_next(n)) {
		struct epoll *inner = rb_entry(n, struct epoll_item, node)->inner;

		if (inner)
			depth = MAX(depth, depth_below(inner, ep) + 1);
	}
	from->depth = depth;
	return depth;
}

/* How many epolls, one in the other, watch this one. */
static unsigned depth_above(struct epoll *ep)
{
	unsigned depth = 0;

	if (ep->checked == search)
		return ep->depth;
	ep->checked = search;
	for (const struct epoll_item *it = ep->file->watchers; it; it = it->next)
		depth = MAX(depth, depth_above(it->ep) + 1);
	ep->depth = depth;
	return depth;
}

bool epoll_refuse_nesting(struct epoll *ep, struct epoll *inner)
{
	unsigned depth;

	search++;
	depth = depth_below(inner, ep);
	search++;
	return depth + 1 + depth_above(ep) > NESTED_MAX;
}

/* Ways of each length by which a wake-up of a file goes on. Linux's limits; the nearest watchers are not counted. */
static const unsigned path_limits[NESTED_MAX + 1] = { 0, 500, 100, 50, 10 };

static bool too_many_paths(const struct file *f, unsigned depth, unsigned *paths)
{
	if (depth > NESTED_MAX)
		return true;
	for (const struct epoll_item *it = f->watchers; it; it = it->next) {
		const struct file *outer = it->ep->file;

		if (outer->watchers ? too_many_paths(outer, depth + 1, paths) : depth && ++paths[depth] > path_limits[depth])
			return true;
	}
	return false;
}

/* The same for every file below. links_lock held. */
static bool below_too_many(struct epoll *ep)
{
	ep->checked = search;
	for (struct rbnode *n = rb_first(&ep->items); n; n = rb_next(n)) {
		const struct epoll_item *it = rb_entry(n, struct epoll_item, node);
		unsigned paths[NESTED_MAX + 1] = { 0 };

		if (!it->inner ? too_many_paths(it->file, 0, paths) : it->inner->checked != search && below_too_many(it->inner))
			return true;
	}
	return false;
}

bool epoll_refuse_paths(const struct epoll_item *it)
{
	unsigned paths[NESTED_MAX + 1] = { 0 };

	if (it->inner) {
		search++;
		return below_too_many(it->inner);
	}
	return it->ep->file->watchers && too_many_paths(it->file, 0, paths);
}
