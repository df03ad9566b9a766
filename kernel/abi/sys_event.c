/* SPDX-License-Identifier: MIT */
/* Descriptors without a name: eventfd, epoll, memory. */
#include "abi/convert.h"
#include "abi/newfd.h"
#include "abi/sigmask.h"
#include "core/clock.h"
#include "fs/memfd.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "syscall_protos.h"
#include "vfs/epoll.h"
#include "vfs/eventfd.h"
#include "vfs/fdtable.h"

#define EFD_SEMAPHORE 1u
#define MFD_CLOEXEC 1ul
#define MFD_ALLOW_SEALING 2ul
#define MFD_HUGETLB 4ul
#define MFD_NAME_MAX 249
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

long sys_memfd_create(uaddr_t name, unsigned long flags)
{
	char given[MFD_NAME_MAX + 1], shown[MFD_NAME_MAX + 24];
	ssize_t n;

	if (flags & MFD_HUGETLB) /* as a kernel without huge pages */
		return flags & 0x3fffff8 ? -EINVAL : -ENOSYS;
	if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING))
		return -EINVAL;
	n = user_strncpy(given, name, sizeof(given));
	if (n < 0)
		return n == -EFAULT ? -EFAULT : -EINVAL;
	fmt_buf(shown, sizeof(shown), "/memfd:%s (deleted)", given);
	return newfd(memfd_create(shown, flags & MFD_ALLOW_SEALING), flags & MFD_CLOEXEC);
}
