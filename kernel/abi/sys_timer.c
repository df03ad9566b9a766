/* SPDX-License-Identifier: MIT */
/* POSIX timers. */
#include "abi/convert.h"
#include "lib/errno.h"
#include "proc/posixtimer.h"
#include "syscall_protos.h"
#include "task/pid.h"

enum { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME, CLOCK_THREAD_CPUTIME, CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE,
       CLOCK_BOOTTIME, CLOCK_REALTIME_ALARM, CLOCK_BOOTTIME_ALARM, CLOCK_TAI = 11 };
enum { SIGEV_SIGNAL, SIGEV_NONE, SIGEV_THREAD, SIGEV_THREAD_ID = 4 };
#define TIMER_ABSTIME 1ul
#define OF_FILE 3 /* the low bits of the number of a clock that is an open file */

struct u_sigevent { uint32_t value; int32_t signo, notify, tid; uint8_t pad[48]; };

_Static_assert(sizeof(struct u_sigevent) == 64, "struct sigevent of i386");

/* What the timer counts; c is its clock then, if that is CPU time. */
static int base_of(int clock, struct cpuclock *c)
{
	*c = (struct cpuclock){ 0 };
	switch (clock) {
	case CLOCK_REALTIME: case CLOCK_TAI: return TIMER_WALL;
	case CLOCK_MONOTONIC: case CLOCK_BOOTTIME: return TIMER_MONOTONIC;
	case CLOCK_REALTIME_ALARM: return capable(CAP_WAKE_ALARM) ? TIMER_WALL : -EPERM;
	case CLOCK_BOOTTIME_ALARM: return capable(CAP_WAKE_ALARM) ? TIMER_MONOTONIC : -EPERM;
	case CLOCK_MONOTONIC_RAW: case CLOCK_REALTIME_COARSE: case CLOCK_MONOTONIC_COARSE: return -EOPNOTSUPP;
	case CLOCK_PROCESS_CPUTIME: case CLOCK_THREAD_CPUTIME: break;
	default:
		if (clock >= 0)
			return -EINVAL;
		if ((clock & 7) == OF_FILE)
			return -EOPNOTSUPP;
	}
	return cpuclock_find(clock, false, c) ? -EINVAL : TIMER_CPU;
}

/* What the timer is to send. A thread comes with a reference. */
static long event_of(const struct u_sigevent *u, struct timer_event *ev)
{
	struct task *t = NULL;

	*ev = (struct timer_event){ .none = u->notify == SIGEV_NONE, .signo = u->signo, .value = u->value };
	if (u->notify == SIGEV_NONE)
		return 0;
	if (u->notify != SIGEV_SIGNAL && u->notify != SIGEV_THREAD && u->notify != SIGEV_THREAD_ID)
		return -EINVAL;
	if (u->signo <= 0 || u->signo > NSIG)
		return -EINVAL;
	if (u->notify == SIGEV_THREAD_ID) {
		t = u->tid > 0 ? pid_task(u->tid) : NULL;
		if (t && t->process != process_current()) {
			task_put(t);
			t = NULL;
		}
		if (!t)
			return -EINVAL;
	}
	ev->thread = t;
	return 0;
}

long sys_timer_create(int clock, uaddr_t event, uaddr_t id)
{
	struct u_sigevent u = { .signo = SIGALRM };
	struct timer_event ev;
	struct cpuclock c;
	int base, n;
	long err;

	if (event && user_get(&u, event))
		return -EFAULT;
	base = base_of(clock, &c);
	if (base < 0)
		return base;
	err = event_of(&u, &ev);
	ev.own_value = !event;
	n = err ? (int)err : posixtimer_create((enum timer_base)base, clock, &c, &ev);
	if (n < 0) {
		if (!err && ev.thread)
			task_put(ev.thread);
		cpuclock_put(&c);
		return n;
	}
	if (!user_put(id, &n))
		return 0;
	posixtimer_delete(n);
	return -EFAULT;
}

static size_t half(bool wide) { return wide ? sizeof(struct u_timespec64) : sizeof(struct u_timespec); }

static long setting_to_user(uaddr_t to, bool wide, const struct timer_setting *s)
{
	long err = time_to_user(to, wide, s->interval_ns);

	return err ? err : time_to_user(to + half(wide), wide, s->value_ns);
}

static long set_time(int id, unsigned long flags, uaddr_t new, uaddr_t old, bool wide)
{
	struct timer_setting s, was;
	long err, err2;

	if (!new)
		return -EINVAL;
	err = time_from_user(new + half(wide), wide, &s.value_ns);
	err2 = time_from_user(new, wide, &s.interval_ns);
	if (err == -EFAULT || err2 == -EFAULT)
		return -EFAULT;
	if (err || err2)
		return -EINVAL;
	err = posixtimer_set(id, flags & TIMER_ABSTIME, &s, &was);
	return err || !old ? err : setting_to_user(old, wide, &was);
}

static long get_time(int id, uaddr_t value, bool wide)
{
	struct timer_setting s;
	long err = posixtimer_set(id, false, NULL, &s);

	return err ? err : setting_to_user(value, wide, &s);
}

long sys_timer_settime(int id, unsigned long flags, uaddr_t new, uaddr_t old) { return set_time(id, flags, new, old, false); }
long sys_timer_settime64(int id, unsigned long flags, uaddr_t new, uaddr_t old) { return set_time(id, flags, new, old, true); }
long sys_timer_gettime(int id, uaddr_t value) { return get_time(id, value, false); }
long sys_timer_gettime64(int id, uaddr_t value) { return get_time(id, value, true); }
long sys_timer_getoverrun(int id) { return posixtimer_overrun(id); }
long sys_timer_delete(int id) { return posixtimer_delete(id); }
