/* SPDX-License-Identifier: MIT */
/*
 * adjtimex and clock_adjtime: what is known of the wall clock's error, and jumps of it. What only a clock with a changeable rate can do is not asked for
 * here but in forms that change nothing.
 */
#include "guest.h"

#include <sys/timex.h>

#define ADJTIMEX 124
#define CLOCK_ADJTIME 343
#define CLOCK_ADJTIME64 405
#define SETTABLE_STATUS (STA_PLL | STA_FLL | STA_UNSYNC | STA_FREQHOLD)

struct timex32 {
	uint32_t modes;
	int32_t offset, freq, maxerror, esterror, status, constant, precision, tolerance, sec, usec, tick, ppsfreq, jitter, shift, stabil, jitcnt, calcnt, errcnt,
		stbcnt, tai, reserved[11];
};

struct timex64 {
	uint32_t modes, pad1;
	int64_t offset, freq, maxerror, esterror;
	int32_t status, pad2;
	int64_t constant, precision, tolerance, sec, usec, tick, ppsfreq, jitter;
	int32_t shift, pad3;
	int64_t stabil, jitcnt, calcnt, errcnt, stbcnt;
	int32_t tai, reserved[11];
};

static struct timex32 first;

static int adjust(struct timex32 *t) { return (int)syscall(ADJTIMEX, t); }

/* Sets and reads; the rest of the machine finds the clock as it was (called at the end as well). */
static void restore(void)
{
	struct timex32 t = first;

	t.modes = ADJ_STATUS | ADJ_MAXERROR | ADJ_ESTERROR | (first.status & STA_NANO ? ADJ_NANO : ADJ_MICRO);
	t.status = first.status & SETTABLE_STATUS;
	CHECK(adjust(&t) >= 0);
}

static void begin(void)
{
	memset(&first, 0, sizeof(first));
	CHECK(adjust(&first) >= 0);
}

static int status(void)
{
	struct timex32 t = {0};

	CHECK(adjust(&t) >= 0);
	return t.status;
}

TEST(reads)
{
	struct timex32 t;
	struct timex64 w;
	struct timespec before, after;
	int state;

	memset(&t, 0x55, sizeof(t));
	t.modes = 0;
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &before));
	state = CHECK_OK(adjust(&t));
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &after));
	CHECK_EQ(state, t.status & (STA_UNSYNC | STA_CLOCKERR) ? TIME_ERROR : TIME_OK);
	CHECK(t.sec >= before.tv_sec && t.sec <= after.tv_sec);
	CHECK(t.usec >= 0 && t.usec < (t.status & STA_NANO ? 1000000000 : 1000000));
	CHECK_EQ(t.tick, 10000);
	CHECK_EQ(t.precision, 1);
	CHECK_EQ(t.tolerance, 500 << 16);
	CHECK_EQ(t.offset, 0);
	CHECK_EQ(t.modes, 0);
	for (int i = 0; i < 11; i++)
		CHECK_EQ(t.reserved[i], 0);
	memset(&w, 0x55, sizeof(w));
	w.modes = 0;
	CHECK_EQ(syscall(CLOCK_ADJTIME64, CLOCK_REALTIME, &w), state);
	CHECK_EQ(w.status, t.status);
	CHECK_EQ(w.tick, 10000);
	CHECK_EQ(w.tolerance, 500 << 16);
	CHECK(w.sec >= t.sec);
	CHECK_EQ(w.maxerror >= t.maxerror, 1);
	CHECK_EQ(w.stbcnt, 0);
	CHECK_EQ(w.tai, t.tai);
	memset(&t, 0, sizeof(t));
	CHECK_EQ(syscall(CLOCK_ADJTIME, CLOCK_REALTIME, &t), state);
}

TEST(errors)
{
	struct timex32 t = {0}, big;
	char *edge = map_edge();
	pid_t pid;

	begin();
	CHECK_ERR(syscall(ADJTIMEX, edge - 100), EFAULT);
	CHECK_ERR(syscall(CLOCK_ADJTIME, 99, edge), EFAULT);
	CHECK_ERR(syscall(CLOCK_ADJTIME64, CLOCK_REALTIME, edge - 200), EFAULT);
	CHECK_ERR(syscall(CLOCK_ADJTIME, CLOCK_MONOTONIC, &t), EOPNOTSUPP);
	CHECK_ERR(syscall(CLOCK_ADJTIME, CLOCK_BOOTTIME, &t), EOPNOTSUPP);
	CHECK_ERR(syscall(CLOCK_ADJTIME, CLOCK_TAI, &t), EOPNOTSUPP);
	CHECK_ERR(syscall(CLOCK_ADJTIME, CLOCK_PROCESS_CPUTIME_ID, &t), EOPNOTSUPP);
	CHECK_ERR(syscall(CLOCK_ADJTIME, 10, &t), EINVAL);
	CHECK_ERR(syscall(CLOCK_ADJTIME, 12, &t), EINVAL);
	CHECK_ERR(syscall(CLOCK_ADJTIME, -6, &t), EOPNOTSUPP); /* CPU time of process 0 */
	CHECK_ERR(syscall(CLOCK_ADJTIME, (int)(~999u << 3 | 3), &t), EINVAL);
	for (int tick = 8999; tick <= 11001; tick += 2002) {
		big = (struct timex32){.modes = ADJ_TICK, .tick = tick};
		CHECK_ERR(adjust(&big), EINVAL);
	}
	big = (struct timex32){.modes = ADJ_SETOFFSET, .usec = 1000000};
	CHECK_ERR(adjust(&big), EINVAL);
	big = (struct timex32){.modes = ADJ_SETOFFSET, .usec = -1};
	CHECK_ERR(adjust(&big), EINVAL);
	big = (struct timex32){.modes = ADJ_SETOFFSET | ADJ_NANO, .usec = 1000000000};
	CHECK_ERR(adjust(&big), EINVAL);
	big = (struct timex32){.modes = ADJ_SETOFFSET, .sec = -2147483647 - 1};
	CHECK_ERR(adjust(&big), EINVAL); /* before the machine was started */
	FORK(pid) {
		CHECK_OK(setresuid(65534, 65534, 65534));
		t = (struct timex32){0};
		CHECK(adjust(&t) >= 0);
		t = (struct timex32){.modes = ADJ_OFFSET_SS_READ};
		CHECK(adjust(&t) >= 0);
		t = (struct timex32){.modes = ADJ_OFFSET_SINGLESHOT};
		CHECK_ERR(adjust(&t), EPERM);
		t = (struct timex32){.modes = ADJ_STATUS, .status = STA_UNSYNC};
		CHECK_ERR(adjust(&t), EPERM);
		t = (struct timex32){.modes = ADJ_TICK, .tick = 1};
		CHECK_ERR(adjust(&t), EPERM);
		t = (struct timex32){.modes = ADJ_SETOFFSET | ADJ_OFFSET_SS_READ};
		CHECK_ERR(adjust(&t), EPERM);
	}
	reap_ok(pid);
	CHECK_EQ(status(), first.status);
}

TEST(keeps_what_it_is_told)
{
	struct timex32 t = {.modes = ADJ_MAXERROR | ADJ_ESTERROR | ADJ_STATUS | ADJ_TIMECONST, .maxerror = 7000, .esterror = 300, .status = STA_PLL, .constant = 3};

	begin();
	CHECK_EQ(adjust(&t), TIME_OK);
	CHECK(t.maxerror >= 7000 && t.maxerror < 20000);
	CHECK_EQ(t.esterror, 300);
	CHECK_EQ(t.status, STA_PLL | (first.status & STA_NANO));
	CHECK_EQ(t.constant, first.status & STA_NANO ? 3 : 7);
	t = (struct timex32){.modes = ADJ_NANO | ADJ_TIMECONST, .constant = 99};
	CHECK_EQ(adjust(&t), TIME_OK);
	CHECK_EQ(t.status, STA_PLL | STA_NANO);
	CHECK_EQ(t.constant, 10);
	t = (struct timex32){.modes = ADJ_TIMECONST, .constant = -5};
	CHECK_EQ(adjust(&t), TIME_OK);
	CHECK_EQ(t.constant, 0);
	t = (struct timex32){.modes = ADJ_STATUS, .status = STA_PLL | STA_CLOCKERR | STA_FREQHOLD};
	CHECK_EQ(adjust(&t), TIME_OK);
	CHECK_EQ(t.status, STA_PLL | STA_NANO | STA_FREQHOLD);
	t = (struct timex32){.modes = ADJ_MICRO};
	CHECK_EQ(adjust(&t), TIME_OK);
	CHECK_EQ(t.status, STA_PLL | STA_FREQHOLD);
	t = (struct timex32){.modes = ADJ_NANO};
	CHECK_EQ(adjust(&t), TIME_OK);
	t = (struct timex32){.modes = ADJ_STATUS, .status = STA_UNSYNC};
	CHECK_EQ(adjust(&t), TIME_ERROR);
	CHECK_EQ(t.status, STA_UNSYNC); /* with the loop all is gone that was known by it */
	t = (struct timex32){.modes = ADJ_FREQUENCY | ADJ_TICK | ADJ_OFFSET, .tick = 10000};
	CHECK_EQ(adjust(&t), TIME_ERROR);
	CHECK_EQ(t.freq, 0);
	t = (struct timex32){.modes = ADJ_OFFSET_SINGLESHOT};
	CHECK(adjust(&t) >= 0);
	CHECK_EQ(t.offset, 0);
	restore();
}

/* What nobody has looked after for a while may be off by more and more. */
TEST(error_grows)
{
	struct timex32 t = {.modes = ADJ_MAXERROR | ADJ_STATUS, .maxerror = 15999900, .status = 0}, u = {0};

	begin();
	CHECK_EQ(adjust(&t), TIME_OK);
	for (int i = 0; i < LATE_MS / 10; i++) {
		u = (struct timex32){0};
		if (CHECK_OK(adjust(&u)) == TIME_ERROR)
			break;
		sleep_ms(10);
	}
	CHECK_EQ(u.maxerror, 16000000);
	CHECK_EQ(u.status, STA_UNSYNC | (first.status & STA_NANO));
	restore();
}

TEST(jumps)
{
	struct timex32 t = {.modes = ADJ_STATUS | ADJ_MAXERROR, .status = 0, .maxerror = 10};
	struct timespec before, after, m1, m2;
	long long off;

	begin();
	CHECK_EQ(adjust(&t), TIME_OK);
	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &m1));
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &before));
	t = (struct timex32){.modes = ADJ_SETOFFSET | ADJ_NANO, .sec = 99, .usec = 500000000};
	CHECK_EQ(adjust(&t), TIME_ERROR); /* set by hand: nothing is known any more */
	CHECK(t.status & STA_UNSYNC);
	CHECK_EQ(t.maxerror, 16000000);
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &after));
	CHECK_OK(clock_gettime(CLOCK_MONOTONIC, &m2));
	off = (after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec;
	CHECK(off >= 99500000000LL);
	CHECK(off <= 99500000000LL + (m2.tv_sec - m1.tv_sec + 1) * 1000000000LL);
	t = (struct timex32){.modes = ADJ_SETOFFSET | ADJ_MICRO, .sec = -100, .usec = 500000};
	CHECK_EQ(adjust(&t), TIME_ERROR);
	CHECK_OK(clock_gettime(CLOCK_REALTIME, &after));
	CHECK(after.tv_sec - before.tv_sec < 90);
	restore();
}
