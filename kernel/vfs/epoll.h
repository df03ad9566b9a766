/* SPDX-License-Identifier: MIT */
/*
 * epoll(7): a set of descriptors that remembers which of them became ready. Each watched descriptor is an item that waits in the queues of its
 * file; a wake-up puts it on the list of those that may be ready, and whoever collects asks each file on it what holds.
 */
#ifndef VFS_EPOLL_H
#define VFS_EPOLL_H

#include "vfs/file.h"

#define EPOLLEXCLUSIVE (1u << 28)
#define EPOLLWAKEUP (1u << 29)
#define EPOLLONESHOT (1u << 30)
#define EPOLLET (1u << 31)

enum epoll_op { EPOLL_ADD = 1, EPOLL_DEL, EPOLL_MOD };

/* As user space has it. */
struct epoll_event { uint32_t events; uint64_t data; } __packed;

/* ERR_PTR: -ENOMEM. */
struct file *epoll_create(void);
bool epoll_is(const struct file *f);
/* Errors as epoll_ctl(2). ev is NULL for EPOLL_DEL. */
int epoll_ctl(struct file *epoll, int op, struct file *f, int fd, const struct epoll_event *ev);
/* What item number skip, from 0, of those for descriptor fd watches: an address to compare, not a reference; NULL: there is no such item. */
const struct file *epoll_target(struct file *epoll, int fd, unsigned skip);
/* Writes up to max events to the user array: their number, 0 at the deadline (monotonic; 0: does not wait; WAIT_FOREVER), -EINTR, -EFAULT. */
long epoll_wait(struct file *epoll, uaddr_t events, unsigned max, ktime_t deadline);
/* Wiring: a file that is watched goes. */
void epoll_file_gone(struct file *f);

#endif
