/* SPDX-License-Identifier: MIT */
/* Clocks, sleeping, interval timers. */
#include "abi/convert.h"
#include "core/clock.h"
#include "core/clockset.h"
#include "lib/div64.h"
#include "lib/errno.h"
#include "proc/itimer.h"
#include "sched/times.h"
#include "syscall_protos.h"
#include "task/cpuclock.h"
#include "task/cputime.h"

enum { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME, CLOCK_THREAD_CPUTIME, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,
       CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, CLOCK_TAI = 11 };
#define TIMER_ABSTIME 1
#define ZONE_MAX (15 * 60)

static long read_cpu_clock(int clock, uint64_t *ns)
{
	struct cpuclock c;
	long err = cpuclock_find(clock, true, &c);

	if (err)
		return err;
	*ns = cpuclock_ns(&c);
	cpuclock_put(&c);
	return 0;
}

static long read_clock(int clock, uint64_t *ns)
{
	if (clock < 0)
		return read_cpu_clock(clock, ns);
	switch (clock) {
	case CLOCK_REALTIME: case CLOCK_REALTIME_COARSE: case CLOCK_REALTIME_ALARM: case CLOCK_TAI: *ns = clock_wall(); return 0;
	case CLOCK_MONOTONIC: case CLOCK_MONOTONIC_RAW: case CLOCK_MONOTONIC_COARSE: case CLOCK_BOOTTIME: case CLOCK_BOOTTIME_ALARM: *ns = clock_now(); return 0;
	case CLOCK_PROCESS_CPUTIME: *ns = process_cpu_ns(process_current()); return 0;
	case CLOCK_THREAD_CPUTIME: *ns = sched_thread_cpu_ns(thread_current()); return 0;
	default: return -EINVAL;
	}
}

static long get_clock(int clock, uaddr_t ts, bool wide)
{
	uint64_t ns;
	long err = read_clock(clock, &ns);

	return err ? err : time_to_user(ts, wide, ns);
}

long sys_clock_gettime(int clock, uaddr_t ts) { return get_clock(clock, ts, false); }
long sys_clock_gettime64(int clock, uaddr_t ts) { return get_clock(clock, ts, true); }

static long get_resolution(int clock, uaddr_t ts, bool wide)
{
	uint64_t ns;
	long err = read_clock(clock, &ns);

	return err || !ts ? err : time_to_user(ts, wide, 1);
}

long sys_clock_getres(int clock, uaddr_t ts) { return get_resolution(clock, ts, false); }
long sys_clock_getres_time64(int clock, uaddr_t ts) { return get_resolution(clock, ts, true); }

static long set_clock(int clock, uaddr_t ts, bool wide)
{
	uint64_t ns;
	long err = time_from_user(ts, wide, &ns);
	uint64_t now;

	if (!err)
		err = read_clock(clock, &now);
	if (err)
		return err;
	if (clock < 0) /* CPU time is not set */
		return -EPERM;
	if (clock != CLOCK_REALTIME)
		return -EINVAL;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	clock_set(ns);
	return 0;
}

long sys_clock_settime(int clock, uaddr_t ts) { return set_clock(clock, ts, false); }
long sys_clock_settime64(int clock, uaddr_t ts) { return set_clock(clock, ts, true); }

long sys_time(uaddr_t t)
{
	uint64_t ns = clock_wall();
	int32_t sec;

	div64_32(&ns, NSEC_PER_SEC);
	sec = (int32_t)ns;
	return t && user_put(t, &sec) ? -EFAULT : sec;
}

long sys_stime(uaddr_t t)
{
	int32_t sec;

	if (user_get(&sec, t))
		return -EFAULT;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	clock_set((uint64_t)sec * NSEC_PER_SEC);
	return 0;
}

static int32_t time_zone[2]; /* minutes west, and a number: only kept */

long sys_gettimeofday(uaddr_t tv, uaddr_t tz)
{
	struct u_timeval t;
	int32_t zone[2] = { READ_ONCE(time_zone[0]), READ_ONCE(time_zone[1]) };

	timeval_from_ns(&t, clock_wall());
	if (tv && user_put(tv, &t))
		return -EFAULT;
	return tz ? user_write(tz, zone, sizeof(zone)) : 0;
}

long sys_settimeofday(uaddr_t tv, uaddr_t tz)
{
	uint64_t ns;
	long err = tv ? timeval_from_user(tv, &ns) : 0;
	int32_t zone[2];

	if (!err && tz && user_read(zone, tz, sizeof(zone)))
		err = -EFAULT;
	if (err)
		return err;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	if (tz && (zone[0] > ZONE_MAX || zone[0] < -ZONE_MAX))
		return -EINVAL;
	if (tz) {
		WRITE_ONCE(time_zone[0], zone[0]);
		WRITE_ONCE(time_zone[1], zone[1]);
	}
	if (tv)
		clock_set(ns);
	return 0;
}

/* Sleeps until a monotonic time; what is left goes to rem when a signal comes, and the call goes on by restart_syscall where no handler ran. */
static long sleep_again(struct task *t);

static long sleep_until(ktime_t when, uaddr_t rem, bool wide, bool absolute)
{
	struct task *t = task_current();
	uint64_t now;

	if (!sched_sleep_until(when, true))
		return 0;
	if (absolute)
		return -ERESTARTNOHAND;
	now = clock_now();
	if (rem && time_to_user(rem, wide, when > now ? when - now : 0))
		return -EFAULT;
	t->restart.fn = sleep_again;
	t->restart.a[0] = when;
	t->restart.a[1] = rem;
	t->restart.a[2] = wide;
	return -ERESTART_RESTARTBLOCK;
}

static long sleep_again(struct task *t)
{
	return sleep_until(t->restart.a[0], (uaddr_t)t->restart.a[1], t->restart.a[2], false);
}

/* Nobody sleeps on CPU time here; on clocks that are only cheap to read, and on a thread's own time, nobody does on Linux. */
static long may_sleep_on(int clock)
{
	uint64_t now;

	switch (clock) {
	case CLOCK_REALTIME: case CLOCK_MONOTONIC: case CLOCK_BOOTTIME: case CLOCK_TAI: return 0;
	case CLOCK_REALTIME_ALARM: case CLOCK_BOOTTIME_ALARM: return capable(CAP_WAKE_ALARM) ? 0 : -EPERM;
	default: return clock >= 0 && read_clock(clock, &now) ? -EINVAL : -EOPNOTSUPP;
	}
}

static long sleep_on(int clock, unsigned long flags, uaddr_t req, uaddr_t rem, bool wide)
{
	uint64_t ns, now;
	long err = may_sleep_on(clock);

	if (!err)
		err = time_from_user(req, wide, &ns);
	if (!err)
		err = read_clock(clock, &now);
	if (err)
		return err;
	if (flags & TIMER_ABSTIME)
		ns = ns > now ? ns - now : 0;
	if (!ns)
		return 0;
	return sleep_until(deadline_after(ns), rem, wide, flags & TIMER_ABSTIME);
}

long sys_nanosleep(uaddr_t req, uaddr_t rem) { return sleep_on(CLOCK_MONOTONIC, 0, req, rem, false); }
long sys_clock_nanosleep(int clock, unsigned long flags, uaddr_t req, uaddr_t rem) { return sleep_on(clock, flags, req, rem, false); }
long sys_clock_nanosleep_time64(int clock, unsigned long flags, uaddr_t req, uaddr_t rem) { return sleep_on(clock, flags, req, rem, true); }

long sys_alarm(unsigned seconds)
{
	struct itimer_value new = { .value_ns = (uint64_t)seconds * NSEC_PER_SEC }, old;

	itimer_set(ITIMER_REAL, &new, &old);
	old.value_ns += NSEC_PER_SEC - 1;
	div64_32(&old.value_ns, NSEC_PER_SEC);
	return (long)old.value_ns;
}

static long put_itimer(uaddr_t to, const struct itimer_value *v)
{
	struct u_itimerval u;

	timeval_from_ns(&u.interval, v->interval_ns);
	timeval_from_ns(&u.value, v->value_ns);
	return user_put(to, &u);
}

long sys_getitimer(int which, uaddr_t value)
{
	struct itimer_value v;

	if (which < ITIMER_REAL || which > ITIMER_PROF)
		return -EINVAL;
	itimer_set((enum itimer_which)which, NULL, &v);
	return put_itimer(value, &v);
}

long sys_setitimer(int which, uaddr_t new, uaddr_t old)
{
	struct itimer_value v = { 0 }, was;
	long err = 0;

	if (new) {
		err = timeval_from_user(new, &v.interval_ns);
		if (!err)
			err = timeval_from_user(new + sizeof(struct u_timeval), &v.value_ns);
	}
	if (!err && (which < ITIMER_REAL || which > ITIMER_PROF))
		err = -EINVAL;
	if (err)
		return err;
	itimer_set((enum itimer_which)which, &v, &was);
	return old ? put_itimer(old, &was) : 0;
}
