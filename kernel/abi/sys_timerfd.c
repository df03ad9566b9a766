/* SPDX-License-Identifier: MIT */
/* Timers and signals as descriptors. */
#include "abi/convert.h"
#include "abi/newfd.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "task/process.h"
#include "vfs/fdtable.h"
#include "vfs/signalfd.h"
#include "vfs/timerfd.h"

enum { CLOCK_REALTIME = 0, CLOCK_MONOTONIC = 1, CLOCK_BOOTTIME = 7, CLOCK_REALTIME_ALARM = 8, CLOCK_BOOTTIME_ALARM = 9 };

long sys_timerfd_create(int clock, unsigned flags)
{
	bool alarm = clock == CLOCK_REALTIME_ALARM || clock == CLOCK_BOOTTIME_ALARM;

	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (!alarm && clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME)
		return -EINVAL;
	if (alarm && !capable(CAP_WAKE_ALARM))
		return -EPERM;
	return newfd(timerfd_create(clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_ALARM, flags & O_NONBLOCK), flags & O_CLOEXEC);
}

/* struct itimerspec: the interval first. */
static size_t half(bool wide) { return wide ? sizeof(struct u_timespec64) : sizeof(struct u_timespec); }

static long setting_to_user(uaddr_t to, bool wide, const struct timerfd_setting *s)
{
	long err = time_to_user(to, wide, s->interval_ns);

	return err ? err : time_to_user(to + half(wide), wide, s->value_ns);
}

static long set_time(int fd, unsigned long flags, uaddr_t new, uaddr_t old, bool wide)
{
	struct timerfd_setting s, was;
	struct file *f;
	long err = time_from_user(new + half(wide), wide, &s.value_ns), err2 = time_from_user(new, wide, &s.interval_ns);

	if (err == -EFAULT || err2 == -EFAULT)
		return -EFAULT;
	if (err || err2 || flags & ~(unsigned long)(TIMERFD_ABSOLUTE | TIMERFD_CANCEL_ON_SET))
		return -EINVAL;
	f = fd_get(fdtable_current(), (unsigned)fd, false);
	if (!f)
		return -EBADF;
	err = timerfd_set(f, (unsigned)flags, &s, &was);
	file_put(f);
	return err || !old ? err : setting_to_user(old, wide, &was);
}

static long get_time(int fd, uaddr_t value, bool wide)
{
	struct timerfd_setting s;
	struct file *f = fd_get(fdtable_current(), (unsigned)fd, false);
	long err;

	if (!f)
		return -EBADF;
	err = timerfd_get(f, &s);
	file_put(f);
	return err ? err : setting_to_user(value, wide, &s);
}

long sys_timerfd_settime(int fd, unsigned long flags, uaddr_t new, uaddr_t old) { return set_time(fd, flags, new, old, false); }
long sys_timerfd_settime64(int fd, unsigned long flags, uaddr_t new, uaddr_t old) { return set_time(fd, flags, new, old, true); }
long sys_timerfd_gettime(int fd, uaddr_t value) { return get_time(fd, value, false); }
long sys_timerfd_gettime64(int fd, uaddr_t value) { return get_time(fd, value, true); }

long sys_signalfd4(int fd, uaddr_t mask, size_t size, unsigned flags)
{
	struct file *f;
	sigset64 set;
	long err;

	if (size != sizeof(set))
		return -EINVAL;
	if (user_get(&set, mask))
		return -EFAULT;
	if (flags & ~(unsigned)(O_CLOEXEC | O_NONBLOCK))
		return -EINVAL;
	if (fd == -1)
		return newfd(signalfd_create(set, flags & O_NONBLOCK), flags & O_CLOEXEC);
	f = fd_get(fdtable_current(), (unsigned)fd, false);
	if (!f)
		return -EBADF;
	err = signalfd_change(f, set);
	file_put(f);
	return err ? err : fd;
}

long sys_signalfd(int fd, uaddr_t mask, size_t size) { return sys_signalfd4(fd, mask, size, 0); }
