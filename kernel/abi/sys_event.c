/* SPDX-License-Identifier: MIT */
/* Descriptors for events: eventfd and epoll. */
#include "abi/convert.h"
#include "abi/newfd.h"
#include "abi/sigmask.h"
#include "core/clock.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "vfs/epoll.h"
#include "vfs/eventfd.h"
#include "vfs/fdtable.h"

#define EFD_SEMAPHORE 1u
#define EPOLL_EVENTS_MAX (0x7fffffff / (int)sizeof(struct epoll_event))

long sys_eventfd2(unsigned count, unsigned flags)
{
	if (flags & ~(EFD_SEMAPHORE | O_NONBLOCK | O_CLOEXEC))
		return -EINVAL;
	return newfd(eventfd_create(count, flags & EFD_SEMAPHORE, flags & O_NONBLOCK), flags & O_CLOEXEC);
}

long sys_eventfd(unsigned count) { return sys_eventfd2(count, 0); }

long sys_epoll_create1(unsigned flags)
{
	if (flags & ~(unsigned)O_CLOEXEC)
		return -EINVAL;
	return newfd(epoll_create(), flags & O_CLOEXEC);
}

long sys_epoll_create(int size) { return size <= 0 ? -EINVAL : sys_epoll_create1(0); }

long sys_epoll_ctl(int epfd, int op, int fd, uaddr_t event)
{
	struct epoll_event ev;
	struct file *epoll, *f = NULL;
	long err = -EBADF;

	if (op != EPOLL_DEL && user_get(&ev, event))
		return -EFAULT;
	epoll = fd_get(fdtable_current(), (unsigned)epfd, false);
	if (epoll)
		f = fd_get(fdtable_current(), (unsigned)fd, false);
	if (f)
		err = epoll_ctl(epoll, op, f, fd, op != EPOLL_DEL ? &ev : NULL);
	file_put(f);
	file_put(epoll);
	return err;
}

static long wait_until(int epfd, uaddr_t events, int max, ktime_t deadline)
{
	struct file *f;
	long r = -EINVAL;

	if (max <= 0 || max > EPOLL_EVENTS_MAX)
		return -EINVAL;
	if (!user_range_ok(events, (size_t)max * sizeof(struct epoll_event)))
		return -EFAULT;
	f = fd_get(fdtable_current(), (unsigned)epfd, false);
	if (!f)
		return -EBADF;
	if (epoll_is(f))
		r = epoll_wait(f, events, (unsigned)max, deadline);
	file_put(f);
	return r;
}

static ktime_t after_ms(int timeout)
{
	return timeout < 0 ? WAIT_FOREVER : timeout == 0 ? 0 : deadline_after((uint64_t)timeout * NSEC_PER_MSEC);
}

long sys_epoll_wait(int epfd, uaddr_t events, int max, int timeout) { return wait_until(epfd, events, max, after_ms(timeout)); }

long sys_epoll_pwait(int epfd, uaddr_t events, int max, int timeout, uaddr_t mask, size_t size)
{
	long err = mask_from_user(mask, size);

	return err ? err : wait_until(epfd, events, max, after_ms(timeout));
}

long sys_epoll_pwait2(int epfd, uaddr_t events, int max, uaddr_t ts, uaddr_t mask, size_t size)
{
	ktime_t deadline = WAIT_FOREVER;
	uint64_t ns;
	long err = ts ? time_from_user(ts, true, &ns) : 0;

	if (!err && ts)
		deadline = ns ? deadline_after(ns) : 0;
	if (!err)
		err = mask_from_user(mask, size);
	return err ? err : wait_until(epfd, events, max, deadline);
}
