/* SPDX-License-Identifier: MIT */
/* Which epoll may watch what: no circles, no long chains, and not too many ways for one wake-up to go. And the structures of a set. */
#ifndef VFS_EPOLLPATHS_H
#define VFS_EPOLLPATHS_H

#include "vfs/file.h"

struct epoll {
	struct mutex lock;        /* LOCK_EPOLL */
	struct rbtree items;      /* by file and number; changed under links_lock and lock */
	unsigned count;           /* of items */
	struct file *file;
	struct waitq waiters;     /* epoll_wait */
	struct waitq pollers;     /* poll of this epoll's own descriptor, other epolls */
	struct spinlock ready_lock; /* LOCK_EVENT, interrupts off */
	struct list ready;        /* items that may be ready */
	unsigned checked, depth;  /* links_lock: the search for loops that was here last, and what it found */
	uid_t uid;                  /* who is charged for its items */
};

/* An item in one wait queue. A file may name several. */
struct epoll_link {
	struct waiter w;
	struct waitq *q;
	struct epoll_item *item;
	struct epoll_link *next;
};

struct epoll_item {
	struct rbnode node;
	struct epoll *ep;
	struct file *file;        /* no reference */
	struct epoll *inner;      /* if the file is an epoll */
	int fd;
	uint32_t events;          /* ep->lock to change */
	uint64_t data;
	struct list ready_link;   /* ready_lock */
	bool listed;              /* ready_lock */
	struct epoll_item *next, **place; /* links_lock: among the file's watchers */
	struct epoll_link first, *links;
};

/* Would "ep" watch itself, or the chain be too long, if it watched "inner"? links_lock held. */
bool epoll_refuse_nesting(struct epoll *ep, struct epoll *inner);
/* Is the new item, linked already, one too many? links_lock held. */
bool epoll_refuse_paths(const struct epoll_item *it);

#endif
