/* SPDX-License-Identifier: MIT */
/*
 * adjtimex(2), clock_adjtime(2): what is known of the wall clock, and a jump of it. Its rate is the machine's: who wants another one, or a clock that
 * comes to the right time little by little, or leap seconds, is told that this cannot be done.
 */
#include "abi/convert.h"
#include "core/clock.h"
#include "core/clockset.h"
#include "core/clockstate.h"
#include "lib/bits.h"
#include "lib/div64.h"
#include "lib/errno.h"
#include "syscall_protos.h"
#include "task/process.h"

enum {
	ADJ_OFFSET = 1, ADJ_FREQUENCY = 2, ADJ_MAXERROR = 4, ADJ_ESTERROR = 8, ADJ_STATUS = 0x10, ADJ_TIMECONST = 0x20, ADJ_TAI = 0x80, ADJ_SETOFFSET = 0x100,
	ADJ_MICRO = 0x1000, ADJ_NANO = 0x2000, ADJ_READONLY = 0x2000, ADJ_TICK = 0x4000, ADJ_ADJTIME = 0x8000
};
enum { TIME_OK = 0, TIME_ERROR = 5 };
enum { CLOCK_REALTIME, CLOCK_SGI_CYCLE = 10, CLOCK_TAI = 11, CLOCKFD = 3, CLOCKFD_MASK = 7 };

#define TICK 10000              /* us: a hundredth of a second, which is what user space calls a tick */
#define TICK_LEAST 9000
#define TICK_MOST 11000
#define TOLERANCE (500l << 16)  /* by how much the rate may be off: millionths, shifted */
#define CONSTANT_MOST 10
#define SECONDS_MOST 9000000000ll

struct u_timex64 {
	uint32_t modes, pad1;
	int64_t offset, freq, maxerror, esterror;
	int32_t status, pad2;
	int64_t constant, precision, tolerance, sec, usec, tick, ppsfreq, jitter;
	int32_t shift, pad3;
	int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
	int32_t tai, reserved[11];
};

struct u_timex {
	uint32_t modes;
	int32_t offset, freq, maxerror, esterror, status, constant, precision, tolerance, sec, usec, tick, ppsfreq, jitter, shift, stabil, jitcnt, calcnt, errcnt,
		stbcnt, tai, reserved[11];
};

static long may_change(const struct u_timex64 *t)
{
	bool reads = t->modes & ADJ_ADJTIME ? t->modes & ADJ_READONLY : !t->modes;

	if (!reads && !capable(CAP_SYS_TIME))
		return -EPERM;
	if (!(t->modes & ADJ_ADJTIME) && t->modes & ADJ_TICK && (t->tick < TICK_LEAST || t->tick > TICK_MOST))
		return -EINVAL;
	if (!(t->modes & ADJ_SETOFFSET))
		return 0;
	if (!capable(CAP_SYS_TIME))
		return -EPERM;
	return t->usec < 0 || t->usec >= (t->modes & ADJ_NANO ? (int64_t)NSEC_PER_SEC : 1000000) ? -EINVAL : 0;
}

/* Is something asked for that the machine's clock does not do? What changes nothing is done. */
static bool impossible(const struct u_timex64 *t, unsigned status)
{
	if (t->modes & ADJ_STATUS)
		status = (unsigned)t->status;
	if (t->modes & ADJ_ADJTIME)
		return !(t->modes & ADJ_READONLY) && t->offset;
	return (t->modes & ADJ_OFFSET && status & CLOCK_PLL && t->offset) || (t->modes & ADJ_FREQUENCY && t->freq) || (t->modes & ADJ_TICK && t->tick != TICK)
	       || (t->modes & ADJ_TAI && t->constant > 0 && t->constant <= 100000) || (t->modes & ADJ_STATUS && status & (CLOCK_INSERT | CLOCK_DELETE));
}

/* The wall clock jumps; not to before the machine was started. */
static long jump(const struct u_timex64 *t)
{
	int64_t ns = t->modes & ADJ_NANO ? t->usec : t->usec * 1000, to;

	if (t->sec > SECONDS_MOST || t->sec < -SECONDS_MOST)
		return -EINVAL;
	if (__builtin_add_overflow((int64_t)clock_wall(), t->sec * (int64_t)NSEC_PER_SEC + ns, &to) || to < (int64_t)clock_now())
		return -EINVAL;
	clock_set((ktime_t)to);
	return 0;
}

/* Without the phase-locked loop, all that was known by it is forgotten. */
static unsigned new_status(unsigned old, unsigned wanted)
{
	return (old & CLOCK_PLL & ~wanted ? 0 : old & CLOCK_READ_ONLY) | (wanted & ~CLOCK_READ_ONLY);
}

static int apply(struct clock_state *s, const void *ctx)
{
	const struct u_timex64 *t = ctx;

	if (impossible(t, s->status))
		return -EOPNOTSUPP;
	if (t->modes & ADJ_STATUS)
		s->status = new_status(s->status, (unsigned)t->status);
	if (t->modes & ADJ_NANO)
		s->status |= CLOCK_NANO;
	if (t->modes & ADJ_MICRO)
		s->status &= ~CLOCK_NANO;
	if (t->modes & ADJ_MAXERROR)
		s->max_error = (long)t->maxerror;
	if (t->modes & ADJ_ESTERROR)
		s->error = (long)t->esterror;
	if (t->modes & ADJ_TIMECONST)
		s->constant = (long)MAX(MIN(t->constant + (s->status & CLOCK_NANO ? 0 : 4), (int64_t)CONSTANT_MOST), (int64_t)0);
	return 0;
}

static long change(const struct u_timex64 *t)
{
	long err = impossible(t, clock_state_read().status) ? -EOPNOTSUPP : 0;

	if (!err && t->modes & ADJ_SETOFFSET)
		err = jump(t);
	return err || t->modes & ADJ_ADJTIME ? err : clock_state_change(apply, t);
}

/* All that is told; fields of the pulses of a time source stay zero, as there is none. */
static long fill(struct u_timex64 *t)
{
	struct clock_state s = clock_state_read();
	uint64_t ns = clock_wall();
	uint32_t part = div64_32(&ns, NSEC_PER_SEC);

	*t = (struct u_timex64){ .modes = t->modes, .maxerror = s.max_error, .esterror = s.error, .status = (int32_t)s.status, .constant = s.constant, .precision = 1,
				 .tolerance = TOLERANCE, .sec = (int64_t)ns, .usec = s.status & CLOCK_NANO ? part : part / 1000, .tick = TICK };
	return s.status & (CLOCK_UNSYNC | CLOCK_FAULT) ? TIME_ERROR : TIME_OK;
}

static long adjust(struct u_timex64 *t)
{
	long err = may_change(t);

	if (!err && t->modes)
		err = change(t);
	return err ? err : fill(t);
}

static void widen(struct u_timex64 *w, const struct u_timex *t)
{
	*w = (struct u_timex64){ .modes = t->modes, .offset = t->offset, .freq = t->freq, .maxerror = t->maxerror, .esterror = t->esterror, .status = t->status,
				 .constant = t->constant, .sec = t->sec, .usec = t->usec, .tick = t->tick, .tai = t->tai };
}

static void narrow(struct u_timex *t, const struct u_timex64 *w)
{
	*t = (struct u_timex){ .modes = w->modes, .maxerror = (int32_t)w->maxerror, .esterror = (int32_t)w->esterror, .status = w->status,
			       .constant = (int32_t)w->constant, .precision = (int32_t)w->precision, .tolerance = (int32_t)w->tolerance, .sec = (int32_t)w->sec,
			       .usec = (int32_t)w->usec, .tick = (int32_t)w->tick };
}

/* Only the wall clock is adjusted; others that there are EOPNOTSUPP. */
static long check_clock(int clock)
{
	if (clock == CLOCK_REALTIME)
		return 0;
	if (clock < 0)
		return (clock & CLOCKFD_MASK) == CLOCKFD ? -EINVAL : -EOPNOTSUPP;
	return clock > CLOCK_TAI || clock == CLOCK_SGI_CYCLE ? -EINVAL : -EOPNOTSUPP;
}

long sys_clock_adjtime(int clock, uaddr_t user)
{
	struct u_timex64 w;
	struct u_timex t;
	long r;

	if (user_get(&t, user))
		return -EFAULT;
	widen(&w, &t);
	r = check_clock(clock);
	if (!r)
		r = adjust(&w);
	if (r < 0)
		return r;
	narrow(&t, &w);
	return user_put(user, &t) ? -EFAULT : r;
}

long sys_adjtimex(uaddr_t user) { return sys_clock_adjtime(CLOCK_REALTIME, user); }

long sys_clock_adjtime64(int clock, uaddr_t user)
{
	struct u_timex64 w;
	long r;

	if (user_get(&w, user))
		return -EFAULT;
	r = check_clock(clock);
	if (!r)
		r = adjust(&w);
	return r >= 0 && user_put(user, &w) ? -EFAULT : r;
}
